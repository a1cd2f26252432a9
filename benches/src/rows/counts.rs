//! Rows 18 to 20: system calls and allocations, counted over a fixed number of messages.

use super::{
    Bound, Counted, Goal, Measured, Outcome, Settings,
    fleet::{Fleet, NODE, NODE_ENGINE_IO, NODE_SOCKET_IO, is_node},
};
use crate::{
    Result,
    client::{
        Load,
        echo::Echo,
        fanout::Fanout,
        framing::{Event, Framing},
        net::Net,
    },
    counting::Counts,
    measure::{
        child::Server,
        strace::{Strace, SystemCalls},
    },
};

const CONNECTIONS: usize = 50;

struct Kind {
    name: &'static str,
    framing: Framing,
    /// Those that speak it.
    servers: &'static [&'static str],
    /// Row 19.
    most_allocations: f64,
}

const KINDS: [Kind; 4] = [
    Kind {
        name: "raw WebSocket",
        framing: Framing::Raw,
        servers: &[
            "sockeye",
            "sockeye-axum",
            "axum-ws",
            "tungstenite",
            "tungstenite-tuned",
            "floor",
            NODE,
        ],
        most_allocations: 1.0,
    },
    Kind {
        name: "SockJS",
        framing: Framing::SockJs,
        servers: &["sockeye", "sockeye-axum", "floor", NODE],
        most_allocations: 1.0,
    },
    Kind {
        name: "Engine.IO WebSocket",
        framing: Framing::EngineIo,
        servers: &[
            "sockeye",
            "sockeye-axum",
            "engineioxide",
            "floor",
            NODE_ENGINE_IO,
        ],
        most_allocations: 1.0,
    },
    Kind {
        name: "Socket.IO",
        framing: Framing::SocketIo(Event::Echo),
        servers: &["sockeye", "sockeye-axum", "socketioxide", NODE_SOCKET_IO],
        most_allocations: 3.0,
    },
];

/// Those of row 20.
const BROADCASTING: [(&str, Framing); 2] =
    [("raw WebSocket", Framing::Raw), ("SockJS", Framing::SockJs)];

pub(super) fn run(settings: &Settings, fleet: &mut Fleet, outcome: &mut Outcome) -> Result<()> {
    if settings.rows.contains(&18) {
        system_calls(settings, fleet, outcome)?;
    }
    if settings.rows.contains(&19) {
        allocations(settings, fleet, outcome)?;
    }
    if settings.rows.contains(&20) {
        broadcasts(settings, fleet, outcome)?;
    }
    Ok(())
}

fn system_calls(settings: &Settings, fleet: &mut Fleet, outcome: &mut Outcome) -> Result<()> {
    for kind in &KINDS {
        let (name, framing) = (kind.name, kind.framing);
        for (depth, messages, most) in [(1, 10_000, 2.3), (16, 80_000, 0.22)] {
            let messages = messages / settings.fewer;
            let scenario = format!("{name} echo, 50 connections, {depth} in flight, 32 B");
            eprintln!("row 18: {scenario}");
            for &name in kind.servers {
                let Some(server) = fleet.shared(name) else {
                    continue;
                };
                let counted = count_calls(server, framing, depth, messages);
                let Some(counts) = accept(fleet, name, counted) else {
                    continue;
                };
                eprintln!(
                    "    {name:24} {:.3} per echo",
                    counts.total as f64 / messages as f64
                );
                let value = Counted {
                    counts,
                    units: messages,
                };
                outcome.calls.push(measured(&scenario, name, value));
            }
            let value = outcome
                .calls
                .iter()
                .find(|calls| calls.scenario == scenario && calls.server == "sockeye")
                .map(|calls| calls.value.counts.total as f64 / calls.value.units as f64);
            let what = format!("system calls per message: {scenario}");
            outcome.goals.push(Goal {
                row: 18,
                what,
                bound: Bound::AtMost(most),
                value,
            });
        }
    }
    Ok(())
}

fn allocations(settings: &Settings, fleet: &mut Fleet, outcome: &mut Outcome) -> Result<()> {
    let messages = 200_000 / settings.fewer;
    for kind in &KINDS {
        let (name, framing) = (kind.name, kind.framing);
        for depth in [1, 16] {
            let scenario = format!("{name} echo, 50 connections, {depth} in flight, 32 B");
            eprintln!("row 19: {scenario}");
            for &name in kind.servers.iter().filter(|name| !is_node(name)) {
                let Some(server) = fleet.shared(name) else {
                    continue;
                };
                let counted = count_allocations(server, framing, depth, messages);
                let Some(counts) = accept(fleet, name, counted) else {
                    continue;
                };
                let share = counts.allocations as f64 / messages as f64;
                eprintln!("    {name:24} {share:.3} per echo");
                let value = Counted {
                    counts,
                    units: messages,
                };
                outcome.allocations.push(measured(&scenario, name, value));
            }
            let value = outcome
                .allocations
                .iter()
                .find(|counts| counts.scenario == scenario && counts.server == "sockeye")
                .map(|counts| counts.value.counts.allocations as f64 / messages as f64);
            let what = format!("allocations per message: {scenario}");
            outcome.goals.push(Goal {
                row: 19,
                what,
                bound: Bound::AtMost(kind.most_allocations),
                value,
            });
        }
    }
    Ok(())
}

