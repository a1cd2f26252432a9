//! Rows 1 to 13: work per second of the server's CPU.

use std::net::SocketAddr;

use super::{
    Bound, Goal, Measured, Outcome, Settings,
    fleet::{Fleet, NODE, NODE_ENGINE_IO, NODE_SOCKET_IO, TWIN},
};
use crate::{
    Result,
    client::{
        Load,
        echo::Echo,
        fanout::Fanout,
        framing::{Event, Framing},
        life::Life,
        packets::Packets,
        polling::Polling,
        route::Route,
        streaming::Streaming,
    },
    measure::rounds::{Contestant, Plan, alternate, ratio},
};

struct Case {
    row: u8,
    title: &'static str,
    /// Ours first.
    servers: &'static [&'static str],
    load: fn(SocketAddr) -> Box<dyn Load>,
    /// Against whom, how many times as much, and what would be better still.
    goals: &'static [(&'static str, f64, Option<f64>)],
    /// Multiplies the rounds, where the bound is close.
    patience: usize,
}

const CONNECTIONS: usize = 50;
const RECEIVERS: usize = 1000;

const RAW: &[&str] = &[
    "sockeye",
    "sockeye-axum",
    "axum-ws",
    "tungstenite",
    "tungstenite-tuned",
    "floor",
    NODE,
];
const FRAMED: &[&str] = &["sockeye", "sockeye-axum", "floor", NODE];
const BOTH: &[&str] = &["sockeye", "sockeye-axum", NODE];
const ENGINE_IO: &[&str] = &["sockeye", "sockeye-axum", "engineioxide", NODE_ENGINE_IO];
const SOCKET_IO: &[&str] = &["sockeye", "sockeye-axum", "socketioxide", NODE_SOCKET_IO];
const SOCKET_IO_FRAMES: &[&str] = &[
    "sockeye",
    "sockeye-axum",
    "socketioxide",
    "floor",
    NODE_SOCKET_IO,
];
const ENGINE_IO_FRAMES: &[&str] = &[
    "sockeye",
    "sockeye-axum",
    "engineioxide",
    "floor",
    NODE_ENGINE_IO,
];

const SOCKET_IO_ECHO: Framing = Framing::SocketIo(Event::Echo);
const SOCKET_IO_BROADCAST: Framing = Framing::SocketIo(Event::Broadcast);

