//! What holds for every session at every moment, checked after each step of every scenario.

use sockeye_core::engineio::{Event, Session};

/// What has been seen of a session so far.
#[derive(Debug, Default)]
pub(crate) struct Rules {
    batches: usize,
    is_close_sent: bool,
    is_opened: bool,
    is_upgraded: bool,
    is_ended: bool,
    is_closed: bool,
}

impl Rules {
    /// A receiver took these packets.
    pub(crate) fn see_batch(&mut self, parts: &[String], is_former_poll: bool) {
        assert!(!self.is_closed, "{parts:?} after the session was forgotten");
        assert!(!self.is_close_sent, "{parts:?} after a close");
        assert!(!parts.is_empty(), "an answer of nothing");
        if is_former_poll {
            assert_eq!(parts, ["6"], "what belongs to the WebSocket");
            return;
        }
        for (index, part) in parts.iter().enumerate() {
            let kind = part.as_bytes()[0];
            let opens = self.batches == 0 && index == 0;
            // A session may end before it opens, and then say only that.
            let may_open = opens && self.is_goodbye(parts);
            assert!(
                (kind == b'0') == opens || may_open,
                "open is first: {parts:?}"
            );
            assert!(kind != b'5', "only a client upgrades");
            if kind == b'1' {
                assert_eq!(index + 1, parts.len(), "close is last: {parts:?}");
                self.is_close_sent = true;
            }
            if kind == b'6' {
                let is_alone = parts.len() == 1 || parts == ["6", "1"];
                assert!(is_alone, "a noop among others: {parts:?}");
            }
        }
        let beats = parts.iter().filter(|part| *part == "2" || *part == "3");
        assert!(beats.count() <= 1, "heartbeats pile up: {parts:?}");
        self.batches += 1;
    }

    fn is_goodbye(&self, parts: &[String]) -> bool {
        parts == ["1"] || parts == ["6"]
    }

    pub(crate) fn see_event(&mut self, event: &Event) {
        assert!(!self.is_closed, "{event:?} after `Closed`");
        match event {
            Event::Opened => {
                assert!(!self.is_opened, "opened twice");
                assert!(!self.is_ended, "opened after the end");
                assert!(self.batches > 0, "opened before the open packet was taken");
                self.is_opened = true;
            }
            Event::Upgraded => {
                assert!(self.is_opened, "upgraded before it opened");
                assert!(!self.is_upgraded, "upgraded twice");
                assert!(!self.is_ended, "upgraded after the end");
                self.is_upgraded = true;
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
        // Whatever the peer does not do, there is a time at which it is given up.
        let has_deadline = session.poll_timeout().is_some();
        assert_eq!(has_deadline, !self.is_closed, "{session:?}");
        if self.is_closed {
            assert_eq!(session.transport(), None, "{session:?}");
            assert!(!session.is_full(), "{session:?}");
        }
    }
}
