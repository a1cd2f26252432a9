//! What all requests of one session have in common.

use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, Method, Request,
    header::{CONTENT_ENCODING, CONTENT_TYPE, COOKIE},
    response::Parts,
};
use http_body_util::Full;

use super::{Client, Error, Response, Violation, client::cookie_header, engineio, host::Exchange};
use crate::Transport;

#[derive(Debug)]
pub(super) struct Visit {
    pub(super) client: Client,
    pub(super) transport: Transport,
    /// The mount's path.
    pub(super) path: String,
    pub(super) mount: Mount,
    query: String,
    pub(super) id: String,
    pub(super) headers: HeaderMap,
    pub(super) cookies: Vec<(String, String)>,
    heads: Mutex<Heads>,
}

/// What a mount speaks.
#[derive(Clone, Copy, Debug)]
pub(super) enum Mount {
    SockJs,
    /// The transport itself, without a protocol.
    Plain,
    EngineIo(engineio::Options),
}

impl Mount {
    pub(super) fn is_plain(self) -> bool {
        matches!(self, Self::Plain)
    }
}

/// The heads of answers so far.
#[derive(Debug, Default)]
pub(super) struct Heads {
    pub(super) opening: Option<Response>,
    pub(super) received: Option<Response>,
    pub(super) sent: Option<Response>,
}

impl Visit {
    pub(super) fn new(client: Client, path: &str, query: &str, id: String) -> Self {
        Self {
            client,
            transport: Transport::WebSocket,
            path: path.into(),
            mount: Mount::SockJs,
            query: query.into(),
            id,
            headers: HeaderMap::new(),
            cookies: Vec::new(),
            heads: Mutex::default(),
        }
    }

    pub(super) fn add_query(&mut self, field: &str) {
        if !self.query.is_empty() {
            self.query.push('&');
        }
        self.query.push_str(field);
    }

    /// A place below the mount.
    pub(super) fn in_mount(&self, endpoint: &str) -> String {
        format!("{}{endpoint}", self.path.trim_end_matches('/'))
    }

    /// A place below the SockJS mount that belongs to this session.
    pub(super) fn in_session(&self, endpoint: &str) -> String {
        self.in_mount(&format!("/000/{}{endpoint}", self.id))
    }

    /// A request for a path, with a field before the session's query.
    pub(super) fn request(
        &self,
        method: Method,
        path: &str,
        field: Option<String>,
    ) -> Request<Full<Bytes>> {
        let query: Vec<_> = field
            .into_iter()
            .chain((!self.query.is_empty()).then(|| self.query.clone()))
            .collect();
        let target = if query.is_empty() {
            path.to_owned()
        } else {
            format!("{path}?{}", query.join("&"))
        };
        let target: http::uri::PathAndQuery = target
            .parse()
            .unwrap_or_else(|_| panic!("{target:?} cannot stand in a request"));
        let mut headers = self.headers.clone();
        // A session may have its own header of this name.
        if !headers.contains_key(COOKIE) {
            let mut cookies = self.cookies.clone();
            let kept = self.client.cookies_for(target.path());
            let others = kept
                .into_iter()
                .filter(|(name, _)| self.cookies.iter().all(|(own, _)| own != name));
            cookies.extend(others);
            if let Some(cookies) = cookie_header(&cookies) {
                headers.insert(COOKIE, cookies);
            }
        }
        self.client.prepare(method, target, headers)
    }

    /// The whole answer, as the error that ends a session.
    pub(super) async fn refused(&self, exchange: Exchange) -> Error {
        match self.client.whole(exchange).await {
            Ok(response) => Error::Refused(Box::new(response)),
            Err(error) => error,
        }
    }

    /// Notes the head of an answer that receives; the first is the one that opened the session.
    pub(super) fn note_received(&self, head: &Parts) {
        let response = Response::head(head);
        let mut heads = self.heads();
        heads.opening.get_or_insert_with(|| response.clone());
        heads.received = Some(response);
    }

    pub(super) fn note_sent(&self, response: &Response) {
        self.heads().sent = Some(response.clone());
    }

    pub(super) fn heads(&self) -> MutexGuard<'_, Heads> {
        self.heads.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Checks what an answer says its body is.
pub(super) fn check_content(head: &HeaderMap, expected: &str) -> Result<(), Violation> {
    let got = text_of(head, &CONTENT_TYPE);
    let plain = |text: &str| text.replace(' ', "");
    if got.as_deref().map(plain) != Some(plain(expected)) {
        return Err(Violation::Header {
            name: "content-type",
            expected: Some(expected.into()),
            got,
        });
    }
    check_absent(head, &CONTENT_ENCODING, "content-encoding")
}

/// Checks that an answer does not have what nobody asked for.
pub(super) fn check_absent(
    head: &HeaderMap,
    header: &HeaderName,
    name: &'static str,
) -> Result<(), Violation> {
    match text_of(head, header) {
        None => Ok(()),
        got => Err(Violation::Header {
            name,
            expected: None,
            got,
        }),
    }
}

/// All values of a header, as one text.
pub(super) fn text_of(head: &HeaderMap, name: &HeaderName) -> Option<String> {
    let values: Vec<_> = head
        .get_all(name)
        .iter()
        .map(|value| String::from_utf8_lossy(value.as_bytes()))
        .collect();
    (!values.is_empty()).then(|| values.join(", "))
}
