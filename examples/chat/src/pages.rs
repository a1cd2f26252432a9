//! The page and what it loads, all from this server: the chat works without internet.

use std::io;

use bytes::Bytes;
use http::{
    HeaderValue, Response,
    header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS},
};

/// Where the page and SockJS's iframe page find the client: both must run the very same version.
pub(crate) const SOCKJS_PATH: &str = "/assets/sockjs.min.js";

/// Where npm puts Socket.IO's clients. Its mount serves them.
pub(crate) const SOCKETIO_FOLDER: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/node_modules/socket.io-client/dist"
);

const SOCKJS_FILE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/node_modules/sockjs-client/dist/sockjs.min.js"
);

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JAVASCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

/// Everything comes from here; the frames are the ones SockJS's legacy transports need.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self' ws: wss:; \
                      frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Adds to an error what installs the clients.
pub(crate) fn with_advice(error: io::Error) -> io::Error {
    let advice = "`cargo xtask chat` installs it, and so does `npm ci` in examples/chat";
    io::Error::new(error.kind(), format!("{error}; {advice}"))
}

/// Something that the page consists of.
#[derive(Clone)]
pub(crate) struct Asset {
    pub(crate) path: &'static str,
    content_type: &'static str,
    body: Bytes,
}

/// The page and its assets.
///
/// # Errors
///
/// When npm has not installed sockjs-client; the message says what does.
pub(crate) fn assets() -> io::Result<Vec<Asset>> {
    let sockjs = std::fs::read(SOCKJS_FILE).map_err(|error| {
        let message = format!("cannot read {SOCKJS_FILE}: {error}");
        with_advice(io::Error::new(error.kind(), message))
    })?;
    let file = |path, content_type, text: &'static str| Asset {
        path,
        content_type,
        body: Bytes::from_static(text.as_bytes()),
    };
    Ok(vec![
        file("/", HTML, include_str!("../assets/index.html")),
        file("/assets/chat.css", CSS, include_str!("../assets/chat.css")),
        file(
            "/assets/chat.js",
            JAVASCRIPT,
            include_str!("../assets/chat.js"),
        ),
        file(
            "/assets/connection.js",
            JAVASCRIPT,
            include_str!("../assets/connection.js"),
        ),
        file(
            "/assets/protocols.js",
            JAVASCRIPT,
            include_str!("../assets/protocols.js"),
        ),
        file(
            "/assets/view.js",
            JAVASCRIPT,
            include_str!("../assets/view.js"),
        ),
        file("/assets/icon.svg", SVG, include_str!("../assets/icon.svg")),
        Asset {
            path: SOCKJS_PATH,
            content_type: JAVASCRIPT,
            body: sockjs.into(),
        },
    ])
}

impl Asset {
    /// The answer to who asks for it.
    pub(crate) fn response<B: From<Bytes>>(self) -> Response<B> {
        let mut response = Response::new(B::from(self.body));
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        // No validators: a page that is edited and rebuilt is seen at the next reload.
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        if self.content_type == HTML {
            headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
        }
        response
    }
}
