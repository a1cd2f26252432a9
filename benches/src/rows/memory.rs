//! Rows 14 to 17: resident memory per connection.

use super::{
    Bound, Goal, Measured, Outcome, Settings,
    fleet::{Fleet, NODE, NODE_ENGINE_IO, NODE_SOCKET_IO},
};
use crate::{
    Result,
    client::framing::{Event, Framing},
    measure::memory::{Resident, of_connections, of_streams},
};

/// What counts as "back to the start level": bytes per past connection.
const START_LEVEL: f64 = 100.0;

const CASES: [(&str, Framing, &[&str], f64); 4] = [
    (
        "raw WebSocket",
        Framing::Raw,
        &[
            "sockeye",
            "sockeye-axum",
            "axum-ws",
            "tungstenite",
            "tungstenite-tuned",
            "floor",
            NODE,
        ],
        3000.0,
    ),
    (
        "SockJS over WebSocket",
        Framing::SockJs,
        &["sockeye", "sockeye-axum", "floor", NODE],
        3500.0,
    ),
    (
        "Engine.IO over WebSocket",
        Framing::EngineIo,
        &[
            "sockeye",
            "sockeye-axum",
            "engineioxide",
            "floor",
            NODE_ENGINE_IO,
        ],
        4000.0,
    ),
    (
        "Socket.IO over WebSocket",
        Framing::SocketIo(Event::Echo),
        &["sockeye", "sockeye-axum", "socketioxide", NODE_SOCKET_IO],
        4500.0,
    ),
];

pub(super) fn run(settings: &Settings, fleet: &mut Fleet, outcome: &mut Outcome) -> Result<()> {
    let wanted = |row| settings.rows.contains(&row);
    if wanted(14) || wanted(15) || wanted(17) {
        for (kind, framing, servers, most) in CASES {
            connections(settings, fleet, outcome, kind, framing, servers, most)?;
        }
    }
    if wanted(16) {
        streams(settings, fleet, outcome)?;
    }
    Ok(())
}

fn connections(
    settings: &Settings,
    fleet: &mut Fleet,
    outcome: &mut Outcome,
    kind: &str,
    framing: Framing,
    servers: &[&'static str],
    most: f64,
) -> Result<()> {
    eprintln!("rows 14, 15, 17: {kind}, {} connections", settings.idle);
    let mut ours = None;
    for &name in servers {
        let reading = measure(settings, fleet, name, framing, false)?;
        if let Some(resident) = reading {
            if name == "sockeye" {
                ours = Some(resident);
            }
            let (scenario, server) = (kind.to_owned(), name.to_owned());
            outcome.resident.push(Measured {
                scenario,
                server,
                value: resident,
            });
        }
    }
    let jemalloc = measure(settings, fleet, "sockeye", framing, true)?;
    if let Some(value) = jemalloc {
        let (scenario, server) = (kind.to_owned(), "sockeye with jemalloc".to_owned());
        outcome.resident.push(Measured {
            scenario,
            server,
            value,
        });
    }
    #[rustfmt::skip]
    let goals = [
        (14, "bytes per idle connection", ours.map(|r| r.idle), most),
        (15, "more after a 16 KB echo", ours.map(|r| r.after_echo - r.idle), 500.0),
        (17, "left per connection after all closed", ours.map(|r| r.after_close), 2000.0),
        (17, "left after `malloc_trim`", ours.map(|r| r.after_trim), START_LEVEL),
        (17, "left with jemalloc", jemalloc.map(|r| r.settled), 500.0),
    ];
    for (row, what, value, most) in goals {
        if settings.rows.contains(&row) {
            let what = format!("{kind}: {what}");
            outcome.goals.push(Goal {
                row,
                what,
                bound: Bound::AtMost(most),
                value,
            });
        }
    }
    Ok(())
}

fn measure(
    settings: &Settings,
    fleet: &mut Fleet,
    name: &'static str,
    framing: Framing,
    jemalloc: bool,
) -> Result<Option<Resident>> {
    let Some(mut server) = fleet.fresh(name, jemalloc) else {
        return Ok(None);
    };
    match of_connections(&mut server, framing, settings.idle) {
        Ok(resident) => {
            let Resident {
                idle,
                after_echo,
                after_close,
                after_trim,
                settled,
            } = resident;
            let name = if jemalloc {
                "sockeye with jemalloc"
            } else {
                name
            };
            eprintln!(
                "    {name:24} idle {idle:.0}, echoed {after_echo:.0}, closed {after_close:.0}, \
                 settled {settled:.0}, trimmed {after_trim:.0}"
            );
            Ok(Some(resident))
        }
        Err(error) => {
            drop(server);
            fleet.give_up(name, error.to_string());
            Ok(None)
        }
    }
}

fn streams(settings: &Settings, fleet: &mut Fleet, outcome: &mut Outcome) -> Result<()> {
    let streams = settings.idle / 2;
    eprintln!("row 16: {streams} idle xhr_streaming sessions");
    let mut readings = Vec::new();
    for name in ["sockeye", "sockeye-axum", "hyper-wait", NODE] {
        let Some(mut server) = fleet.fresh(name, false) else {
            continue;
        };
        match of_streams(&mut server, streams) {
            Ok(value) => {
                eprintln!("    {name:24} {value:.0}");
                readings.push((name, value));
                let (scenario, server) = ("idle xhr_streaming".to_owned(), name.to_owned());
                outcome.streams.push(Measured {
                    scenario,
                    server,
                    value,
                });
            }
            Err(error) => {
                drop(server);
                fleet.give_up(name, error.to_string());
            }
        }
    }
    let find = |name| {
        readings
            .iter()
            .find(|(other, _)| *other == name)
            .map(|(_, value)| *value)
    };
    let value = find("sockeye")
        .zip(find("hyper-wait"))
        .map(|(ours, bare)| ours - bare);
    let what =
        "bytes per idle xhr_streaming session beyond a waiting POST of bare hyper".to_owned();
    outcome.goals.push(Goal {
        row: 16,
        what,
        bound: Bound::AtMost(2500.0),
        value,
    });
    Ok(())
}
