//! Connections that send a message, wait for it to come back, and send it again.

use std::net::SocketAddr;

use super::{
    Load, OPENING,
    framing::Framing,
    net::{Net, Scenario},
    ws,
};
use crate::Result;

/// Echo over WebSocket, with a fixed number of messages in flight on each connection.
#[derive(Debug)]
pub struct Echo {
    address: SocketAddr,
    path: String,
    framing: Framing,
    connections: usize,
    depth: usize,
    text: Vec<u8>,
    /// `depth` copies of the frame that sends `text`, so that several are one append.
    burst: Vec<u8>,
    frame: usize,
    states: Vec<State>,
    opened: usize,
    ready: usize,
    closed: usize,
    closing: bool,
    /// Messages that may still be sent.
    quota: u64,
    sent: u64,
    count: u64,
    /// Connections that have their single message, or their close, still to send.
    queue: Vec<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Handshake,
    /// This greeting is still to come.
    Opening(usize),
    Open,
    Closed,
}

impl Echo {
    /// `connections` to the mount at `path`, each with `depth` messages of `size` bytes in flight.
    pub fn new(
        address: SocketAddr,
        mount: &str,
        framing: Framing,
        connections: usize,
        depth: usize,
        size: usize,
    ) -> Self {
        let path = mount.to_owned();
        let mut echo = Self {
            address,
            path,
            framing,
            connections,
            depth,
            text: Vec::new(),
            burst: Vec::new(),
            frame: 0,
            states: Vec::new(),
            opened: 0,
            ready: 0,
            closed: 0,
            closing: false,
            quota: u64::MAX,
            sent: 0,
            count: 0,
            queue: Vec::new(),
        };
        echo.set_size(size);
        echo
    }

    /// Changes the size of the messages, between runs.
    pub fn set_size(&mut self, size: usize) {
        self.text = text(size);
        let frame = self.framing.frame(&self.text);
        self.frame = frame.len();
        self.burst = frame.repeat(self.depth);
    }

    /// Sends `messages` in all and then no more, from the next start on.
    pub fn set_quota(&mut self, messages: u64) {
        self.quota = messages;
    }

    /// Whether everything that was sent came back.
    pub fn is_drained(&self) -> bool {
        self.count == self.sent
    }

    /// Lets each connection echo one message, `window` of them at a time.
    pub fn echo_once_each(&mut self, net: &mut Net, window: usize) {
        self.quota = 0;
        self.queue = (0..self.states.len()).rev().collect();
        for _ in 0..window {
            self.send_queued(net);
        }
    }

    /// Asks for a normal close on every connection, a few at a time: the resets that end thousands
    /// at once overflow loopback's queue, and a lost one is never repeated.
    pub fn close_all(&mut self, net: &mut Net) {
        self.closing = true;
        self.queue = (0..self.states.len()).rev().collect();
        for _ in 0..OPENING {
            self.close_queued(net);
        }
    }

    /// Whether every connection was closed by the server.
    pub fn is_closed(&self) -> bool {
        self.closed == self.connections
    }

    fn close_queued(&mut self, net: &mut Net) {
        if let Some(connection) = self.queue.pop() {
            net.send(connection, &ws::close());
        }
    }

    fn closed(&mut self, net: &mut Net, connection: usize) {
        self.states[connection] = State::Closed;
        self.closed += 1;
        self.close_queued(net);
    }

    fn send_queued(&mut self, net: &mut Net) {
        if let Some(connection) = self.queue.pop() {
            self.sent += 1;
            net.send(connection, &self.burst[..self.frame]);
        }
    }

    fn send(&mut self, net: &mut Net, connection: usize, messages: u64) {
        let messages = messages.min(self.quota);
        if messages == 0 {
            return;
        }
        self.quota -= messages;
        self.sent += messages;
        let mut bytes = self.frame * messages as usize;
        while bytes > 0 {
            let part = bytes.min(self.burst.len());
            net.send(connection, &self.burst[..part]);
            bytes -= part;
        }
    }

    fn open_one(&mut self, net: &mut Net) -> Result<()> {
        if self.opened == self.connections {
            return Ok(());
        }
        self.opened += 1;
        let path = self.framing.websocket(&self.path);
        let connection = net.connect(self.address)?;
        if self.states.len() <= connection {
            self.states.resize(connection + 1, State::Closed);
        }
        self.states[connection] = State::Handshake;
        net.send(connection, &ws::handshake(&path));
        Ok(())
    }

    /// Waits for the `step`th greeting, if there is one.
    fn greeted(&mut self, net: &mut Net, connection: usize, step: usize) -> Result<()> {
        if step < self.framing.greetings() {
            self.states[connection] = State::Opening(step);
            return Ok(());
        }
        self.states[connection] = State::Open;
        self.ready += 1;
        self.open_one(net)
    }

    /// Takes a text; says how many messages it brought.
    fn text(&mut self, net: &mut Net, connection: usize, payload: &[u8]) -> Result<u64> {
        let (answer, count) = if let Some(answer) = self.framing.heartbeat_answer(payload) {
            (Some(answer), 0)
        } else if let State::Opening(step) = self.states[connection] {
            let answer = self.framing.greet(step, payload)?;
            self.greeted(net, connection, step + 1)?;
            (answer, 0)
        } else {
            (None, self.framing.count_messages(payload, &self.text)?)
        };
        if let Some(answer) = answer {
            net.send(connection, &ws::frame(ws::TEXT, answer));
        }
        Ok(count)
    }
}

impl Scenario for Echo {
    fn on_bytes(&mut self, net: &mut Net, connection: usize, input: &[u8]) -> Result<usize> {
        let mut used = 0;
        if self.states[connection] == State::Handshake {
            let Some(head) = ws::handshake_answer(input)? else {
                return Ok(0);
            };
            used = head;
            self.greeted(net, connection, 0)?;
        }
        let mut received = 0;
        while let Some(frame) = ws::next_frame(&input[used..])? {
            used += frame.length;
            match frame.opcode {
                ws::TEXT => received += self.text(net, connection, frame.payload)?,
                ws::PING => net.send(connection, &ws::frame(ws::PONG, frame.payload)),
                ws::CLOSE if self.closing => {
                    net.close(connection);
                    self.closed(net, connection);
                    return Ok(input.len());
                }
                opcode => return Err(format!("unexpected frame {opcode}").into()),
            }
        }
        if received > 0 {
            self.count += received;
            self.send(net, connection, received);
            for _ in 0..received {
                self.send_queued(net);
            }
        }
        Ok(used)
    }

    fn on_closed(&mut self, net: &mut Net, connection: usize) -> Result<()> {
        if !self.closing {
            return Err("the server closed a connection".into());
        }
        self.closed(net, connection);
        Ok(())
    }
}

impl Load for Echo {
    fn open(&mut self, net: &mut Net) -> Result<()> {
        (0..OPENING).try_for_each(|_| self.open_one(net))
    }

    fn is_ready(&self) -> bool {
        self.ready == self.connections
    }

    fn start(&mut self, net: &mut Net) -> Result<()> {
        for connection in 0..self.states.len() {
            self.send(net, connection, self.depth as u64);
        }
        Ok(())
    }

    fn count(&self) -> u64 {
        self.count
    }
}

/// A message that needs no escaping: `size` letters.
pub(crate) fn text(size: usize) -> Vec<u8> {
    (b'a'..=b'z').cycle().take(size).collect()
}
