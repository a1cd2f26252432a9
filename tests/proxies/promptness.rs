//! Frames pass at once: nothing on the way waits for more.
//!
//! A frame may take 100 ms more than an ordinary request through the same proxy. A busy machine
//! delays some of either, so the medians of a few are compared, and compared again as long as the
//! test's patience lasts. What is held back is so every time, or never comes at all.

use std::time::{Duration, Instant};

use sockeye_tests::{PATIENCE, http1::Request};

use crate::{
    Context, cases,
    documented::block,
    line::{Target, Transport},
    proxy::{Config, Proxy, Software},
};

cases![
    frames_pass_nginx_at_once,
    frames_pass_nginx_at_once_over_http_1_0,
    frames_pass_nginx_at_once_when_it_compresses,
    frames_pass_nginx_at_once_when_it_compresses_what_comes_over_http_1_0,
    frames_pass_nginx_when_every_request_says_upgrade,
    frames_pass_haproxy_at_once,
    frames_pass_haproxy_at_once_when_it_may_compress,
    frames_pass_caddy_at_once,
    frames_pass_caddy_at_once_when_it_compresses_elsewhere,
    a_stream_that_nginx_buffers_is_noticed,
    a_stream_that_nginx_buffers_to_compress_is_noticed,
    a_stream_that_haproxy_buffers_is_noticed,
];

/// What a frame may take more than another request.
const MORE: Duration = Duration::from_millis(100);

const GZIP: &str = "gzip on; gzip_proxied any; gzip_min_length 0;
    gzip_types text/plain text/event-stream application/javascript application/json;";

fn round_trip(proxy: &Proxy) -> Duration {
    let begin = Instant::now();
    let response = proxy.ask(&Request::get("/healthz").header("Connection", "close"));
    assert_eq!(response.status(), 200, "{response:?}");
    begin.elapsed()
}

fn median(mut times: [Duration; 5]) -> Duration {
    times.sort();
    times[2]
}

#[track_caller]
fn assert_prompt(proxy: &Proxy, transport: Transport, takes_gzip: bool) {
    let begin = Instant::now();
    let mut measured = Vec::new();
    while begin.elapsed() < PATIENCE {
        let target = Target::new(proxy.address(), transport);
        let target = if takes_gzip {
            target.with_gzip()
        } else {
            target
        };
        let mut line = target.open();
        let mut frames = [Duration::ZERO; 5];
        let mut others = [Duration::ZERO; 5];
        for (frame, other) in frames.iter_mut().zip(&mut others) {
            *other = round_trip(proxy);
            *frame = line.echo("now");
        }
        if median(frames) <= median(others) + MORE {
            return;
        }
        measured.push((median(frames), median(others)));
    }
    panic!("{transport:?}: frames took, and other requests: {measured:?}");
}

#[track_caller]
fn all_are_prompt(proxy: &Proxy, transports: impl IntoIterator<Item = Transport>) {
    for transport in transports {
        assert_prompt(proxy, transport, false);
    }
}

/// That a stream is held back: it does not even open in the time of a second and many other requests.
#[track_caller]
fn assert_held_back(proxy: &Proxy, transport: Transport, takes_gzip: bool) {
    let target = Target::new(proxy.address(), transport);
    let target = if takes_gzip {
        target.with_gzip()
    } else {
        target
    };
    let mut line = target.start();
    for _ in 0..50 {
        round_trip(proxy);
    }
    let seen = line.next(Duration::from_secs(1));
    assert!(seen.is_none(), "{transport:?}: {seen:?}");
}

fn frames_pass_nginx_at_once(context: &Context) {
    let nodes = context.nodes(&[]);
    let proxy = Config::documented(Software::Nginx, nodes.addresses()).start();
    all_are_prompt(&proxy, Transport::ALL);
}

/// The default towards nodes, which knows no upgrades.
fn over_http_1_0(config: Config) -> Config {
    config.replacing("proxy_http_version 1.1;", "")
}

fn frames_pass_nginx_at_once_over_http_1_0(context: &Context) {
    let nodes = context.nodes(&[]);
    let config = Config::documented(Software::Nginx, nodes.addresses());
    let proxy = over_http_1_0(config).start();
    all_are_prompt(&proxy, Transport::over_http());
}

/// That every transport is prompt, and streams are compressed nevertheless.
#[track_caller]
fn all_are_prompt_compressed(proxy: &Proxy, transports: impl IntoIterator<Item = Transport>) {
    for transport in transports {
        assert_prompt(proxy, transport, true);
    }
    for transport in Transport::streaming() {
        let line = Target::new(proxy.address(), transport).with_gzip().open();
        assert!(line.encodings().contains("gzip"), "{transport:?}");
    }
}