const CASES: &[Case] = &[
    Case {
        row: 1,
        title: "Engine.IO WebSocket echo, 50 connections, 1 in flight, 32 B",
        servers: ENGINE_IO_FRAMES,
        load: |address| echo(address, Framing::EngineIo, 1, 32),
        goals: &[("engineioxide", 1.2, None)],
        patience: 1,
    },
    Case {
        row: 2,
        title: "Engine.IO WebSocket echo, 50 connections, 16 in flight, 32 B",
        servers: ENGINE_IO_FRAMES,
        load: |address| echo(address, Framing::EngineIo, 16, 32),
        goals: &[("engineioxide", 5.0, None)],
        patience: 1,
    },
    Case {
        row: 1,
        title: "Socket.IO echo, 50 connections, 1 in flight, 32 B",
        servers: SOCKET_IO_FRAMES,
        load: |address| echo(address, SOCKET_IO_ECHO, 1, 32),
        goals: &[("socketioxide", 1.2, None)],
        patience: 1,
    },
    Case {
        row: 2,
        title: "Socket.IO echo, 50 connections, 16 in flight, 32 B",
        servers: SOCKET_IO_FRAMES,
        load: |address| echo(address, SOCKET_IO_ECHO, 16, 32),
        goals: &[("socketioxide", 5.0, None), (NODE_SOCKET_IO, 20.0, None)],
        patience: 1,
    },
    Case {
        row: 1,
        title: "Socket.IO ack, 50 connections, 1 in flight, 32 B",
        servers: SOCKET_IO_FRAMES,
        load: |address| echo(address, Framing::SocketIo(Event::Ack), 1, 32),
        goals: &[("socketioxide", 1.2, None)],
        patience: 1,
    },
    Case {
        row: 2,
        title: "Socket.IO ack, 50 connections, 16 in flight, 32 B",
        servers: SOCKET_IO_FRAMES,
        load: |address| echo(address, Framing::SocketIo(Event::Ack), 16, 32),
        goals: &[("socketioxide", 5.0, None), (NODE_SOCKET_IO, 20.0, None)],
        patience: 1,
    },
    Case {
        row: 3,
        title: "Socket.IO echo, 50 connections, 16 in flight, 1 KB",
        servers: SOCKET_IO_FRAMES,
        load: |address| echo(address, SOCKET_IO_ECHO, 16, 1024),
        goals: &[("socketioxide", 4.0, None)],
        patience: 1,
    },
    Case {
        row: 3,
        title: "Socket.IO echo, 50 connections, 1 in flight, 16 KB",
        servers: SOCKET_IO_FRAMES,
        load: |address| echo(address, SOCKET_IO_ECHO, 1, 16 * 1024),
        goals: &[("socketioxide", 2.2, None)],
        patience: 1,
    },
    Case {
        row: 4,
        title: "SockJS echo, 50 connections, 1 in flight, 32 B",
        servers: FRAMED,
        load: |address| echo(address, Framing::SockJs, 1, 32),
        goals: &[(NODE, 2.5, Some(3.0))],
        patience: 1,
    },
    Case {
        row: 4,
        title: "SockJS echo, 50 connections, 16 in flight, 32 B",
        servers: FRAMED,
        load: |address| echo(address, Framing::SockJs, 16, 32),
        goals: &[(NODE, 18.0, None)],
        patience: 1,
    },
    Case {
        row: 5,
        title: "SockJS echo, 50 connections, 1 in flight, 16 KB",
        servers: FRAMED,
        load: |address| echo(address, Framing::SockJs, 1, 16 * 1024),
        goals: &[(NODE, 10.0, None)],
        patience: 1,
    },
    Case {
        row: 6,
        title: "raw WebSocket echo, 50 connections, 1 in flight, 32 B",
        servers: RAW,
        load: |address| echo(address, Framing::Raw, 1, 32),
        goals: &[("axum-ws", 1.9, None), ("tungstenite-tuned", 0.95, None)],
        patience: 1,
    },
    Case {
        row: 6,
        title: "raw WebSocket echo, 50 connections, 16 in flight, 32 B",
        servers: RAW,
        load: |address| echo(address, Framing::Raw, 16, 32),
        goals: &[
            ("axum-ws", 8.0, Some(9.0)),
            ("tungstenite-tuned", 0.85, None),
        ],
        patience: 1,
    },
    Case {
        row: 7,
        title: "raw WebSocket echo, 50 connections, 1 in flight, 16 KB",
        servers: RAW,
        load: |address| echo(address, Framing::Raw, 1, 16 * 1024),
        goals: &[("tungstenite", 1.2, None)],
        patience: 1,
    },
    Case {
        row: 8,
        title: "Socket.IO fan-out to 1000, 1 broadcast in flight, 32 B",
        servers: SOCKET_IO,
        load: |address| fanout_to(address, SOCKET_IO_BROADCAST, 1000, 1),
        goals: &[("socketioxide", 1.25, Some(1.45))],
        patience: 2,
    },
    Case {
        row: 8,
        title: "Socket.IO fan-out to 5000, 1 broadcast in flight, 32 B",
        servers: SOCKET_IO,
        load: |address| fanout_to(address, SOCKET_IO_BROADCAST, 5000, 1),
        goals: &[("socketioxide", 1.4, None)],
        patience: 2,
    },
    Case {
        row: 8,
        title: "Socket.IO fan-out to 1000, 8 broadcasts in flight, 32 B",
        servers: SOCKET_IO,
        load: |address| fanout_to(address, SOCKET_IO_BROADCAST, 1000, 8),
        goals: &[("socketioxide", 1.8, None)],
        patience: 1,
    },
    Case {
        row: 9,
        title: "SockJS fan-out to 1000, 1 broadcast in flight, 32 B",
        servers: BOTH,
        load: |address| fanout(address, Framing::SockJs, 1),
        goals: &[(NODE, 2.0, None)],
        patience: 1,
    },
    Case {
        row: 9,
        title: "SockJS fan-out to 1000, 8 broadcasts in flight, 32 B",
        servers: BOTH,
        load: |address| fanout(address, Framing::SockJs, 8),
        goals: &[(NODE, 8.0, None)],
        patience: 1,
    },
    Case {
        row: 9,
        title: "raw WebSocket fan-out to 1000, 1 broadcast in flight, 32 B",
        servers: &["sockeye", "axum-ws"],
        load: |address| fanout(address, Framing::Raw, 1),
        goals: &[],
        patience: 1,
    },
    Case {
        row: 9,
        title: "raw WebSocket fan-out to 1000, 8 broadcasts in flight, 32 B",
        servers: &["sockeye", "axum-ws"],
        load: |address| fanout(address, Framing::Raw, 8),
        goals: &[],
        patience: 1,
    },
    Case {
        row: 10,
        title: "Socket.IO over WebSocket: connect, handshake, close",
        servers: SOCKET_IO_FRAMES,
        load: |address| Box::new(Life::new(address, SOCKET_IO_ECHO, SLOTS)),
        goals: &[("socketioxide", 1.25, None)],
        patience: 2,
    },
    Case {
        row: 10,
        title: "SockJS over WebSocket: connect, handshake, close",
        servers: BOTH,
        load: |address| Box::new(Life::new(address, Framing::SockJs, SLOTS)),
        goals: &[(NODE, 2.8, Some(3.5))],
        patience: 2,
    },
    Case {
        row: 10,
        title: "raw WebSocket: connect, handshake, close",
        servers: &[
            "sockeye",
            "sockeye-axum",
            "axum-ws",
            "tungstenite",
            "floor",
            NODE,
        ],
        load: |address| Box::new(Life::new(address, Framing::Raw, SLOTS)),
        goals: &[("axum-ws", 0.95, None)],
        patience: 2,
    },
    Case {
        row: 11,
        title: "Engine.IO polling echo (a poll and a POST), 50 sessions, 32 B",
        servers: ENGINE_IO,
        load: |address| packets(address, Framing::EngineIo),
        goals: &[("engineioxide", 1.15, None), (NODE_ENGINE_IO, 4.5, None)],
        patience: 2,
    },
    Case {
        row: 11,
        title: "Socket.IO polling echo (a poll and a POST), 50 sessions, 32 B",
        servers: SOCKET_IO,
        load: |address| packets(address, SOCKET_IO_ECHO),
        goals: &[("socketioxide", 1.15, None), (NODE_SOCKET_IO, 4.5, None)],
        patience: 2,
    },
    Case {
        row: 12,
        title: "SockJS xhr echo (a poll and a send), 50 sessions, 32 B",
        servers: BOTH,
        load: |address| Box::new(Polling::new(address, CONNECTIONS, 32)),
        goals: &[(NODE, 5.5, None)],
        patience: 1,
    },
    Case {
        row: 12,
        title: "SockJS xhr_streaming echo, 50 sessions, 32 B",
        servers: BOTH,
        load: |address| Box::new(Streaming::new(address, CONNECTIONS, 32)),
        goals: &[(NODE, 4.0, None)],
        patience: 1,
    },
    Case {
        row: 13,
        title: "an ordinary route, 50 connections",
        servers: &["sockeye", TWIN],
        load: |address| Box::new(Route::new(address, CONNECTIONS)),
        goals: &[(TWIN, 0.95, None)],
        patience: 3,
    },
];

