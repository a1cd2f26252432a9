//! Where a packet is written before its length is known.

use std::io;

use bytes::Bytes;

/// Bytes that most packets are shorter than.
const SMALL: usize = 256;

/// A buffer on the stack that moves to the heap when it is too small: a short packet costs one
/// allocation, of just its length.
pub(super) struct Scratch {
    small: [u8; SMALL],
    /// How much of `small` is in use; all is on the heap from the first byte beyond.
    length: usize,
    large: Vec<u8>,
}

impl Scratch {
    pub(super) fn new() -> Self {
        Self {
            small: [0; SMALL],
            length: 0,
            large: Vec::new(),
        }
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        if self.large.is_empty() {
            if let Some(room) = self.small[self.length..].get_mut(..bytes.len()) {
                room.copy_from_slice(bytes);
                self.length += bytes.len();
                return;
            }
            self.large.reserve(2 * SMALL + bytes.len());
            self.large.extend_from_slice(&self.small[..self.length]);
        }
        self.large.extend_from_slice(bytes);
    }

    pub(super) fn as_slice(&self) -> &[u8] {
        if self.large.is_empty() {
            &self.small[..self.length]
        } else {
            &self.large
        }
    }

    pub(super) fn len(&self) -> usize {
        self.as_slice().len()
    }

    pub(super) fn into_bytes(self) -> Bytes {
        if self.large.is_empty() {
            Bytes::copy_from_slice(&self.small[..self.length])
        } else {
            self.large.into()
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
    fn keeps_what_was_written_around_its_size() {
        for step in [1, 7, SMALL - 1, SMALL, SMALL + 1] {
            for length in [0, 1, SMALL - 1, SMALL, SMALL + 1, 3 * SMALL] {
                let bytes: Vec<u8> = (0..length).map(|index| index as u8).collect();
                let mut scratch = Scratch::new();
                for piece in bytes.chunks(step) {
                    scratch.push(piece);
                }
                assert_eq!(scratch.as_slice(), bytes, "{length} by {step}");
                assert_eq!(scratch.len(), length);
                assert_eq!(scratch.into_bytes(), bytes);
            }
        }
    }
}
