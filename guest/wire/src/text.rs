//! JSON strings. Bodies are long and seldom need escapes, so eight bytes are checked at once, where a general writer
//! checks each.

/// Writes a JSON string (RFC 8259, section 7), quotation marks included.
pub(crate) fn write_text(text: &str, out: &mut Vec<u8>) {
    out.reserve(text.len() + text.len() / 16 + 2);
    out.push(b'"');
    let mut rest = text.as_bytes();
    while !rest.is_empty() {
        let (plain, others) = rest.split_at(plain(rest));
        out.extend_from_slice(plain);
        if let Some((byte, others)) = others.split_first() {
            escape(*byte, out);
            rest = others;
        } else {
            rest = others;
        }
    }
    out.push(b'"');
}

/// How many bytes at the beginning need no escape.
fn plain(bytes: &[u8]) -> usize {
    let (words, _) = bytes.as_chunks::<8>();
    let whole = 8 * words.iter().take_while(|word| !has_special(u64::from_le_bytes(**word))).count();
    let rest = bytes.get(whole..).unwrap_or_default();
    whole + rest.iter().take_while(|byte| !is_special(**byte)).count()
}

fn is_special(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

/// Whether one of eight bytes is special. Bytes from 0x80 on are not: they are parts of characters beyond ASCII.
fn has_special(word: u64) -> bool {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const HIGHS: u64 = ONES << 7;
    // The highest bit of each byte below `limit`, which is at most 0x80; and perhaps that of the byte after such a
    // byte.
    let below = |word: u64, limit: u64| word.wrapping_sub(ONES * limit) & !word & HIGHS;
    let quotation_mark = below(word ^ (ONES * u64::from(b'"')), 1);
    let backslash = below(word ^ (ONES * u64::from(b'\\')), 1);
    below(word, 0x20) | quotation_mark | backslash != 0
}

fn escape(byte: u8, out: &mut Vec<u8>) {
    let short = match byte {
        b'"' => b'"',
        b'\\' => b'\\',
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        0x08 => b'b',
        0x0c => b'f',
        _ => {
            const DIGITS: &[u8; 16] = b"0123456789abcdef";
            let digit = |value: u8| DIGITS.get(usize::from(value)).copied().unwrap_or(b'0');
            return out.extend_from_slice(&[b'\\', b'u', b'0', b'0', digit(byte >> 4), digit(byte & 15)]);
        }
    };
    out.extend_from_slice(&[b'\\', short]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(text: &str) -> String {
        let mut out = Vec::new();
        write_text(text, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn every_character_is_written_as_serde_json_does_at_any_position() {
        for character in (0..0x250).chain([0x2028, 0xfeff, 0x1f600]).filter_map(char::from_u32) {
            for place in 0..18 {
                let text = format!("{}{character}{}", "x".repeat(place), "y".repeat(17 - place));
                assert_eq!(written(&text), serde_json::to_string(&text).unwrap());
            }
        }
    }

    proptest! {
        #[test]
        fn any_text_is_written_as_serde_json_does(text in "(\\PC|[\\x00-\\x7f])*") {
            prop_assert_eq!(written(&text), serde_json::to_string(&text).unwrap());
        }
    }
}
