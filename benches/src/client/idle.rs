//! Streaming responses that were opened and then carry nothing.

use std::net::SocketAddr;

use super::{
    OPENING,
    http::{self, Reader},
    net::{Net, Scenario},
    session_path,
};
use crate::Result;

/// xhr_streaming sessions that got prelude and `o`, and wait.
#[derive(Debug)]
pub struct IdleStreams {
    address: SocketAddr,
    wanted: usize,
    opened: usize,
    ready: usize,
    readers: Vec<Reader>,
}

impl IdleStreams {
    /// `wanted` sessions on `/echo`.
    pub fn new(address: SocketAddr, wanted: usize) -> Self {
        Self {
            address,
            wanted,
            opened: 0,
            ready: 0,
            readers: Vec::new(),
        }
    }

    /// Starts opening.
    pub fn open(&mut self, net: &mut Net) -> Result<()> {
        (0..OPENING).try_for_each(|_| self.open_one(net))
    }

    /// Whether all are open.
    pub fn is_ready(&self) -> bool {
        self.ready == self.wanted
    }

    fn open_one(&mut self, net: &mut Net) -> Result<()> {
        if self.opened == self.wanted {
            return Ok(());
        }
        self.opened += 1;
        let path = format!("/echo/{}/xhr_streaming", session_path());
        let connection = net.connect(self.address)?;
        if self.readers.len() <= connection {
            self.readers.resize_with(connection + 1, Reader::default);
        }
        net.send(connection, &http::post(&path, b""));
        Ok(())
    }
}

impl Scenario for IdleStreams {
    fn on_bytes(&mut self, net: &mut Net, connection: usize, input: &[u8]) -> Result<usize> {
        let reader = &mut self.readers[connection];
        let used = reader.feed(input)?;
        if reader.is_done() || !matches!(reader.status(), 0 | 200) {
            return Err(format!("a stream ended with status {}", reader.status()).into());
        }
        if reader.body().ends_with(b"\no\n") {
            // Gives the prelude's memory back; heartbeats may still follow.
            *reader.body() = Vec::new();
            self.ready += 1;
            self.open_one(net)?;
        }
        Ok(used)
    }

    fn on_closed(&mut self, _: &mut Net, _: usize) -> Result<()> {
        Err("the server closed a stream".into())
    }
}
