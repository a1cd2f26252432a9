//! What was found, as JSON and as `docs/benchmarks.md`.

use std::{fmt::Write, fs, process::Command};

use serde_json::{Value, json};

use crate::{
    measure::{child::JEMALLOC_SETTING, rounds::ratio},
    rows::{Bound, Goal, Measured, Outcome, Settings},
};

/// Everything, for programs.
pub(crate) fn json(settings: &Settings, outcome: &Outcome) -> Value {
    let rates = outcome.rates.iter().map(|case| {
        let servers = case.value.iter().map(|rates| {
            json!({
                "server": rates.name, "median": rates.median(), "rounds": rates.rounds,
                "busy": rates.busy,
            })
        });
        json!({ "scenario": case.scenario, "servers": servers.collect::<Vec<_>>() })
    });
    let resident = outcome.resident.iter().map(|one| {
        let value = &one.value;
        json!({
            "scenario": one.scenario, "server": one.server, "idle": value.idle,
            "after_echo": value.after_echo, "after_close": value.after_close,
            "settled": value.settled, "after_trim": value.after_trim,
        })
    });
    let streams = outcome
        .streams
        .iter()
        .map(|one| json!({ "scenario": one.scenario, "server": one.server, "idle": one.value }));
    let calls = outcome.calls.iter().map(|one| {
        json!({
            "scenario": one.scenario, "server": one.server, "messages": one.value.units,
            "calls": one.value.counts.total, "by_name": one.value.counts.by_name,
        })
    });
    let allocations = outcome.allocations.iter().map(|one| {
        let counts = one.value.counts;
        json!({
            "scenario": one.scenario, "server": one.server, "messages": one.value.units,
            "allocations": counts.allocations, "bytes": counts.bytes, "large": counts.large,
        })
    });
    let goals = outcome.goals.iter().map(|goal| {
        let (least, wish, most) = match goal.bound {
            Bound::AtLeast(least, wish) => (Some(least), wish, None),
            Bound::AtMost(most) => (None, None, Some(most)),
        };
        json!({
            "row": goal.row, "what": goal.what, "at_least": least, "wish": wish, "at_most": most,
            "measured": goal.value, "met": goal.is_met(),
        })
    });
    json!({
        "host": host(),
        "rounds": settings.plan.rounds,
        "span_ms": settings.plan.span.as_millis() as u64,
        "idle_connections": settings.idle,
        "per_cpu_second": rates.collect::<Vec<_>>(),
        "resident_bytes": resident.collect::<Vec<_>>(),
        "stream_bytes": streams.collect::<Vec<_>>(),
        "system_calls": calls.collect::<Vec<_>>(),
        "allocations": allocations.collect::<Vec<_>>(),
        "goals": goals.collect::<Vec<_>>(),
        "not_measured": outcome.missing.iter().map(|(server, why)| json!({ "server": server, "why": why })).collect::<Vec<_>>(),
    })
}

/// The goals table.
pub(crate) fn goals(outcome: &Outcome) -> String {
    let mut text = "| row | scenario | goal | measured | |\n|---|---|---|---|---|\n".to_owned();
    for goal in &outcome.goals {
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} |",
            goal.row,
            goal.what,
            bound(goal.bound),
            goal.value
                .map_or_else(|| "not measured".to_owned(), |value| figure(goal, value)),
            verdict(goal),
        );
    }
    for (server, why) in &outcome.missing {
        let _ = writeln!(text, "\n{server} was not measured to the end: {why}");
    }
    text
}

fn bound(bound: Bound) -> String {
    match bound {
        Bound::AtLeast(least, None) => format!("≥ {least} ×"),
        Bound::AtLeast(least, Some(wish)) => format!("≥ {least} × (wish {wish})"),
        Bound::AtMost(most) => format!("≤ {}", number(most)),
    }
}

fn figure(goal: &Goal, value: f64) -> String {
    match goal.bound {
        Bound::AtLeast(..) => format!("{value:.2} ×"),
        Bound::AtMost(_) => number(value),
    }
}

fn verdict(goal: &Goal) -> &'static str {
    match (goal.is_met(), goal.bound, goal.value) {
        (None, ..) => "",
        (Some(false), ..) => "**missed**",
        (Some(true), Bound::AtLeast(_, Some(wish)), Some(value)) if value >= wish => {
            "met, wish too"
        }
        (Some(true), ..) => "met",
    }
}

