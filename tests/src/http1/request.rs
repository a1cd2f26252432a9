//! Requests, written exactly as asked.

/// A request head with perhaps a body.
#[derive(Clone, Debug)]
pub struct Request {
    method: String,
    target: Vec<u8>,
    version: &'static str,
    host: Option<String>,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
}

impl Request {
    /// A request without a body, and without a word about its length.
    pub fn new(method: &str, target: impl AsRef<[u8]>) -> Self {
        Self {
            method: method.to_owned(),
            target: target.as_ref().to_owned(),
            version: "HTTP/1.1",
            host: Some("sockeye.test".to_owned()),
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    /// A GET.
    pub fn get(target: impl AsRef<[u8]>) -> Self {
        Self::new("GET", target)
    }

    /// A POST with an empty body, as a browser sends it.
    pub fn post(target: impl AsRef<[u8]>) -> Self {
        Self::new("POST", target).body("")
    }

    /// Any method, with an empty body where a POST or PUT would carry one.
    pub fn any(method: &str, target: impl AsRef<[u8]>) -> Self {
        let request = Self::new(method, target);
        if matches!(method, "POST" | "PUT" | "PATCH") {
            request.body("")
        } else {
            request
        }
    }

    /// Adds a header.
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers
            .push((name.to_owned(), value.as_ref().to_owned()));
        self
    }

    /// Replaces the Host, or leaves it out.
    pub fn host(mut self, host: Option<&str>) -> Self {
        self.host = host.map(str::to_owned);
        self
    }

    /// Speaks HTTP/1.0.
    pub fn http_1_0(mut self) -> Self {
        self.version = "HTTP/1.0";
        self
    }

    /// A body with its length.
    pub fn body(mut self, body: impl AsRef<[u8]>) -> Self {
        self.body = body.as_ref().to_owned();
        self.headers.retain(|(name, _)| name != "Content-Length");
        let length = self.body.len().to_string();
        self.header("Content-Length", length)
    }

    /// A body in chunks, one per part; its length is told nowhere.
    pub fn chunked<P: AsRef<[u8]>>(mut self, parts: impl IntoIterator<Item = P>) -> Self {
        self.body.clear();
        for part in parts {
            self.body.extend(chunk(part.as_ref()));
        }
        self.body.extend_from_slice(b"0\r\n\r\n");
        self.header("Transfer-Encoding", "chunked")
    }

    /// The request's method.
    pub fn method(&self) -> &str {
        &self.method
    }

    /// The bytes on the wire.
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(256 + self.body.len());
        for part in [
            self.method.as_bytes(),
            b" ",
            &self.target,
            b" ",
            self.version.as_bytes(),
            b"\r\n",
        ] {
            bytes.extend_from_slice(part);
        }
        if let Some(host) = &self.host {
            bytes.extend_from_slice(format!("Host: {host}\r\n").as_bytes());
        }
        for (name, value) in &self.headers {
            bytes.extend_from_slice(name.as_bytes());
            bytes.extend_from_slice(b": ");
            bytes.extend_from_slice(value);
            bytes.extend_from_slice(b"\r\n");
        }
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(&self.body);
        bytes
    }
}

/// One chunk of a chunked body, as it stands on the wire.
pub fn chunk(part: &[u8]) -> Vec<u8> {
    let mut bytes = format!("{:x}\r\n", part.len()).into_bytes();
    bytes.extend_from_slice(part);
    bytes.extend_from_slice(b"\r\n");
    bytes
}
