//! Heartbeats keep proxies with an idle limit from cutting.
//!
//! The limit is ten seconds, heartbeats come each three, and the lines, all at the same time, are
//! watched for two limits and more. Without heartbeats the same lines are cut, so it is they that make
//! the difference.

use sockeye_tests::PATIENCE;

use crate::{
    Context, cases,
    line::{Line, Seen, Target, Transport},
    proxy::{Config, Software},
};

cases![
    heartbeats_keep_lines_through_nginx,
    heartbeats_keep_lines_through_haproxy,
    without_heartbeats_nginx_cuts,
    without_heartbeats_haproxy_cuts,
];

/// Heartbeats, one each three seconds, for more than two limits.
const BEATS: usize = 8;

/// The guide's configuration with a limit of ten seconds.
fn impatient(software: Software, config: Config) -> Config {
    match software {
        Software::Nginx => config.replacing("proxy_read_timeout 60s", "proxy_read_timeout 10s"),
        Software::Haproxy => config
            .replacing("timeout client 60s", "timeout client 10s")
            .replacing("timeout server 60s", "timeout server 10s")
            .replacing("timeout tunnel 60s", "timeout tunnel 10s"),
        Software::Caddy => unreachable!("has no limit of its own"),
    }
}

fn heartbeats_keep_lines(context: &Context, software: Software) {
    let nodes = context.nodes(&["--heartbeat-ms", "3000"]);
    let config = Config::documented(software, nodes.addresses());
    let proxy = impatient(software, config).start();
    let mut lines: Vec<Line> = Transport::ALL
        .map(|transport| Target::new(proxy.address(), transport).open())
        .into();
    for line in &mut lines {
        while line.beats < BEATS {
            let seen = line.next_or_beat(PATIENCE).map(|(_, seen)| seen);
            assert_eq!(seen, Some(Seen::Beat), "{:?}", line.transport());
        }
    }
    for line in &mut lines {
        line.echo("alive");
    }
}

fn without_heartbeats_they_are_cut(context: &Context, software: Software) {
    let nodes = context.nodes(&[]);
    let config = Config::documented(software, nodes.addresses());
    let proxy = impatient(software, config).start();
    let lines = Transport::ALL.map(|transport| Target::new(proxy.address(), transport).open());
    for mut line in lines {
        let (_, seen) = line.see();
        // Held polls have not begun their answer, so the proxy can give one.
        assert!(
            matches!(seen, Seen::Cut(_) | Seen::Refused(504)),
            "{:?}: {seen:?}",
            line.transport()
        );
    }
}

fn heartbeats_keep_lines_through_nginx(context: &Context) {
    heartbeats_keep_lines(context, Software::Nginx);
}

fn heartbeats_keep_lines_through_haproxy(context: &Context) {
    heartbeats_keep_lines(context, Software::Haproxy);
}

fn without_heartbeats_nginx_cuts(context: &Context) {
    without_heartbeats_they_are_cut(context, Software::Nginx);
}

fn without_heartbeats_haproxy_cuts(context: &Context) {
    without_heartbeats_they_are_cut(context, Software::Haproxy);
}
