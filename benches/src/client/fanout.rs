//! One sender, many receivers: everyone gets what the first connection sends.

use std::{collections::VecDeque, net::SocketAddr};

use super::{
    Load, OPENING,
    echo::text,
    net::{Net, Scenario},
    session_path,
    ws::{self, Framing},
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
    /// How many messages each connection has got; `None` until it is open.
    received: Vec<Option<u64>>,
    handshaken: Vec<bool>,
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
        let frame = ws::message(framing, &text);
        Self {
            address,
            framing,
            receivers,
            window,
            text,
            frame,
            received: Vec::new(),
            handshaken: Vec::new(),
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
        let path = match self.framing {
            Framing::Raw => "/broadcast/websocket".to_owned(),
            Framing::SockJs => format!("/broadcast/{}/websocket", session_path()),
        };
        let connection = net.connect(self.address)?;
        if self.received.len() <= connection {
            self.received.resize(connection + 1, None);
            self.handshaken.resize(connection + 1, false);
        }
        net.send(connection, &ws::handshake(&path));
        Ok(())
    }

    fn opened(&mut self, net: &mut Net, connection: usize) -> Result<()> {
        self.received[connection] = Some(0);
        self.ready += 1;
        self.sender = connection;
        self.open_one(net)
    }

    fn deliver(&mut self, net: &mut Net, connection: usize, messages: u64) -> Result<()> {
        let Some(received) = &mut self.received[connection] else {
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
        if !self.handshaken[connection] {
            let Some(head) = ws::handshake_answer(input)? else {
                return Ok(0);
            };
            used = head;
            self.handshaken[connection] = true;
            if self.framing == Framing::Raw {
                self.opened(net, connection)?;
            }
        }
        let mut received = 0;
        while let Some(frame) = ws::next_frame(&input[used..])? {
            used += frame.length;
            match frame.opcode {
                ws::TEXT if self.received[connection].is_none() => {
                    if frame.payload != b"o" {
                        return Err("the first frame is not `o`".into());
                    }
                    self.opened(net, connection)?;
                }
                ws::TEXT => {
                    received += ws::count_messages(self.framing, frame.payload, &self.text)?
                }
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
