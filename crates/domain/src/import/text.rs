//! From a file's bytes to its text. Windows tools write `.env` files in UTF-16, which other importers store with a NUL
//! in every name.

use zeroize::Zeroizing;

use super::refused;
use crate::{Invalid, limits};

/// Decodes UTF-8, or UTF-16 with its byte order mark, and takes the mark off.
///
/// # Errors
/// `import_too_large`, `import_not_text`.
pub fn decode(bytes: &[u8]) -> Result<Zeroizing<String>, Invalid> {
    if bytes.len() > limits::IMPORT_BYTES {
        return Err(refused("import_too_large", format!("must be at most {} bytes", limits::IMPORT_BYTES)));
    }
    let text = match bytes {
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes),
        [0xef, 0xbb, 0xbf, rest @ ..] => utf8(rest),
        _ => utf8(bytes),
    };
    text.filter(|text| !text.contains('\0')).ok_or_else(|| {
        refused("import_not_text", "must be text in UTF-8, or in UTF-16 with a byte order mark, without NUL")
    })
}

fn utf8(bytes: &[u8]) -> Option<Zeroizing<String>> {
    std::str::from_utf8(bytes).ok().map(|text| Zeroizing::new(text.to_owned()))
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Option<Zeroizing<String>> {
    let (pairs, []) = bytes.as_chunks::<2>() else { return None };
    // Three bytes hold any unit, so the text never moves and leaves no copy behind.
    let mut text = Zeroizing::new(String::with_capacity(pairs.len() * 3));
    for decoded in char::decode_utf16(pairs.iter().map(|pair| unit(*pair))) {
        text.push(decoded.ok()?);
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::decode;
    use crate::limits;

    fn code(bytes: &[u8]) -> &'static str {
        decode(bytes).err().map_or("ok", |error| error.code)
    }

    #[test]
    fn encodings() {
        let utf16 = |order: fn(u16) -> [u8; 2]| "\u{feff}A=ä€😀\r\n".encode_utf16().flat_map(order).collect::<Vec<_>>();
        for bytes in
            [utf16(u16::to_le_bytes), utf16(u16::to_be_bytes), "\u{feff}A=ä€😀\r\n".into(), "A=ä€😀\r\n".into()]
        {
            assert_eq!(decode(&bytes).unwrap().as_str(), "A=ä€😀\r\n");
        }
        let no_mark: Vec<u8> = "A=b".encode_utf16().flat_map(u16::to_le_bytes).collect();
        for bad in
            [&b"A=\xff"[..], b"\xff\xfeA", b"\xff\xfe\x00\xd8", b"\xff\xfe\x00\x00A\x00\x00\x00", b"A=\0", &no_mark]
        {
            assert_eq!(code(bad), "import_not_text", "{bad:?}");
        }
    }

    #[test]
    fn size() {
        assert_eq!(code(&vec![b' '; limits::IMPORT_BYTES]), "ok");
        assert_eq!(code(&vec![b' '; limits::IMPORT_BYTES + 1]), "import_too_large");
    }
}
