//! Where decoded messages wait for the application.

use std::{iter::FusedIterator, ops::Range};

use super::DecodeError;
use crate::Text;

/// Decoded messages on their way to the application, in memory that is used again.
///
/// All of them stand in one buffer, so decoding allocates nothing once that has grown;
/// [`drain`](Self::drain) makes texts that can be kept.
#[derive(Debug, Default)]
pub struct Decoded {
    text: String,
    /// Where in `text` each message ends; it starts where the one before ends.
    ends: Vec<usize>,
}

impl Decoded {
    /// No messages and no memory yet.
    pub const fn new() -> Self {
        Self {
            text: String::new(),
            ends: Vec::new(),
        }
    }

    /// How many messages there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is no message.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The length of all messages together, in bytes.
    pub fn bytes(&self) -> usize {
        self.text.len()
    }

    /// Adds a message that needs no decoding.
    pub fn push(&mut self, text: &str) {
        self.text.push_str(text);
        self.ends.push(self.text.len());
    }

    /// Forgets the messages. The memory is kept for the next ones up to 64 KiB, given back above.
    pub fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
        if self.text.capacity() > KEPT_BYTES {
            self.text = String::new();
        }
        if self.ends.capacity() > KEPT_BYTES / size_of::<usize>() {
            self.ends = Vec::new();
        }
    }

    /// Takes the messages out, in their order. What is not taken is forgotten, as by
    /// [`clear`](Self::clear).
    ///
    /// Small messages share memory: one that is kept may keep up to 4 KiB from being freed. A
    /// message that stands alone or is longer than 1 KiB has its own.
    pub fn drain(&mut self) -> Drain<'_> {
        Drain {
            decoded: self,
            next: 0,
            block: Text::default(),
            block_range: 0..0,
        }
    }

    pub(super) fn all_or_nothing(
        &mut self,
        decode: impl FnOnce(&mut Self) -> Result<(), DecodeError>,
    ) -> Result<(), DecodeError> {
        let (bytes, messages) = (self.text.len(), self.ends.len());
        let result = decode(self);
        if result.is_err() {
            self.text.truncate(bytes);
            self.ends.truncate(messages);
            if self.is_empty() {
                self.clear();
            }
        }
        result
    }

    /// Adds the message that `decode` appends to the text it is given.
    pub(super) fn push_with(
        &mut self,
        decode: impl FnOnce(&mut String) -> Result<(), DecodeError>,
    ) -> Result<(), DecodeError> {
        decode(&mut self.text)?;
        self.ends.push(self.text.len());
        Ok(())
    }

    fn range(&self, index: usize) -> Option<Range<usize>> {
        let end = *self.ends.get(index)?;
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        Some(start..end)
    }

    /// Where a block that starts with the message `index` ends.
    fn block_end(&self, index: usize) -> usize {
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        let mut end = start;
        for &next in &self.ends[index..] {
            if next - end > OWN_BYTES || next - start > BLOCK_BYTES {
                break;
            }
            end = next;
        }
        end
    }
}

/// The messages of a [`Decoded`], taken out one by one.
#[derive(Debug)]
pub struct Drain<'a> {
    decoded: &'a mut Decoded,
    next: usize,
    /// A copy of `block_range` of the buffer, which the messages in it share.
    block: Text,
    block_range: Range<usize>,
}

impl Iterator for Drain<'_> {
    type Item = Text;

    fn next(&mut self) -> Option<Text> {
        let range = self.decoded.range(self.next)?;
        let index = self.next;
        self.next += 1;
        if range.is_empty() {
            return Some(Text::default());
        }
        if range.end > self.block_range.end {
            let end = self.decoded.block_end(index);
            if end <= range.end {
                return Some(Text::from(&self.decoded.text[range]));
            }
            self.block_range = range.start..end;
            self.block = Text::from(&self.decoded.text[self.block_range.clone()]);
        }
        let start = self.block_range.start;
        Some(
            self.block
                .slice_ref(&self.block[range.start - start..range.end - start]),
        )
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.decoded.len() - self.next;
        (left, Some(left))
    }
}

impl ExactSizeIterator for Drain<'_> {}

impl FusedIterator for Drain<'_> {}

impl Drop for Drain<'_> {
    fn drop(&mut self) {
        self.decoded.clear();
    }
}

/// Memory that a [`Decoded`] keeps between uses, per buffer and in bytes.
const KEPT_BYTES: usize = 64 * 1024;

/// The most that small messages share, in bytes.
const BLOCK_BYTES: usize = 4 * 1024;

