//! Where a packet is written before its length is known.

use std::{cell::Cell, io};

use bytes::Bytes;

/// Bytes of memory that a thread keeps from packet to packet; of longer ones a copy would cost more
/// than the memory.
const KEPT: usize = 4 << 10;

thread_local! {
    static SPARE: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// A buffer whose memory the thread keeps: a short packet costs one allocation, of just its length.
pub(super) struct Scratch(Vec<u8>);

impl Scratch {
    /// An empty one.
    pub(super) fn new() -> Self {
        Self(SPARE.take())
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    pub(super) fn as_slice(&self) -> &[u8] {
        &self.0
    }

    pub(super) fn into_bytes(mut self) -> Bytes {
        if self.0.capacity() > KEPT {
            return std::mem::take(&mut self.0).into();
        }
        Bytes::copy_from_slice(&self.0)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if (1..=KEPT).contains(&self.0.capacity()) {
            self.0.clear();
            SPARE.set(std::mem::take(&mut self.0));
        }
    }
}

impl io::Write for Scratch {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.push(bytes);
        Ok(bytes.len())
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.push(bytes);
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_what_was_written_whoever_wrote_before() {
        for step in [1, 7, KEPT] {
            for length in [0, 1, KEPT - 1, KEPT, KEPT + 1, 3 * KEPT, 2] {
                let bytes: Vec<u8> = (0..length).map(|index| index as u8).collect();
                let mut scratch = Scratch::new();
                // One more, as serialization of the application's may write packets itself.
                let mut inner = Scratch::new();
                inner.push(b"inner");
                for piece in bytes.chunks(step) {
                    scratch.push(piece);
                }
                assert_eq!(scratch.as_slice(), bytes, "{length} by {step}");
                assert_eq!(inner.into_bytes(), &b"inner"[..]);
                assert_eq!(scratch.into_bytes(), bytes);
                assert!(SPARE.take().capacity() <= KEPT);
            }
        }
    }
}
