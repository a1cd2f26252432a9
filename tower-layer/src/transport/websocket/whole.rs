//! Messages that come in one frame and in one piece, which is how nearly all of them come.
//!
//! A context copies what it reads into a buffer, and a message out of it again; for a short message
//! that was most of all the work. What is taken here leaves no choice: the frame is complete, final,
//! masked, without reserved bits, and within the limits (RFC 6455 section 5.2). All else, and so
//! every refusal but that of what is no UTF-8, is left to the context.

use bytes::Bytes;
use sockeye_core::session::Close;

use super::codec::{Incoming, Limits};

/// Tells `each` the messages at the beginning of `input`, which is between messages, and how many
/// bytes they are.
///
/// # Errors
///
/// The close to send for a text that is no UTF-8.
pub(super) fn take_messages(
    input: &mut [u8],
    limits: Limits,
    mut each: impl FnMut(Incoming<'_>),
) -> Result<usize, Close> {
    let mut taken = 0;
    while let Some(frame) = Frame::read(&input[taken..], limits.message_size) {
        let start = taken + frame.header;
        taken = start + frame.length;
        let payload = &mut input[start..taken];
        unmask(payload, frame.mask);
        match frame.kind {
            Kind::Text => {
                let text = std::str::from_utf8(payload).map_err(|_| Close::INVALID_UTF8)?;
                each(Incoming::Text(text));
            }
            Kind::Binary => each(Incoming::Binary(Bytes::copy_from_slice(payload))),
        }
    }
    Ok(taken)
}

/// The frame of a message that is all there.
struct Frame {
    kind: Kind,
    mask: [u8; 4],
    /// Bytes before the payload.
    header: usize,
    /// Bytes of the payload.
    length: usize,
}

enum Kind {
    Text,
    Binary,
}

impl Frame {
    fn read(input: &[u8], longest: usize) -> Option<Self> {
        let &[first, second] = input.first_chunk()?;
        // The last frame of its message, and the first one too.
        let kind = match first {
            0x81 => Kind::Text,
            0x82 => Kind::Binary,
            _ => return None,
        };
        let (length, unmasked) = match second {
            0x80..=0xfd => (usize::from(second & 0x7f), 2),
            0xfe => {
                let &[_, _, high, low] = input.first_chunk()?;
                (usize::from(u16::from_be_bytes([high, low])), 4)
            }
            // Not masked; or longer than one read brings.
            _ => return None,
        };
        let &mask = input[unmasked..].first_chunk()?;
        let header = unmasked + mask.len();
        let is_whole = input.len() - header >= length;
        (is_whole && length <= longest).then_some(Self {
            kind,
            mask,
            header,
            length,
        })
    }
}

fn unmask(payload: &mut [u8], mask: [u8; 4]) {
    let mask: [u8; 16] = std::array::from_fn(|index| mask[index % 4]);
    let mut blocks = payload.chunks_exact_mut(mask.len());
    for block in &mut blocks {
        xor(block, mask);
    }
    // In steps of a length that the compiler knows.
    let mut words = blocks.into_remainder().chunks_exact_mut(4);
    for word in &mut words {
        xor(word, mask);
    }
    xor(words.into_remainder(), mask);
}

#[inline(always)]
fn xor(bytes: &mut [u8], mask: [u8; 16]) {
    for (byte, mask) in bytes.iter_mut().zip(mask) {
        *byte ^= mask;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        message_size: 300,
        fragments: 10,
    };

    fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
        let mut frame = vec![first];
        match payload.len() {
            length @ 0..=125 => frame.push(0x80 | length as u8),
            length => {
                frame.push(0xfe);
                frame.extend_from_slice(&(length as u16).to_be_bytes());
            }
        }
        let mask = *b"mask";
        frame.extend_from_slice(&mask);
        let bytes = payload.iter().zip(mask.iter().cycle());
        frame.extend(bytes.map(|(byte, mask)| byte ^ mask));
        frame
    }

    /// What was seen, and whether all bytes were taken.
    fn take(bytes: &[u8]) -> Result<(Vec<String>, bool), Close> {
        let mut seen = Vec::new();
        let mut input = bytes.to_vec();
        let each = |incoming: Incoming<'_>| seen.push(format!("{incoming:?}"));
        let taken = take_messages(&mut input, LIMITS, each)?;
        assert_eq!(input[taken..], bytes[taken..], "what is left is untouched");
        Ok((seen, taken == bytes.len()))
    }

    #[test]
    fn takes_messages_of_every_length_within_the_limit() {
        for length in [0, 1, 15, 16, 17, 31, 125, 126, 299, 300, 301] {
            let text: String = ('a'..='z').cycle().take(length).collect();
            let (seen, all) = take(&masked(0x81, text.as_bytes())).unwrap();
            assert_eq!(all, length <= LIMITS.message_size, "{length}");
            assert_eq!(seen.concat() == format!("Text({text:?})"), all, "{length}");
        }
    }

    #[test]
    fn stops_before_what_is_not_a_whole_message() {
        let one = masked(0x81, b"one");
        let two = masked(0x82, b"two");
        #[rustfmt::skip]
        let cases = [
            ("a fragment",        masked(0x01, b"a")),
            ("a continuation",    masked(0x80, b"a")),
            ("a ping",            masked(0x89, b"a")),
            ("a close",           masked(0x88, b"")),
            ("reserved bits",     masked(0xc1, b"a")),
            ("a reserved opcode", masked(0x83, b"a")),
            ("unmasked",          b"\x81\x01a".to_vec()),
            ("a long length",     [&[0x81, 0xff][..], &[0; 7], b"\x01maska"].concat()),
        ];
        let expected = [r#"Text("one")"#, r#"Binary(b"two")"#];
        for (case, behind) in cases {
            let (seen, all) = take(&[&one[..], &two, &behind, &one].concat()).unwrap();
            assert_eq!(
                (&seen[..], all),
                (&expected.map(String::from)[..], false),
                "{case}"
            );
        }
        for cut in 1..one.len() {
            let (seen, all) = take(&[&one[..], &two, &one[..cut]].concat()).unwrap();
            assert_eq!((seen.len(), all), (2, false), "cut at {cut}");
        }
        assert_eq!(take(&masked(0x81, b"\xff")), Err(Close::INVALID_UTF8));
    }
}
