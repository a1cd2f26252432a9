//! The whole matrix of routes, methods, pages and handshakes under each origin policy, in memory.
//!
//! The table is that of the conformance suite, which asks the same of every stack over TCP. Here
//! every session is counted as well.

// clippy.toml allows it in tests, which to clippy are functions with `#[test]`, not their helpers.
#![allow(clippy::unwrap_used)]

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use futures_util::FutureExt;
use hyper::server::conn::http1;
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use sockeye_tests::{
    http1::{Head, Request},
    matrix::{Case, LIST, Mount, Policy, cases},
};
use sockeye_tower::{
    Accept, ConnectRequest, EventStream, Handle, Handler, Limit, MountService, Origins, Session,
    SockJs, WebSocket,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

/// A mount, and what has been seen of it.
struct Server {
    service: MountService,
    handle: Handle,
    /// Requests that passed everything but the application.
    asked: Arc<AtomicUsize>,
    /// Handlers that ran.
    opened: Arc<AtomicUsize>,
    messages: Arc<AtomicUsize>,
}

impl Server {
    fn new(mount: Mount, policy: Policy) -> Self {
        let handle = Handle::new();
        let [asked, opened, messages] = [(); 3].map(|()| Arc::<AtomicUsize>::default());
        let handler = {
            let (opened, messages) = (opened.clone(), messages.clone());
            async move |mut session: Session| {
                opened.fetch_add(1, Ordering::Relaxed);
                while session.recv().await.is_some() {
                    messages.fetch_add(1, Ordering::Relaxed);
                }
            }
        };
        let hook = {
            let asked = asked.clone();
            move |_: &ConnectRequest| {
                asked.fetch_add(1, Ordering::Relaxed);
                async { Ok(Accept::new()) }
            }
        };
        let origins = match policy {
            Policy::SameOrigin => Origins::SameOrigin,
            Policy::List => LIST.into(),
            Policy::Any => Origins::Any,
        };
        fn sockjs<H: Handler>(handler: H) -> SockJs<H> {
            SockJs::new(handler)
        }
        let service = match mount {
            Mount::SockJs => sockjs(handler)
                .handle(&handle)
                .on_connect(hook)
                .allowed_origins(origins)
                .service(),
            Mount::WebSocket => WebSocket::new(handler)
                .handle(&handle)
                .on_connect(hook)
                .allowed_origins(origins)
                .service(),
            Mount::EventStream => EventStream::new(handler)
                .handle(&handle)
                .on_connect(hook)
                .allowed_origins(origins)
                .service(),
        };
        Self {
            service,
            handle,
            asked,
            opened,
            messages,
        }
    }

    fn connect(&self) -> DuplexStream {
        let (client, server) = tokio::io::duplex(64 * 1024);
        let service = TowerToHyperService::new(self.service.clone());
        tokio::spawn(
            http1::Builder::new()
                .serve_connection(TokioIo::new(server), service)
                .with_upgrades(),
        );
        client
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }

    /// What handlers have seen by now.
    #[track_caller]
    fn assert_seen(&self, sessions: usize, messages: usize) {
        assert_eq!(self.opened.load(Ordering::Relaxed), sessions);
        assert_eq!(self.messages.load(Ordering::Relaxed), messages);
    }
}

async fn head(stream: &mut DuplexStream) -> Head {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        bytes.push(stream.read_u8().await.unwrap());
    }
    bytes.truncate(bytes.len() - 4);
    Head::parse(std::str::from_utf8(&bytes).unwrap())
}

/// The body of an answer that ends by itself, and that nothing follows.
async fn body(stream: &mut DuplexStream, head: &Head, request: &Request) -> String {
    let length = match head.header("content-length") {
        _ if request.method() == "HEAD" || head.status == 204 => 0,
        Some(length) => length.parse().unwrap(),
        None => panic!("{head:?} to {request:?}"),
    };
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.unwrap();
    // Whoever answers twice does so at once.
    tokio::task::yield_now().await;
    let more = stream.read_u8().now_or_never();
    assert!(
        !matches!(more, Some(Ok(_))),
        "more than one answer to {request:?}"
    );
    String::from_utf8(body).unwrap()
}

