//! A proxy that ends TLS: the nodes that trust it know the page's scheme and the client's address.
//!
//! The node is a small server in this process, since it needs `trusted_proxies` and the origin policy
//! of a mount as users have it. The client has an address of its own (127.0.0.2), which is not the
//! proxy's, and lies about itself in every header that a proxy could hand on.

use std::{
    future::pending,
    io::{ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};

use axum::{Router, routing::get};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned, pki_types::ServerName};
use socket2::{Domain, Socket, Type};
use sockeye::{Session, SockJs, axum::RouterExt};
use sockeye_tests::{
    PATIENCE,
    http1::{Head, Request},
    sockjs::{Receiver, session_id},
    websocket::handshake,
};

use crate::{
    Context, cases,
    proxy::{Config, Proxy, Software},
};

cases![
    nodes_behind_nginx_with_tls_know_the_pages_scheme,
    nodes_behind_haproxy_with_tls_know_the_pages_scheme,
    a_node_that_trusts_nobody_knows_neither_scheme_nor_client,
];

const NAME: &str = "shop.test";
const CLIENT: [u8; 4] = [127, 0, 0, 2];

/// Tells each session who it is.
async fn tell(session: Session) {
    let request = session.request();
    let peer = request.peer_address().map(|peer| peer.ip().to_string());
    let peer = peer.unwrap_or_default();
    let is_secure = request.is_secure();
    if session
        .send(format!("peer {peer} secure {is_secure}."))
        .await
        .is_ok()
    {
        // The session is ended by its peer.
        pending().await
    }
}

/// A server under the default origin policy that believes the proxies at these addresses; it ends with
/// the process.
fn node(trusted: &'static [&'static str]) -> SocketAddr {
    let (told, address) = mpsc::channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        runtime.block_on(async move {
            // Sessions wait a minute for the next receiver, so that no pause of the machine ends one.
            let mount = SockJs::new(tell)
                .trusted_proxies(trusted)
                .disconnect_delay(Duration::from_secs(60));
            let app = Router::new()
                .route("/healthz", get(async || "ok"))
                .sockjs("/echo", mount);
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await;
            let listener = listener.expect("a free port");
            told.send(listener.local_addr().expect("is bound"))
                .expect("is waited for");
            sockeye::serve(listener, app).await.expect("serves");
        });
    });
    address.recv().expect("listens")
}

/// A proxy before a node, and a client that believes its certificate.
struct Site {
    proxy: Proxy,
    client: Arc<ClientConfig>,
}

impl Site {
    fn new(software: Software, trusted: &'static [&'static str]) -> Self {
        let made = rcgen::generate_simple_self_signed([NAME.to_owned()]).expect("a certificate");
        let mut roots = RootCertStore::empty();
        roots.add(made.cert.der().clone()).expect("its own root");
        let identity = made.cert.pem() + &made.signing_key.serialize_pem();
        let provider = rustls::crypto::ring::default_provider();
        let client = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_safe_default_protocol_versions()
            .expect("ring has them")
            .with_root_certificates(roots)
            .with_no_client_auth();
        let config = Config::documented(software, [node(trusted); 2]);
        Self {
            proxy: config.with_tls(identity).start(),
            client: Arc::new(client),
        }
    }

    /// Asks over TLS, or without; reads until the answer has the text, or ends.
    fn ask(&self, is_encrypted: bool, request: &Request, until: &str) -> (u16, String) {
        if is_encrypted {
            let name = ServerName::try_from(NAME).expect("a name");
            let session = ClientConnection::new(self.client.clone(), name).expect("a client");
            let stream = connect(self.proxy.tls_address());
            exchange(StreamOwned::new(session, stream), request, until)
        } else {
            exchange(connect(self.proxy.address()), request, until)
        }
    }
}

fn connect(address: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    let own = SocketAddr::from((CLIENT, 0));
    socket.bind(&own.into()).expect("all of 127/8 is ours");
    socket.connect(&address.into()).expect("connects");
    socket
        .set_read_timeout(Some(PATIENCE))
        .expect("a positive timeout");
    socket.into()
}

