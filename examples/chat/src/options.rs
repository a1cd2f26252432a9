//! The command line.

use std::net::SocketAddr;

/// What `--help` prints.
pub(crate) const USAGE: &str = "\
usage: example-chat [--listen ADDRESS:PORT] [--host axum|warp]

  --listen ADDRESS:PORT   where to listen; port 0 picks a free one [127.0.0.1:3000]
                          0.0.0.0:3000 lets phones on your network in
  --host axum|warp        the framework that the chat is mounted in [axum]";

/// What the command line asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    pub(crate) listen: SocketAddr,
    pub(crate) host: Host,
}

/// The framework that the chat is mounted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Host {
    Axum,
    Warp,
}

impl Options {
    pub(crate) fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 3000)),
            host: Host::Axum,
        };
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--listen" => {
                    let value = arguments.next().ok_or("--listen needs an address")?;
                    options.listen = value
                        .parse()
                        .map_err(|_| format!("{value} is not an address with a port"))?;
                }
                "--host" => {
                    options.host = match arguments.next().as_deref() {
                        Some("axum") => Host::Axum,
                        Some("warp") => Host::Warp,
                        _ => return Err("--host needs axum or warp".into()),
                    };
                }
                other => return Err(format!("{other} is not an option")),
            }
        }
        Ok(options)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Options, String> {
        Options::parse(arguments.iter().map(ToString::to_string))
    }

    #[test]
    fn listens_where_it_is_told_to() {
        assert_eq!(parse(&[]).map(|options| options.listen.port()), Ok(3000));
        assert_eq!(
            parse(&["--listen", "0.0.0.0:8080"]).map(|options| options.listen.to_string()),
            Ok("0.0.0.0:8080".into())
        );
    }

    #[test]
    fn is_mounted_where_it_is_told_to() {
        assert_eq!(parse(&[]).map(|options| options.host), Ok(Host::Axum));
        let options = parse(&["--host", "warp"]);
        assert_eq!(options.map(|options| options.host), Ok(Host::Warp));
    }

    #[test]
    fn refuses_what_it_does_not_know() {
        for arguments in [
            &["--listen"][..],
            &["--listen", "here"],
            &["--port", "1"],
            &["--host"],
            &["--host", "rocket"],
        ] {
            assert!(parse(arguments).is_err(), "{arguments:?}");
        }
    }
}