fn frames_pass_nginx_at_once_when_it_compresses(context: &Context) {
    let nodes = context.nodes(&[]);
    let proxy = Config::documented(Software::Nginx, nodes.addresses())
        .with_around(GZIP)
        .start();
    all_are_prompt_compressed(&proxy, Transport::ALL);
}

fn frames_pass_nginx_at_once_when_it_compresses_what_comes_over_http_1_0(context: &Context) {
    let nodes = context.nodes(&[]);
    let config = Config::documented(Software::Nginx, nodes.addresses()).with_around(GZIP);
    let proxy = over_http_1_0(config).start();
    all_are_prompt_compressed(&proxy, Transport::over_http());
}

/// The usual sample sends `Connection: upgrade` with ordinary requests as well.
fn frames_pass_nginx_when_every_request_says_upgrade(context: &Context) {
    let nodes = context.nodes(&[]);
    let proxy = Config::documented(Software::Nginx, nodes.addresses())
        .replacing(
            "proxy_set_header Connection $connection_upgrade;",
            "proxy_set_header Connection \"upgrade\";",
        )
        .start();
    for path in ["/healthz", "/echo", "/echo/info", "/echo/iframe.html"] {
        let response = proxy.ask(&Request::get(path));
        assert_eq!(response.status(), 200, "{path}: {response:?}");
    }
    all_are_prompt(&proxy, Transport::ALL);
}

fn frames_pass_haproxy_at_once(context: &Context) {
    let nodes = context.nodes(&[]);
    let proxy = Config::documented(Software::Haproxy, nodes.addresses()).start();
    all_are_prompt(&proxy, Transport::ALL);
}

/// That every transport is prompt and streams are left as they are.
#[track_caller]
fn all_are_prompt_and_plain(proxy: &Proxy) {
    for transport in Transport::ALL {
        assert_prompt(proxy, transport, true);
    }
    for transport in Transport::streaming() {
        let line = Target::new(proxy.address(), transport).with_gzip().open();
        assert!(line.encodings().is_empty(), "{:?}", line.encodings());
    }
}

fn frames_pass_haproxy_at_once_when_it_may_compress(context: &Context) {
    let nodes = context.nodes(&[]);
    let proxy = Config::documented(Software::Haproxy, nodes.addresses())
        .replacing(
            "option forwardfor\n",
            "option forwardfor\n    compression algo gzip\n",
        )
        .start();
    all_are_prompt_and_plain(&proxy);
}

fn frames_pass_caddy_at_once(context: &Context) {
    let nodes = context.nodes(&[]);
    let proxy = Config::documented(Software::Caddy, nodes.addresses()).start();
    all_are_prompt(&proxy, Transport::ALL);
}

/// Its compression, unlike the others', holds streams back, so the guide keeps it off the mount.
fn frames_pass_caddy_at_once_when_it_compresses_elsewhere(context: &Context) {
    // Too short an iframe page would not be compressed.
    let script = format!("/{}.js", "s".repeat(1000));
    let nodes = context.nodes(&["--sockjs-url", &script]);
    let encode = block("caddy", 1).replace("/chat/*", "/echo/*");
    let proxy = Config::documented(Software::Caddy, nodes.addresses())
        .replacing(":80 {\n", &format!(":80 {{\n{encode}"))
        .start();
    let elsewhere = Request::get("/ticker/iframe.html").header("Accept-Encoding", "gzip");
    let response = proxy.ask(&elsewhere);
    assert_eq!(response.header("content-encoding"), Some("gzip"));
    all_are_prompt_and_plain(&proxy);
}

fn a_stream_that_nginx_buffers_is_noticed(context: &Context) {
    let nodes = context.nodes(&[]);
    let config = Config::documented(Software::Nginx, nodes.addresses())
        .with_around("proxy_ignore_headers X-Accel-Buffering;");
    let proxy = over_http_1_0(config).start();
    for transport in Transport::streaming() {
        assert_held_back(&proxy, transport, false);
    }
}

fn a_stream_that_nginx_buffers_to_compress_is_noticed(context: &Context) {
    let nodes = context.nodes(&[]);
    let proxy = Config::documented(Software::Nginx, nodes.addresses())
        .with_around("proxy_ignore_headers X-Accel-Buffering;")
        .with_around(GZIP)
        .start();
    for transport in Transport::streaming() {
        assert_held_back(&proxy, transport, true);
    }
}

fn a_stream_that_haproxy_buffers_is_noticed(context: &Context) {
    let nodes = context.nodes(&[]);
    let proxy = Config::documented(Software::Haproxy, nodes.addresses())
        .replacing(
            "backend sockjs\n",
            "backend sockjs\n    http-response wait-for-body time 60s\n",
        )
        .start();
    for transport in Transport::streaming() {
        assert_held_back(&proxy, transport, false);
    }
}
