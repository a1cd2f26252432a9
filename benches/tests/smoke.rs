//! The harness is alive: every Rust server answers a small load, and every message is accounted
//! for. Nothing here depends on how fast.
#![cfg(target_os = "linux")]

use std::path::PathBuf;

use sockeye_bench::{
    Result,
    client::{
        Load,
        echo::Echo,
        fanout::Fanout,
        framing::{Event, Framing},
        idle::IdleStreams,
        life::Life,
        net::Net,
        packets::Packets,
        polling::Polling,
        route::Route,
        streaming::Streaming,
    },
    measure::child::{Launcher, Server},
};

fn start(name: &str) -> Result<Server> {
    let program = PathBuf::from(env!("CARGO_BIN_EXE_sockeye-bench"));
    Launcher {
        program,
        pinned: false,
        jemalloc: false,
    }
    .start(name)
}

fn echo(name: &str, framing: Framing) -> Result<()> {
    let server = start(name)?;
    for (depth, size) in [(1, 32), (16, 32), (1, 16 * 1024)] {
        let mut net = Net::new()?;
        let mut load = Echo::new(server.address(), "/echo", framing, 5, depth, size);
        load.open(&mut net)?;
        net.run(&mut load, Echo::is_ready)?;
        load.set_quota(203);
        load.start(&mut net)?;
        net.run(&mut load, Echo::is_drained)?;
        assert_eq!(load.count(), 203);
        load.close_all(&mut net);
        net.run(&mut load, Echo::is_closed)?;
    }
    Ok(())
}

fn until(load: &mut impl Load, units: u64) -> Result<()> {
    let mut net = Net::new()?;
    load.open(&mut net)?;
    net.run(load, |load| load.is_ready())?;
    load.start(&mut net)?;
    net.run(load, |load| load.count() >= units)
}

fn fanout(name: &str, framing: Framing) -> Result<()> {
    let server = start(name)?;
    let mut net = Net::new()?;
    let mut load = Fanout::new(server.address(), framing, 20, 3, 32);
    load.open(&mut net)?;
    net.run(&mut load, Fanout::is_ready)?;
    load.set_quota(10);
    load.start(&mut net)?;
    net.run(&mut load, Fanout::is_drained)?;
    assert_eq!(load.count(), 200);
    Ok(())
}

#[test]
fn peers_echo_every_message() -> Result<()> {
    for name in ["axum-ws", "tungstenite", "tungstenite-tuned", "floor"] {
        echo(name, Framing::Raw).map_err(|error| format!("{name}: {error}"))?;
    }
    echo("floor", Framing::SockJs)?;
    echo("floor", Framing::EngineIo)?;
    echo("floor", Framing::SocketIo(Event::Echo))?;
    echo("floor", Framing::SocketIo(Event::Ack))?;
    echo("engineioxide", Framing::EngineIo)?;
    echo("socketioxide", Framing::SocketIo(Event::Echo))?;
    echo("socketioxide", Framing::SocketIo(Event::Ack))
}

#[test]
fn sockeye_echoes_every_message() -> Result<()> {
    for name in ["sockeye", "sockeye-axum"] {
        for framing in [Framing::Raw, Framing::SockJs, Framing::EngineIo] {
            echo(name, framing).map_err(|error| format!("{name} {framing:?}: {error}"))?;
        }
    }
    Ok(())
}

#[test]
fn broadcasts_reach_everyone() -> Result<()> {
    fanout("axum-ws", Framing::Raw)?;
    fanout("socketioxide", Framing::SocketIo(Event::Broadcast))?;
    for framing in [Framing::Raw, Framing::SockJs] {
        fanout("sockeye", framing)?;
    }
    Ok(())
}

#[test]
fn http_transports_and_routes_answer() -> Result<()> {
    for name in ["sockeye", "sockeye-axum"] {
        let server = start(name)?;
        until(&mut Route::new(server.address(), 3), 50)?;
        until(&mut Polling::new(server.address(), 3, 32), 50)?;
        // Large enough that responses reach their limit and are opened anew.
        let mut streaming = Streaming::new(server.address(), 3, 16 * 1024);
        until(&mut streaming, 60)?;
        assert!(
            streaming.reopened() > 0,
            "{name}: no response reached its limit"
        );
    }
    Ok(())
}

#[test]
fn packets_go_over_requests_and_connections_live_and_end() -> Result<()> {
    let servers = [
        ("sockeye", Framing::EngineIo),
        ("sockeye-axum", Framing::EngineIo),
        ("engineioxide", Framing::EngineIo),
        ("socketioxide", Framing::SocketIo(Event::Echo)),
    ];
    for (name, framing) in servers {
        let server = start(name)?;
        let address = server.address();
        until(&mut Packets::new(address, framing, 3, 32), 50)
            .map_err(|error| format!("{name}: {error}"))?;
        until(&mut Life::new(address, framing, 3), 20)
            .map_err(|error| format!("{name}: {error}"))?;
    }
    Ok(())
}

#[test]
fn idle_streams_and_counters_work() -> Result<()> {
    let mut server = start("hyper-wait")?;
    let mut net = Net::new()?;
    let mut load = IdleStreams::new(server.address(), 10);
    server.start_counting(usize::MAX)?;
    load.open(&mut net)?;
    net.run(&mut load, IdleStreams::is_ready)?;
    assert!(server.counts()?.allocations >= 10);
    server.trim()
}
