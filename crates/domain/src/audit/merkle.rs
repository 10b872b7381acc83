//! RFC 6962 §2.1 Merkle trees: hashes, growth, inclusion and consistency proofs.
//!
//! A *node* is a complete subtree: level `l`, index `i` covers leaves `i·2^l .. (i+1)·2^l`. Proof functions say which
//! ranges of leaves they need hashed, and [`decompose`] turns a range into nodes, so a store can keep any subset of
//! nodes and compute the rest.

use std::ops::Range;

/// A SHA-256 hash.
pub type Hash = [u8; 32];

fn sha256(parts: &[&[u8]]) -> Hash {
    let mut context = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
    for part in parts {
        context.update(part);
    }
    let mut hash = [0; 32];
    hash.copy_from_slice(context.finish().as_ref());
    hash
}

/// The hash of a leaf.
pub fn leaf_hash(data: &[u8]) -> Hash {
    sha256(&[&[0], data])
}

/// The hash of an inner node.
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    sha256(&[&[1], left, right])
}

/// The root of the empty tree.
pub fn empty_root() -> Hash {
    sha256(&[])
}

/// A complete subtree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Node {
    /// It covers `2^level` leaves.
    pub level: u32,
    /// It is the `index`-th of its level, from 0.
    pub index: u64,
}

impl Node {
    /// The leaves it covers.
    pub fn leaves(self) -> Range<u64> {
        (self.index << self.level)..((self.index + 1) << self.level)
    }
}

/// The complete subtrees that make up `range`, left to right, where `range` begins at a multiple of the power of two at
/// or above its length, as all ranges of this module do. Fold their hashes with [`fold`].
pub fn decompose(range: Range<u64>) -> Vec<Node> {
    let mut nodes = Vec::new();
    let mut at = range.start;
    while at < range.end {
        let level = (range.end - at).ilog2().min(if at == 0 { 63 } else { at.trailing_zeros() });
        nodes.push(Node { level, index: at >> level });
        at += 1 << level;
    }
    nodes
}

/// The root over the nodes of one range, given left to right.
pub fn fold(hashes: &[Hash]) -> Hash {
    hashes.iter().rev().copied().reduce(|right, left| node_hash(&left, &right)).unwrap_or_else(empty_root)
}

/// The right edge of a tree: all that is needed to append.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    /// Hashes of `decompose(0..size)`.
    hashes: Vec<Hash>,
}

impl Frontier {
    /// From stored parts; `None` if they do not fit each other.
    pub fn from_parts(size: u64, bytes: &[u8]) -> Option<Self> {
        let (hashes, rest) = bytes.as_chunks::<32>();
        (rest.is_empty() && hashes.len() == size.count_ones() as usize).then(|| Self { size, hashes: hashes.to_vec() })
    }

    /// The hashes as stored.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.hashes.concat()
    }

    /// How many leaves there are.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Adds a leaf. Returns the complete subtrees above it that it finished, smallest first (levels 1 and up).
    pub fn append(&mut self, leaf: Hash) -> Vec<(Node, Hash)> {
        let index = self.size;
        let mut finished = Vec::new();
        let mut hash = leaf;
        for level in 1..=index.trailing_ones() {
            if let Some(left) = self.hashes.pop() {
                hash = node_hash(&left, &hash);
                finished.push((Node { level, index: index >> level }, hash));
            }
        }
        self.hashes.push(hash);
        self.size += 1;
        finished
    }

    /// The root of the tree.
    pub fn root(&self) -> Hash {
        fold(&self.hashes)
    }
}

fn split(size: u64) -> u64 {
    1 << (size - 1).ilog2()
}

/// The ranges whose roots prove that leaf `index` is in the tree of `size`, leaf side first. Empty if it is not.
pub fn inclusion_ranges(index: u64, size: u64) -> Vec<Range<u64>> {
    let mut ranges = Vec::new();
    if index >= size {
        return ranges;
    }
    let (mut start, mut end) = (0, size);
    while end - start > 1 {
        let middle = start + split(end - start);
        if index < middle {
            ranges.push(middle..end);
            end = middle;
        } else {
            ranges.push(start..middle);
            start = middle;
        }
    }
    ranges.reverse();
    ranges
}

/// The ranges whose roots prove that the tree of `old` leaves is a beginning of the tree of `new`. Empty if `old` is 0 or `new`.
pub fn consistency_ranges(old: u64, new: u64) -> Vec<Range<u64>> {
    let mut ranges = Vec::new();
    if old == 0 || old >= new {
        return ranges;
    }
    let (mut start, mut end, mut whole) = (0, new, true);
    while old != end {
        let middle = start + split(end - start);
        if old <= middle {
            ranges.push(middle..end);
            end = middle;
        } else {
            ranges.push(start..middle);
            start = middle;
            whole = false;
        }
    }
    if !whole {
        ranges.push(start..end);
    }
    ranges.reverse();
    ranges
}

/// Whether `proof` shows that `leaf` is leaf `index` of the tree of `size` with `root`.
pub fn verify_inclusion(leaf: Hash, index: u64, size: u64, proof: &[Hash], root: &Hash) -> bool {
    let ranges = inclusion_ranges(index, size);
    if index >= size || ranges.len() != proof.len() {
        return false;
    }
    let computed = ranges.iter().zip(proof).fold(leaf, |hash, (range, sibling)| {
        if range.start > index { node_hash(&hash, sibling) } else { node_hash(sibling, &hash) }
    });
    computed == *root
}

