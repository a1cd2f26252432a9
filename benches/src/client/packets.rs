//! Engine.IO over requests, and Socket.IO inside it: one poll and one POST per echo, each on its
//! own kept-alive connection.

use std::{mem, net::SocketAddr};

use serde_json::Value;

use super::{
    Load,
    echo::text,
    framing::{ENGINE_IO, Framing, SOCKET_IO},
    http::{self, Reader},
    net::{Net, Scenario},
};
use crate::Result;

/// Sessions that poll and send at the same time, one message in flight each.
#[derive(Debug)]
pub struct Packets {
    address: SocketAddr,
    framing: Framing,
    sessions: Vec<Session>,
    /// By connection: the session, and whether this is its poll.
    roles: Vec<(usize, bool)>,
    readers: Vec<Reader>,
    text: Vec<u8>,
    ready: usize,
    count: u64,
}

#[derive(Debug, Default)]
struct Session {
    poll_connection: usize,
    send_connection: usize,
    /// With the session's id, once that is known.
    url: String,
    poll: Vec<u8>,
    send: Vec<u8>,
    /// Greetings that came.
    greeted: usize,
    /// POSTs that were not answered yet.
    sending: usize,
    is_ready: bool,
    received: bool,
    /// The next POST is to answer a heartbeat too.
    heartbeat: bool,
}

/// Between the packets of a payload.
const SEPARATOR: u8 = 0x1e;

impl Packets {
    /// `sessions` that speak `framing`, with messages of `size` bytes.
    pub fn new(address: SocketAddr, framing: Framing, sessions: usize, size: usize) -> Self {
        let mount = match framing {
            Framing::SocketIo(_) => SOCKET_IO,
            _ => ENGINE_IO,
        };
        let url = format!("{mount}?EIO=4&transport=polling");
        let sessions = (0..sessions).map(|_| Session {
            url: url.clone(),
            poll: http::get(&url),
            ..Session::default()
        });
        Self {
            address,
            framing,
            sessions: sessions.collect(),
            roles: Vec::new(),
            readers: Vec::new(),
            text: text(size),
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

    /// A poll was answered.
    fn polled(&mut self, net: &mut Net, index: usize, body: &[u8]) -> Result<()> {
        let mut received = 0;
        for packet in body.split(|byte| *byte == SEPARATOR) {
            let session = &mut self.sessions[index];
            if self.framing.heartbeat_answer(packet).is_some() {
                session.heartbeat = true;
            } else if session.greeted < self.framing.greetings() {
                let answer = self.framing.greet(session.greeted, packet)?;
                if session.greeted == 0 {
                    session.know_id(packet, &self.framing.message(&self.text))?;
                }
                session.greeted += 1;
                if let Some(answer) = answer {
                    session.say(net, answer);
                }
            } else {
                received += self.framing.count_messages(packet, &self.text)?;
            }
        }
        let session = &mut self.sessions[index];
        match received {
            0 if session.greeted == self.framing.greetings() && !session.is_ready => {}
            0 => net.send(session.poll_connection, &session.poll),
            1 if session.is_ready && !session.received => session.received = true,
            _ => return Err("more messages than were sent".into()),
        }
        Ok(())
    }

    fn advance(&mut self, net: &mut Net, index: usize) {
        let session = &mut self.sessions[index];
        if session.sending > 0 {
            return;
        }
        if !session.is_ready && session.greeted == self.framing.greetings() {
            session.is_ready = true;
            self.ready += 1;
        } else if session.received {
            session.received = false;
            self.count += 1;
            session.echo(net);
        }
    }
}

impl Session {
    fn know_id(&mut self, packet: &[u8], message: &[u8]) -> Result<()> {
        let handshake: Value = serde_json::from_slice(&packet[1..])?;
        let sid = handshake["sid"].as_str().ok_or("a handshake without sid")?;
        self.url = format!("{}&sid={sid}", self.url);
        self.poll = http::get(&self.url);
        self.send = http::post(&self.url, message);
        Ok(())
    }

    fn say(&mut self, net: &mut Net, payload: &[u8]) {
        self.sending += 1;
        net.send(self.send_connection, &http::post(&self.url, payload));
    }

    fn echo(&mut self, net: &mut Net) {
        net.send(self.poll_connection, &self.poll);
        if mem::take(&mut self.heartbeat) {
            // Ahead of the message on the same connection, so never two at a time.
            self.say(net, b"3");
        }
        self.sending += 1;
        net.send(self.send_connection, &self.send);
    }
}

impl Scenario for Packets {
    fn on_bytes(&mut self, net: &mut Net, connection: usize, input: &[u8]) -> Result<usize> {
        let mut reader = mem::take(&mut self.readers[connection]);
        let (index, polls) = self.roles[connection];
        let mut used = 0;
        loop {
            used += reader.feed(&input[used..])?;
            if !reader.is_done() {
                break;
            }
            let status = reader.status();
            let body = reader.body();
            match (polls, status, body.as_slice()) {
                (true, 200, body) => self.polled(net, index, body)?,
                (false, 200, b"ok") => self.sessions[index].sending -= 1,
                _ => {
                    let body = String::from_utf8_lossy(body);
                    return Err(format!("status {status}: {body}").into());
                }
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

impl Load for Packets {
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
        for session in &mut self.sessions {
            session.echo(net);
        }
        Ok(())
    }

    fn count(&self) -> u64 {
        self.count
    }
}
