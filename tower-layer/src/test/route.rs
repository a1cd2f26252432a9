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
        /// Below the mount; the session's id is put in where frames are spoken.
        endpoint: &'static str,
        /// Whether SockJS frames are spoken on it.
        is_framed: bool,
    },
    /// Requests that receive, and requests that send.
    Http(HttpWire),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct HttpWire {
    pub(super) method: Method,
    /// The receiver's place below the session.
    pub(super) endpoint: &'static str,
    /// What its answer says it is.
    pub(super) content_type: &'static str,
    pub(super) framing: Framing,
    /// Whether each answer brings one frame and ends.
    pub(super) is_polling: bool,
    pub(super) sending: Sending,
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
                return Self::WebSocket {
                    endpoint: "/websocket",
                    is_framed: true,
                };
            }
            Transport::RawWebSocket => {
                return Self::WebSocket {
                    endpoint: "/websocket",
                    is_framed: false,
                };
            }
            Transport::XhrPolling => HttpWire {
                method: Method::POST,
                endpoint: "/xhr",
                content_type: SCRIPT,
                framing: Framing::Xhr,
                is_polling: true,
                sending: Sending::Xhr,
            },
            Transport::XhrStreaming => HttpWire {
                method: Method::POST,
                endpoint: "/xhr_streaming",
                content_type: SCRIPT,
                framing: Framing::Xhr,
                is_polling: false,
                sending: Sending::Xhr,
            },
            Transport::EventSource => HttpWire {
                method: Method::GET,
                endpoint: "/eventsource",
                content_type: "text/event-stream",
                framing: Framing::EventSource,
                is_polling: false,
                sending: Sending::Xhr,
            },
            Transport::HtmlFile => HttpWire {
                method: Method::GET,
                endpoint: "/htmlfile",
                content_type: "text/html; charset=UTF-8",
                framing: Framing::HtmlFile {
                    callback: callback(),
                },
                is_polling: false,
                sending: Sending::Xhr,
            },
            Transport::JsonpPolling => HttpWire {
                method: Method::GET,
                endpoint: "/jsonp",
                content_type: SCRIPT,
                framing: Framing::Jsonp {
                    callback: callback(),
                },
                is_polling: true,
                sending: Sending::Jsonp,
            },
        };
        Self::Http(http)
    }
}

const SCRIPT: &str = "application/javascript; charset=UTF-8";

impl HttpWire {
    /// The callback that the receiver's query names.
    pub(super) fn callback(&self) -> Option<&str> {
        match &self.framing {
            Framing::HtmlFile { callback } | Framing::Jsonp { callback } => Some(callback),
            Framing::Xhr | Framing::EventSource => None,
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
