//! The event loop: connections, their buffers, and the scenario that is told about them.

use std::{
    io::{self, ErrorKind, Read, Write},
    mem,
    net::SocketAddr,
    time::{Duration, Instant},
};

use mio::{Events, Interest, Poll, Token, net::TcpStream};
use slab::Slab;

use crate::Result;

/// What is done with bytes. Told about every connection by its number.
pub trait Scenario {
    /// Bytes arrived, behind those left over last time; says how many were used.
    fn on_bytes(&mut self, net: &mut Net, connection: usize, input: &[u8]) -> Result<usize>;

    /// The server closed the connection, whose number may be given out again.
    fn on_closed(&mut self, net: &mut Net, connection: usize) -> Result<()>;
}

/// All connections of one measurement. Dropping it resets them.
#[derive(Debug)]
pub struct Net {
    poll: Poll,
    events: Events,
    connections: Slab<Connection>,
    /// Those with output, to be written once after everything that arrived was looked at.
    dirty: Vec<usize>,
    scratch: Vec<u8>,
}

#[derive(Debug)]
struct Connection {
    stream: TcpStream,
    /// An incomplete unit; empty most of the time.
    input: Vec<u8>,
    output: Vec<u8>,
    written: usize,
    writable: bool,
    dirty: bool,
}

/// How long nothing may happen before a measurement is given up as stuck.
const STUCK: Duration = Duration::from_secs(20);

impl Net {
    /// A loop without connections.
    pub fn new() -> Result<Self> {
        Ok(Self {
            poll: Poll::new()?,
            events: Events::with_capacity(1024),
            connections: Slab::new(),
            dirty: Vec::new(),
            scratch: vec![0; 256 * 1024],
        })
    }

