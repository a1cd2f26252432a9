//! In which order handlers start, and who waits for whom.

use std::sync::Arc;

use sockeye_socketio::{Ack, Data, Socket};
use tokio::sync::Semaphore;

use crate::support::{Log, Server, pass, settle};

/// `start n` and `end n`; even ones wait for the gate in between.
fn note_numbers(socket: &Socket, log: &Log, gate: &Arc<Semaphore>) {
    let (log, gate) = (log.clone(), gate.clone());
    socket.on("n", async move |Data(n): Data<u32>| {
        log.note(format!("start {n}"));
        if n % 2 == 0 {
            gate.acquire().await.unwrap().forget();
        }
        log.note(format!("end {n}"));
    });
}

fn numbers(server: &Server, namespace: &str) -> (Log, Arc<Semaphore>) {
    let (log, gate) = (Log::new(), Arc::new(Semaphore::new(0)));
    let (its_log, its_gate) = (log.clone(), gate.clone());
    let namespace = server.io.of(namespace);
    namespace.on_connect(async move |socket: Socket| note_numbers(&socket, &its_log, &its_gate));
    (log, gate)
}

#[tokio::test(start_paused = true)]
async fn handlers_start_in_order_and_one_that_never_waits_ends_before_the_next_starts() {
    // socketioxide PR #231, socket.io-client-csharp #402, python-socketio #284 #382.
    for is_polling in [false, true] {
        let server = Server::new();
        let (log, gate) = numbers(&server, "/");
        let peer = match is_polling {
            true => server.join_polling().await,
            false => server.join().await,
        };
        let events = [1, 2, 3, 4, 5].map(|n| format!(r#"2["n",{n}]"#));
        peer.session.send_all(events).await.unwrap();
        let started = "start 1,end 1,start 2,start 3,end 3,start 4,start 5,end 5";
        assert_eq!(log.all().await.join(","), started);
        // Those that wait go on side by side, and end in their own time.
        gate.add_permits(2);
        assert_eq!(log.all().await, ["end 2", "end 4"]);
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_connections_handler_registers_before_it_waits_hears_every_event() {
    let server = Server::new();
    let (log, gate) = numbers(&server, "/");
    let peer = server.open().await;
    // The second and third are sent before the first can have been answered.
    let packets = ["0", r#"2["n",1]"#, r#"2["n",2]"#];
    peer.session.send_all(packets).await.unwrap();
    assert_eq!(log.all().await, ["start 1", "end 1", "start 2"]);
    gate.add_permits(1);
}

#[tokio::test(start_paused = true)]
async fn sixty_four_handlers_wait_and_then_the_client_is_not_read() {
    // CVE-2026-34824 (a thread for each message), CWE-770.
    let server = Server::new();
    let (log, gate) = numbers(&server, "/");
    let peer = server.join().await;
    const EVENTS: u32 = 8_000;
    let sending = tokio::spawn(async move {
        for n in 0..EVENTS {
            let filling = "x".repeat(100);
            peer.say(&format!(r#"2["n",{},"{filling}"]"#, 2 * n)).await;
        }
        peer
    });
    let started: Vec<_> = (0..64).map(|n| format!("start {}", 2 * n)).collect();
    assert_eq!(log.all().await, started);
    assert!(!sending.is_finished(), "the client was read on and on");
    // Each that ends lets one more start, in order.
    gate.add_permits(1);
    assert_eq!(log.all().await, ["end 0", "start 128"]);
    gate.add_permits(EVENTS as usize);
    let peer = sending.await.unwrap();
    settle().await;
    let notes = log.take();
    let starts: Vec<_> = notes
        .iter()
        .filter_map(|it| it.strip_prefix("start "))
        .collect();
    let expected: Vec<_> = (65..EVENTS).map(|n| (2 * n).to_string()).collect();
    assert_eq!(starts, expected);
    peer.leave().await;
    server.assert_empty().await;
}

#[tokio::test(start_paused = true)]
async fn handlers_of_what_goes_out_take_no_place_of_a_clients_events_and_hold_up_no_emit() {
    let server = Server::with(|builder| builder.max_waiting_handlers(2));
    let (log, gate) = (Log::new(), Arc::new(Semaphore::new(0)));
    let (its_log, its_gate) = (log.clone(), gate.clone());
    server.root().on_connect(async move |socket: Socket| {
        let log = its_log.clone();
        let hears = (its_log.clone(), its_gate.clone());
        socket.on_any_outgoing(async move |Data(n): Data<u32>| {
            hears.0.note(format!("hears {n}"));
            hears.1.acquire().await.unwrap().forget();
        });
        socket.on("n", async move |Data(n): Data<u32>| {
            log.note(format!("event {n}"));
            std::future::pending::<()>().await;
        });
    });
    let peer = server.join().await;
    for n in 0..5 {
        server.root().emit("x", &n).await.unwrap();
        assert_eq!(peer.hear().await, format!(r#"2["x",{n}]"#));
    }
    assert_eq!(log.all().await, ["hears 0", "hears 1"]);
    for n in 0..3 {
        peer.say(&format!(r#"2["n",{n}]"#)).await;
    }
    assert_eq!(log.all().await, ["event 0", "event 1"]);
    // Each that ends lets one more hear, in order.
    gate.add_permits(1);
    assert_eq!(log.all().await, ["hears 2"]);
    gate.add_permits(2);
    assert_eq!(log.all().await, ["hears 3", "hears 4"]);
    // What was not heard of by then goes unheard, and keeps nothing.
    for n in 5..9 {
        server.root().emit("x", &n).await.unwrap();
    }
    peer.vanish();
    settle().await;
    gate.add_permits(9);
    assert_eq!(log.all().await, [] as [&str; 0]);
    assert!(server.root().sockets().is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_number_of_waiting_handlers_can_be_set() {
    let server = Server::with(|builder| builder.max_waiting_handlers(2));
    let (log, gate) = numbers(&server, "/");
    let peer = server.join().await;
    for n in [2, 4, 6, 7] {
        peer.say(&format!(r#"2["n",{n}]"#)).await;
    }
    assert_eq!(log.all().await, ["start 2", "start 4"]);
    gate.add_permits(1);
    let notes = log.all().await;
    assert_eq!(notes, ["end 2", "start 6"], "7 is behind 6, which waits");
    gate.add_permits(2);
    // The order in which those that wait go on is nobody's promise.
    let mut notes = log.all().await;
    notes.sort();
    assert_eq!(notes, ["end 4", "end 6", "end 7", "start 7"]);
}

#[tokio::test(start_paused = true)]
async fn an_answer_passes_by_events_that_wait() {
    let server = Server::new();
    let log = Log::new();
    let its_log = log.clone();
    server.root().on_connect(async move |socket: Socket| {
        socket.on("ask", async move |socket: Socket, Data(n): Data<u32>| {
            let answer: u32 = socket.emit_with_ack("how much", &n).await.unwrap();
            its_log.note(format!("{n} is answered {answer}"));
        });
    });
    let peer = server.join().await;
    for n in 0..100 {
        peer.say(&format!(r#"2["ask",{n}]"#)).await;
    }
    for id in 0..64 {
        assert_eq!(peer.hear().await, format!(r#"2{id}["how much",{id}]"#));
    }
    assert_eq!(
        peer.heard().await,
        [] as [&str; 0],
        "64 wait, 36 wait to start"
    );
    // The answer is behind 36 events that cannot start yet.
    peer.say("363[7]").await;
    assert_eq!(log.next().await, "63 is answered 7");
    assert_eq!(peer.hear().await, r#"264["how much",64]"#);
    for id in (0..63).chain(64..100) {
        if id > 64 {
            peer.hear().await;
        }
        peer.say(&format!("3{id}[1]")).await;
    }
    assert_eq!(log.all().await.len(), 99);
    peer.leave().await;
    server.assert_empty().await;
}

#[tokio::test(start_paused = true)]
async fn a_sequential_namespace_handles_one_event_of_a_socket_after_another() {
    let server = Server::new();
    let (log, gate) = numbers(&server, "/queue");
    let (others, _) = numbers(&server, "/");
    server.io.of("/queue").sequential();
    let mut peer = server.join().await;
    peer.connect("/queue").await;
    let mut second = server.open().await;
    second.connect("/queue").await;
    for n in [1, 2, 3, 4, 5] {
        peer.say(&format!(r#"2/queue,["n",{n}]"#)).await;
    }
    // Neither another namespace nor another socket waits for it.
    peer.say(r#"2["n",1]"#).await;
    assert_eq!(others.all().await, ["start 1", "end 1"]);
    assert_eq!(log.take(), ["start 1", "end 1", "start 2"]);
    second.say(r#"2/queue,["n",11]"#).await;
    assert_eq!(log.all().await, ["start 11", "end 11"]);
    gate.add_permits(1);
    let went_on = ["end 2", "start 3", "end 3", "start 4"];
    assert_eq!(log.all().await, went_on);
    gate.add_permits(1);
    assert_eq!(log.all().await, ["end 4", "start 5", "end 5"]);
}

#[tokio::test(start_paused = true)]
async fn what_a_handler_registers_hears_the_next_event_of_a_sequential_namespace() {
    let server = Server::new();
    let gate = Arc::new(Semaphore::new(0));
    let (log, its_gate) = (Log::new(), gate.clone());
    let its_log = log.clone();
    server.root().sequential();
    server.root().on_connect(async move |socket: Socket| {
        let (log, gate) = (its_log.clone(), its_gate.clone());
        socket.on("login", async move |socket: Socket| {
            gate.acquire().await.unwrap().forget();
            socket.off("say");
            let log = log.clone();
            socket.on("say", async move |Data(what): Data<String>| log.note(what));
        });
        let log = its_log.clone();
        socket.on("say", async move || log.note("who are you?"));
    });
    let peer = server.join().await;
    for event in [r#"2["login"]"#, r#"2["say","hello"]"#] {
        peer.say(event).await;
    }
    assert_eq!(log.all().await, [] as [&str; 0]);
    gate.add_permits(1);
    assert_eq!(log.all().await, ["hello"]);
}

#[tokio::test(start_paused = true)]
async fn events_that_came_before_a_disconnection_are_handled_behind_it() {
    // Node starts each as it arrives, however many wait, and so before the disconnection as well.
    let goodbyes = [
        "the client leaves",
        "its connection is lost",
        "it is sent away",
    ];
    let cases = goodbyes.map(|goodbye| [(goodbye, false), (goodbye, true)]);
    for (goodbye, is_sequential) in cases.into_iter().flatten() {
        let case = format!("{goodbye}, sequential: {is_sequential}");
        let server = Server::with(|builder| builder.max_waiting_handlers(1));
        if is_sequential {
            server.root().sequential();
        }
        let (log, gate) = numbers(&server, "/");
        let peer = server.join().await;
        let its_log = log.clone();
        let socket = server.root().socket(peer.sid()).unwrap();
        socket.on_disconnect(async move || its_log.note("gone"));
        for n in [0, 2, 4] {
            peer.say(&format!(r#"2["n",{n}]"#)).await;
        }
        assert_eq!(log.all().await, ["start 0"], "{case}");
        let mut peer = Some(peer);
        match goodbye {
            "the client leaves" => peer.as_ref().unwrap().say("1").await,
            "its connection is lost" => peer.take().unwrap().vanish(),
            _ => socket.disconnect(false),
        }
        assert_eq!(log.all().await, ["gone"], "{case}");
        assert!(!socket.is_connected());
        gate.add_permits(3);
        let rest = ["end 0", "start 2", "end 2", "start 4", "end 4"];
        assert_eq!(log.all().await, rest, "{case}");
        drop(peer);
        server.assert_empty().await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_event_that_a_middleware_lets_pass_after_the_disconnection_finds_nobody() {
    // As in Node, which asks once more whether the socket is connected.
    let server = Server::new();
    let (log, gate) = numbers(&server, "/");
    let peer = server.join().await;
    let socket = server.root().socket(peer.sid()).unwrap();
    let its_gate = gate.clone();
    socket.intercept(move |event: sockeye_socketio::Event| {
        let gate = its_gate.clone();
        async move {
            gate.acquire().await.unwrap().forget();
            Ok::<_, std::convert::Infallible>(event)
        }
    });
    for n in [1, 3] {
        peer.say(&format!(r#"2["n",{n}]"#)).await;
    }
    gate.add_permits(1);
    assert_eq!(log.all().await, ["start 1", "end 1"]);
    peer.say("1").await;
    settle().await;
    gate.add_permits(9);
    assert_eq!(log.all().await, [] as [&str; 0]);
}

#[tokio::test(start_paused = true)]
async fn answers_and_departures_do_not_wait_in_a_sequential_namespace() {
    let server = Server::new();
    let log = Log::new();
    let its_log = log.clone();
    server.root().sequential();
    server.root().on_connect(async move |socket: Socket| {
        let left = its_log.clone();
        socket.on_disconnect(async move || left.note("gone"));
        socket.on("ask", async move |socket: Socket| {
            let answer = socket.emit_with_ack::<u32, _>("what?", &()).await;
            its_log.note(format!("answer {answer:?}"));
        });
    });
    let peer = server.join().await;
    peer.say(r#"2["ask"]"#).await;
    peer.say(r#"2["ask"]"#).await;
    assert_eq!(peer.hear().await, r#"20["what?"]"#);
    peer.say("30[5]").await;
    assert_eq!(log.next().await, "answer Ok(5)");
    assert_eq!(peer.hear().await, r#"21["what?"]"#);
    peer.leave().await;
    assert_eq!(log.all().await, ["gone", "answer Err(Disconnected)"]);
    server.assert_empty().await;
}

#[tokio::test(start_paused = true)]
async fn handlers_that_wait_run_to_their_ends_after_a_disconnection() {
    let server = Server::new();
    let (log, gate) = numbers(&server, "/");
    let peer = server.join().await;
    peer.say(r#"2["n",2]"#).await;
    assert_eq!(log.next().await, "start 2");
    peer.vanish();
    pass(100).await;
    assert_eq!(server.root().sockets(), []);
    assert_eq!(
        server.io.clients(),
        0,
        "it has left, though its handler still runs"
    );
    gate.add_permits(1);
    assert_eq!(log.next().await, "end 2");
    server.assert_empty().await;
}

#[tokio::test(start_paused = true)]
async fn emits_and_answers_keep_their_order_across_an_upgrade() {
    let server = Server::new();
    server.root().on_connect(async |socket: Socket| {
        socket.on("n", async |socket: Socket, Data(n): Data<u32>, ack: Ack| {
            socket.emit("before", &n).await.unwrap();
            ack.send(&n).unwrap();
            socket.emit("behind", &n).await.unwrap();
        });
    });
    let peer = server.join_polling().await;
    let mut expected = Vec::new();
    for n in 0..40 {
        if n == 20 {
            let (upgraded, ()) = tokio::join!(peer.session.upgrade(), async {
                peer.say(r#"2100["n",100]"#).await;
            });
            upgraded.unwrap();
            expected.extend([
                r#"2["before",100]"#.to_owned(),
                "3100[100]".to_owned(),
                r#"2["behind",100]"#.to_owned(),
            ]);
        }
        peer.say(&format!(r#"2{n}["n",{n}]"#)).await;
        expected.extend([
            format!(r#"2["before",{n}]"#),
            format!("3{n}[{n}]"),
            format!(r#"2["behind",{n}]"#),
        ]);
    }
    assert_eq!(peer.heard().await, expected);
}
