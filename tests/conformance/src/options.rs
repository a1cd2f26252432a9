//! The command line.

use std::{ffi::OsString, fmt, net::SocketAddr, str::FromStr, time::Duration};

use lexopt::{Arg, Parser, ValueExt};

/// What the command line asks for.
#[derive(Debug)]
pub(crate) struct Options {
    /// Where to listen; port 0 picks a free one.
    pub(crate) listen: SocketAddr,
    /// Which framework hosts the mounts.
    pub(crate) stack: Stack,
    /// SockJS heartbeat interval.
    pub(crate) heartbeat: Duration,
    /// SockJS disconnect delay.
    pub(crate) disconnect: Duration,
    /// The origins to let in; `None` lets any in.
    pub(crate) allowed_origins: Option<Vec<String>>,
    /// The script in the iframe page.
    pub(crate) sockjs_url: String,
    /// Engine.IO heartbeat interval.
    pub(crate) ping_interval: Duration,
    /// How long the answer to an Engine.IO heartbeat may take.
    pub(crate) ping_timeout: Duration,
    /// Whether `/engine.io/` and `/socket.io/` take what their default options refuse.
    pub(crate) permissive: bool,
    /// This node's name among others.
    pub(crate) node_id: String,
}

/// A framework that hosts the mounts.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Stack {
    /// An axum `Router`.
    Axum,
    /// Layers over a plain `tower::Service`.
    Tower,
    /// Filters, as `warp::service`.
    Warp,
}

impl Options {
    /// Reads the arguments, the program's name first.
    pub(crate) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, Error> {
        let mut options = Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            stack: Stack::Axum,
            heartbeat: Duration::from_millis(25_000),
            disconnect: Duration::from_millis(5_000),
            allowed_origins: None,
            sockjs_url: DEFAULT_SOCKJS_URL.into(),
            ping_interval: Duration::from_millis(300),
            ping_timeout: Duration::from_millis(200),
            permissive: false,
            node_id: random_name(),
        };
        let mut parser = Parser::from_iter(arguments);
        while let Some(argument) = parser.next()? {
            let Arg::Long(name) = argument else {
                return Err(argument.unexpected().into());
            };
            let name = name.to_owned();
            match name.as_str() {
                "listen" => options.listen = value(&mut parser)?,
                "stack" => options.stack = value(&mut parser)?,
                "heartbeat-ms" => options.heartbeat = milliseconds(&mut parser, &name)?,
                "disconnect-ms" => options.disconnect = milliseconds(&mut parser, &name)?,
                "allowed-origins" => options.allowed_origins = Some(origins(&mut parser)?),
                "sockjs-url" => options.sockjs_url = script_url(&mut parser)?,
                "ping-interval-ms" => options.ping_interval = milliseconds(&mut parser, &name)?,
                "ping-timeout-ms" => options.ping_timeout = milliseconds(&mut parser, &name)?,
                "permissive" => options.permissive = true,
                "node-id" => options.node_id = value(&mut parser)?,
                "redis" | "adapter" | "metrics" => return Err(Error::NotBuilt(name)),
                _ => return Err(Error::Unknown(name)),
            }
        }
        Ok(options)
    }
}

impl FromStr for Stack {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text {
            "axum" => Ok(Self::Axum),
            "tower" => Ok(Self::Tower),
            "warp" => Ok(Self::Warp),
            _ => Err(Error::Value {
                option: "stack".into(),
                want: "axum, tower or warp",
            }),
        }
    }
}

/// Why the command line was refused.
#[derive(Debug)]
pub(crate) enum Error {
    /// Not an option of this program, or not one that stands here.
    Syntax(lexopt::Error),
    /// No option has this name.
    Unknown(String),
    /// An option whose part of sockeye does not exist yet.
    NotBuilt(String),
    /// A value that means nothing to its option.
    Value { option: String, want: &'static str },
}

impl From<lexopt::Error> for Error {
    fn from(error: lexopt::Error) -> Self {
        Self::Syntax(error)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax(error) => error.fmt(f),
            Self::Unknown(option) => write!(f, "unknown option --{option}"),
            Self::NotBuilt(option) => write!(f, "--{option} is not built yet"),
            Self::Value { option, want } => write!(f, "--{option} wants {want}"),
        }
    }
}

impl std::error::Error for Error {}

fn value<T>(parser: &mut Parser) -> Result<T, Error>
where
    T: FromStr,
    T::Err: Into<Box<dyn std::error::Error + Send + Sync + 'static>>,
{
    Ok(parser.value()?.parse()?)
}

/// A timer of at least one millisecond.
fn milliseconds(parser: &mut Parser, option: &str) -> Result<Duration, Error> {
    match value(parser)? {
        0 => Err(Error::Value {
            option: option.into(),
            want: "at least 1 millisecond",
        }),
        milliseconds => Ok(Duration::from_millis(milliseconds)),
    }
}

/// A comma-separated list of origins, each a scheme, a host and perhaps a port.
fn origins(parser: &mut Parser) -> Result<Vec<String>, Error> {
    let list: String = value(parser)?;
    let origins: Vec<String> = list
        .split(',')
        .map(|origin| origin.trim().to_owned())
        .collect();
    let is_origin = |text: &String| {
        text.parse::<http::Uri>().is_ok_and(|uri| {
            uri.scheme().is_some()
                && uri.authority().is_some()
                && !text.ends_with('/')
                && uri.path() == "/"
        })
    };
    if origins.iter().all(is_origin) {
        Ok(origins)
    } else {
        Err(Error::Value {
            option: "allowed-origins".into(),
            want: "origins such as https://example.com, separated by commas",
        })
    }
}

/// A name that no other node has.
fn random_name() -> String {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    format!("{:016x}", u64::from_be_bytes(bytes))
}

fn script_url(parser: &mut Parser) -> Result<String, Error> {
    let url: String = value(parser)?;
    if url.starts_with('/') || url.starts_with("http") {
        Ok(url)
    } else {
        Err(Error::Value {
            option: "sockjs-url".into(),
            want: "an address that starts with / or http",
        })
    }
}

const DEFAULT_SOCKJS_URL: &str =
    "https://cdn.jsdelivr.net/npm/sockjs-client@1.6.1/dist/sockjs.min.js";