/// A broadcast message's size for row 20: an encoding of it can't hide in a small block.
const LARGE: usize = 16 * 1024;

fn broadcasts(_: &Settings, fleet: &mut Fleet, outcome: &mut Outcome) -> Result<()> {
    const BROADCASTS: u64 = 20;
    for (kind, framing) in BROADCASTING {
        let mut large = Vec::new();
        for receivers in [10, 1000] {
            let scenario = format!("{kind} broadcast of 16 KB to {receivers}");
            eprintln!("row 20: {scenario}");
            let Some(server) = fleet.shared("sockeye") else {
                continue;
            };
            let counted = count_broadcast(server, framing, receivers, BROADCASTS);
            let Some(counts) = accept(fleet, "sockeye", counted) else {
                continue;
            };
            eprintln!(
                "    {} allocations, {} of them of 16 KB and more",
                counts.allocations / BROADCASTS,
                counts.large as f64 / BROADCASTS as f64
            );
            large.push(counts.large as f64 / BROADCASTS as f64);
            let value = Counted {
                counts,
                units: BROADCASTS,
            };
            outcome
                .allocations
                .push(measured(&scenario, "sockeye", value));
        }
        let value = match large[..] {
            [few, many] => Some(many - few),
            _ => None,
        };
        let what = format!(
            "{kind} broadcast of 16 KB to 1000: blocks of that size allocated beyond those for 10"
        );
        outcome.goals.push(Goal {
            row: 20,
            what,
            bound: Bound::AtMost(1.0),
            value,
        });
    }
    Ok(())
}

fn accept<T>(fleet: &mut Fleet, name: &'static str, counted: Result<T>) -> Option<T> {
    counted
        .map_err(|error| fleet.give_up(name, error.to_string()))
        .ok()
}

fn measured<T>(scenario: &str, server: &str, value: T) -> Measured<T> {
    Measured {
        scenario: scenario.to_owned(),
        server: server.to_owned(),
        value,
    }
}

// Opens, warms up, lets `messages` through between `before` and `after`.
fn counted_echo<C, T>(
    server: &mut Server,
    framing: Framing,
    depth: usize,
    messages: u64,
    before: impl FnOnce(&mut Server) -> Result<C>,
    after: impl FnOnce(&mut Server, C) -> Result<T>,
) -> Result<T> {
    let mut net = Net::new()?;
    let mut load = Echo::new(server.address(), "/echo", framing, CONNECTIONS, depth, 32);
    load.open(&mut net)?;
    net.run(&mut load, Echo::is_ready)?;
    // Buffers that grow once have grown then.
    load.set_quota(2000);
    load.start(&mut net)?;
    net.run(&mut load, Echo::is_drained)?;
    let counter = before(server)?;
    load.set_quota(messages);
    load.start(&mut net)?;
    net.run(&mut load, Echo::is_drained)?;
    if load.count() != 2000 + messages {
        return Err("another number of messages than was to be counted".into());
    }
    after(server, counter)
}

fn count_calls(
    server: &mut Server,
    framing: Framing,
    depth: usize,
    messages: u64,
) -> Result<SystemCalls> {
    counted_echo(
        server,
        framing,
        depth,
        messages,
        |server| Strace::attach(server),
        |_, strace| strace.detach(),
    )
}

fn count_allocations(
    server: &mut Server,
    framing: Framing,
    depth: usize,
    messages: u64,
) -> Result<Counts> {
    counted_echo(
        server,
        framing,
        depth,
        messages,
        |server| server.start_counting(usize::MAX),
        |server, ()| server.counts(),
    )
}

fn count_broadcast(
    server: &mut Server,
    framing: Framing,
    receivers: usize,
    broadcasts: u64,
) -> Result<Counts> {
    let mut net = Net::new()?;
    let mut load = Fanout::new(server.address(), framing, receivers, 1, LARGE);
    load.open(&mut net)?;
    net.run(&mut load, Fanout::is_ready)?;
    load.set_quota(3);
    load.start(&mut net)?;
    net.run(&mut load, Fanout::is_drained)?;
    server.start_counting(LARGE)?;
    load.set_quota(broadcasts);
    load.start(&mut net)?;
    net.run(&mut load, Fanout::is_drained)?;
    server.counts()
}