/// Messages longer than this share nothing.
const OWN_BYTES: usize = 1024;

#[cfg(test)]
mod tests {
    use super::{
        super::{decode_array, decode_text_frame},
        *,
    };

    const MAX: usize = 10_000;

    /// The block that a message shares, if it does.
    type Block = Option<Range<usize>>;

    /// Drains `into` and tells of each message which block it shares, if it does.
    fn drain_with_blocks(into: &mut Decoded) -> Vec<(Text, Block)> {
        let mut drain = into.drain();
        let mut texts = Vec::new();
        while let Some(text) = drain.next() {
            let block = drain.block.as_bytes().as_ptr_range();
            let is_shared = block.contains(&text.as_ptr());
            texts.push((text, is_shared.then(|| drain.block_range.clone())));
        }
        texts
    }

    fn decoded(lengths: &[usize]) -> Decoded {
        let mut into = Decoded::new();
        for (index, &length) in lengths.iter().enumerate() {
            let letter = char::from(b'a' + u8::try_from(index % 26).unwrap());
            let message = letter.to_string().repeat(length);
            decode_text_frame(&format!("\"{message}\""), MAX, &mut into).unwrap();
        }
        into
    }

    #[test]
    fn a_kept_message_pins_at_most_a_block() {
        for lengths in [
            vec![16; 16],
            vec![1000; 20],
            vec![
                10, 2000, 10, 10, 1025, 1024, 1024, 1024, 1024, 1, 5000, 0, 0, 7,
            ],
            vec![4096, 1, 4096],
        ] {
            let mut into = decoded(&lengths);
            assert_eq!(
                (into.len(), into.bytes()),
                (lengths.len(), lengths.iter().sum())
            );
            let texts = drain_with_blocks(&mut into);
            let taken: Vec<usize> = texts.iter().map(|(text, _)| text.len()).collect();
            assert_eq!(taken, lengths);
            for (index, (text, block)) in texts.iter().enumerate() {
                let letter = b'a' + u8::try_from(index % 26).unwrap();
                assert!(text.bytes().all(|byte| byte == letter), "{index}: {text}");
                if let Some(block) = block {
                    assert!(
                        text.len() <= OWN_BYTES && block.len() <= BLOCK_BYTES,
                        "{block:?}"
                    );
                }
            }
            assert!(into.is_empty() && into.bytes() == 0);
        }
    }

    #[test]
    fn small_messages_share_blocks() {
        #[rustfmt::skip]
        let cases: &[(&[usize], &[Block])] = &[
            // lengths                  the block of each
            (&[16],                     &[None]),
            (&[16, 16],                 &[Some(0..32), Some(0..32)]),
            (&[16, 0, 16],              &[Some(0..32), None, Some(0..32)]),
            (&[16, 1025, 16],           &[None, None, None]),
            (&[1024; 3],                &[Some(0..3072), Some(0..3072), Some(0..3072)]),
            (&[1024, 1024, 1024, 1025], &[Some(0..3072), Some(0..3072), Some(0..3072), None]),
            (&[1024, 1024, 1024, 1000, 25, 1],
                &[Some(0..4072), Some(0..4072), Some(0..4072), Some(0..4072), Some(4072..4098), Some(4072..4098)]),
        ];
        for (lengths, expected) in cases {
            let texts = drain_with_blocks(&mut decoded(lengths));
            let blocks: Vec<_> = texts.into_iter().map(|(_, block)| block).collect();
            assert_eq!(blocks, *expected, "{lengths:?}");
        }
    }

    #[test]
    fn what_is_not_drained_is_forgotten() {
        let mut into = decoded(&[3, 3, 3]);
        {
            let mut drain = into.drain();
            assert_eq!(drain.len(), 3);
            assert_eq!(drain.next(), Some(Text::from("aaa")));
            assert_eq!(drain.len(), 2);
        }
        assert!(into.is_empty());
        assert_eq!(into.drain().next(), None);
    }

    #[test]
    fn memory_is_kept_up_to_a_bound() {
        let mut into = decoded(&[1000; 20]);
        let capacity = into.text.capacity();
        into.clear();
        assert_eq!(into.text.capacity(), capacity);

        let mut into = decoded(&[KEPT_BYTES + 1]);
        drop(into.drain());
        assert_eq!(into.text.capacity(), 0);

        let many = format!("[{}1]", r#""","#.repeat(MAX));
        decode_array(many.as_bytes(), 2 * MAX, &mut into).unwrap_err();
        assert_eq!(into.ends.capacity(), 0);
    }
}
