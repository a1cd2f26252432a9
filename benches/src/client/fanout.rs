//! One sender, many receivers: everyone gets what the first connection sends.

use std::{collections::VecDeque, net::SocketAddr};

use super::{
    Load, OPENING,
    echo::text,
    framing::Framing,
    net::{Net, Scenario},
    ws,
};
use crate::Result;

/// Broadcast to `receivers`, the sender being one of them, with a fixed number of broadcasts
/// in flight. Counts deliveries.
#[derive(Debug)]
pub struct Fanout {
    address: SocketAddr,
    framing: Framing,
    receivers: usize,
    window: usize,
    text: Vec<u8>,
    frame: Vec<u8>,
    states: Vec<State>,
    opened: usize,
    ready: usize,
    sender: usize,
    count: u64,
    sent: u64,
    quota: u64,
    /// For each broadcast in flight, how many have it. The first is broadcast `complete`.
    reached: VecDeque<usize>,
    complete: u64,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Handshake,
    /// This greeting is still to come.
    Opening(usize),
    /// How many messages it has got.
    Open(u64),
}

impl Fanout {
    /// `receivers` connections to `/broadcast`, `window` messages of `size` bytes in flight.
    pub fn new(
        address: SocketAddr,
        framing: Framing,
        receivers: usize,
        window: usize,
        size: usize,
    ) -> Self {
        let text = text(size);
        let frame = framing.frame(&text);
        Self {
            address,
            framing,
            receivers,
            window,
            text,
            frame,
            states: Vec::new(),
            opened: 0,
            ready: 0,
            sender: 0,
            count: 0,
            sent: 0,
            quota: u64::MAX,
            reached: VecDeque::new(),
            complete: 0,
        }
    }

    /// Sends `broadcasts` in all and then no more, from the next start on.
    pub fn set_quota(&mut self, broadcasts: u64) {
        self.quota = broadcasts;
    }

    /// Whether everyone has everything that was sent.
    pub fn is_drained(&self) -> bool {
        self.complete == self.sent
    }

    fn send(&mut self, net: &mut Net) {
        if self.quota > 0 {
            self.quota -= 1;
            self.sent += 1;
            self.reached.push_back(0);
            net.send(self.sender, &self.frame);
        }
    }

    fn open_one(&mut self, net: &mut Net) -> Result<()> {
        if self.opened == self.receivers {
            return Ok(());
        }
        self.opened += 1;
        let path = self.framing.websocket("/broadcast");
        let connection = net.connect(self.address)?;
        if self.states.len() <= connection {
            self.states.resize(connection + 1, State::Handshake);
        }
        net.send(connection, &ws::handshake(&path));
        Ok(())
    }

    /// Waits for the `step`th greeting, if there is one.
    fn greeted(&mut self, net: &mut Net, connection: usize, step: usize) -> Result<()> {
        if step < self.framing.greetings() {
            self.states[connection] = State::Opening(step);
            return Ok(());
        }
        self.states[connection] = State::Open(0);
        self.ready += 1;
        self.sender = connection;
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

    fn deliver(&mut self, net: &mut Net, connection: usize, messages: u64) -> Result<()> {
        let State::Open(received) = &mut self.states[connection] else {
            return Err("a message before the connection was open".into());
        };
        for _ in 0..messages {
            let slot = usize::try_from(*received - self.complete)?;
            *received += 1;
            *self
                .reached
                .get_mut(slot)
                .ok_or("a message that nobody sent")? += 1;
        }
        self.count += messages;
        while self.reached.front() == Some(&self.receivers) {
            self.reached.pop_front();
            self.complete += 1;
            self.send(net);
        }
        Ok(())
    }
}

impl Scenario for Fanout {
    fn on_bytes(&mut self, net: &mut Net, connection: usize, input: &[u8]) -> Result<usize> {
        let mut used = 0;
        if let State::Handshake = self.states[connection] {
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
                opcode => return Err(format!("unexpected frame {opcode}").into()),
            }
        }
        if received > 0 {
            self.deliver(net, connection, received)?;
        }
        Ok(used)
    }

    fn on_closed(&mut self, _: &mut Net, _: usize) -> Result<()> {
        Err("the server closed a connection".into())
    }
}

impl Load for Fanout {
    fn open(&mut self, net: &mut Net) -> Result<()> {
        (0..OPENING).try_for_each(|_| self.open_one(net))
    }

    fn is_ready(&self) -> bool {
        self.ready == self.receivers
    }

    fn start(&mut self, net: &mut Net) -> Result<()> {
        for _ in 0..self.window {
            self.send(net);
        }
        Ok(())
    }

    fn count(&self) -> u64 {
        self.count
    }
}
