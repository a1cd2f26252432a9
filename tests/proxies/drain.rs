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

const HAPROXY: &str = "Layer7 wrong status, code: 503";
const CADDY: &str = r#""status_code":503"#;

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

/// Lines of one transport: until each node has one, or so many that each does where nobody tells.
fn lines_on_both(proxy: &Proxy, transport: Transport, nodes: [SocketAddr; 2], by: By) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut missing = nodes.to_vec();
    while lines.len() < 24 && !missing.is_empty() {
        let line = target(proxy, transport, by).open();
        missing.retain(|node| Some(*node) != line.node());
        lines.push(line);
    }
    lines
}

/// Whether a new session opens, on this node, and works.
fn lands_on(node: SocketAddr, target: Target) -> Result<(), Seen> {
    let mut line = target.start();
    line.opened()?;
    line.echo("new");
    assert!(line.node().is_none_or(|is| is == node), "{line:?}");
    Ok(())
}

/// How a proxy learns that a node takes nobody any more.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Learns {
    /// It takes a refusal as a reason to ask the other node.
    ByRefusals,
    /// From checks, of which its log says this; until it has made them, clients get the refusals.
    ByChecks(&'static str),
}

/// How a line's session ends when its node goes.
fn goodbye(line: &Line) -> Seen {
    match line.transport() {
        Transport::RawWebSocket => Seen::Closed(1001),
        _ => Seen::Frame(GOING_AWAY.to_owned()),
    }
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
    let lines: Vec<Line> = Transport::ALL
        .into_iter()
        .flat_map(|transport| lines_on_both(&proxy, transport, addresses, by))
        .collect();
    let Nodes([one, other]) = nodes;
    // nginx has all raw WebSockets of an address on one node: that one goes.
    let raw = lines
        .iter()
        .find(|line| line.transport() == Transport::RawWebSocket);
    let (mut leaving, remaining) = if raw.and_then(Line::node) == Some(one.address()) {
        (one, other)
    } else {
        (other, one)
    };
    // Somebody who does not fetch its goodbye keeps the drain going.
    let _detached = Client::open(&leaving, "/echo");
    leaving.terminate();

    let mut told = Vec::new();
    let (mut untouched, mut unknown) = (Vec::new(), Vec::new());
    for mut line in lines {
        match line.node() {
            Some(node) if node == leaving.address() => {
                assert_eq!(line.see().1, goodbye(&line), "{:?}", line.transport());
                told.push(line.transport());
            }
            Some(_) => untouched.push(line),
            None => unknown.push(line),
        }
    }
    let unready = leaving.ask(&Request::get("/healthz"));
    assert_eq!(unready.status(), 503, "{unready:?}");

    let newcomers = || -> Result<(), Seen> {
        // Those that open by a POST first: nginx does not repeat it unless told to.
        let sockets = [Transport::WebSocket, Transport::RawWebSocket];
        for transport in Transport::over_http().chain(sockets) {
            for _ in 0..NEWCOMERS {
                lands_on(remaining.address(), target(&proxy, transport, by))?;
            }
        }
        Ok(())
    };
    if let Learns::ByChecks(unready) = learns {
        eventually("newcomers are taken elsewhere", || match newcomers() {
            Ok(()) => Some(()),
            // 502 for whoever was on the way to the node when HAProxy cut what it has there.
            Err(Seen::Refused(502 | 503) | Seen::Cut(_)) => None,
            Err(other) => panic!("{other:?}"),
        });
        // It did not just wait until the node was gone.
        let said = proxy.said();
        assert!(said.contains(unready), "{said}");
    } else {
        assert_eq!(newcomers(), Ok(()));
    }
    let (status, stderr) = leaving.exit(BOUND);
    assert_eq!(status.code(), Some(0), "{stderr}");
    assert_eq!(newcomers(), Ok(()));
    // Whoever was on the node that is gone has been told by now.
    for mut line in unknown {
        line.send("anybody there?");
        let (_, seen) = line.see();
        if seen == goodbye(&line) {
            told.push(line.transport());
        } else {
            assert!(
                matches!(&seen, Seen::Frame(frame) if frame.contains("anybody there?")),
                "{:?}: {seen:?}",
                line.transport()
            );
            untouched.push(line);
        }
    }
    for line in &mut untouched {
        line.echo("untouched");
    }
    for transport in Transport::ALL {
        assert!(told.contains(&transport), "nobody was told: {transport:?}");
    }
}

fn nginx_takes_new_sessions_elsewhere(context: &Context) {
    let config = |nodes| Config::documented(Software::Nginx, nodes);
    takes_new_sessions_elsewhere(context, config, By::Prefix, Learns::ByRefusals);
}

fn haproxy_takes_new_sessions_elsewhere(context: &Context) {
    let config = |nodes| Config::documented(Software::Haproxy, nodes);
    takes_new_sessions_elsewhere(context, config, By::Prefix, Learns::ByChecks(HAPROXY));
}

fn haproxy_by_cookie_takes_new_sessions_elsewhere(context: &Context) {
    takes_new_sessions_elsewhere(
        context,
        Config::haproxy_by_cookie,
        By::Cookie,
        Learns::ByChecks(HAPROXY),
    );
}

fn caddy_takes_new_sessions_elsewhere(context: &Context) {
    let config = |nodes| Config::documented(Software::Caddy, nodes);
    takes_new_sessions_elsewhere(context, config, By::Prefix, Learns::ByChecks(CADDY));
}