/// Connections that are opened and closed at the same time.
const SLOTS: usize = 16;

fn echo(address: SocketAddr, framing: Framing, depth: usize, size: usize) -> Box<dyn Load> {
    Box::new(Echo::new(
        address,
        "/echo",
        framing,
        CONNECTIONS,
        depth,
        size,
    ))
}

fn packets(address: SocketAddr, framing: Framing) -> Box<dyn Load> {
    Box::new(Packets::new(address, framing, CONNECTIONS, 32))
}

fn fanout(address: SocketAddr, framing: Framing, window: usize) -> Box<dyn Load> {
    fanout_to(address, framing, RECEIVERS, window)
}

fn fanout_to(
    address: SocketAddr,
    framing: Framing,
    receivers: usize,
    window: usize,
) -> Box<dyn Load> {
    Box::new(Fanout::new(address, framing, receivers, window, 32))
}

pub(super) fn run(settings: &Settings, fleet: &mut Fleet, outcome: &mut Outcome) -> Result<()> {
    for case in CASES
        .iter()
        .filter(|case| settings.rows.contains(&case.row))
    {
        eprintln!("row {}: {}", case.row, case.title);
        let plan = Plan {
            rounds: settings.plan.rounds * case.patience,
            ..settings.plan
        };
        let mut contestants = Vec::new();
        for &name in case.servers {
            if let Some((address, clock)) = fleet.contestant(name) {
                let load = case.load;
                let contestant = Contestant {
                    name: name.to_owned(),
                    clock,
                    load: Box::new(move || load(address)),
                };
                // A server that can't do one round is left out, and the table says why.
                let trial = Plan {
                    rounds: 1,
                    span: settings.plan.warm,
                    ..settings.plan
                };
                match alternate(std::slice::from_ref(&contestant), trial) {
                    Ok(_) => contestants.push(contestant),
                    Err(error) => fleet.give_up(name, format!("{}: {error}", case.title)),
                }
            }
        }
        let rates = alternate(&contestants, plan)?;
        for one in &rates {
            eprintln!(
                "    {:24} {:>12.0} /s   busy {:.2}",
                one.name,
                one.median(),
                one.busy
            );
        }
        let find = |name: &str| rates.iter().find(|rates| rates.name == name);
        for &(peer, least, wish) in case.goals {
            let value = find("sockeye")
                .zip(find(peer))
                .map(|(ours, theirs)| ratio(ours, theirs));
            let what = format!("{}: against {peer}", case.title);
            outcome.goals.push(Goal {
                row: case.row,
                what,
                bound: Bound::AtLeast(least, wish),
                value,
            });
        }
        outcome.rates.push(Measured {
            scenario: case.title.to_owned(),
            server: String::new(),
            value: rates,
        });
    }
    Ok(())
}
