//! Which part of SockJS a path below the mount asks for.

/// What a path below a mount stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target<'a> {
    /// The mount itself: a line of welcome.
    Greeting,
    /// `/info`: capabilities and a round-trip probe.
    Info,
    /// `/iframe.html` and its versioned forms: the helper page for cross-domain transports.
    Iframe,
    /// `/websocket`: a WebSocket without SockJS framing.
    RawWebSocket,
    /// `/{server}/{session}/{endpoint}`: one transport of one session.
    Session {
        /// The session's id, exactly as it stands in the path: not percent-decoded.
        session: &'a str,
        /// The transport or sender asked for.
        endpoint: Endpoint,
    },
}

/// The last segment of a session's path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Endpoint {
    /// `websocket`: the framed WebSocket.
    WebSocket,
    /// `xhr`: polling receiver.
    Xhr,
    /// `xhr_send`: messages to the server.
    XhrSend,
    /// `xhr_streaming`: streaming receiver.
    XhrStreaming,
    /// `eventsource`: streaming receiver.
    EventSource,
    /// `htmlfile`: streaming receiver.
    HtmlFile,
    /// `jsonp`: polling receiver.
    Jsonp,
    /// `jsonp_send`: messages to the server.
    JsonpSend,
}

impl Endpoint {
    fn from_segment(segment: &str) -> Option<Self> {
        Some(match segment {
            "websocket" => Self::WebSocket,
            "xhr" => Self::Xhr,
            "xhr_send" => Self::XhrSend,
            "xhr_streaming" => Self::XhrStreaming,
            "eventsource" => Self::EventSource,
            "htmlfile" => Self::HtmlFile,
            "jsonp" => Self::Jsonp,
            "jsonp_send" => Self::JsonpSend,
            _ => return None,
        })
    }
}

/// What `rest` stands for: the path below the mount as it was sent, not percent-decoded, without
/// query. It is empty or starts with `/`.
///
/// `None` is "no such path" (404). Server and session ids longer than `max_id_length` bytes are
/// such paths too.
pub fn parse_path(rest: &str, max_id_length: usize) -> Option<Target<'_>> {
    if rest.is_empty() || rest == "/" {
        return Some(Target::Greeting);
    }
    let path = rest.strip_prefix('/')?;
    let path = path.strip_suffix('/').unwrap_or(path);

    let mut segments = path.split('/');
    // One more than any path has, to see that nothing follows.
    let parts = [
        segments.next(),
        segments.next(),
        segments.next(),
        segments.next(),
    ];
    match parts {
        [Some("info"), None, ..] => Some(Target::Info),
        [Some("websocket"), None, ..] => Some(Target::RawWebSocket),
        [Some(segment), None, ..] if is_iframe(segment) => Some(Target::Iframe),
        [Some(server), Some(session), Some(endpoint), None] => {
            let is_id = |segment: &str| {
                !segment.is_empty() && segment.len() <= max_id_length && !segment.contains('.')
            };
            let endpoint = Endpoint::from_segment(endpoint)?;
            (is_id(server) && is_id(session)).then_some(Target::Session { session, endpoint })
        }
        _ => None,
    }
}

