//! An ordinary route, asked for over kept-alive connections.

use std::net::SocketAddr;

use super::{
    Load,
    http::{self, Reader},
    net::{Net, Scenario},
};
use crate::Result;

/// GET `/hello`, one request in flight on each connection.
#[derive(Debug)]
pub struct Route {
    address: SocketAddr,
    readers: Vec<Reader>,
    request: Vec<u8>,
    count: u64,
}

impl Route {
    /// `connections` of them.
    pub fn new(address: SocketAddr, connections: usize) -> Self {
        let readers = (0..connections).map(|_| Reader::default()).collect();
        Self {
            address,
            readers,
            request: http::get("/hello"),
            count: 0,
        }
    }
}

impl Scenario for Route {
    fn on_bytes(&mut self, net: &mut Net, connection: usize, input: &[u8]) -> Result<usize> {
        let reader = &mut self.readers[connection];
        let used = reader.feed(input)?;
        if reader.is_done() {
            if reader.status() != 200 || reader.body() != b"hello" {
                return Err(format!("status {} for /hello", reader.status()).into());
            }
            reader.reset();
            self.count += 1;
            net.send(connection, &self.request);
        }
        Ok(used)
    }

    fn on_closed(&mut self, _: &mut Net, _: usize) -> Result<()> {
        Err("the server closed a connection".into())
    }
}

impl Load for Route {
    fn open(&mut self, _: &mut Net) -> Result<()> {
        Ok(())
    }

    fn is_ready(&self) -> bool {
        true
    }

    fn start(&mut self, net: &mut Net) -> Result<()> {
        for _ in 0..self.readers.len() {
            let connection = net.connect(self.address)?;
            net.send(connection, &self.request);
        }
        Ok(())
    }

    fn count(&self) -> u64 {
        self.count
    }
}