// Three figures that mean something; thousands set apart.
fn number(value: f64) -> String {
    if value.abs() < 100.0 {
        let text = format!("{value:.3}");
        return text.trim_end_matches('0').trim_end_matches('.').to_owned();
    }
    let digits = format!("{:.0}", value.abs());
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    if value < 0.0 {
        format!("-{text}")
    } else {
        text
    }
}

/// The whole page.
pub(crate) fn markdown(settings: &Settings, outcome: &Outcome) -> String {
    let mut page = String::from(HEAD);
    let met = outcome
        .goals
        .iter()
        .filter(|goal| goal.is_met() == Some(true))
        .count();
    let _ = writeln!(page, "## Goals\n\n{met} of {} met.\n", outcome.goals.len());
    page.push_str(&goals(outcome));

    page.push_str("\n## Work per second of the server's CPU\n\n");
    let _ = writeln!(
        page,
        "The median of {} rounds of {} ms (more for the last rows), and how many times as much sockeye did, \
         the median of the ratios round by round.\n",
        settings.plan.rounds,
        settings.plan.span.as_millis()
    );
    page.push_str("| scenario | server | per CPU-second | sockeye does | core in use |\n|---|---|--:|--:|--:|\n");
    for case in &outcome.rates {
        let ours = case.value.iter().find(|rates| rates.name == "sockeye");
        for (index, rates) in case.value.iter().enumerate() {
            let scenario = if index == 0 {
                case.scenario.as_str()
            } else {
                ""
            };
            let times = match ours {
                Some(ours) if ours.name != rates.name => format!("{:.2} ×", ratio(ours, rates)),
                _ => String::new(),
            };
            let median = number(rates.median());
            let busy = rates.busy * 100.0;
            let _ = writeln!(
                page,
                "| {scenario} | {} | {median} | {times} | {busy:.0} % |",
                rates.name
            );
        }
    }

    let _ = writeln!(
        page,
        "\n## Resident bytes per connection\n\n{} connections, each against the process before them. \
         \"settled\": after closing, when memory changed no more; \"trimmed\": after `malloc_trim` \
         (Node: after a garbage collection). jemalloc runs with `{JEMALLOC_SETTING}`.\n",
        settings.idle
    );
    page.push_str(
        "| kind | server | idle | after a 16 KB echo each | all closed | settled | trimmed |\n\
         |---|---|--:|--:|--:|--:|--:|\n",
    );
    for one in &outcome.resident {
        let value = one.value;
        let _ = writeln!(
            page,
            "| {} | {} | {} | {} | {} | {} | {} |",
            one.scenario,
            one.server,
            whole(value.idle),
            whole(value.after_echo),
            whole(value.after_close),
            whole(value.settled),
            whole(value.after_trim),
        );
    }
    let _ = writeln!(
        page,
        "\n{} idle xhr_streaming sessions:\n",
        settings.idle / 2
    );
    page.push_str("| server | bytes per session |\n|---|--:|\n");
    for one in &outcome.streams {
        let _ = writeln!(page, "| {} | {} |", one.server, whole(one.value));
    }

    page.push_str("\n## System calls per echoed message\n\n");
    counted(&mut page, &outcome.calls, |value| {
        value.counts.total as f64 / value.units as f64
    });
    page.push_str("\n## Allocations per message\n\n");
    page.push_str("A broadcast counts as one message, whatever the number of its receivers.\n\n");
    counted(&mut page, &outcome.allocations, |value| {
        value.counts.allocations as f64 / value.units as f64
    });
    page.push_str(METHOD);
    page.push_str("\n## What it ran on\n\n");
    for (name, value) in host() {
        let _ = writeln!(page, "- {name}: {value}");
    }
    page
}

fn whole(value: f64) -> String {
    number(value.round())
}

fn counted<T>(page: &mut String, all: &[Measured<T>], share: impl Fn(&T) -> f64) {
    page.push_str("| scenario | server | per message |\n|---|---|--:|\n");
    let mut last = "";
    for one in all {
        let scenario = if one.scenario == last {
            ""
        } else {
            one.scenario.as_str()
        };
        last = &one.scenario;
        let _ = writeln!(
            page,
            "| {scenario} | {} | {} |",
            one.server,
            number(share(&one.value))
        );
    }
}

