//! What a client came with.

use std::{net::SocketAddr, sync::Arc, time::SystemTime};

use http::HeaderMap;
use serde::de::DeserializeOwned;
use sockeye_core::{
    Text,
    engineio::Query,
    socketio::{Data, Value},
};
use sockeye_tower::Request;

use crate::{DataError, client::Shared as Client};

/// The first request of a client's session, and the auth payload of one of its sockets.
///
/// It does not change when the session moves to another transport.
///
/// # Example
///
/// ```
/// # use sockeye_socketio::{Handshake, SocketIo};
/// # let io = SocketIo::new();
/// io.of("/").on_connect(async |handshake: Handshake| {
///     println!("from {:?}", handshake.address());
///     println!("with {:?}", handshake.header("user-agent"));
///     println!("for {:?}", handshake.parameter("room")); // the client's `query: { room: .. }`
/// });
/// ```
#[derive(Clone, Debug)]
pub struct Handshake {
    client: Arc<Client>,
    request: Arc<Request>,
    auth: Option<Data>,
}

impl Handshake {
    pub(crate) fn new(client: Arc<Client>, auth: Option<Data>) -> Self {
        let request = client.sender().request();
        Self {
            client,
            request,
            auth,
        }
    }

    /// The auth payload, deserialized; an empty object if there is none.
    ///
    /// # Errors
    ///
    /// When it is not of that type.
    pub fn auth<T: DeserializeOwned>(&self) -> Result<T, DataError> {
        match &self.auth {
            Some(auth) => auth.deserialize(),
            None => Data::from_value(Value::Object(Vec::new())).deserialize(),
        }
    }

    /// The request: peer address, extensions, cookies.
    pub fn request(&self) -> &Request {
        &self.request
    }

    /// The request's headers.
    pub fn headers(&self) -> HeaderMap {
        self.request.headers()
    }

    /// The first value of a header, if it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        std::str::from_utf8(self.request.header(name)?).ok()
    }

    /// Path and query of the request.
    pub fn url(&self) -> &str {
        self.request.uri()
    }

    /// The parameters of the query, in order.
    pub fn query(&self) -> Vec<(String, String)> {
        let query = Query::parse(self.query_text());
        let pairs = query.pairs();
        pairs
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect()
    }

    /// A parameter of the query; the last one of that name.
    pub fn parameter(&self, name: &str) -> Option<String> {
        let query = Query::parse(self.query_text());
        query.get(name).map(|value| value.into_owned())
    }

    /// The client's address, as far as it is known and trusted.
    pub fn address(&self) -> Option<SocketAddr> {
        self.request.peer_address()
    }

    /// Whether the request came encrypted.
    pub fn is_secure(&self) -> bool {
        self.request.is_secure()
    }

    /// Whether the request named an origin, as browsers do for other sites' pages.
    pub fn is_cross_domain(&self) -> bool {
        self.request.header("origin").is_some()
    }

    /// When the session began.
    pub fn issued(&self) -> SystemTime {
        self.client.issued()
    }

    /// As an object, in the form that Node's adapters use between servers.
    pub fn to_value(&self) -> Value {
        let text = |text: &str| Value::from(text);
        let mut headers: Vec<(Text, Value)> = Vec::new();
        for (name, value) in &self.headers() {
            let value = String::from_utf8_lossy(value.as_bytes());
            match headers
                .iter_mut()
                .find(|(found, _)| *found == name.as_str())
            {
                // As Node joins them.
                Some((_, Value::String(found))) => *found = Text::from(format!("{found}, {value}")),
                _ => headers.push((Text::from(name.as_str()), text(&value))),
            }
        }
        let mut query: Vec<(Text, Value)> = Vec::new();
        for (name, value) in self.query() {
            query.retain(|(found, _)| *found != name.as_str());
            query.push((name.into(), text(&value)));
        }
        let issued = self.issued().duration_since(SystemTime::UNIX_EPOCH);
        let issued = issued.map_or(0, |since| since.as_millis());
        let issued = u64::try_from(issued).unwrap_or(u64::MAX);
        let address = self
            .address()
            .map_or_else(String::new, |it| it.ip().to_string());
        let auth = crate::dynamic::auth_value(self.auth.as_ref());
        let field = |name: &'static str, value| (Text::from_static(name), value);
        Value::Object(vec![
            field("headers", Value::Object(headers)),
            field("time", text(&httpdate::fmt_http_date(self.issued()))),
            field("address", text(&address)),
            field("xdomain", Value::from(self.is_cross_domain())),
            field("secure", Value::from(self.is_secure())),
            field("issued", Value::from(issued)),
            field("url", text(self.url())),
            field("query", Value::Object(query)),
            field("auth", auth),
        ])
    }

    fn query_text(&self) -> &str {
        let query = self.url().split_once('?');
        query.map_or("", |(_, query)| query)
    }
}
