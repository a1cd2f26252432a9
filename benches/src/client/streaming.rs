//! SockJS over xhr_streaming: messages come down one long response, and go up by xhr_send.

use std::net::SocketAddr;

use super::{
    Load,
    echo::text,
    framing::Framing,
    http::{self, Reader},
    net::{Net, Scenario},
    session_path,
};
use crate::Result;

/// Sessions with one message in flight each. A response that reached its limit is opened anew.
#[derive(Debug)]
pub struct Streaming {
    address: SocketAddr,
    sessions: Vec<Session>,
    /// By connection: the session, and whether this is its stream.
    roles: Vec<(usize, bool)>,
    readers: Vec<Reader>,
    text: Vec<u8>,
    ready: usize,
    count: u64,
    reopened: u64,
}

#[derive(Debug)]
struct Session {
    stream_connection: usize,
    send_connection: usize,
    stream: Vec<u8>,
    send: Vec<u8>,
    open: bool,
    received: bool,
    accepted: bool,
}

impl Streaming {
    /// `sessions` on `/echo`, with messages of `size` bytes.
    pub fn new(address: SocketAddr, sessions: usize, size: usize) -> Self {
        let text = text(size);
        let body = Framing::SockJs.message(&text);
        let sessions = (0..sessions).map(|_| {
            let path = format!("/echo/{}", session_path());
            Session {
                stream_connection: 0,
                send_connection: 0,
                stream: http::post(&format!("{path}/xhr_streaming"), b""),
                send: http::post(&format!("{path}/xhr_send"), &body),
                open: false,
                received: false,
                accepted: false,
            }
        });
        Self {
            address,
            sessions: sessions.collect(),
            roles: Vec::new(),
            readers: Vec::new(),
            text,
            ready: 0,
            count: 0,
            reopened: 0,
        }
    }

    /// How many responses reached their limit.
    pub fn reopened(&self) -> u64 {
        self.reopened
    }

    fn connect(&mut self, net: &mut Net, session: usize, streams: bool) -> Result<usize> {
        let connection = net.connect(self.address)?;
        if self.roles.len() <= connection {
            self.roles.resize(connection + 1, (0, false));
            self.readers.resize_with(connection + 1, Reader::default);
        }
        self.roles[connection] = (session, streams);
        Ok(connection)
    }

    fn streamed(&mut self, index: usize, body: &mut Vec<u8>) -> Result<()> {
        let session = &mut self.sessions[index];
        let mut used = 0;
        while let Some(end) = body[used..].iter().position(|byte| *byte == b'\n') {
            let line = &body[used..used + end];
            used += end + 1;
            match line {
                [b'h', ..] => {}
                b"o" if !session.open => {
                    session.open = true;
                    self.ready += 1;
                }
                line if session.open && !session.received => {
                    session.received = Framing::SockJs.count_messages(line, &self.text)? == 1;
                }
                _ => return Err("a frame that was not due".into()),
            }
        }
        body.drain(..used);
        Ok(())
    }

    fn advance(&mut self, net: &mut Net, index: usize) {
        let session = &mut self.sessions[index];
        if session.received && session.accepted {
            (session.received, session.accepted) = (false, false);
            self.count += 1;
            net.send(session.send_connection, &session.send);
        }
    }
}

impl Scenario for Streaming {
    fn on_bytes(&mut self, net: &mut Net, connection: usize, input: &[u8]) -> Result<usize> {
        let mut reader = std::mem::take(&mut self.readers[connection]);
        let mut used = 0;
        let (index, streams) = self.roles[connection];
        loop {
            let n = reader.feed(&input[used..])?;
            used += n;
            match (streams, reader.status()) {
                (_, 0) => {}
                (true, 200) => self.streamed(index, reader.body())?,
                (false, 204) => {}
                (_, status) => return Err(format!("status {status}").into()),
            }
            if !reader.is_done() {
                break;
            }
            reader.reset();
            if streams {
                self.reopened += 1;
                net.send(connection, &self.sessions[index].stream);
            } else {
                self.sessions[index].accepted = true;
            }
        }
        self.readers[connection] = reader;
        self.advance(net, index);
        Ok(used)
    }

    fn on_closed(&mut self, _: &mut Net, _: usize) -> Result<()> {
        Err("the server closed a connection".into())
    }
}

impl Load for Streaming {
    fn open(&mut self, net: &mut Net) -> Result<()> {
        for index in 0..self.sessions.len() {
            let stream_connection = self.connect(net, index, true)?;
            let send_connection = self.connect(net, index, false)?;
            let session = &mut self.sessions[index];
            session.stream_connection = stream_connection;
            session.send_connection = send_connection;
            net.send(stream_connection, &session.stream);
        }
        Ok(())
    }

    fn is_ready(&self) -> bool {
        self.ready == self.sessions.len()
    }

    fn start(&mut self, net: &mut Net) -> Result<()> {
        for session in &self.sessions {
            net.send(session.send_connection, &session.send);
        }
        Ok(())
    }

    fn count(&self) -> u64 {
        self.count
    }
}
