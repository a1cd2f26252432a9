//! Who is let in: places in all and for each address, and a hook that takes its time.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use sockeye_tower::{Accept, ConnectRequest, EngineIo, Limit, Reject};
use tokio::sync::Semaphore;

use crate::{
    client::Connection,
    support::{HandOver, Server, Sessions, drain, pass, rest, tasks},
};

const POLLING: &str = "EIO=4&transport=polling";
const WEBSOCKET: &str = "EIO=4&transport=websocket";

/// Limit 8: places of an address, whatever the transport; an upgrade takes none.
#[tokio::test(start_paused = true)]
async fn sessions_of_one_address_are_limited_and_others_are_not() {
    let (server, mut sessions) = Server::handing_over(|mount| mount.max_sessions_per_address(2));
    let first = server.seen_from("10.0.0.1");
    let client = first.open().await;
    let socket = first.open_websocket().await;
    for round in 1..4 {
        let answer = first.get(POLLING).await;
        assert_eq!((answer.status, answer.all("retry-after")), (503, vec!["5"]));
        let (answer, _) = first.handshake(WEBSOCKET).await;
        assert_eq!((answer.status, answer.all("retry-after")), (503, vec!["5"]));
        assert_eq!(
            server.handle.limit_hits(Limit::SessionsPerAddress),
            2 * round
        );
    }
    assert_eq!(server.handle.limit_hits(Limit::Sessions), 0);
    // Those that are in may move.
    let mut moved = client.upgraded().await;
    moved.expect_silence().await;
    // An address that is not told is not counted.
    for other in [server.seen_from("10.0.0.2"), server.clone()] {
        let _client = other.open().await;
        let _socket = other.open_websocket().await;
        rest().await;
    }
    // Each place is given back, however its session ended.
    drop((moved, socket));
    rest().await;
    while sessions.try_recv().is_ok() {}
    rest().await;
    let socket = first.open_websocket().await;
    first.open().await;
    assert_eq!(first.get(POLLING).await.status, 503);
    drop(socket);
    pass(46).await;
    while sessions.try_recv().is_ok() {}
    rest().await;
    assert_eq!(server.handle.sessions(), 0);
    first.open().await;
}

/// Decision 11: addresses are those of clients behind proxies that are trusted, and of nobody else.
#[tokio::test(start_paused = true)]
async fn trusted_proxies_tell_whose_session_it_is() {
    let (server, mut sessions) = Server::handing_over(|mount| {
        mount
            .max_sessions_per_address(1)
            .trusted_proxies(["10.0.0.0/8"])
    });
    let (proxy, stranger) = (
        server.seen_from("10.1.2.3"),
        server.seen_from("198.51.100.1"),
    );
    let told = |address: &str| format!("X-Forwarded-For: {address}\r\n");
    for address in ["203.0.113.1", "203.0.113.2"] {
        let answer = proxy.ask_with("GET", POLLING, &told(address), b"").await;
        assert_eq!(answer.status, 200);
        let session = sessions.recv().await.unwrap();
        assert_eq!(
            session.request().peer_address().unwrap().ip().to_string(),
            address
        );
        let answer = proxy.ask_with("GET", POLLING, &told(address), b"").await;
        assert_eq!(answer.status, 503);
        let (answer, _) = proxy.handshake_with(WEBSOCKET, &told(address)).await;
        assert_eq!(answer.status, 503);
    }
    // Whoever is no proxy says what it likes.
    let (answer, _connection) = stranger
        .handshake_with(WEBSOCKET, &told("203.0.113.1"))
        .await;
    assert_eq!(answer.status, 101);
    let session = sessions.recv().await.unwrap();
    let address = session.request().peer_address().unwrap().ip().to_string();
    assert_eq!(address, "198.51.100.1");
    for address in ["203.0.113.3", "203.0.113.4"] {
        let answer = stranger.ask_with("GET", POLLING, &told(address), b"").await;
        assert_eq!(answer.status, 503);
    }
}

/// Decision 11: behind a trusted proxy the page's origin is compared with what the client asked for.
#[tokio::test(start_paused = true)]
async fn trusted_proxies_tell_the_origin() {
    let (server, _sessions) = Server::handing_over(|mount| mount.trusted_proxies(["10.0.0.0/8"]));
    let (proxy, stranger) = (server.seen_from("10.0.0.1"), server.seen_from("192.0.2.1"));
    let headers = "X-Forwarded-For: 203.0.113.1\r\nX-Forwarded-Proto: https\r\n\
                   X-Forwarded-Host: app.example\r\nOrigin: https://app.example\r\n";
    for (server, statuses) in [(proxy, [200, 101]), (stranger, [403, 403])] {
        let polling = server.ask_with("GET", POLLING, headers, b"").await;
        let (upgrade, _connection) = server.handshake_with(WEBSOCKET, headers).await;
        assert_eq!([polling.status, upgrade.status], statuses);
    }
}

/// A mount whose hook waits for the test's word, and how many of its futures are alive.
struct Slow {
    server: Server,
    sessions: Sessions,
    words: Arc<Semaphore>,
    asked: Arc<AtomicUsize>,
    alive: Arc<()>,
}

