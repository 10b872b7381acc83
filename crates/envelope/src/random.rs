//! The one source of randomness: the operating system's generator, through aws-lc-rs.

use zeroize::Zeroizing;

/// `N` bytes for keys, nonces and tokens; zeroized when dropped.
///
/// # Panics
/// If the operating system gives no randomness. The caller's work fails before it wrote anything, which is sound;
/// going on without randomness never is.
#[expect(clippy::expect_used, reason = "no caller can do anything sound without randomness")]
pub fn random_bytes<const N: usize>() -> Zeroizing<[u8; N]> {
    let mut bytes = Zeroizing::new([0; N]);
    aws_lc_rs::rand::fill(bytes.as_mut_slice()).expect("the operating system's random generator failed");
    bytes
}

#[cfg(test)]
mod tests {
    use super::random_bytes;

    #[test]
    fn fills_the_whole_array_and_never_repeats() {
        let mut seen = [0_u8; 64];
        for _ in 0..64 {
            let bytes = random_bytes::<64>();
            assert_ne!(*bytes, *random_bytes::<64>());
            seen.iter_mut().zip(bytes.iter()).for_each(|(seen, byte)| *seen |= byte);
        }
        // A byte that stayed zero in 64 draws has probability 2^-512.
        assert!(seen.iter().all(|byte| *byte != 0));
    }
}
