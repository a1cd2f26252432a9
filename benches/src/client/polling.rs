//! SockJS over xhr: one poll and one send per echo, each on its own kept-alive connection.

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

/// Sessions that poll and send at the same time, one message in flight each.
#[derive(Debug)]
pub struct Polling {
    address: SocketAddr,
    sessions: Vec<Session>,
    /// By connection: the session, and whether this is its poll.
    roles: Vec<(usize, bool)>,
    readers: Vec<Reader>,
    text: Vec<u8>,
    ready: usize,
    count: u64,
}

#[derive(Debug)]
struct Session {
    poll_connection: usize,
    send_connection: usize,
    poll: Vec<u8>,
    send: Vec<u8>,
    open: bool,
    received: bool,
    accepted: bool,
}

impl Polling {
    /// `sessions` on `/echo`, with messages of `size` bytes.
    pub fn new(address: SocketAddr, sessions: usize, size: usize) -> Self {
        let text = text(size);
        let body = Framing::SockJs.message(&text);
        let sessions = (0..sessions).map(|_| {
            let path = format!("/echo/{}", session_path());
            Session {
                poll_connection: 0,
                send_connection: 0,
                poll: http::post(&format!("{path}/xhr"), b""),
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
        }
    }

    fn connect(&mut self, net: &mut Net, session: usize, polls: bool) -> Result<usize> {
        let connection = net.connect(self.address)?;
        if self.roles.len() <= connection {
            self.roles.resize(connection + 1, (0, false));
            self.readers.resize_with(connection + 1, Reader::default);
        }
        self.roles[connection] = (session, polls);
        Ok(connection)
    }

    fn polled(&mut self, net: &mut Net, index: usize, body: &[u8]) -> Result<()> {
        let session = &mut self.sessions[index];
        let frame = body
            .strip_suffix(b"\n")
            .ok_or("a poll's answer without line end")?;
        if !session.open {
            if frame != b"o" {
                return Err("the first answer is not `o`".into());
            }
            session.open = true;
            self.ready += 1;
            return Ok(());
        }
        match Framing::SockJs.count_messages(frame, &self.text)? {
            0 => net.send(session.poll_connection, &session.poll),
            1 => session.received = true,
            _ => return Err("more messages than were sent".into()),
        }
        Ok(())
    }

    fn advance(&mut self, net: &mut Net, index: usize) {
        let session = &mut self.sessions[index];
        if session.received && session.accepted {
            (session.received, session.accepted) = (false, false);
            self.count += 1;
            net.send(session.poll_connection, &session.poll);
            net.send(session.send_connection, &session.send);
        }
    }
}

impl Scenario for Polling {
    fn on_bytes(&mut self, net: &mut Net, connection: usize, input: &[u8]) -> Result<usize> {
        let mut reader = std::mem::take(&mut self.readers[connection]);
        let used = reader.feed(input)?;
        if reader.is_done() {
            let (index, polls) = self.roles[connection];
            match (polls, reader.status()) {
                (true, 200) => self.polled(net, index, reader.body())?,
                (false, 204) => self.sessions[index].accepted = true,
                (_, status) => return Err(format!("status {status}").into()),
            }
            reader.reset();
            self.advance(net, index);
        }
        self.readers[connection] = reader;
        Ok(used)
    }

    fn on_closed(&mut self, _: &mut Net, _: usize) -> Result<()> {
        Err("the server closed a connection".into())
    }
}

impl Load for Polling {
    fn open(&mut self, net: &mut Net) -> Result<()> {
        for index in 0..self.sessions.len() {
            let poll_connection = self.connect(net, index, true)?;
            let send_connection = self.connect(net, index, false)?;
            let session = &mut self.sessions[index];
            session.poll_connection = poll_connection;
            session.send_connection = send_connection;
            net.send(poll_connection, &session.poll);
        }
        Ok(())
    }

    fn is_ready(&self) -> bool {
        self.ready == self.sessions.len()
    }

    fn start(&mut self, net: &mut Net) -> Result<()> {
        for session in &self.sessions {
            net.send(session.poll_connection, &session.poll);
            net.send(session.send_connection, &session.send);
        }
        Ok(())
    }

    fn count(&self) -> u64 {
        self.count
    }
}
