//! All requests of a session reach one node, and sessions are spread over both.

use std::{collections::BTreeSet, net::SocketAddr};

use sockeye_tests::sockjs::Receiver;

use crate::{
    Context, cases,
    line::{Line, Seen, Target, Transport},
    proxy::{Config, Proxy, Software},
};

cases![
    nginx_hashes_the_prefix,
    haproxy_hashes_the_prefix,
    caddy_hashes_the_prefix,
    haproxy_holds_sessions_by_their_cookie,
    haproxy_spreads_raw_web_sockets,
    without_stickiness_sessions_break,
    long_messages_pass,
];

/// Sessions of each transport: so many that a fair hash does not put all of them on one node.
const SESSIONS: usize = 8;

/// Uses a session so that several requests of it reach the proxy; its node, if the proxy tells.
#[track_caller]
fn use_session(mut line: Line) -> Option<SocketAddr> {
    for message in ["one", "two", "three"] {
        line.echo(message);
    }
    line.node()
}

#[track_caller]
fn every_session_has_one_node(proxy: &Proxy, nodes: [SocketAddr; 2]) {
    let mut used = BTreeSet::new();
    for transport in Transport::with_session() {
        for _ in 0..SESSIONS {
            used.extend(use_session(Target::new(proxy.address(), transport).open()));
        }
    }
    use_session(Target::new(proxy.address(), Transport::RawWebSocket).open());
    assert_eq!(used, BTreeSet::from(nodes));
}

fn hashes_the_prefix(context: &Context, software: Software) {
    let nodes = context.nodes(&[]);
    let proxy = Config::documented(software, nodes.addresses()).start();
    every_session_has_one_node(&proxy, nodes.addresses());
}

fn nginx_hashes_the_prefix(context: &Context) {
    hashes_the_prefix(context, Software::Nginx);
}

fn haproxy_hashes_the_prefix(context: &Context) {
    hashes_the_prefix(context, Software::Haproxy);
}

fn caddy_hashes_the_prefix(context: &Context) {
    hashes_the_prefix(context, Software::Caddy);
}

fn haproxy_holds_sessions_by_their_cookie(context: &Context) {
    let nodes = context.nodes(&[]);
    let proxy = Config::haproxy_by_cookie(nodes.addresses()).start();
    let mut used = BTreeSet::new();
    // A WebSocket is one connection, whose 101 sets no cookie.
    for transport in Transport::over_http() {
        for _ in 0..SESSIONS {
            let line = Target::new(proxy.address(), transport)
                .with_cookies()
                .open();
            let cookie = line.cookie();
            assert!(
                cookie.as_deref().is_some_and(|cookie| matches!(
                    cookie,
                    "JSESSIONID=n1~dummy" | "JSESSIONID=n2~dummy"
                )),
                "{transport:?}: {cookie:?}"
            );
            used.extend(use_session(line));
        }
    }
    assert_eq!(used, BTreeSet::from(nodes.addresses()));
}

fn haproxy_spreads_raw_web_sockets(context: &Context) {
    let nodes = context.nodes(&[]);
    let proxy = Config::documented(Software::Haproxy, nodes.addresses()).start();
    // The fewest connections are on the node that has not got the first.
    let lines = [(); 2].map(|()| Target::new(proxy.address(), Transport::RawWebSocket).open());
    let used: BTreeSet<_> = lines.iter().filter_map(Line::node).collect();
    assert_eq!(used, BTreeSet::from(nodes.addresses()));
}

/// What the tests above would see if a proxy did not hold sessions.
fn without_stickiness_sessions_break(context: &Context) {
    let nodes = context.nodes(&[]);
    let proxy = Config::documented(Software::Haproxy, nodes.addresses())
        .replacing("balance uri depth 2", "balance roundrobin")
        .start();
    let streaming = Transport::Http(Receiver::XhrStreaming);
    let lost = (0..SESSIONS).any(|_| {
        let line = Target::new(proxy.address(), streaming).open();
        let answer = line.send("whereto").expect("an answer");
        answer.status() == 404
    });
    assert!(lost, "every message found its session");
}

fn long_messages_pass(context: &Context) {
    let nodes = context.nodes(&[]);
    let long = "m".repeat(2 * 1024 * 1024);
    for software in Software::ALL {
        let proxy = Config::documented(software, nodes.addresses()).start();
        for transport in Transport::ALL {
            let mut line = Target::new(proxy.address(), transport).open();
            if let Some(answer) = line.send(&long) {
                assert!(
                    matches!(answer.status(), 200 | 204),
                    "{software:?}, {transport:?}: {answer:?}"
                );
            }
            let (_, seen) = line.see();
            let Seen::Frame(frame) = seen else {
                panic!("{software:?}, {transport:?}: {seen:?}");
            };
            // The length tells; showing two such texts that differ would not.
            let around = if transport == Transport::RawWebSocket {
                0
            } else {
                r#"a[""]"#.len()
            };
            assert_eq!(
                frame.len(),
                long.len() + around,
                "{software:?}, {transport:?}"
            );
        }
    }
}
