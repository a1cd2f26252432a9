//! Clients that come back to where they were.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use sockeye_socketio::{Binary, Builder, Recovery, Refusal, Socket};
use tokio::sync::Semaphore;

use crate::{
    support::{Count, Log, Peer, Server, note_departures, pass, settle},
    traveller::Traveller,
};

fn recovering(options: impl FnOnce(Recovery) -> Recovery) -> Server {
    Server::with(|builder: Builder| builder.recovery(options(Recovery::new())))
}

/// A server, and a client that has an offset.
async fn begun(options: impl FnOnce(Recovery) -> Recovery) -> (Server, Traveller) {
    let server = recovering(options);
    let mut ann = Traveller::join(&server).await;
    server.root().emit("first", &()).await.unwrap();
    assert_eq!(ann.hear().await, r#""first""#);
    (server, ann)
}

#[tokio::test(start_paused = true)]
async fn who_comes_back_has_its_id_rooms_and_data_and_what_it_missed_in_order() {
    // socketioxide #729.
    let server = recovering(|it| it);
    let log = Log::new();
    let its_log = log.clone();
    server.root().on_connect(async move |socket: Socket| {
        its_log.note(format!("{} {}", socket.is_recovered(), socket.id()));
        if socket.is_recovered() {
            let mut rooms = socket.rooms();
            rooms.sort();
            its_log.note(format!("{} {:?}", rooms.len(), socket.data::<String>()));
            socket.emit("welcome back", &()).await.unwrap();
        } else {
            socket.join_all(["x", "y"]).unwrap();
            socket.set_data("data").unwrap();
        }
    });
    let root = server.root();
    let mut ann = Traveller::join(&server).await;
    let ben = Traveller::join(&server).await;
    log.all().await;
    root.to("x").emit("n", &1).await.unwrap();
    root.socket(&ann.sid).unwrap().emit("n", &2).await.unwrap();
    assert_eq!(ann.heard().await, [r#""n" 1"#, r#""n" 2"#]);
    ann.vanish();
    settle().await;
    assert_eq!(root.sockets().len(), 1);
    root.to("x").emit("n", &3).await.unwrap();
    root.to("none").emit("n", &"not for it").await.unwrap();
    root.to(&*ann.sid).emit("n", &4).await.unwrap();
    root.except("y").emit("n", &"not for it").await.unwrap();
    root.except(&*ann.sid)
        .emit("n", &"not for it")
        .await
        .unwrap();
    root.socket(&ben.sid)
        .unwrap()
        .broadcast()
        .emit("n", &5)
        .await
        .unwrap();
    root.socket(&ben.sid)
        .unwrap()
        .emit("n", &"for another")
        .await
        .unwrap();
    root.emit("bytes", &(Binary::from(vec![1]), "and"))
        .await
        .unwrap();
    root.to("x").to("y").emit("n", &6).await.unwrap();
    let before = ann.sid.clone();
    let peer = server.open().await;
    peer.say(&format!("0{}", ann.auth())).await;
    let mut heard = Vec::new();
    for _ in 0..3 {
        heard.push(peer.hear().await);
    }
    let heard: Vec<_> = heard.iter().map(|packet| ann.read(packet)).collect();
    assert_eq!(heard, [r#""n" 3"#, r#""n" 4"#, r#""n" 5"#]);
    let event = peer.hear().await;
    let expected = r#""bytes" {"_placeholder":true,"num":0} "and""#;
    assert_eq!(
        ann.read(&event).replace(
            r#""num":0,"_placeholder":true"#,
            r#""_placeholder":true,"num":0"#
        ),
        expected
    );
    assert_eq!(peer.hear_bytes().await, [1]);
    let (is_same, missed) = ann.let_in(peer).await;
    assert_eq!((is_same, missed), (true, vec![r#""n" 6"#.to_owned()]));
    assert_eq!(ann.hear().await, r#""welcome back""#);
    assert_eq!(log.next().await, format!("true {before}"));
    assert_eq!(log.next().await, r#"3 Ok("data")"#);
    // Its rooms hear it again.
    root.to("y").emit("n", &7).await.unwrap();
    assert_eq!(ann.heard().await, [r#""n" 7"#]);
    // What it has seen is not said again, however often it comes back.
    for _ in 0..3 {
        ann.vanish();
        settle().await;
        assert_eq!(ann.come_back(&server).await, (true, Vec::new()));
        assert_eq!(ann.hear().await, r#""welcome back""#);
    }
    drop((ann, ben));
    server.assert_empty().await;
}

#[tokio::test(start_paused = true)]
async fn one_without_rooms_comes_back_to_broadcasts_as_well() {
    let (server, mut ann) = begun(|it| it).await;
    ann.vanish();
    settle().await;
    assert_eq!(ann.come_back(&server).await, (true, Vec::new()));
    assert_eq!(server.root().emit("all", &()).await.unwrap().reached, 1);
    assert_eq!(
        server
            .root()
            .to(&*ann.sid)
            .emit("own", &())
            .await
            .unwrap()
            .reached,
        1
    );
    assert_eq!(ann.heard().await, [r#""all""#, r#""own""#]);
}

#[tokio::test(start_paused = true)]
async fn volatile_events_and_those_that_want_answers_are_not_kept() {
    let (server, mut ann) = begun(|it| it).await;
    let root = server.root();
    root.volatile().emit("v", &()).await.unwrap();
    drop(root.emit_with_ack::<u32, _>("q", &()));
    root.sockets()[0].volatile().emit("v", &()).await.unwrap();
    drop(root.sockets()[0].emit_with_ack::<u32, _>("q", &()));
    let heard = ann.peer().heard().await;
    assert_eq!(heard[..3], [r#"2["v"]"#, r#"20["q"]"#, r#"2["v"]"#]);
    ann.vanish();
    settle().await;
    root.volatile().emit("v", &()).await.unwrap();
    drop(root.emit_with_ack::<u32, _>("q", &()));
    assert_eq!(ann.come_back(&server).await, (true, Vec::new()));
}

#[tokio::test(start_paused = true)]
async fn who_brings_what_is_unknown_comes_as_a_new_one() {
    let (server, mut ann) = begun(|it| it).await;
    let (other_server, other) = begun(|it| it).await;
    ann.vanish();
    settle().await;
    server.root().emit("missed", &()).await.unwrap();
    let pid = ann.pid.clone();
    let offset = ann.offset.clone().unwrap();
    let (life, _) = offset.rsplit_once('-').unwrap();
    let foreign = other.offset.clone().unwrap();
    drop((other_server, other));
    let strings = |pid: &str, offset: &str| format!(r#"{{"pid":"{pid}","offset":"{offset}"}}"#);
    #[rustfmt::skip]
    let cases = [
        ("no offset",         format!(r#"{{"pid":"{pid}"}}"#)),
        ("no pid",            format!(r#"{{"offset":"{offset}"}}"#)),
        ("another pid",       strings("x".repeat(20).as_str(), &offset)),
        ("an id",             strings(&ann.sid, &offset)),
        ("from elsewhere",    strings(&pid, &foreign)),
        ("ahead",             strings(&pid, &format!("{life}-99"))),
        ("overflowing",       strings(&pid, &format!("{life}-18446744073709551615"))),
        ("beyond",            strings(&pid, &format!("{life}-99999999999999999999"))),
        ("negative",          strings(&pid, &format!("{life}--1"))),
        ("empty",             strings(&pid, "")),
        ("a piece",           strings(&pid, life)),
        ("multibyte",         strings(&pid, "\u{fc}\u{1f600}")),
        ("no strings",        r#"{"pid":7,"offset":[]}"#.to_owned()),
        ("nulls",             r#"{"pid":null,"offset":null}"#.to_owned()),
    ];
    for (case, auth) in cases {
        let mut stranger = Traveller {
            peer: None,
            sid: ann.sid.clone(),
            pid: ann.pid.clone(),
            offset: None,
        };
        let (is_same, missed) = stranger.come_back_with(&server, &auth).await;
        assert_eq!((is_same, missed), (false, Vec::new()), "{case}");
    }
    // None of it took anything from its owner.
    assert_eq!(
        ann.come_back(&server).await,
        (true, vec![r#""missed""#.into()])
    );
}

#[tokio::test(start_paused = true)]
async fn a_client_may_be_away_for_two_minutes() {
    for (seconds, is_same) in [(119, true), (121, false)] {
        let (server, mut ann) = begun(|it| it).await;
        ann.vanish();
        pass(seconds).await;
        server.root().emit("n", &1).await.unwrap();
        let (came, missed) = ann.come_back(&server).await;
        assert_eq!(
            (came, missed.len()),
            (is_same, usize::from(is_same)),
            "{seconds}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn who_missed_more_than_is_kept_comes_as_a_new_one() {
    // Events, bytes and clients are bounded.
    for missed in [3, 4] {
        let (server, mut ann) = begun(|it| it.max_packets(3)).await;
        ann.vanish();
        settle().await;
        for n in 0..missed {
            server.root().emit("n", &n).await.unwrap();
        }
        let (is_same, got) = ann.come_back(&server).await;
        let expected = if missed == 3 { (true, 3) } else { (false, 0) };
        assert_eq!((is_same, got.len()), expected, "{missed}");
    }
    let (server, mut ann) = begun(|it| it.max_bytes(10_000)).await;
    ann.vanish();
    settle().await;
    for _ in 0..4 {
        server
            .root()
            .emit("long", &"x".repeat(3_000))
            .await
            .unwrap();
    }
    assert!(!ann.come_back(&server).await.0);

    let (server, mut ann) = begun(|it| it.max_sessions(2)).await;
    let mut others = Vec::new();
    for _ in 0..2 {
        others.push(Traveller::join(&server).await);
    }
    server.root().emit("all", &()).await.unwrap();
    for traveller in others.iter_mut().chain([&mut ann]) {
        traveller.heard().await;
    }
    // She goes first, comes back, and goes last: the first of the others is forgotten.
    ann.vanish();
    settle().await;
    assert!(ann.come_back(&server).await.0);
    for traveller in others.iter_mut().chain([&mut ann]) {
        pass(1).await;
        traveller.vanish();
    }
    settle().await;
    let back: Vec<_> = [
        ann.come_back(&server).await.0,
        others[1].come_back(&server).await.0,
        others[0].come_back(&server).await.0,
    ]
    .into();
    assert_eq!(back, [true, true, false]);
}

#[tokio::test(start_paused = true)]
async fn who_was_sent_away_or_left_does_not_come_back() {
    let ends: [fn(&Server, &Peer) -> bool; 3] = [
        |server, _| server.root().disconnect_sockets(false).reached == 1,
        |server, _| server.root().disconnect_sockets(true).reached == 1,
        |_, _| false,
    ];
    for end in ends {
        let (server, mut ann) = begun(|it| it).await;
        if !end(&server, ann.peer()) {
            ann.peer().say("1").await;
        }
        settle().await;
        ann.vanish();
        settle().await;
        assert!(!ann.come_back(&server).await.0);
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_lost_the_connection_comes_back_whatever_ended_it() {
    let ends: [(&str, &str); 4] = [
        ("what?", "forced close"),
        ("0", "forced close"),
        ("", "ping timeout"),
        ("close", "transport close"),
    ];
    for (packet, reason) in ends {
        let server = recovering(|it| it);
        let log = Log::new();
        let its_log = log.clone();
        server.root().on_connect(async move |socket: Socket| {
            if !socket.is_recovered() {
                note_departures(&socket, &its_log);
            }
        });
        let mut ann = Traveller::join(&server).await;
        server.root().emit("first", &()).await.unwrap();
        ann.hear().await;
        match packet {
            "" => {
                ann.peer().session.stop_heartbeats();
                pass(60).await;
            }
            "close" => ann.peer.take().unwrap().leave().await,
            packet => ann.peer().say(packet).await,
        }
        settle().await;
        assert_eq!(log.take()[1], reason);
        server.root().emit("missed", &()).await.unwrap();
        assert_eq!(
            ann.come_back(&server).await,
            (true, vec![r#""missed""#.into()])
        );
    }
}

#[tokio::test(start_paused = true)]
async fn who_is_back_supersedes_the_old_connection_whose_late_end_changes_nothing() {
    // socket.io #4880: the late ping timeout of the old connection undid the recovery.
    let server = recovering(|it| it);
    let (log, count) = (Log::new(), Count::new());
    let (its_log, its_count) = (log.clone(), count.clone());
    server.root().on_connect(async move |socket: Socket| {
        socket.insert(its_count.one());
        let number = if socket.is_recovered() {
            "second"
        } else {
            "first"
        };
        let left = its_log.clone();
        socket.on_disconnect(async move |reason: sockeye_socketio::Reason| {
            left.note(format!("{number}: {reason}"));
        });
        if !socket.is_recovered() {
            socket.join("room").unwrap();
        }
    });
    let mut ann = Traveller::join(&server).await;
    server.root().emit("n", &0).await.unwrap();
    ann.hear().await;
    // The network is gone, and nobody has noticed.
    let old = ann.peer.take().unwrap();
    old.session.stop_heartbeats();
    server.root().emit("n", &1).await.unwrap();
    assert_eq!(
        ann.come_back(&server).await,
        (true, vec![r#""n" 1"#.into()])
    );
    assert_eq!(log.next().await, "first: transport close");
    assert_eq!(server.root().sockets().len(), 1);
    assert_eq!(server.root().rooms().len("room"), 1);
    // Long after the old one would have timed out.
    pass(100).await;
    assert_eq!(log.take(), [] as [&str; 0]);
    assert_eq!(count.get(), 1);
    assert_eq!(
        server
            .root()
            .to("room")
            .emit("n", &2)
            .await
            .unwrap()
            .reached,
        1
    );
    assert_eq!(ann.hear().await, r#""n" 2"#);
    drop(old);
    // And a second time.
    ann.vanish();
    assert_eq!(log.next().await, "second: transport close");
    server.root().to("room").emit("n", &3).await.unwrap();
    assert_eq!(
        ann.come_back(&server).await,
        (true, vec![r#""n" 3"#.into()])
    );
    drop(ann);
    server.assert_empty().await;
    assert_eq!(count.get(), 0, "a socket is kept");
}

#[tokio::test(start_paused = true)]
async fn middlewares_are_passed_by_unless_told_otherwise() {
    for skips in [true, false] {
        let server = recovering(|it| it.skip_middlewares(skips));
        let asked = Arc::new(AtomicUsize::new(0));
        let its_asked = asked.clone();
        server.root().middleware(
            async move || match its_asked.fetch_add(1, Ordering::Relaxed) {
                1 => Err(Refusal::new("not now")),
                _ => Ok(()),
            },
        );
        let mut ann = Traveller::join(&server).await;
        server.root().emit("n", &0).await.unwrap();
        ann.hear().await;
        ann.vanish();
        settle().await;
        if !skips {
            // Who is refused may try again, and is still who it was.
            let peer = server.open().await;
            peer.say(&format!("0{}", ann.auth())).await;
            assert_eq!(peer.hear().await, r#"4{"message":"not now"}"#);
        }
        server.root().emit("n", &1).await.unwrap();
        assert_eq!(
            ann.come_back(&server).await,
            (true, vec![r#""n" 1"#.into()])
        );
        assert_eq!(asked.load(Ordering::Relaxed), if skips { 1 } else { 3 });
    }
}

#[tokio::test(start_paused = true)]
async fn of_two_that_come_back_at_once_one_is_who_it_was_and_the_other_a_new_one() {
    let server = recovering(|it| it.skip_middlewares(false));
    let gate = Arc::new(Semaphore::new(1));
    let its_gate = gate.clone();
    server.root().middleware(async move |socket: Socket| {
        its_gate.acquire().await.unwrap().forget();
        drop(socket);
        Ok::<_, Refusal>(())
    });
    let mut ann = Traveller::join(&server).await;
    server.root().sockets()[0].join("room").unwrap();
    server.root().emit("n", &0).await.unwrap();
    ann.hear().await;
    ann.vanish();
    settle().await;
    let connect = format!("0{}", ann.auth());
    let (first, second) = (server.open().await, server.open().await);
    first.say(&connect).await;
    second.say(&connect).await;
    settle().await;
    gate.add_permits(3);
    assert!(ann.let_in(first).await.0);
    let mut second = second;
    assert_ne!(second.connected("/").await, ann.sid);
    second.leave().await;
    settle().await;
    let told = server.root().to("room").emit("n", &1).await.unwrap();
    assert_eq!(told.reached, 1);
    assert_eq!(ann.hear().await, r#""n" 1"#);
    assert_eq!(server.root().sockets().len(), 1);
    drop(ann);
    server.assert_empty().await;
}

#[tokio::test(start_paused = true)]
async fn a_client_of_revision_3_has_no_secret() {
    let server = recovering(|it| it);
    let peer = server.open_v3().await;
    assert_eq!(peer.hear().await, "0");
    server.root().emit("n", &1).await.unwrap();
    let event = peer.hear().await;
    assert!(event.starts_with(r#"2["n",1"#), "{event}");
    peer.leave().await;
    server.assert_empty().await;
}

#[tokio::test(start_paused = true)]
async fn who_comes_and_goes_all_the_time_stays_who_it_is() {
    let (server, mut ann) = begun(|it| it.max_sessions(1)).await;
    for n in 0..200 {
        ann.vanish();
        server.root().emit("n", &n).await.unwrap();
        let (is_same, missed) = ann.come_back(&server).await;
        // It may have been told before its end was noticed, never twice.
        assert_eq!((is_same, missed.len()), (true, 1));
        pass(1).await;
    }
}

/// Broadcasts from another thread go on while a client comes back again and again: it gets every
/// one, once, in order, whichever way the threads interleave.
#[test]
fn nothing_is_lost_or_doubled_while_a_client_comes_back() {
    const ROUNDS: usize = 60;
    let server = {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let _entered = runtime.as_ref().unwrap().enter();
        recovering(|it| it.max_packets(1_000_000))
    };
    let root = server.root();
    let (done, sent) = (AtomicBool::new(false), AtomicUsize::new(0));
    let mut got: Vec<usize> = Vec::new();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Acquire) {
                let n = sent.fetch_add(1, Ordering::AcqRel);
                let told = root.emit("n", &n);
                told.into_inner().unwrap();
                std::thread::yield_now();
            }
        });
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        runtime.unwrap().block_on(async {
            let number = |event: &str| event.rsplit(' ').next().unwrap().parse::<usize>().unwrap();
            let mut ann = Traveller::join(&server).await;
            got.push(number(&ann.hear().await));
            for round in 0..ROUNDS {
                for _ in 0..round % 5 {
                    got.push(number(&ann.hear().await));
                }
                ann.vanish();
                let (is_same, missed) = ann.come_back(&server).await;
                assert!(is_same);
                got.extend(missed.iter().map(|event| number(event)));
            }
            done.store(true, Ordering::Release);
        });
    });
    assert!(got.len() > ROUNDS);
    let expected: Vec<usize> = (got[0]..got[0] + got.len()).collect();
    assert_eq!(got, expected);
}
