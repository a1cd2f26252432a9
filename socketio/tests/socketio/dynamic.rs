//! Namespaces that come with their first client and go with their last.

use std::sync::{Arc, Barrier};

use regex::Regex;
use sockeye_socketio::{Recovery, Refusal, Socket, SocketIo, Value};
use tokio::sync::Semaphore;

use crate::support::{Log, Server, pass, settle};

fn by_pattern(server: &Server) -> sockeye_socketio::DynamicNamespace {
    server.io.dynamic(Regex::new(r"^/dyn-\d+$").unwrap())
}

fn names(io: &SocketIo) -> Vec<String> {
    let mut names: Vec<_> = io
        .namespaces()
        .iter()
        .map(|it| it.name().to_owned())
        .collect();
    names.sort();
    names
}

#[tokio::test(start_paused = true)]
async fn a_pattern_makes_the_namespaces_that_clients_ask_for() {
    let server = Server::new();
    let parent = by_pattern(&server);
    parent.on_connect(async |socket: Socket| {
        socket.emit("you are in", socket.namespace().name()).await
    });
    let mut peer = server.open().await;
    for name in ["/dyn-x", "/dyn-1?x=2", "/dyn-", "/"] {
        if name != "/" {
            peer.say(&format!("0{name},")).await;
            let answer = format!(r#"4{name},{{"message":"Invalid namespace"}}"#);
            assert_eq!(peer.hear().await, answer);
        }
    }
    peer.connect("/dyn-1").await;
    assert_eq!(peer.hear().await, r#"2/dyn-1,["you are in","/dyn-1"]"#);
    peer.connect("/dyn-2").await;
    peer.hear().await;
    assert_eq!(names(&server.io), ["/", "/dyn-1", "/dyn-2"]);
    assert_eq!(parent.children().len(), 2);
    // Children do not hear each other; their parent reaches all.
    server.io.of("/dyn-1").emit("one", &()).await.unwrap();
    assert_eq!(peer.heard().await, [r#"2/dyn-1,["one"]"#]);
    assert_eq!(parent.emit("all", &()).await.unwrap().reached, 2);
    let mut heard = peer.heard().await;
    heard.sort();
    assert_eq!(heard, [r#"2/dyn-1,["all"]"#, r#"2/dyn-2,["all"]"#]);
    // A name that the application has for itself goes first.
    server.io.of("/dyn-1");
    peer.leave().await;
    server.assert_empty().await;
}

#[tokio::test(start_paused = true)]
async fn what_one_child_is_given_is_its_own_and_stays() {
    let server = Server::new();
    let parent = by_pattern(&server);
    parent.on_connect(async |socket: Socket| socket.emit("parent", &()).await);
    let child = server.io.of("/dyn-1");
    let asked = Log::new();
    let log = asked.clone();
    child.middleware(async move |socket: Socket| {
        log.note(socket.namespace().name());
        Ok::<_, Refusal>(())
    });
    child.on_connect(async |socket: Socket| socket.emit("child", &()).await);

    for _ in 0..2 {
        let mut peer = server.open().await;
        peer.connect("/dyn-1").await;
        let heard = [r#"2/dyn-1,["parent"]"#, r#"2/dyn-1,["child"]"#];
        assert_eq!(peer.heard().await, heard);
        peer.connect("/dyn-2").await;
        assert_eq!(peer.heard().await, [r#"2/dyn-2,["parent"]"#]);
        peer.leave().await;
        server.empty().await;
        assert_eq!(names(&server.io), ["/", "/dyn-1"]);
    }
    assert_eq!(asked.take(), ["/dyn-1", "/dyn-1"]);
    assert_eq!(parent.children(), [child]);
}

#[tokio::test(start_paused = true)]
async fn a_closure_decides_by_name_and_auth_and_the_first_that_matches_counts() {
    let server = Server::new();
    let first = server.io.dynamic(async |name: String, auth: Value| {
        settle().await;
        name.starts_with("/dyn") && auth.get("token").and_then(Value::as_str) == Some("t")
    });
    let second = server.io.dynamic(Regex::new("^/dyn-b$").unwrap());
    let mut peer = server.open().await;
    peer.say("0/dyn-a,").await;
    assert_eq!(
        peer.hear().await,
        r#"4/dyn-a,{"message":"Invalid namespace"}"#
    );
    peer.connect_with("/dyn-a", r#"{"token":"t"}"#).await;
    peer.connect("/dyn-b").await;
    assert_eq!((first.children().len(), second.children().len()), (1, 1));
    let mut other = server.open().await;
    other.connect_with("/dyn-c", r#"{"token":"t"}"#).await;
    assert_eq!((first.children().len(), second.children().len()), (2, 1));
    drop((peer, other));
    server.assert_empty().await;
}

#[tokio::test(start_paused = true)]
async fn a_namespace_goes_with_its_last_socket_however_that_leaves() {
    let server = Server::new();
    by_pattern(&server).on_connect(async |socket: Socket| {
        socket.join("room").unwrap();
        let own = socket.clone();
        socket.on("x", async move || drop(own.clone()));
    });
    let (mut a, mut b) = (server.open().await, server.open().await);
    a.connect("/dyn-1").await;
    b.connect("/dyn-1").await;
    a.say("1/dyn-1,").await;
    settle().await;
    assert_eq!(names(&server.io), ["/", "/dyn-1"]);
    b.vanish();
    settle().await;
    assert_eq!(names(&server.io), ["/"]);
    a.connect("/dyn-1").await;
    server.io.of("/dyn-1").disconnect_sockets(false);
    settle().await;
    assert_eq!(names(&server.io), ["/"]);
    a.leave().await;
    server.assert_empty().await;
}

#[tokio::test(start_paused = true)]
async fn a_namespace_whose_only_client_was_refused_goes_as_well() {
    let server = Server::new();
    by_pattern(&server).middleware(async || {
        settle().await;
        Err::<(), _>(Refusal::new("no"))
    });
    let peer = server.open().await;
    for n in 0..100 {
        peer.say(&format!("0/dyn-{n},")).await;
        assert_eq!(
            peer.hear().await,
            format!(r#"4/dyn-{n},{{"message":"no"}}"#)
        );
    }
    assert_eq!(names(&server.io), ["/"]);
}

#[tokio::test(start_paused = true)]
async fn a_namespace_may_be_told_to_stay() {
    let server = Server::with(|builder| builder.clean_up_namespaces(false));
    by_pattern(&server);
    let mut peer = server.open().await;
    peer.connect("/dyn-1").await;
    peer.leave().await;
    server.empty().await;
    assert_eq!(names(&server.io), ["/", "/dyn-1"]);
}

#[tokio::test(start_paused = true)]
async fn who_asks_while_the_last_one_leaves_is_in_the_namespace_that_is_listed() {
    // The second client is in its middleware while the first, the only one connected, leaves.
    let server = Server::new();
    let gate = Arc::new(Semaphore::new(1));
    let its_gate = gate.clone();
    by_pattern(&server).middleware(async move || {
        its_gate.acquire().await.unwrap().forget();
        Ok::<_, Refusal>(())
    });
    let (mut a, mut b) = (server.open().await, server.open().await);
    a.connect("/dyn-1").await;
    b.say("0/dyn-1,").await;
    settle().await;
    a.leave().await;
    settle().await;
    gate.add_permits(1);
    b.connected("/dyn-1").await;
    assert_eq!(server.io.of("/dyn-1").sockets().len(), 1);
    server.io.of("/dyn-1").emit("hello", &()).await.unwrap();
    assert_eq!(b.hear().await, r#"2/dyn-1,["hello"]"#);
    b.leave().await;
    server.assert_empty().await;
}

/// Joining and leaving race on several threads: nobody is ever in a namespace that is not listed.
#[test]
fn joining_races_with_the_clean_up() {
    const ROUNDS: usize = 200;
    let server = {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let _entered = runtime.as_ref().unwrap().enter();
        Server::new()
    };
    by_pattern(&server);
    let barrier = Arc::new(Barrier::new(2));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            let (io, barrier) = (server.io.clone(), barrier.clone());
            scope.spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build();
                runtime.unwrap().block_on(async {
                    let client = sockeye_tower::test::Client::new(io.service());
                    let peer = client.engineio("/");
                    let peer = peer.transport(sockeye_tower::Transport::WebSocket);
                    let mut peer = crate::support::Peer::over(peer).await;
                    for _ in 0..ROUNDS {
                        barrier.wait();
                        let id = peer.connect("/dyn-1").await;
                        let listed = io.namespaces();
                        let own = listed.iter().find(|it| it.name() == "/dyn-1");
                        assert!(own.is_some_and(|it| it.socket(&id).is_some()));
                        peer.say("1/dyn-1,").await;
                        peer.say("0/nowhere,").await;
                        peer.hear().await;
                    }
                    peer.leave().await;
                });
            });
        }
    });
    assert_eq!(names(&server.io), ["/"]);
}

#[tokio::test(start_paused = true)]
async fn a_namespace_that_is_kept_for_recovery_goes_when_nobody_can_come_back() {
    let server = Server::with(|builder| builder.recovery(Recovery::new()));
    let log = Log::new();
    let its_log = log.clone();
    by_pattern(&server).on_connect(async move |socket: Socket| {
        its_log.note(socket.is_recovered());
    });
    for n in 0..50 {
        let mut peer = server.open().await;
        peer.connect(&format!("/dyn-{n}")).await;
        peer.vanish();
    }
    server.empty().await;
    assert_eq!(server.io.namespaces().len(), 51, "they may come back");
    pass(200).await;
    assert_eq!(names(&server.io), ["/"]);
    // One who comes and goes all the time costs no more than one who stays away.
    for _ in 0..50 {
        let mut peer = server.open().await;
        peer.connect("/dyn-1").await;
        peer.vanish();
        settle().await;
    }
    pass(119).await;
    assert_eq!(names(&server.io), ["/", "/dyn-1"]);
    pass(10).await;
    assert_eq!(names(&server.io), ["/"]);
    server.assert_empty().await;
}