/// The methods that `target` answers, as the `Allow` header of a 405 lists them.
pub fn allow(target: Target<'_>) -> &'static str {
    match target {
        Target::Greeting | Target::Iframe | Target::RawWebSocket => "GET",
        Target::Info => "OPTIONS, GET",
        Target::Session { endpoint, .. } => match endpoint {
            Endpoint::WebSocket | Endpoint::EventSource | Endpoint::HtmlFile | Endpoint::Jsonp => {
                "GET"
            }
            Endpoint::JsonpSend => "POST",
            Endpoint::Xhr | Endpoint::XhrSend | Endpoint::XhrStreaming => "POST, OPTIONS",
        },
    }
}

/// Whether `segment` is `iframe<tail>.html`; clients of SockJS 0.3 put their version in the tail.
fn is_iframe(segment: &str) -> bool {
    let tail = segment
        .strip_prefix("iframe")
        .and_then(|rest| rest.strip_suffix(".html"));
    tail.is_some_and(|tail| {
        tail.bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'z' | b'.' | b'-' | b'_'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX: usize = 128;

    fn session(session: &str, endpoint: Endpoint) -> Option<Target<'_>> {
        Some(Target::Session { session, endpoint })
    }

    #[test]
    fn matches_paths() {
        use Endpoint::*;
        #[rustfmt::skip]
        let cases = [
            // rest                      expected
            ("",                         Some(Target::Greeting)),
            ("/",                        Some(Target::Greeting)),
            ("//",                       None),
            ("///",                      None),
            ("info",                     None),
            ("x/info",                   None),
            ("/info",                    Some(Target::Info)),
            ("/info/",                   Some(Target::Info)),
            ("/info//",                  None),
            ("//info",                   None),
            ("/Info",                    None),
            ("/infos",                   None),
            ("/%69nfo",                  None),
            ("/websocket",               Some(Target::RawWebSocket)),
            ("/websocket/",              Some(Target::RawWebSocket)),
            ("/websocket//",             None),
            ("/xhr",                     None),
            ("/iframe.html",             Some(Target::Iframe)),
            ("/iframe.html/",            Some(Target::Iframe)),
            ("/iframe-0.3.4.html",       Some(Target::Iframe)),
            ("/iframe-a_b.min.html",     Some(Target::Iframe)),
            ("/iframe..html",            Some(Target::Iframe)),
            ("/iframe1.html",            Some(Target::Iframe)),
            ("/iframe.html.html",        Some(Target::Iframe)),
            ("/iframe-A.html",           None),
            ("/iframe-%30.html",         None),
            ("/iframe.htm",              None),
            ("/iframe",                  None),
            ("/iframehtml",              None),
            ("/IFRAME.HTML",             None),
            ("/IFRAME",                  None),
            ("/iframe.HTML",             None),
            ("/iframe.xml",              None),
            ("/iframe-/.html",           None),
            ("/a/b/websocket",           session("b", WebSocket)),
            ("/a/b/xhr",                 session("b", Xhr)),
            ("/a/b/xhr_send",            session("b", XhrSend)),
            ("/a/b/xhr_streaming",       session("b", XhrStreaming)),
            ("/a/b/eventsource",         session("b", EventSource)),
            ("/a/b/htmlfile",            session("b", HtmlFile)),
            ("/a/b/jsonp",               session("b", Jsonp)),
            ("/a/b/jsonp_send",          session("b", JsonpSend)),
            ("/a/b/xhr/",                session("b", Xhr)),
            ("/a/b/xhr//",               None),
            ("/a/b/XHR",                 None),
            ("/a/b/xhr_",                None),
            ("/a/b/chunking_test",       None),
            ("/a/b/",                    None),
            ("/a/b",                     None),
            ("/a/b/c/xhr",               None),
            ("/a/b/xhr/c",               None),
            ("//xhr",                    None),
            ("/a/xhr",                   None),
            ("//a/xhr",                  None),
            ("/a//xhr",                  None),
            ("///xhr",                   None),
            ("/a./a/xhr",                None),
            ("/a/a./xhr",                None),
            ("/./a/xhr",                 None),
            ("/a/../xhr",                None),
            ("/./.",                     None),
            ("/_/_/xhr",                 session("_", Xhr)),
            ("/000/a%2Fb/xhr",           session("a%2Fb", Xhr)),
            ("/000/a%2Eb/xhr",           session("a%2Eb", Xhr)),
            ("/a%2Fb/a%20b/xhr",         session("a%20b", Xhr)),
            ("/000/__proto__/xhr",       session("__proto__", Xhr)),
            ("/info/info/xhr",           session("info", Xhr)),
            ("/é/ü/xhr",                 session("ü", Xhr)),
        ];
        for (rest, expected) in cases {
            assert_eq!(parse_path(rest, MAX), expected, "{rest}");
        }
    }

    #[test]
    fn ids_are_limited_in_length() {
        for (server, id, is_matched) in [
            (1, MAX - 1, true),
            (1, MAX, true),
            (1, MAX + 1, false),
            (MAX, 1, true),
            (MAX + 1, 1, false),
        ] {
            let path = format!("/{}/{}/xhr", "s".repeat(server), "i".repeat(id));
            assert_eq!(
                parse_path(&path, MAX).is_some(),
                is_matched,
                "{server}, {id}"
            );
        }
    }

    #[test]
    fn lists_the_methods_of_each_target() {
        #[rustfmt::skip]
        let cases = [
            // rest                 expected
            ("",                    "GET"),
            ("/info",               "OPTIONS, GET"),
            ("/iframe.html",        "GET"),
            ("/websocket",          "GET"),
            ("/a/b/websocket",      "GET"),
            ("/a/b/xhr",            "POST, OPTIONS"),
            ("/a/b/xhr_send",       "POST, OPTIONS"),
            ("/a/b/xhr_streaming",  "POST, OPTIONS"),
            ("/a/b/eventsource",    "GET"),
            ("/a/b/htmlfile",       "GET"),
            ("/a/b/jsonp",          "GET"),
            ("/a/b/jsonp_send",     "POST"),
        ];
        for (rest, expected) in cases {
            assert_eq!(parse_path(rest, MAX).map(allow), Some(expected), "{rest}");
        }
    }
}
