//! The command line.

use std::{net::SocketAddr, time::Duration};

use sockeye::Origins;

/// What a wrong command line is answered with.
pub(crate) const USAGE: &str = "\
usage: example-rooms [--listen ADDRESS:PORT] [--heartbeat SECONDS] [--allow-origin ORIGIN]...

  --listen ADDRESS:PORT   where to listen; port 0 picks a free one [127.0.0.1:3000]
  --heartbeat SECONDS     time between heartbeats [25]
  --allow-origin ORIGIN   lets the pages of another origin in, such as http://localhost:5173";

/// What the command line asks for.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) listen: SocketAddr,
    pub(crate) heartbeat: Duration,
    allowed: Vec<String>,
}

impl Options {
    pub(crate) fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 3000)),
            heartbeat: Duration::from_secs(25),
            allowed: Vec::new(),
        };
        while let Some(option) = arguments.next() {
            let mut value = || arguments.next().ok_or(format!("{option} needs a value"));
            match option.as_str() {
                "--listen" => {
                    let value = value()?;
                    options.listen = value
                        .parse()
                        .map_err(|_| format!("{value} is not an address with a port"))?;
                }
                "--heartbeat" => {
                    let value = value()?;
                    let seconds: Option<u64> = value.parse().ok().filter(|&seconds| seconds > 0);
                    let seconds = seconds.ok_or(format!("{value} is not a number of seconds"))?;
                    options.heartbeat = Duration::from_secs(seconds);
                }
                "--allow-origin" => options.allowed.push(value()?),
                other => return Err(format!("{other} is not an option")),
            }
        }
        Ok(options)
    }

    /// Whose pages are let in.
    pub(crate) fn origins(&self) -> Origins {
        if self.allowed.is_empty() {
            Origins::SameOrigin
        } else {
            Origins::from(self.allowed.clone())
        }
    }
}
