//! The whole life of a connection: connect, handshake, close; over and over.

use std::net::SocketAddr;

use super::{
    Load,
    framing::Framing,
    net::{Net, Scenario},
    ws,
};
use crate::Result;

/// A number of slots, each of which opens a connection, closes it and opens the next.
#[derive(Debug)]
pub struct Life {
    address: SocketAddr,
    framing: Framing,
    slots: usize,
    states: Vec<State>,
    count: u64,
    close: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Handshake,
    /// This greeting is still to come.
    Opening(usize),
    Closing,
}

impl Life {
    /// `slots` connections at a time to `/echo`.
    pub fn new(address: SocketAddr, framing: Framing, slots: usize) -> Self {
        let (states, close) = (Vec::new(), ws::close());
        Self {
            address,
            framing,
            slots,
            states,
            count: 0,
            close,
        }
    }

    fn open_one(&mut self, net: &mut Net) -> Result<()> {
        let path = self.framing.websocket("/echo");
        let connection = net.connect(self.address)?;
        if self.states.len() <= connection {
            self.states.resize(connection + 1, State::Handshake);
        }
        self.states[connection] = State::Handshake;
        net.send(connection, &ws::handshake(&path));
        Ok(())
    }

    /// Waits for the `step`th greeting, or says goodbye after the last one.
    fn greeted(&mut self, net: &mut Net, connection: usize, step: usize) {
        if step < self.framing.greetings() {
            self.states[connection] = State::Opening(step);
        } else {
            self.states[connection] = State::Closing;
            net.send(connection, &self.close);
        }
    }

    fn ended(&mut self, net: &mut Net) -> Result<()> {
        self.count += 1;
        self.open_one(net)
    }
}

impl Scenario for Life {
    fn on_bytes(&mut self, net: &mut Net, connection: usize, input: &[u8]) -> Result<usize> {
        let mut used = 0;
        if self.states[connection] == State::Handshake {
            let Some(head) = ws::handshake_answer(input)? else {
                return Ok(0);
            };
            used = head;
            self.greeted(net, connection, 0);
        }
        while let Some(frame) = ws::next_frame(&input[used..])? {
            used += frame.length;
            if frame.opcode == ws::TEXT
                && let Some(answer) = self.framing.heartbeat_answer(frame.payload)
            {
                // Some servers send the first one at once.
                if let State::Opening(_) = self.states[connection] {
                    net.send(connection, &ws::frame(ws::TEXT, answer));
                }
                continue;
            }
            match (frame.opcode, self.states[connection]) {
                (ws::TEXT, State::Opening(step)) => {
                    if let Some(answer) = self.framing.greet(step, frame.payload)? {
                        net.send(connection, &ws::frame(ws::TEXT, answer));
                    }
                    self.greeted(net, connection, step + 1);
                }
                (ws::CLOSE, State::Closing) => {
                    net.close(connection);
                    self.ended(net)?;
                    return Ok(input.len());
                }
                (opcode, state) => return Err(format!("frame {opcode} while {state:?}").into()),
            }
        }
        Ok(used)
    }

    fn on_closed(&mut self, net: &mut Net, connection: usize) -> Result<()> {
        match self.states[connection] {
            State::Closing => self.ended(net),
            state => Err(format!("the server closed a connection while {state:?}").into()),
        }
    }
}

impl Load for Life {
    fn open(&mut self, _: &mut Net) -> Result<()> {
        Ok(())
    }

    fn is_ready(&self) -> bool {
        true
    }

    fn start(&mut self, net: &mut Net) -> Result<()> {
        (0..self.slots).try_for_each(|_| self.open_one(net))
    }

    fn count(&self) -> u64 {
        self.count
    }
}