fn exchange(mut stream: impl Read + Write, request: &Request, until: &str) -> (u16, String) {
    stream.write_all(&request.bytes()).expect("takes it");
    let mut bytes = Vec::new();
    let mut part = [0; 4096];
    loop {
        match stream.read(&mut part) {
            Ok(0) => break,
            Ok(count) => bytes.extend_from_slice(&part[..count]),
            // Not every end of a TLS connection is announced.
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => break,
            Err(error) => panic!("{error} after {}", String::from_utf8_lossy(&bytes)),
        }
        if String::from_utf8_lossy(&bytes).contains(until) {
            break;
        }
    }
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let (head, _) = text.split_once("\r\n\r\n").expect("a head");
    (Head::parse(head).status, text)
}

/// What a page of this origin sends, and what this client makes up.
fn dressed(request: Request, origin: &str) -> Request {
    request
        .host(Some(NAME))
        .header("Origin", origin)
        .header("X-Forwarded-For", "203.0.113.9")
        .header("X-Forwarded-Proto", "gopher")
        .header("X-Forwarded-Host", "evil.test")
        .header("Forwarded", "for=203.0.113.9;proto=http;host=evil.test")
}

/// The requests that open a session, each its own, and the session's path if it outlives the
/// connection: one that is cut in the middle of a stream ends.
fn openings() -> Vec<(Request, Option<String>)> {
    let session = || format!("/echo/000/{}", session_id());
    let mut requests = vec![
        (handshake("/echo/websocket"), None),
        (handshake(&format!("{}/websocket", session())), None),
    ];
    requests.extend(Receiver::ALL.map(|receiver| {
        let id = session_id();
        let request = receiver.request("/echo", &id);
        let request = request.header("Connection", "close");
        let session = format!("/echo/000/{id}");
        (request, (!receiver.is_streaming()).then_some(session))
    }));
    requests
}

fn send(session: &str) -> Request {
    Request::new("POST", format!("{session}/xhr_send"))
        .header("Content-Type", "text/plain")
        .header("Connection", "close")
        .body(r#"["hello"]"#)
}

/// Every transport opens a session of which the node says this.
#[track_caller]
fn admits(site: &Site, is_encrypted: bool, origin: &str, expected: &str) {
    for (request, session) in openings() {
        let request = dressed(request, origin);
        let (mut status, mut text) = site.ask(is_encrypted, &request, expected);
        if !text.contains(expected) && status == 200 {
            // A poll, which has brought the opening alone.
            (status, text) = site.ask(is_encrypted, &request, expected);
        }
        assert!(matches!(status, 101 | 200), "{request:?}: {text}");
        assert!(text.contains(expected), "{request:?}: {text}");
        if let Some(session) = session {
            let request = dressed(send(&session), origin);
            let (status, text) = site.ask(is_encrypted, &request, "\0");
            assert_eq!(status, 204, "{request:?}: {text}");
        }
    }
}

/// No transport does, and nothing is sent.
#[track_caller]
fn refuses(site: &Site, is_encrypted: bool, origin: &str) {
    let info = Request::get("/echo/info");
    let refused = openings().into_iter().map(|(request, _)| request);
    for request in refused.chain([info, send("/echo/000/any")]) {
        let request = dressed(request, origin);
        let (status, text) = site.ask(is_encrypted, &request, "allowed_origins");
        assert_eq!(status, 403, "{request:?}: {text}");
        assert!(text.contains("allowed_origins"), "{request:?}: {text}");
    }
}

#[track_caller]
fn nodes_know_the_pages_scheme(software: Software) {
    let site = Site::new(software, &["127.0.0.1"]);
    admits(
        &site,
        true,
        "https://shop.test",
        "peer 127.0.0.2 secure true.",
    );
    refuses(&site, true, "http://shop.test");
    refuses(&site, true, "https://evil.test");
    // And the other way round where the proxy ends no TLS.
    admits(
        &site,
        false,
        "http://shop.test",
        "peer 127.0.0.2 secure false.",
    );
    refuses(&site, false, "https://shop.test");
}

fn nodes_behind_nginx_with_tls_know_the_pages_scheme(_: &Context) {
    nodes_know_the_pages_scheme(Software::Nginx);
}

fn nodes_behind_haproxy_with_tls_know_the_pages_scheme(_: &Context) {
    nodes_know_the_pages_scheme(Software::Haproxy);
}

/// So it takes any scheme: `trusted_proxies` makes the difference above.
fn a_node_that_trusts_nobody_knows_neither_scheme_nor_client(_: &Context) {
    let site = Site::new(Software::Haproxy, &[]);
    let expected = "peer 127.0.0.1 secure false.";
    admits(&site, true, "https://shop.test", expected);
    admits(&site, true, "http://shop.test", expected);
    refuses(&site, true, "https://evil.test");
}
