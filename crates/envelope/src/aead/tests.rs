//! The specification's vectors for XAES-256-GCM, and Wycheproof's for the AES-256-GCM inside it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use wycheproof::TestResult;
use wycheproof::aead::{TestName, TestSet};
use zeroize::Zeroizing;

use super::{KeyBytes, TAG_BYTES, Xaes256Gcm, decrypt_aes_256_gcm, encrypt_aes_256_gcm};

fn key(bytes: &[u8]) -> KeyBytes {
    Zeroizing::new(bytes.try_into().unwrap())
}

/// Encrypts, checks that it decrypts, and returns body and tag.
fn xaes(key_bytes: &[u8], nonce: &[u8], plaintext: &[u8], aad: &[u8]) -> Vec<u8> {
    let cipher = Xaes256Gcm::new(&key(key_bytes));
    let nonce = nonce.try_into().unwrap();
    let mut body = plaintext.to_vec();
    let tag = cipher.encrypt(nonce, aad, &mut body);
    assert_eq!(*cipher.decrypt(nonce, aad, &body, &tag).unwrap(), plaintext);
    body.extend(tag);
    body
}

#[test]
fn xaes_message_key_of_the_specification() {
    for (byte, expected) in [
        (1, "c8612c9ed53fe43e8e005b828a1631a0bbcb6ab2f46514ec4f439fcfd0fa969b"),
        (3, "e9c621d4cdd9b11b00a6427ad7e559aeedd66b3857646677748f8ca796cb3fd8"),
    ] {
        let (derived, nonce) = Xaes256Gcm::new(&key(&[byte; 32])).message_key(b"ABCDEFGHIJKLMNOPQRSTUVWX");
        assert_eq!(hex::encode(derived.as_slice()), expected);
        assert_eq!(&nonce, b"MNOPQRSTUVWX");
    }
}

#[test]
fn xaes_vectors_of_the_specification() {
    let nonce = b"ABCDEFGHIJKLMNOPQRSTUVWX";
    assert_eq!(
        hex::encode(xaes(&[1; 32], nonce, b"XAES-256-GCM", b"")),
        "ce546ef63c9cc60765923609b33a9a1974e96e52daf2fcf7075e2271"
    );
    assert_eq!(
        hex::encode(xaes(&[3; 32], nonce, b"XAES-256-GCM", b"c2sp.org/XAES-256-GCM")),
        "986ec1832593df5443a179437fd083bf3fdb41abd740a21f71eb769d"
    );
}

#[test]
fn xaes_accumulated_vectors_of_the_specification() {
    let (mut inputs, mut ciphertexts) = (Shake128::default(), Shake128::default());
    assert_eq!(hex::encode(Shake128::default().read(16)), "7f9c2ba4e88f827d616045507605853e");
    for _ in 0..10_000 {
        let (key, nonce) = (inputs.read(32), inputs.read(24));
        let length = inputs.read(1)[0];
        let plaintext = inputs.read(length.into());
        let length = inputs.read(1)[0];
        let aad = inputs.read(length.into());
        ciphertexts.write(&xaes(&key, &nonce, &plaintext, &aad));
    }
    assert_eq!(hex::encode(ciphertexts.read(32)), "e6b9edf2df6cec60c8cbd864e2211b597fb69a529160cd040d56c0c210081939");
}

#[test]
fn wycheproof_aes_256_gcm() {
    let (mut valid, mut invalid) = (0, 0);
    for group in TestSet::load(TestName::AesGcm).unwrap().test_groups {
        if (group.key_size, group.nonce_size, group.tag_size) != (256, 96, 128) {
            continue;
        }
        for test in group.tests {
            let (key, nonce) = (key(&test.key), test.nonce.as_slice().try_into().unwrap());
            let tag: [u8; TAG_BYTES] = test.tag.as_slice().try_into().unwrap();
            let decrypted = decrypt_aes_256_gcm(&key, nonce, &test.aad, &test.ct, &tag);
            match test.result {
                TestResult::Valid => {
                    assert_eq!(decrypted.unwrap().as_slice(), test.pt.as_slice(), "test {}", test.tc_id);
                    let mut body = test.pt.to_vec();
                    assert_eq!(encrypt_aes_256_gcm(&key, nonce, &test.aad, &mut body), tag, "test {}", test.tc_id);
                    assert_eq!(body, test.ct.as_slice(), "test {}", test.tc_id);
                    valid += 1;
                }
                TestResult::Invalid => {
                    assert!(decrypted.is_err(), "test {}", test.tc_id);
                    invalid += 1;
                }
                TestResult::Acceptable => panic!("test {}: AES-GCM has nothing acceptable", test.tc_id),
            }
        }
    }
    // So that a renamed field or an empty set is not taken for a pass.
    assert!(valid >= 39 && invalid >= 27, "{valid} valid, {invalid} invalid");
}

/// SHAKE-128 (FIPS 202) for the accumulated vectors: absorbs by `write`, then squeezes by `read`.
#[derive(Default)]
struct Shake128 {
    lanes: [u64; 25],
    at: usize,
    squeezing: bool,
}

impl Shake128 {
    const RATE: usize = 168;

    fn write(&mut self, bytes: &[u8]) {
        assert!(!self.squeezing);
        for byte in bytes {
            if self.at == Self::RATE {
                self.permute();
            }
            self.xor(self.at, *byte);
            self.at += 1;
        }
    }

    fn read(&mut self, count: usize) -> Vec<u8> {
        if !self.squeezing {
            if self.at == Self::RATE {
                self.permute();
            }
            self.xor(self.at, 0x1f);
            self.xor(Self::RATE - 1, 0x80);
            self.permute();
            self.squeezing = true;
        }
        let mut bytes = Vec::with_capacity(count);
        while bytes.len() < count {
            if self.at == Self::RATE {
                self.permute();
            }
            bytes.push(self.lanes[self.at / 8].to_le_bytes()[self.at % 8]);
            self.at += 1;
        }
        bytes
    }

    fn xor(&mut self, at: usize, byte: u8) {
        self.lanes[at / 8] ^= u64::from(byte) << (8 * (at % 8));
    }

    /// Keccak-f[1600].
    fn permute(&mut self) {
        let mut constants = 1_u8;
        for _ in 0..24 {
            let columns: [u64; 5] = std::array::from_fn(|x| (0..5).fold(0, |sum, y| sum ^ self.lanes[x + 5 * y]));
            for (at, lane) in self.lanes.iter_mut().enumerate() {
                *lane ^= columns[(at + 4) % 5] ^ columns[(at + 1) % 5].rotate_left(1);
            }
            let (mut x, mut y, mut moved) = (1, 0, self.lanes[1]);
            for step in 0..24_u32 {
                (x, y) = (y, (2 * x + 3 * y) % 5);
                let rotated = moved.rotate_left((step + 1) * (step + 2) / 2 % 64);
                moved = std::mem::replace(&mut self.lanes[x + 5 * y], rotated);
            }
            for row in self.lanes.chunks_exact_mut(5) {
                let old = [row[0], row[1], row[2], row[3], row[4]];
                for x in 0..5 {
                    row[x] = old[x] ^ (!old[(x + 1) % 5] & old[(x + 2) % 5]);
                }
            }
            // Iota: its constants come from a linear feedback shift register, x^8 + x^6 + x^5 + x^4 + 1.
            for bit in 0..7 {
                if constants & 1 == 1 {
                    self.lanes[0] ^= 1 << ((1_u32 << bit) - 1);
                }
                constants = (constants << 1) ^ if constants >> 7 == 1 { 0x71 } else { 0 };
            }
        }
        self.at = 0;
    }
}
