//! What holds for every session at every moment, checked after each step of every scenario.

use sockeye_core::sockjs::{Event, Session};

/// What has been seen of a session so far.
#[derive(Debug, Default)]
pub(crate) struct Rules {
    is_attached_once: bool,
    frames: usize,
    is_farewell_sent: bool,
    is_opened: bool,
    is_ended: bool,
    is_closed: bool,
}

impl Rules {
    pub(crate) fn see_receiver(&mut self) {
        assert!(!self.is_closed, "a receiver of a forgotten session");
        self.is_attached_once = true;
    }

    pub(crate) fn see_frame(&mut self, frame: &str) {
        let is_first = self.frames == 0;
        assert_eq!(is_first, frame == "o", "`o` comes first and once: {frame}");
        assert!(!self.is_closed, "{frame} after the session was forgotten");
        let is_close = frame.starts_with("c[");
        assert!(is_close || !self.is_farewell_sent, "{frame} after a close");
        self.is_farewell_sent = is_close;
        self.frames += 1;
    }

    pub(crate) fn see_event(&mut self, event: &Event) {
        assert!(!self.is_closed, "{event:?} after `Closed`");
        match event {
            Event::Opened => {
                assert!(!self.is_opened, "opened twice");
                assert!(!self.is_ended, "opened after the end");
                assert!(self.frames > 0, "opened before `o` was taken");
                self.is_opened = true;
            }
            Event::Ended(reason) => {
                assert!(!self.is_ended, "ended twice, now as {reason:?}");
                self.is_ended = true;
            }
            Event::Closed => {
                assert!(self.is_ended, "forgotten before it ended");
                self.is_closed = true;
            }
        }
    }

    /// Every event must have been seen.
    pub(crate) fn check(&self, session: &Session) {
        assert_eq!(session.is_open(), !self.is_ended, "{session:?}");
        assert_eq!(session.is_closed(), self.is_closed, "{session:?}");
        if self.is_closed {
            assert_eq!(session.poll_timeout(), None, "{session:?}");
            assert!(!session.has_transmit(), "{session:?}");
        } else {
            let has_begun = self.is_attached_once || self.is_ended;
            assert_eq!(session.poll_timeout().is_some(), has_begun, "{session:?}");
        }
    }
}
