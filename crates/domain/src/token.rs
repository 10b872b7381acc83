//! The text form of bearer credentials: a prefix that secret scanners can find, random bytes, and a checksum, so that a
//! mistyped or truncated token is told apart from an unknown one without asking the database.

/// What a credential is for. Each has its own prefix, so one kind never passes for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A long-lived API token, `trs_…`.
    Token,
    /// A token in the form that the `supabase` command line takes, `sbp_…`.
    SupabaseToken,
    /// A browser's session cookie, `trc_…`.
    Session,
    /// A one-time login link's code, `trl_…`.
    LoginCode,
    /// What a client trades for its first tokens, `tro_…`.
    ClientCode,
    /// A client's token for `/mcp`, `tra_…`.
    ClientAccess,
    /// A client's token for new tokens, `trr_…`.
    ClientRefresh,
}

impl Kind {
    fn prefix(self) -> &'static str {
        match self {
            Self::Token => "trs_",
            Self::SupabaseToken => "sbp_",
            Self::Session => "trc_",
            Self::LoginCode => "trl_",
            Self::ClientCode => "tro_",
            Self::ClientAccess => "tra_",
            Self::ClientRefresh => "trr_",
        }
    }
}

/// Random bytes in a credential. 160 bits cannot be guessed.
pub const RANDOM_BYTES: usize = 20;

/// Writes a credential: prefix, 40 hex characters of `random`, 8 hex characters of CRC-32 over both. The form that
/// `supabase` takes has no room for the last.
pub fn encode(kind: Kind, random: &[u8; RANDOM_BYTES]) -> String {
    let body = format!("{}{}", kind.prefix(), hex::encode(random));
    if kind == Kind::SupabaseToken {
        return body;
    }
    let checksum = crc32fast::hash(body.as_bytes());
    format!("{body}{checksum:08x}")
}

/// Whether `text` has the form of a credential of this kind. Says nothing of whether it is known.
pub fn well_formed(kind: Kind, text: &str) -> bool {
    if kind == Kind::SupabaseToken {
        return text.strip_prefix(kind.prefix()).is_some_and(is_random);
    }
    let Some(split) = text.len().checked_sub(8).filter(|&at| text.is_char_boundary(at)) else { return false };
    let (body, checksum) = text.split_at(split);
    let random = body.strip_prefix(kind.prefix()).unwrap_or_default();
    is_random(random) && checksum == format!("{:08x}", crc32fast::hash(body.as_bytes()))
}

fn is_random(hex: &str) -> bool {
    hex.len() == RANDOM_BYTES * 2 && hex.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

/// Whether `text` has a form of a token, by which programs call the API.
pub fn is_token(text: &str) -> bool {
    well_formed(Kind::Token, text) || well_formed(Kind::SupabaseToken, text)
}

/// What the database keeps: SHA-256 of the text, in hex. No salt is needed, since the text holds 160 random bits.
pub fn hash(text: &str) -> String {
    hex::encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::{Kind, encode, hash, is_token, well_formed};

    #[test]
    fn reads_its_own_writing_and_nothing_else() {
        let text = encode(Kind::Token, &[7; 20]);
        assert!(text.starts_with("trs_") && text.len() == 52);
        assert!(well_formed(Kind::Token, &text));
        assert!(!well_formed(Kind::Session, &text));
        for at in 0..text.len() {
            let mut broken = text.clone().into_bytes();
            if let Some(byte) = broken.get_mut(at) {
                *byte = if *byte == b'0' { b'1' } else { b'0' };
            }
            assert!(!well_formed(Kind::Token, &String::from_utf8_lossy(&broken)), "changed at {at}");
        }
        for bad in ["", "trs_", "ä", "ääääääääää", &text[..text.len() - 1], &format!("{text}0")] {
            assert!(!well_formed(Kind::Token, bad), "{bad}");
        }
    }

    #[test]
    fn the_form_that_supabase_takes() {
        let text = encode(Kind::SupabaseToken, &[0xa7; 20]);
        assert!(text.len() == 44 && text.starts_with("sbp_a7a7"));
        assert!(well_formed(Kind::SupabaseToken, &text) && is_token(&text) && !well_formed(Kind::Token, &text));
        for bad in ["sbp_", &text[..43], &format!("{text}0"), &text.to_uppercase(), "sbp_oauth_"] {
            assert!(!is_token(bad), "{bad}");
        }
        assert!(is_token(&encode(Kind::Token, &[7; 20])) && !is_token(&encode(Kind::Session, &[7; 20])));
    }

    #[test]
    fn the_hash_is_sha256() {
        assert_eq!(hash("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