fn host() -> Vec<(&'static str, String)> {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let cpu = read("/proc/cpuinfo");
    let model = cpu
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .unwrap_or_default();
    let cores = cpu
        .lines()
        .filter(|line| line.starts_with("processor"))
        .count();
    let release = read("/proc/sys/kernel/osrelease");
    let release = release.split('.').take(2).collect::<Vec<_>>().join(".");
    let said = |program: &str| {
        let output = Command::new(program).arg("--version").output().ok();
        output.map_or_else(String::new, |output| {
            String::from_utf8_lossy(&output.stdout).trim().to_owned()
        })
    };
    vec![
        (
            "processor",
            format!(
                "{}, {cores} cores",
                model.trim_start_matches([' ', '\t', ':'])
            ),
        ),
        ("system", format!("Linux {release}")),
        ("Rust", said("rustc")),
        ("Node", said("node")),
        ("sockjs", package_version("sockjs")),
        ("engine.io", package_version("engine.io")),
        ("socket.io", package_version("socket.io")),
        ("axum", locked("axum")),
        ("engineioxide", locked("engineioxide")),
        ("socketioxide", locked("socketioxide")),
        ("tokio-tungstenite", locked("tokio-tungstenite")),
        ("tokio", locked("tokio")),
        ("hyper", locked("hyper")),
    ]
}

const NODE_PACKAGE: &str = include_str!("../node/package.json");
const LOCK: &str = include_str!("../../Cargo.lock");

fn package_version(name: &str) -> String {
    let wanted = format!("\"{name}\": \"");
    let version = |line: &str| {
        let version = line.trim().strip_prefix(&wanted)?;
        Some(version.trim_end_matches(['"', ',']).to_owned())
    };
    NODE_PACKAGE.lines().find_map(version).unwrap_or_default()
}

// axum brings a tokio-tungstenite of its own, so there may be several.
fn locked(name: &str) -> String {
    let wanted = format!("name = \"{name}\"");
    let lines: Vec<&str> = LOCK.lines().collect();
    let versions = lines
        .windows(2)
        .filter(|pair| pair[0] == wanted)
        .filter_map(|pair| Some(pair[1].strip_prefix("version = \"")?.trim_end_matches('"')));
    versions.collect::<Vec<_>>().join(" and ")
}

const HEAD: &str = "\
# Benchmarks

Generated by the load harness in `benches/`; do not edit. The one command, on Linux with two cores,
Node, npm and strace:

```sh
cargo run --release -p sockeye-bench -- run --write-docs docs/benchmarks.md
```

`sockeye` runs on `sockeye::serve`, `sockeye-axum` is the same under `axum::serve`, `axum-ws` is axum's own
`ws`, `tungstenite` is tokio-tungstenite without HTTP server (`-tuned`: 4 KiB read buffer, `feed` and one
`flush` when no more input is there), `floor` is a bare tokio loop with the least codec that can echo: no
limits, no timers, no checks. `engineioxide` and `socketioxide` run under `axum::serve`, as their
documentation shows. `node-sockjs`, `node-engineio` and `node-socketio` are the reference servers.

";

const METHOD: &str = "
## Method

- Server and generator are processes of their own, pinned to different cores. All Rust servers run on the
  same current-thread tokio runtime, are built alike and set `TCP_NODELAY`.
- Absolute rates move from run to run and from machine to machine. Compare ratios within one run. The rounds
  alternate (A B C, A B C, ...), so what slows the machine down meets all of them.
- CPU time is the process's own clock: all threads, user and system, in nanoseconds. The \"core in use\" column
  says how much of its core the server had; far below 100 % the generator was the slower side, or other
  programs ran on the machine. Such numbers are noisier: judge them from several runs on a quiet one.
- The generator compares every echo with what was sent, and counts the messages inside `a[...]` frames, as
  servers may join several.
- The generator answers heartbeats, as clients do; they are no messages.
- Connection life: 16 connections at a time, each closed by a WebSocket close frame and counted when the
  server has answered it.
- Engine.IO is spoken in revision 4. Over polling: one poll and one POST per echo on kept-alive connections.
- xhr: one poll and one xhr_send per echo on kept-alive connections. xhr_streaming: one xhr_send per echo; a
  response that reached its limit is opened anew.
- The ordinary route is measured against the same application on a second port of the same process, so that
  the two differ in the middleware alone.
- Resident bytes come from `smaps_rollup`, after a first wave of 64 connections has allocated what is
  allocated once. \"Back to the start level\" means at most 100 bytes per past connection.
- System calls: `strace -f -c` over a fixed number of echoes, connections open before and after. Allocations:
  a counting global allocator, likewise.
- Row 20 broadcasts 16 KB and counts allocated blocks of at least that size: an encoding per receiver would
  show as 990 more of them for 1000 receivers than for 10.
";
