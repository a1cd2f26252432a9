//! One of two nodes goes away: its sessions are told, and new ones land on the other.

use std::{net::SocketAddr, time::Duration};

use sockeye_tests::{eventually, http1::Request, sockjs::Client};

use crate::{
    Context, Nodes, cases,
    line::{Line, Seen, Target, Transport},
    proxy::{Config, Proxy, Software},
};

cases![
    nginx_takes_new_sessions_elsewhere,
    haproxy_takes_new_sessions_elsewhere,
    haproxy_by_cookie_takes_new_sessions_elsewhere,
    caddy_takes_new_sessions_elsewhere,
];

const GOING_AWAY: &str = r#"c[1001,"Going away"]"#;

/// The bound for a whole drain, from signal to exit.
const BOUND: Duration = Duration::from_secs(10);

/// New sessions that have to land on the other node one after the other; by the hash half of them
/// would have come to this one.
const NEWCOMERS: usize = 8;

#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    Prefix,
    Cookie,
}

fn target(proxy: &Proxy, transport: Transport, by: By) -> Target {
    let target = Target::new(proxy.address(), transport);
    match by {
        By::Prefix => target,
        By::Cookie => target.with_cookies(),
    }
}

/// Lines of every transport, on both nodes but for raw WebSockets, which a proxy may put on one.
fn lines_on_both(proxy: &Proxy, nodes: [SocketAddr; 2], by: By) -> Vec<Line> {
    let mut lines = vec![target(proxy, Transport::RawWebSocket, by).open()];
    for transport in Transport::with_session() {
        let mut missing = nodes.to_vec();
        eventually("sessions on both nodes", || {
            let line = target(proxy, transport, by).open();
            let is_new = missing.contains(&line.node());
            missing.retain(|node| *node != line.node());
            if is_new {
                lines.push(line);
            }
            missing.is_empty().then_some(())
        });
    }
    lines
}

/// Whether a new session opens, on this node, and works.
fn lands_on(node: SocketAddr, target: Target) -> Result<(), Seen> {
    let mut line = target.start();
    line.opened()?;
    line.echo("new");
    assert_eq!(line.node(), node);
    Ok(())
}

/// How a proxy learns that a node takes nobody any more.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Learns {
    /// It takes a refusal as a reason to ask the other node.
    ByRefusals,
    /// From checks; until it has made them, clients get the refusals.
    ByChecks,
}

fn takes_new_sessions_elsewhere(
    context: &Context,
    config: impl Fn([SocketAddr; 2]) -> Config,
    by: By,
    learns: Learns,
) {
    let nodes = context.nodes(&[]);
    let addresses = nodes.addresses();
    let proxy = config(addresses).start();
    let lines = lines_on_both(&proxy, addresses, by);
    let Nodes([one, other]) = nodes;
    // The one that has the raw WebSocket goes.
    let (mut leaving, remaining) = if lines[0].node() == one.address() {
        (one, other)
    } else {
        (other, one)
    };
    // Somebody who does not fetch its goodbye keeps the drain going.
    let _detached = Client::open(&leaving, "/echo");
    leaving.terminate();

    let (told, mut untouched): (Vec<Line>, Vec<Line>) = lines
        .into_iter()
        .partition(|line| line.node() == leaving.address());
    assert_eq!(told.len(), Transport::ALL.len());
    for mut line in told {
        let expected = match line.transport() {
            Transport::RawWebSocket => Seen::Closed(1001),
            _ => Seen::Frame(GOING_AWAY.to_owned()),
        };
        assert_eq!(line.see().1, expected, "{:?}", line.transport());
    }
    let unready = leaving.ask(&Request::get("/healthz"));
    assert_eq!(unready.status(), 503, "{unready:?}");

    let newcomers = || -> Result<(), Seen> {
        for transport in Transport::ALL {
            for _ in 0..NEWCOMERS {
                lands_on(remaining.address(), target(&proxy, transport, by))?;
            }
        }
        Ok(())
    };
    if learns == Learns::ByChecks {
        eventually("newcomers are taken elsewhere", || match newcomers() {
            Ok(()) => Some(()),
            Err(Seen::Refused(503) | Seen::Cut(_)) => None,
            Err(other) => panic!("{other:?}"),
        });
    } else {
        assert_eq!(newcomers(), Ok(()));
    }
    let (status, stderr) = leaving.exit(BOUND);
    assert_eq!(status.code(), Some(0), "{stderr}");
    assert_eq!(newcomers(), Ok(()));
    for line in &mut untouched {
        line.echo("untouched");
    }
}

fn nginx_takes_new_sessions_elsewhere(context: &Context) {
    let config = |nodes| Config::documented(Software::Nginx, nodes);
    takes_new_sessions_elsewhere(context, config, By::Prefix, Learns::ByRefusals);
}

fn haproxy_takes_new_sessions_elsewhere(context: &Context) {
    let config = |nodes| Config::documented(Software::Haproxy, nodes);
    takes_new_sessions_elsewhere(context, config, By::Prefix, Learns::ByChecks);
}

fn haproxy_by_cookie_takes_new_sessions_elsewhere(context: &Context) {
    takes_new_sessions_elsewhere(
        context,
        Config::haproxy_by_cookie,
        By::Cookie,
        Learns::ByChecks,
    );
}

fn caddy_takes_new_sessions_elsewhere(context: &Context) {
    let config = |nodes| Config::documented(Software::Caddy, nodes);
    takes_new_sessions_elsewhere(context, config, By::Prefix, Learns::ByChecks);
}
