//! Signatures under keys that two sides share: what webhooks are signed with.

use aws_lc_rs::hmac;

/// HMAC-SHA256 of `message`.
pub fn hmac_sha256(key: &[u8], message: &[u8]) -> [u8; 32] {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), message);
    let mut signature = [0; 32];
    signature.copy_from_slice(tag.as_ref());
    signature
}

#[cfg(test)]
mod tests {
    use super::hmac_sha256;

    /// RFC 4231, test cases 1 and 2.
    #[test]
    fn vectors() {
        for (key, message, expected) in [
            (&[0x0b; 20][..], &b"Hi There"[..], "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
            (
                b"Jefe",
                b"what do ya want for nothing?",
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            ),
        ] {
            assert_eq!(hex::encode(hmac_sha256(key, message)), expected);
        }
    }
}
