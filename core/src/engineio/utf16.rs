//! Lengths as JavaScript counts them, which revision 3 puts before each packet of a text payload.

/// The length of `text` in UTF-16 code units.
pub(super) fn units(text: &str) -> usize {
    text.as_bytes().chunks(CHUNK).map(chunk_units).sum()
}

/// How many bytes of `text` its first `units` code units take.
///
/// `None` when it has fewer, or when a character lies across the border. Reads no further than a
/// chunk beyond it.
pub(super) fn prefix(text: &str, units: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    // No unit is shorter than a byte; so nobody makes us count to a length that cannot be.
    if units > bytes.len() {
        return None;
    }
    let (mut at, mut left) = (0, units);
    while let Some(chunk) = bytes[at..].first_chunk::<CHUNK>() {
        let counted = chunk_units(chunk);
        if counted > left {
            break;
        }
        left -= counted;
        at += CHUNK;
    }
    for &byte in &bytes[at..] {
        let counted = byte_units(byte);
        // What continues a character belongs to it, also behind the last unit.
        if left == 0 && counted > 0 {
            break;
        }
        left = left.checked_sub(counted.into())?;
        at += 1;
    }
    (left == 0).then_some(at)
}

/// Bytes counted at once; a sum of their units fits into a byte, which is what makes it quick.
const CHUNK: usize = 64;

fn chunk_units(chunk: &[u8]) -> usize {
    chunk
        .iter()
        .map(|&byte| byte_units(byte))
        .sum::<u8>()
        .into()
}

/// The units of the character that starts with this byte; none if it only continues one.
fn byte_units(byte: u8) -> u8 {
    u8::from(byte & 0xC0 != 0x80) + u8::from(byte >= 0xF0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_as_the_standard_library_counts() {
        for character in ["a", "é", "€", "😀", "a€", "é😀", "\u{ffff}\u{10000}"] {
            for length in 0..140 {
                let text = character.repeat(length);
                assert_eq!(units(&text), text.encode_utf16().count());
            }
        }
    }

    #[test]
    fn finds_every_border_and_none_inside_a_character() {
        for pattern in ["a", "é", "€", "😀", "a€é😀", "abcdefg😀"] {
            for offset in 0..4 {
                let text = format!("{}{}", "x".repeat(60 + offset), pattern.repeat(30));
                let borders: Vec<(usize, usize)> = text
                    .char_indices()
                    .map(|(at, _)| at)
                    .chain([text.len()])
                    .map(|at| (units(&text[..at]), at))
                    .collect();
                for length in 0..units(&text) + 3 {
                    let expected = borders.iter().find(|(units, _)| *units == length);
                    let expected = expected.map(|&(_, at)| at);
                    assert_eq!(prefix(&text, length), expected, "{length} of {text}");
                }
                assert_eq!(prefix(&text, usize::MAX), None);
            }
        }
    }
}
