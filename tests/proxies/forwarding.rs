//! What a node gets to see of a request: the headers that proxies set.

use std::{
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    thread,
};

use sockeye_tests::{http1::Request, websocket::handshake};

use crate::{
    Context, cases,
    proxy::{Config, Proxy, Software},
};

cases![
    nginx_tells_who_asks,
    haproxy_tells_who_asks,
    caddy_tells_who_asks,
    nginx_asks_for_an_upgrade_only_when_the_client_does,
    nginx_can_be_told_to_always_say_upgrade,
];

/// A node that answers every request with the request's head.
fn mirror() -> SocketAddr {
    fn answer(stream: TcpStream) -> std::io::Result<()> {
        let mut stream = BufReader::new(stream);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if stream.read_line(&mut head)? == 0 {
                return Ok(());
            }
        }
        let length = head.len();
        write!(
            stream.get_mut(),
            "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{head}"
        )
    }
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("is bound");
    // Ends with the process.
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // A proxy may give a connection up.
            thread::spawn(move || answer(stream));
        }
    });
    address
}

/// The values of a header of the request as the node saw it.
fn seen(proxy: &Proxy, request: &Request, header: &str) -> Vec<String> {
    let response = proxy.ask(request);
    assert_eq!(response.status(), 200, "{response:?}");
    response
        .text()
        .split("\r\n")
        .filter_map(|line| line.split_once(": "))
        .filter(|(name, _)| name.eq_ignore_ascii_case(header))
        .map(|(_, value)| value.to_owned())
        .collect()
}

fn before_a_mirror(software: Software) -> Config {
    Config::documented(software, [mirror(); 2])
}

/// The last entry is the proxy's own; what stands before it, a client may have made up.
#[track_caller]
fn tells_who_asks(software: Software) {
    let proxy = before_a_mirror(software).start();
    let request = Request::get("/who")
        .host(Some("shop.test:8080"))
        .header("X-Forwarded-For", "203.0.113.9")
        .header("X-Forwarded-Proto", "https");
    let entries = seen(&proxy, &request, "x-forwarded-for").join(", ");
    assert_eq!(
        entries.rsplit(", ").next(),
        Some("127.0.0.1"),
        "{entries:?}"
    );
    assert_eq!(seen(&proxy, &request, "x-forwarded-proto"), ["http"]);
    assert_eq!(seen(&proxy, &request, "host"), ["shop.test:8080"]);
}

fn nginx_tells_who_asks(_: &Context) {
    tells_who_asks(Software::Nginx);
}

fn haproxy_tells_who_asks(_: &Context) {
    tells_who_asks(Software::Haproxy);
}

fn caddy_tells_who_asks(_: &Context) {
    tells_who_asks(Software::Caddy);
}

fn nginx_asks_for_an_upgrade_only_when_the_client_does(_: &Context) {
    let proxy = before_a_mirror(Software::Nginx).start();
    let ordinary = Request::get("/chat/info").header("Connection", "upgrade");
    assert!(seen(&proxy, &ordinary, "connection").is_empty());
    assert!(seen(&proxy, &ordinary, "upgrade").is_empty());
    let upgrade = handshake("/chat/websocket");
    assert_eq!(seen(&proxy, &upgrade, "connection"), ["upgrade"]);
    assert_eq!(seen(&proxy, &upgrade, "upgrade"), ["websocket"]);
}

/// The variant that `promptness` runs every transport through.
fn nginx_can_be_told_to_always_say_upgrade(_: &Context) {
    let proxy = before_a_mirror(Software::Nginx)
        .replacing(
            "proxy_set_header Connection $connection_upgrade;",
            "proxy_set_header Connection \"upgrade\";",
        )
        .start();
    let ordinary = Request::get("/chat/info");
    assert_eq!(seen(&proxy, &ordinary, "connection"), ["upgrade"]);
    assert!(seen(&proxy, &ordinary, "upgrade").is_empty());
}
