//! Responses as they were sent.

/// A response's status line and headers.
#[derive(Clone, Debug)]
pub struct Head {
    /// Such as `HTTP/1.1`.
    pub version: String,
    /// The status code.
    pub status: u16,
    headers: Vec<(String, String)>,
}

impl Head {
    /// Reads a head, the empty line at its end left out.
    ///
    /// # Panics
    ///
    /// When it is none.
    pub fn parse(text: &str) -> Self {
        let mut lines = text.split("\r\n");
        let mut status = lines.next().unwrap_or_default().splitn(3, ' ');
        let version = status.next().unwrap_or_default();
        assert!(version.starts_with("HTTP/1."), "no HTTP/1 answer: {text:?}");
        let code = status
            .next()
            .and_then(|code| code.parse().ok())
            .unwrap_or_else(|| panic!("no status: {text:?}"));
        let headers = lines
            .map(|line| {
                let (name, value) = line
                    .split_once(':')
                    .unwrap_or_else(|| panic!("no header: {line:?}"));
                (name.to_ascii_lowercase(), value.trim().to_owned())
            })
            .collect();
        Self {
            version: version.to_owned(),
            status: code,
            headers,
        }
    }

    /// The header's value; `None` if it is absent.
    ///
    /// # Panics
    ///
    /// When it stands there twice, which no header the protocol speaks of may.
    pub fn header(&self, name: &str) -> Option<&str> {
        let all = self.all(name);
        assert!(
            all.len() <= 1,
            "{name} stands there more than once: {self:?}"
        );
        all.first().copied()
    }

    /// All values of a header that may be repeated.
    pub fn all(&self, name: &str) -> Vec<&str> {
        let name = name.to_ascii_lowercase();
        self.headers
            .iter()
            .filter(|(is, _)| *is == name)
            .map(|(_, value)| value.as_str())
            .collect()
    }

    /// Whether a comma-separated header holds a token, in whatever case.
    pub fn has_token(&self, name: &str, token: &str) -> bool {
        self.all(name).iter().any(|value| {
            value
                .split(',')
                .any(|part| part.trim().eq_ignore_ascii_case(token))
        })
    }

    /// Whether the body comes in chunks.
    pub fn is_chunked(&self) -> bool {
        self.has_token("transfer-encoding", "chunked")
    }
}

/// A whole response.
#[derive(Clone, Debug)]
pub struct Response {
    /// Status line and headers.
    pub head: Head,
    /// The body, chunks joined.
    pub body: Vec<u8>,
}

impl Response {
    /// The status code.
    pub fn status(&self) -> u16 {
        self.head.status
    }

    /// As [`Head::header`].
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.header(name)
    }

    /// The body as text.
    ///
    /// # Panics
    ///
    /// When it is not UTF-8.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap_or_else(|_| panic!("not UTF-8: {:?}", self.body))
    }
}