    /// Opens a connection and gives its number. What is sent before it stands waits.
    pub fn connect(&mut self, address: SocketAddr) -> Result<usize> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        // A reset instead of a wait, or a minute's worth of connections would use up all ports.
        socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO))?;
        let entry = self.connections.vacant_entry();
        let number = entry.key();
        self.poll.registry().register(
            &mut stream,
            Token(number),
            Interest::READABLE | Interest::WRITABLE,
        )?;
        entry.insert(Connection {
            stream,
            input: Vec::new(),
            output: Vec::new(),
            written: 0,
            writable: false,
            dirty: false,
        });
        Ok(number)
    }

    /// Appends to what will be written at the end of the turn.
    pub fn send(&mut self, connection: usize, bytes: &[u8]) {
        let Some(entry) = self.connections.get_mut(connection) else {
            return;
        };
        entry.output.extend_from_slice(bytes);
        if !entry.dirty {
            entry.dirty = true;
            self.dirty.push(connection);
        }
    }

    /// Resets a connection; the scenario is not told.
    pub fn close(&mut self, connection: usize) {
        if let Some(mut entry) = self.connections.try_remove(connection) {
            // Closing the descriptor would do; a failure has no consequence.
            let _ = self.poll.registry().deregister(&mut entry.stream);
        }
    }

    /// Runs the scenario until `done`, and fails when nothing happens for long.
    pub fn run<S: Scenario + ?Sized>(
        &mut self,
        scenario: &mut S,
        done: impl Fn(&S) -> bool,
    ) -> Result<()> {
        let mut last = Instant::now();
        while !done(scenario) {
            if self.turn(scenario, Duration::from_millis(100))? {
                last = Instant::now();
            } else if last.elapsed() > STUCK {
                return Err("the server has not answered for 20 seconds".into());
            }
        }
        self.flush(scenario)
    }

    /// Runs the scenario for a time.
    pub fn run_for<S: Scenario + ?Sized>(
        &mut self,
        scenario: &mut S,
        span: Duration,
    ) -> Result<()> {
        let end = Instant::now() + span;
        while Instant::now() < end {
            self.turn(scenario, Duration::from_millis(10))?;
        }
        Ok(())
    }

    /// One round: waits, reads all that is there, writes all answers. Says whether anything came.
    fn turn<S: Scenario + ?Sized>(&mut self, scenario: &mut S, timeout: Duration) -> Result<bool> {
        self.flush(scenario)?;
        match self.poll.poll(&mut self.events, Some(timeout)) {
            Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error.into()),
            _ => {}
        }
        let events = mem::replace(&mut self.events, Events::with_capacity(0));
        for event in &events {
            let number = event.token().0;
            if event.is_writable()
                && let Some(connection) = self.connections.get_mut(number)
            {
                connection.writable = true;
                if !connection.output.is_empty() && !connection.dirty {
                    connection.dirty = true;
                    self.dirty.push(number);
                }
            }
            if event.is_readable() || event.is_read_closed() || event.is_error() {
                let ends = event.is_read_closed() || event.is_error();
                self.read(scenario, number, ends)?;
            }
        }
        let any = !events.is_empty();
        self.events = events;
        self.flush(scenario)?;
        Ok(any)
    }

    // `ends`: the end of the stream was announced with this very event, so read up to it. Otherwise
    // a read that did not fill the buffer has emptied the socket, and a second call is saved.
    fn read<S: Scenario + ?Sized>(
        &mut self,
        scenario: &mut S,
        number: usize,
        ends: bool,
    ) -> Result<()> {
        let mut scratch = mem::take(&mut self.scratch);
        let outcome = self.read_into(&mut scratch, scenario, number, ends);
        self.scratch = scratch;
        outcome
    }

    fn read_into<S: Scenario + ?Sized>(
        &mut self,
        scratch: &mut [u8],
        scenario: &mut S,
        number: usize,
        ends: bool,
    ) -> Result<()> {
        while let Some(connection) = self.connections.get_mut(number) {
            match connection.stream.read(scratch) {
                Ok(0) => return self.closed_by_server(scenario, number),
                Ok(n) => {
                    let input = &scratch[..n];
                    if connection.input.is_empty() {
                        let used = scenario.on_bytes(self, number, input)?;
                        self.keep(number, &input[used..]);
                    } else {
                        let mut kept = mem::take(&mut connection.input);
                        kept.extend_from_slice(input);
                        let used = scenario.on_bytes(self, number, &kept)?;
                        self.keep(number, &kept[used..]);
                    }
                    if n < scratch.len() && !ends {
                        return Ok(());
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return self.closed_by_server(scenario, number),
            }
        }
        Ok(())
    }

    fn keep(&mut self, number: usize, rest: &[u8]) {
        if rest.is_empty() {
            return;
        }
        if let Some(connection) = self.connections.get_mut(number) {
            connection.input.extend_from_slice(rest);
        }
    }

    fn closed_by_server<S: Scenario + ?Sized>(
        &mut self,
        scenario: &mut S,
        number: usize,
    ) -> Result<()> {
        self.close(number);
        scenario.on_closed(self, number)
    }

    fn flush<S: Scenario + ?Sized>(&mut self, scenario: &mut S) -> Result<()> {
        let mut dirty = mem::take(&mut self.dirty);
        for number in dirty.drain(..) {
            let Some(connection) = self.connections.get_mut(number) else {
                continue;
            };
            connection.dirty = false;
            if connection.write().is_err() {
                self.closed_by_server(scenario, number)?;
            }
        }
        // Whatever the scenario sent from `on_closed` waits for the next flush.
        dirty.append(&mut self.dirty);
        self.dirty = dirty;
        Ok(())
    }
}

impl Connection {
    fn write(&mut self) -> io::Result<()> {
        while self.writable && self.written < self.output.len() {
            match self.stream.write(&self.output[self.written..]) {
                Ok(n) => self.written += n,
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.writable = false,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        if self.written == self.output.len() {
            self.output.clear();
            self.written = 0;
        }
        Ok(())
    }
}
