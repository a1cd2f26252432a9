//! Walks over the frames of a WebSocket's bytes without decoding them.
//!
//! The codec counts neither the fragments of a message nor tells whether it holds part of one. Both
//! follow from the frame headers alone (RFC 6455 section 5.2).

/// Where in the stream of frames the peer's bytes have come to.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Walker {
    /// Bytes of the current header so far.
    header: [u8; 10],
    header_length: u8,
    /// Bytes of the current frame still to come, its mask included.
    remaining: u64,
    /// Frames of the current message so far; zero between messages.
    fragments: u32,
}

/// The message is in more pieces than allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooManyFragments;

impl Walker {
    /// Goes on over `bytes`; the length of the longest frame that began in them comes back.
    pub(crate) fn walk(
        &mut self,
        mut bytes: &[u8],
        max_fragments: usize,
    ) -> Result<u64, TooManyFragments> {
        let mut longest = 0;
        while !bytes.is_empty() {
            if self.remaining > 0 {
                let step = self.remaining.min(bytes.len() as u64);
                self.remaining -= step;
                // `step` is at most the slice's length.
                bytes = &bytes[step as usize..];
                continue;
            }
            let have = usize::from(self.header_length);
            let take = (self.wanted() - have).min(bytes.len());
            self.header[have..have + take].copy_from_slice(&bytes[..take]);
            self.header_length += take as u8;
            bytes = &bytes[take..];
            if usize::from(self.header_length) == self.wanted() {
                self.begin_frame(max_fragments)?;
                longest = longest.max(self.remaining);
            }
        }
        Ok(longest)
    }

    /// Whether all bytes so far were whole messages.
    pub(crate) fn is_between_messages(&self) -> bool {
        self.fragments == 0 && self.header_length == 0 && self.remaining == 0
    }

    /// Length of the header as far as it is known: two bytes tell it.
    fn wanted(&self) -> usize {
        if self.header_length < 2 {
            return 2;
        }
        match self.header[1] & 0x7f {
            126 => 4,
            127 => 10,
            _ => 2,
        }
    }

    fn begin_frame(&mut self, max_fragments: usize) -> Result<(), TooManyFragments> {
        let length = match self.header[1] & 0x7f {
            126 => u64::from(u16::from_be_bytes([self.header[2], self.header[3]])),
            127 => {
                let mut bytes = [0; 8];
                bytes.copy_from_slice(&self.header[2..10]);
                u64::from_be_bytes(bytes)
            }
            short => u64::from(short),
        };
        let mask = if self.header[1] & 0x80 == 0 { 0 } else { 4 };
        self.remaining = length.saturating_add(mask);
        self.header_length = 0;
        let is_final = self.header[0] & 0x80 != 0;
        let is_control = self.header[0] & 0x08 != 0;
        if is_control {
            return Ok(());
        }
        if is_final {
            self.fragments = 0;
            return Ok(());
        }
        self.fragments = self.fragments.saturating_add(1);
        if self.fragments as usize >= max_fragments {
            Err(TooManyFragments)
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walk(frames: &[&[u8]], max: usize) -> Result<bool, TooManyFragments> {
        // Every cut must give the same result.
        let bytes = frames.concat();
        let mut results = (0..=bytes.len()).map(|cut| {
            let mut walker = Walker::default();
            walker.walk(&bytes[..cut], max)?;
            walker.walk(&bytes[cut..], max)?;
            Ok(walker.is_between_messages())
        });
        let first = results.next().unwrap();
        assert!(results.all(|result| result == first));
        first
    }

    #[test]
    fn tells_whole_messages_from_parts() {
        let long: Vec<u8> = [&[0x82, 0xfe, 0x01, 0x00, 1, 2, 3, 4][..], &[0; 256]].concat();
        let huge: Vec<u8> = [
            &[0x82, 0xff, 0, 0, 0, 0, 0, 1, 0, 0, 1, 2, 3, 4][..],
            &[0; 65_536],
        ]
        .concat();
        #[rustfmt::skip]
        let cases: [(&str, &[&[u8]], bool); 9] = [
            ("nothing",              &[], true),
            ("a masked text",        &[b"\x81\x82mask12"], true),
            ("two",                  &[b"\x81\x80mask", b"\x81\x81mask1"], true),
            ("half a header",        &[b"\x81"], false),
            ("half a mask",          &[b"\x81\x80ma"], false),
            ("half a payload",       &[b"\x81\x82mask1"], false),
            ("an open message",      &[b"\x01\x81mask1"], false),
            ("a ping inside it",     &[b"\x01\x81mask1", b"\x89\x80mask"], false),
            ("its end",              &[b"\x01\x81mask1", b"\x89\x80mask", b"\x80\x80mask"], true),
        ];
        for (case, frames, expected) in cases {
            assert_eq!(walk(frames, 10), Ok(expected), "{case}");
        }
        assert_eq!(walk(&[&long], 10), Ok(true));
        let mut walker = Walker::default();
        assert_eq!(walker.walk(&huge, 10), Ok(65_536 + 4));
        assert!(walker.is_between_messages());
    }

    #[test]
    fn counts_fragments_empty_ones_too() {
        let open: &[u8] = b"\x01\x80mask";
        let more: &[u8] = b"\x00\x80mask";
        let last: &[u8] = b"\x80\x80mask";
        assert_eq!(walk(&[open, more, last], 3), Ok(true));
        assert_eq!(walk(&[open, more, more, last], 3), Err(TooManyFragments));
        assert_eq!(walk(&[open, more, last, open, more, last], 3), Ok(true));
    }

    #[test]
    fn an_endless_length_is_no_overflow() {
        let mut walker = Walker::default();
        assert_eq!(
            walker.walk(&[0x82, 0xff, 255, 255, 255, 255, 255, 255, 255, 255, 1], 3),
            Ok(u64::MAX)
        );
        assert!(!walker.is_between_messages());
    }
}