/// Lets every task come to rest: the paused clock moves on only when all of them wait.
async fn rest() {
    tokio::time::sleep(std::time::Duration::from_millis(1)).await;
}

async fn open_live(server: &Server, session: &str) {
    let mut stream = server.connect();
    let request = Request::post(format!("/000/{session}/xhr"));
    stream.write_all(&request.bytes()).await.unwrap();
    assert_eq!(head(&mut stream).await.status, 200);
}

/// Asks all of `cases` under a policy; gives how many there were, opened and refused.
async fn check(mount: Mount, policy: Policy, cases: &[Case]) -> [usize; 3] {
    let mut server = Server::new(mount, policy);
    let (mut opened, mut taken, mut refused) = (0, 0, 0);
    let mut route = "";
    let mut faults = Vec::new();
    for (number, case) in cases.iter().enumerate() {
        // Each route has a mount of its own, so that what is counted stays its own.
        if case.route.name != route {
            route = case.route.name;
            rest().await;
            server.assert_seen(opened, taken);
            server = Server::new(mount, policy);
            (opened, taken) = (0, 0);
            if mount == Mount::SockJs {
                open_live(&server, "live").await;
                opened = 1;
            }
        }
        let expected = case.expected(policy);
        let request = case.request("", &format!("n{number}"), "live");
        let (asked, sessions) = (server.asked(), server.handle.sessions());
        let hits = server.handle.limit_hits(Limit::Origin);
        let mut stream = server.connect();
        stream.write_all(&request.bytes()).await.unwrap();
        let head = head(&mut stream).await;
        let body = if expected.is_whole && head.status == expected.status {
            Some(body(&mut stream, &head, &request).await)
        } else {
            None
        };
        let mut found = expected.faults(&head, body.as_deref());
        if server.asked() - asked != usize::from(expected.opens) {
            found.push("the application was asked, or was not".into());
        }
        // Sessions that came before may end meanwhile; none may begin unless it should.
        if server.handle.sessions() > sessions + usize::from(expected.opens) {
            found.push("a session began".into());
        }
        let is_counted = server.handle.limit_hits(Limit::Origin) != hits;
        if is_counted != (expected.status == 403) {
            found.push("refusals are counted, and nothing else is".into());
        }
        if !found.is_empty() {
            let sent = String::from_utf8_lossy(&request.bytes()).into_owned();
            faults.push(format!("{policy:?} {found:?}\n{sent}{head:?}\n"));
        }
        opened += usize::from(expected.opens);
        taken += usize::from(expected.takes);
        refused += usize::from(expected.status == 403);
    }
    rest().await;
    server.assert_seen(opened, taken);
    let shown = faults.len().min(10);
    assert!(
        faults.is_empty(),
        "{} faults; some:\n{}",
        faults.len(),
        faults[..shown].join("\n")
    );
    [cases.len(), opened, refused]
}

async fn check_all(mount: Mount) {
    let cases = cases(mount);
    for policy in [Policy::SameOrigin, Policy::List, Policy::Any] {
        let [asked, opened, refused] = check(mount, policy, &cases).await;
        assert!(asked > 500 && opened > 0, "{asked} {opened}");
        // What is refused under one policy only shows that the table has teeth.
        assert_eq!(refused > 0, policy != Policy::Any);
    }
}

#[tokio::test(start_paused = true)]
async fn every_request_to_a_sockjs_mount_has_its_answer() {
    check_all(Mount::SockJs).await;
}

#[tokio::test(start_paused = true)]
async fn every_request_to_a_websocket_mount_has_its_answer() {
    check_all(Mount::WebSocket).await;
}

#[tokio::test(start_paused = true)]
async fn every_request_to_an_event_stream_mount_has_its_answer() {
    check_all(Mount::EventStream).await;
}