/// Whether `proof` shows that the tree of `old` leaves with `old_root` is a beginning of the tree of `new` with `new_root`.
pub fn verify_consistency(old: u64, old_root: &Hash, new: u64, new_root: &Hash, proof: &[Hash]) -> bool {
    if old > new || (old == 0 && *old_root != empty_root()) {
        return false;
    }
    if old == new || old == 0 {
        return proof.is_empty() && (old == 0 || old_root == new_root);
    }
    let ranges = consistency_ranges(old, new);
    if ranges.len() != proof.len() {
        return false;
    }
    // Siblings right of `old` count for the new root only; the innermost subtree is the first hash of the proof, or the
    // whole old tree where that is complete.
    let mut pairs = ranges.iter().zip(proof);
    let whole = ranges.first().is_none_or(|range| range.start >= old);
    let seed = if whole { Some(*old_root) } else { pairs.next().map(|(_, hash)| *hash) };
    let Some(seed) = seed else { return false };
    let (mut old_hash, mut new_hash) = (seed, seed);
    for (range, sibling) in pairs {
        if range.start >= old {
            new_hash = node_hash(&new_hash, sibling);
        } else {
            old_hash = node_hash(sibling, &old_hash);
            new_hash = node_hash(sibling, &new_hash);
        }
    }
    old_hash == *old_root && new_hash == *new_root
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use std::ops::Range;

    use proptest::prelude::*;

    use super::*;

    /// RFC 6962 §2.1, word for word, over all leaves.
    fn reference(leaves: &[Hash]) -> Hash {
        match leaves.len() {
            0 => empty_root(),
            1 => leaves[0],
            n => {
                let k = 1 << (n - 1).ilog2();
                node_hash(&reference(&leaves[..k]), &reference(&leaves[k..]))
            }
        }
    }

    fn leaves(count: u64) -> Vec<Hash> {
        (0..count).map(|i| leaf_hash(&i.to_be_bytes())).collect()
    }

    fn prove(leaves: &[Hash], ranges: Vec<Range<u64>>) -> Vec<Hash> {
        ranges.into_iter().map(|r| reference(&leaves[r.start as usize..r.end as usize])).collect()
    }

    /// From the Certificate Transparency reference implementation's tree of eight leaves.
    #[test]
    fn known_answers() {
        let data: [&[u8]; 8] = [
            &[],
            &[0x00],
            &[0x10],
            &[0x20, 0x21],
            &[0x30, 0x31],
            &[0x40, 0x41, 0x42, 0x43],
            &[0x50, 0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57],
            &[0x60, 0x61, 0x62, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x6b, 0x6c, 0x6d, 0x6e, 0x6f],
        ];
        let mut frontier = Frontier::default();
        assert_eq!(hex::encode(frontier.root()), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        let roots: Vec<_> = data
            .iter()
            .map(|leaf| {
                frontier.append(leaf_hash(leaf));
                hex::encode(frontier.root())
            })
            .collect();
        assert_eq!(roots[0], "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
        assert_eq!(roots[1], "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125");
        assert_eq!(roots[2], "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77");
        assert_eq!(roots[7], "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328");
    }

    #[test]
    fn every_small_tree() {
        let leaves = leaves(40);
        let mut frontier = Frontier::default();
        for size in 0..=40_u64 {
            let tree = &leaves[..size as usize];
            let root = reference(tree);
            assert_eq!(frontier.root(), root);
            assert_eq!(Frontier::from_parts(size, &frontier.to_bytes()), Some(frontier.clone()));
            for index in 0..size {
                let proof = prove(tree, inclusion_ranges(index, size));
                assert!(verify_inclusion(leaves[index as usize], index, size, &proof, &root), "{index} in {size}");
                assert!(!verify_inclusion(leaves[index as usize], index + 1, size, &proof, &root) || size == 1);
                assert!(!verify_inclusion(leaf_hash(b"other"), index, size, &proof, &root));
            }
            for old in 0..=size {
                let old_root = reference(&leaves[..old as usize]);
                let proof = prove(tree, consistency_ranges(old, size));
                assert!(verify_consistency(old, &old_root, size, &root, &proof), "{old} to {size}");
                if old > 0 {
                    assert!(!verify_consistency(old, &leaf_hash(b"other"), size, &root, &proof));
                    assert!(!verify_consistency(old, &old_root, size, &leaf_hash(b"other"), &proof));
                }
                for broken in 0..proof.len() {
                    let mut proof = proof.clone();
                    proof[broken][0] ^= 1;
                    assert!(!verify_consistency(old, &old_root, size, &root, &proof));
                }
            }
            if let Some(leaf) = leaves.get(size as usize) {
                frontier.append(*leaf);
            }
        }
    }

    #[test]
    fn ranges_are_made_of_nodes() {
        let leaves = leaves(300);
        for range in inclusion_ranges(7, 300).into_iter().chain(consistency_ranges(123, 300)) {
            let nodes = decompose(range.clone());
            let hashes: Vec<_> =
                nodes.iter().map(|n| reference(&leaves[n.leaves().start as usize..n.leaves().end as usize])).collect();
            assert_eq!(fold(&hashes), reference(&leaves[range.start as usize..range.end as usize]), "{range:?}");
        }
    }

    proptest! {
        #[test]
        fn malformed_proofs_are_refused_and_do_not_panic(a: u64, b: u64, proof in prop::collection::vec(any::<[u8; 32]>(), 0..70)) {
            prop_assert!(!verify_inclusion([1; 32], a, b, &proof, &[2; 32]));
            prop_assert!(a == 0 || !verify_consistency(a, &[1; 32], b, &[2; 32], &proof));
        }
    }
}
