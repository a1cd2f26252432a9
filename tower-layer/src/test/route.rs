//! Where a transport's requests go, and what they look like.

use http::Method;
use sockeye_core::sockjs::framing::Framing;

use crate::Transport;

/// The name a client gives its callback, shaped like the real one's.
const CALLBACK: &str = "_jp.atest";

/// How a transport works, as its client sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wire {
    /// A WebSocket.
    WebSocket {
        /// Whether SockJS frames are spoken on it.
        is_framed: bool,
    },
    /// Requests that receive, and requests that send.
    Http(HttpWire),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct HttpWire {
    pub(super) method: Method,
    /// The receiver's place below the session; `None` if that is the mount itself.
    pub(super) endpoint: Option<&'static str>,
    /// What its answer says it is.
    pub(super) content_type: &'static str,
    pub(super) dress: Dress,
    pub(super) life: Life,
    /// `None` if the client can say nothing.
    pub(super) sending: Option<Sending>,
}

/// What frames look like in a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Dress {
    /// SockJS frames, wrapped.
    Frames(Framing),
    /// Server-Sent Events.
    Events,
}

/// How long a response goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Life {
    /// It ends with its first frame, and the next one is asked for.
    OneFrame,
    /// It may end after any frame, and the next one is asked for.
    Limited,
    /// As long as the session.
    Whole,
}

/// How messages are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sending {
    Xhr,
    Jsonp,
}

impl Wire {
    pub(super) fn of(transport: Transport) -> Self {
        let callback = || CALLBACK.into();
        let http = match transport {
            Transport::WebSocket => {
                return Self::WebSocket { is_framed: true };
            }
            Transport::RawWebSocket => {
                return Self::WebSocket { is_framed: false };
            }
            Transport::Polling => unreachable!("a SockJS session was not let have it"),
            Transport::XhrPolling => HttpWire {
                method: Method::POST,
                endpoint: Some("/xhr"),
                content_type: SCRIPT,
                dress: Dress::Frames(Framing::Xhr),
                life: Life::OneFrame,
                sending: Some(Sending::Xhr),
            },
            Transport::XhrStreaming => HttpWire {
                method: Method::POST,
                endpoint: Some("/xhr_streaming"),
                content_type: SCRIPT,
                dress: Dress::Frames(Framing::Xhr),
                life: Life::Limited,
                sending: Some(Sending::Xhr),
            },
            Transport::EventSource => HttpWire {
                method: Method::GET,
                endpoint: Some("/eventsource"),
                content_type: EVENTS,
                dress: Dress::Frames(Framing::EventSource),
                life: Life::Limited,
                sending: Some(Sending::Xhr),
            },
            Transport::HtmlFile => HttpWire {
                method: Method::GET,
                endpoint: Some("/htmlfile"),
                content_type: "text/html; charset=UTF-8",
                dress: Dress::Frames(Framing::HtmlFile {
                    callback: callback(),
                }),
                life: Life::Limited,
                sending: Some(Sending::Xhr),
            },
            Transport::JsonpPolling => HttpWire {
                method: Method::GET,
                endpoint: Some("/jsonp"),
                content_type: SCRIPT,
                dress: Dress::Frames(Framing::Jsonp {
                    callback: callback(),
                }),
                life: Life::OneFrame,
                sending: Some(Sending::Jsonp),
            },
            Transport::EventStream => HttpWire {
                method: Method::GET,
                endpoint: None,
                content_type: EVENTS,
                dress: Dress::Events,
                life: Life::Whole,
                sending: None,
            },
        };
        Self::Http(http)
    }
}

const EVENTS: &str = "text/event-stream";
const SCRIPT: &str = "application/javascript; charset=UTF-8";

impl HttpWire {
    /// The callback that the receiver's query names.
    pub(super) fn callback(&self) -> Option<&str> {
        match &self.dress {
            Dress::Frames(Framing::HtmlFile { callback } | Framing::Jsonp { callback }) => {
                Some(callback)
            }
            Dress::Frames(Framing::Xhr | Framing::EventSource) | Dress::Events => None,
        }
    }
}

impl Sending {
    pub(super) fn endpoint(self) -> &'static str {
        match self {
            Self::Xhr => "/xhr_send",
            Self::Jsonp => "/jsonp_send",
        }
    }

    /// The request's `Content-Type` and body for this JSON.
    pub(super) fn body(self, json: &str) -> (&'static str, String) {
        match self {
            Self::Xhr => ("text/plain", json.to_owned()),
            Self::Jsonp => (
                "application/x-www-form-urlencoded",
                format!("d={}", percent_encoded(json)),
            ),
        }
    }
}

/// Everything but unreserved characters as `%XX` (RFC 3986, section 2.3).
pub(super) fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodes_what_a_query_or_form_would_misread() {
        assert_eq!(percent_encoded("aZ09-._~"), "aZ09-._~");
        assert_eq!(
            percent_encoded("[\"a b+&=%é\"]"),
            "%5B%22a%20b%2B%26%3D%25%C3%A9%22%5D"
        );
    }
}
