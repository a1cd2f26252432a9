//! Resident memory per connection.

use std::{
    fs, thread,
    time::{Duration, Instant},
};

use super::child::Server;
use crate::{
    Result,
    client::{Load, echo::Echo, framing::Framing, idle::IdleStreams, net::Net},
};

/// Resident bytes per connection, each against the start.
#[derive(Clone, Copy, Debug)]
pub struct Resident {
    /// With all connections open and idle.
    pub idle: f64,
    /// After each echoed one message of 16 KB.
    pub after_echo: f64,
    /// After all were closed.
    pub after_close: f64,
    /// After freed memory was asked back.
    pub after_trim: f64,
    /// After all were closed, when memory did not change any more.
    pub settled: f64,
}

/// The size of the message that shows which buffers grow and stay.
const LARGE: usize = 16 * 1024;

/// Opens, uses and closes `connections`.
pub fn of_connections(
    server: &mut Server,
    framing: Framing,
    connections: usize,
) -> Result<Resident> {
    // What a server allocates once, at its first connections, is no connection's share.
    life(server, framing, 64, |_, _| Ok(()))?;
    server.trim()?;
    let start = settle(server.pid())?;
    let share = |now: u64| (now as f64 - start as f64) / connections as f64;
    let mut readings = Vec::new();
    life(server, framing, connections, |server, _| {
        readings.push(share(resident(server.pid())?));
        Ok(())
    })?;
    let after_close = share(resident(server.pid())?);
    let settled = share(settle(server.pid())?);
    server.trim()?;
    let after_trim = share(settle(server.pid())?);
    let [idle, after_echo] = readings[..] else {
        return Err("readings are missing".into());
    };
    Ok(Resident {
        idle,
        after_echo,
        after_close,
        after_trim,
        settled,
    })
}

/// Opens `streams` xhr_streaming sessions; bytes for each.
pub fn of_streams(server: &mut Server, streams: usize) -> Result<f64> {
    let files = open_files(server.pid())?;
    {
        let mut net = Net::new()?;
        let mut load = IdleStreams::new(server.address(), 64);
        load.open(&mut net)?;
        net.run(&mut load, IdleStreams::is_ready)?;
    }
    until_closed(server, files)?;
    server.trim()?;
    let start = settle(server.pid())?;
    let mut net = Net::new()?;
    let mut load = IdleStreams::new(server.address(), streams);
    load.open(&mut net)?;
    net.run(&mut load, IdleStreams::is_ready)?;
    Ok((resident(server.pid())? as f64 - start as f64) / streams as f64)
}

// One wave: open, `read`, echo once each, `read`, close, and wait until the server has closed too.
fn life(
    server: &mut Server,
    framing: Framing,
    connections: usize,
    mut read: impl FnMut(&mut Server, &mut Net) -> Result<()>,
) -> Result<()> {
    let files = open_files(server.pid())?;
    let mut net = Net::new()?;
    let mut load = Echo::new(server.address(), "/echo", framing, connections, 1, LARGE);
    load.open(&mut net)?;
    net.run(&mut load, Echo::is_ready)?;
    read(server, &mut net)?;
    load.echo_once_each(&mut net, 16);
    net.run(&mut load, |load| load.count() == connections as u64)?;
    read(server, &mut net)?;
    load.close_all(&mut net);
    net.run(&mut load, Echo::is_closed)?;
    drop(net);
    until_closed(server, files)
}

// Closing is done when the server has let go of its sockets, not when the client has.
fn until_closed(server: &Server, files: usize) -> Result<()> {
    let deadline = Instant::now() + Duration::from_secs(30);
    while open_files(server.pid())? > files {
        if Instant::now() > deadline {
            return Err("the server keeps connections that were closed".into());
        }
        thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// Resident bytes of a process.
pub fn resident(pid: u32) -> Result<u64> {
    // Unlike VmRSS, which the kernel keeps in batches, the roll-up is exact.
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("Rss:"))
        .ok_or("no Rss")?;
    let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kilobytes * 1024)
}

// Waits until memory is the same for a second, ten at most: allocators give back with a delay.
fn settle(pid: u32) -> Result<u64> {
    let (mut last, mut since) = (resident(pid)?, Instant::now());
    let end = Instant::now() + Duration::from_secs(10);
    while since.elapsed() < Duration::from_millis(1500) && Instant::now() < end {
        thread::sleep(Duration::from_millis(50));
        let now = resident(pid)?;
        if now != last {
            (last, since) = (now, Instant::now());
        }
    }
    Ok(last)
}

fn open_files(pid: u32) -> Result<usize> {
    Ok(fs::read_dir(format!("/proc/{pid}/fd"))?.count())
}