impl Slow {
    fn new(options: impl FnOnce(EngineIo<HandOver>) -> EngineIo<HandOver>) -> Self {
        let words = Arc::new(Semaphore::new(0));
        let asked = Arc::new(AtomicUsize::new(0));
        let alive = Arc::new(());
        let (server, sessions) = Server::handing_over(|mount| {
            let (words, asked, alive) = (words.clone(), asked.clone(), Arc::downgrade(&alive));
            options(mount).on_connect(async move |request: &ConnectRequest| {
                let _alive = alive.upgrade();
                asked.fetch_add(1, Ordering::Relaxed);
                let word = words.acquire().await;
                word.map_err(|_| Reject::status(500))?.forget();
                match request.header("x-no") {
                    Some(_) => Err(Reject::status(403)),
                    None => Ok(Accept::new()),
                }
            })
        });
        Self {
            server,
            sessions,
            words,
            asked,
            alive,
        }
    }

    /// Requests that the hook is looking at.
    fn looked_at(&self) -> usize {
        Arc::strong_count(&self.alive) - 1
    }

    /// A handshake that waits for the hook.
    async fn ask(&self, websocket: bool) -> Connection {
        let mut connection = self.server.connect();
        match websocket {
            true => connection.send_handshake("GET", WEBSOCKET, "").await,
            false => connection.send("GET", POLLING, "", b"").await,
        }
        connection.expect_silence().await;
        connection
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_hook_delays_its_own_session_alone() {
    let mut slow = Slow::new(|mount| mount);
    let mut polling = slow.ask(false).await;
    let mut websocket = slow.ask(true).await;
    assert_eq!(slow.looked_at(), 2);
    // Far beyond every heartbeat, which begin with the session.
    pass(100).await;
    assert_eq!(slow.server.handle.sessions(), 0);
    assert!(slow.sessions.try_recv().is_err());
    slow.words.add_permits(1);
    let answer = polling.answer().await;
    let session = slow.sessions.recv().await.unwrap();
    websocket.expect_silence().await;
    assert_eq!(slow.server.handle.sessions(), 1);
    slow.words.add_permits(1);
    assert_eq!(websocket.answer().await.status, 101);
    assert_eq!(slow.looked_at(), 0);
    // A session that is there is served without another word.
    session.try_send("hello").unwrap();
    let query = format!("{POLLING}&sid={}", answer.sid());
    assert_eq!(slow.server.get(&query).await.text(), "4hello");
    assert_eq!(slow.asked.load(Ordering::Relaxed), 2);
}

/// CVE-2026-48802: nothing lasting comes of a request before it is admitted.
#[tokio::test(start_paused = true)]
async fn a_client_that_leaves_a_slow_hook_leaves_nothing() {
    let mut slow = Slow::new(|mount| mount.max_sessions(2).generate_id(|_| "the-only-one".into()));
    let mut slow_again = Slow::new(|mount| mount.max_sessions_per_address(1));
    slow_again.server = slow_again.server.seen_from("10.0.0.1");
    let before = tasks();
    for slow in [&mut slow, &mut slow_again] {
        for _ in 0..50 {
            for websocket in [false, true] {
                let connection = slow.ask(websocket).await;
                assert_eq!(slow.looked_at(), 1);
                drop(connection);
                rest().await;
                assert_eq!(slow.looked_at(), 0);
                assert_eq!(slow.server.handle.sessions(), 0);
                assert!(slow.sessions.try_recv().is_err());
            }
        }
        assert_eq!(slow.asked.load(Ordering::Relaxed), 100);
        // Neither a place nor the id is kept.
        slow.words.add_permits(1);
        slow.server.open().await;
        slow.sessions.recv().await.unwrap();
    }
    pass(46).await;
    assert_eq!(tasks(), before);
}

/// Limit 8: requests that wait for the hook have their places, or a slow one would let all in.
#[tokio::test(start_paused = true)]
async fn places_are_taken_before_the_hook_is_asked() {
    let slow = Slow::new(|mount| mount.max_sessions(2));
    let waiting = [slow.ask(false).await, slow.ask(true).await];
    for _ in 0..10 {
        assert_eq!(slow.server.get(POLLING).await.status, 503);
        assert_eq!(slow.server.handshake(WEBSOCKET).await.0.status, 503);
    }
    assert_eq!(slow.asked.load(Ordering::Relaxed), 2);
    slow.words.add_permits(2);
    for (mut connection, status) in waiting.into_iter().zip([200, 101]) {
        assert_eq!(connection.answer().await.status, status);
    }
    assert_eq!(slow.server.handle.sessions(), 2);
}

/// Limit 35: whom the hook lets in once the server is going away comes too late.
#[tokio::test(start_paused = true)]
async fn a_drain_overtakes_a_slow_hook() {
    let mut slow = Slow::new(|mount| mount);
    let mut waiting = [slow.ask(false).await, slow.ask(true).await];
    drain(&slow.server.handle);
    slow.words.add_permits(2);
    for connection in &mut waiting {
        let answer = connection.answer().await;
        assert_eq!((answer.status, answer.all("retry-after").len()), (503, 1));
    }
    assert!(slow.sessions.try_recv().is_err());
    assert_eq!(slow.server.handle.sessions(), 0);
}

/// A hook that panics is a rejection, and its place is free again.
#[tokio::test(start_paused = true)]
async fn a_hook_that_panics_harms_no_other() {
    let (server, _sessions) = Server::handing_over(|mount| {
        mount
            .max_sessions(1)
            .on_connect(async |request: &ConnectRequest| {
                assert!(request.header("x-panic").is_none(), "asked to");
                Ok(Accept::new())
            })
    });
    for _ in 0..3 {
        let panic = "X-Panic: 1\r\n";
        let answer = server.ask_with("GET", POLLING, panic, b"").await;
        assert_eq!(answer.status, 500);
        let (answer, _) = server.handshake_with(WEBSOCKET, panic).await;
        assert_eq!(answer.status, 500);
    }
    assert_eq!(server.handle.sessions(), 0);
    server.open().await;
}
