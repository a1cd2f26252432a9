//! What a session's client asks for.

use sockeye_core::engineio::{Binary, Payload};

use crate::engineio::{Revision, Transport};

/// How a session speaks.
#[derive(Clone, Copy, Debug)]
pub(in crate::test) struct Options {
    pub(in crate::test) revision: Revision,
    pub(in crate::test) binary: Binary,
    /// Whether it polls by script tags.
    pub(in crate::test) is_jsonp: bool,
    pub(in crate::test) has_heartbeats: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            revision: Revision::V4,
            binary: Binary::Bytes,
            is_jsonp: false,
            has_heartbeats: true,
        }
    }
}

impl Options {
    /// The protocol's part of a request's query; `sid` stands in it as it is.
    pub(super) fn query(&self, transport: Transport, sid: Option<&str>) -> String {
        let mut query = format!("EIO={}&transport={transport}", self.revision.number());
        if self.is_jsonp && transport == Transport::Polling {
            query.push_str("&j=");
            query.push_str(CALLBACK);
        }
        if self.binary == Binary::Base64 {
            query.push_str("&b64=1");
        }
        if let Some(sid) = sid {
            query.push_str("&sid=");
            query.push_str(sid);
        }
        query
    }

    /// The form of a payload of text.
    pub(super) fn text_form(&self) -> Payload {
        match self.revision {
            Revision::V4 => Payload::V4,
            Revision::V3 => Payload::V3Text,
        }
    }
}

/// The number of the client's callback.
pub(super) const CALLBACK: &str = "3";
