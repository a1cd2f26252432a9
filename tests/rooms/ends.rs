//! Members that end leave their rooms by themselves, whatever ended them.

use std::{future::pending, time::Duration};

use sockeye::{Close, CloseReason, DrainPolicy, Rooms, Session, WebSocket};

use crate::{
    people::{App, KINDS, Peer},
    support::{Server, drain, rest},
};

const PIPE: usize = 1 << 20;

/// Ends a session in one way.
type End = fn(Peer, Session, &App) -> (Option<Peer>, Option<Session>);

#[tokio::test(start_paused = true)]
async fn a_member_leaves_by_its_end_and_the_others_stay() {
    #[rustfmt::skip]
    let ends: [(&str, End); 5] = [
        ("dropped",     |peer, session, _| { drop(session); (Some(peer), None) }),
        ("closed",      |peer, session, _| { session.close(4000, ""); (Some(peer), Some(session)) }),
        ("panicked",    |peer, session, _| {
            let thread = std::thread::spawn(move || {
                let _held = session;
                panic!("as this test wants it");
            });
            assert!(thread.join().is_err());
            (Some(peer), None)
        }),
        ("drained",     |peer, session, app| {
            for server in app.servers() {
                drain(&server.handle);
            }
            (Some(peer), Some(session))
        }),
        ("disconnected", |peer, session, _| { drop(peer); (None, Some(session)) }),
    ];
    for kind in KINDS {
        for (how, end) in ends {
            let case = format!("{kind} {how}");
            let mut app = App::new(100);
            let rooms = Rooms::new();
            let mut other_app = App::new(100);
            let (_other_peer, other) = other_app.peer("raw", PIPE).await;
            rooms.join_all(["lobby", "garden"], &other).unwrap();
            let (peer, session) = app.peer(kind, PIPE).await;
            let member = session.sender();
            rooms
                .join_all(["lobby", "garden", "alone"], &member)
                .unwrap();
            assert_eq!(rooms.known(), 2);
            let kept = end(peer, session, &app);
            if kind == "polling" && how == "disconnected" {
                // No request was under way: it is gone when none comes for the delay.
                tokio::time::sleep(Duration::from_secs(5)).await;
            }
            rest().await;
            assert!(member.is_closed(), "{case}");
            assert_eq!(rooms.known(), 1, "{case}");
            assert_eq!(rooms.rooms_of(&member).len(), 0, "{case}");
            assert_eq!(rooms.len("alone"), 0, "{case}");
            assert_eq!(
                rooms.to("lobby").to("garden").send("x").reached,
                1,
                "{case}"
            );
            assert!(rooms.join("lobby", &member).is_err(), "{case}");
            drop(kept);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_member_that_is_cut_at_the_bound_of_a_drain_has_left() {
    let rooms = Rooms::new();
    let mount = WebSocket::new({
        let rooms = rooms.clone();
        async move |session: Session| {
            rooms.join("lobby", &session).unwrap();
            pending::<()>().await;
        }
    });
    let server = Server::around(|handle| mount.handle(handle).service());
    let _unread = server.websocket_over("/", 1).await;
    rest().await;
    assert_eq!(rooms.len("lobby"), 1);
    let policy = DrainPolicy::new().bound(Duration::from_secs(1));
    assert_eq!(server.handle.drain(policy).await, 1);
    rest().await;
    assert!(rooms.is_empty());
}

/// A handler goes on after its session ended, and may come late.
#[tokio::test(start_paused = true)]
async fn a_handler_that_joins_after_the_end_joins_nothing() {
    let rooms = Rooms::new();
    let (told, mut results) = tokio::sync::mpsc::unbounded_channel();
    let mount = WebSocket::new({
        let rooms = rooms.clone();
        async move |mut session: Session| {
            while session.recv().await.is_some() {}
            told.send(rooms.join("lobby", &session)).unwrap();
        }
    });
    let server = Server::around(|handle| mount.handle(handle).service());
    drop(server.websocket("/").await);
    let result = results.recv().await.unwrap();
    rest().await;
    assert!(rooms.is_empty());
    assert!(result.is_err(), "{result:?}");
}

#[tokio::test(start_paused = true)]
async fn logging_out_everywhere_closes_the_sessions_of_one_user_on_every_transport() {
    let mut app = App::new(100);
    let rooms = Rooms::new();
    let mut others = App::new(100);
    let (mut ben, session) = others.peer("events", PIPE).await;
    rooms.join_all(["lobby", "user:ben"], &session).unwrap();
    let mut members = Vec::new();
    for kind in KINDS {
        let (peer, session) = app.peer(kind, PIPE).await;
        rooms.join_all(["lobby", "user:ann"], &session).unwrap();
        members.push((kind, peer, session));
    }
    let outcome = rooms.to("user:ann").close(4401, "logged out");
    assert_eq!(outcome.reached, 5);
    for (kind, peer, session) in &mut members {
        let expected = match *kind {
            "polling" | "streaming" => "c[4401,\"logged out\"]\n",
            "framed" => r#"Text("c[4401,\"logged out\"]")"#,
            "raw" => r#"Close(4401, "logged out")"#,
            _ => ": 4401 logged out\n\n",
        };
        assert_eq!(peer.next().await, expected, "{kind}");
        let reason = CloseReason::Application(Close::new(4401, "logged out"));
        assert_eq!(session.close_reason(), Some(reason));
    }
    assert_eq!(rooms.len("lobby"), 1);
    assert_eq!(rooms.to("lobby").send("quiet here").reached, 1);
    assert_eq!(ben.next().await, "data: quiet here\n\n");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_left_after_a_wave() {
    let mut app = App::new(100);
    let rooms = Rooms::new();
    for wave in 0..3 {
        let mut members = Vec::new();
        for n in 0..60 {
            let kind = ["raw", "events"][n % 2];
            let (peer, session) = app.peer(kind, PIPE).await;
            let own = format!("{wave}-{n}");
            rooms.join_all(["lobby", &own], &session).unwrap();
            members.push((peer, session));
        }
        assert_eq!(rooms.to("lobby").send("hello").reached, 60);
        assert_eq!(rooms.rooms().len(), 61);
        for (n, (peer, session)) in members.into_iter().enumerate() {
            // The peer goes first, or the application.
            if n % 3 == 0 {
                drop(session);
                rest().await;
                drop(peer);
            } else {
                drop(peer);
                rest().await;
                drop(session);
            }
        }
        rest().await;
        assert!(rooms.is_empty(), "{rooms:?}");
        assert_eq!(rooms.rooms().len(), 0);
        for server in app.servers() {
            assert_eq!(server.handle.sessions(), 0);
        }
    }
}
