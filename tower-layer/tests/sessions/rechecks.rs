//! The hook that sees each later request of a session that lives by many.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use http::{HeaderValue, Method, header};
use http_body_util::{Empty, Full};
use sockeye_tower::{
    Accept, CloseReason, ConnectRequest, Reject, Session, SessionId, SockJs, Transport,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    sync::Semaphore,
};

use crate::{
    every_way::after,
    support::{
        HandOver, RESPONSES, Receiving, Server, Sessions, pass, receiver, rest, secs, target, to,
    },
};

#[derive(Debug, PartialEq, Eq)]
struct User(String);

fn user_of(request: &ConnectRequest) -> Result<User, Reject> {
    let name = request.cookie("user").ok_or(Reject::status(401))?;
    Ok(User(name.into()))
}

async fn admit(request: &ConnectRequest) -> Result<Accept, Reject> {
    Ok(Accept::new().data(user_of(request)?))
}

/// Whether a request is its session's owner's.
async fn owners_only(request: &ConnectRequest) -> Result<Accept, Reject> {
    let owner = request.session().and_then(|session| session.data::<User>());
    let user = user_of(request)?;
    if owner.is_some_and(|owner| *owner == user) {
        Ok(Accept::new())
    } else {
        Err(Reject::status(403).body("not yours"))
    }
}

/// A server whose sessions belong to users.
fn owned(options: impl FnOnce(SockJs<HandOver>) -> SockJs<HandOver>) -> (Server, Sessions) {
    Server::handing_over(|mount| options(mount.on_connect(admit).on_request(owners_only)))
}

/// What a user's receiver is answered: its status, and the body when that has come to its end.
async fn receive_as(server: &Server, user: &str, target: &str) -> (u16, Receiving) {
    let request = receiver(target).header("cookie", format!("user={user}"));
    let response = server.request(request.body(Empty::new()).unwrap()).await;
    (response.status().as_u16(), Receiving(response.into_body()))
}

async fn poll_as(server: &Server, user: &str) -> (u16, String) {
    let (status, receiving) = receive_as(server, user, "/0/s/xhr").await;
    (status, receiving.rest().await)
}

async fn send_as(server: &Server, user: &str, body: &'static str) -> u16 {
    let request = to(Method::POST, "/0/s/xhr_send").header("cookie", format!("user={user}"));
    let request = request.body(Full::new(Bytes::from_static(body.as_bytes())));
    server.request(request.unwrap()).await.status().as_u16()
}

fn ok(body: &str) -> (u16, String) {
    (200, body.into())
}

/// The method, transport and session of a request that the hook was asked about.
type Asked = (Method, Transport, SessionId);

#[tokio::test(start_paused = true)]
async fn it_sees_polls_later_streams_and_sends_with_their_session() {
    let asked = Arc::new(Mutex::new(Vec::<Asked>::new()));
    let (server, mut sessions) = Server::handing_over(|mount| {
        mount.response_limit(0).on_request({
            let asked = asked.clone();
            async move |request: &ConnectRequest| {
                let session = request.session().expect("it belongs to one").id();
                let method = request.method().clone();
                let asked_now = (method, request.transport(), session);
                asked.lock().unwrap().push(asked_now);
                Ok(Accept::new())
            }
        })
    });
    let seen = || std::mem::take(&mut *asked.lock().unwrap());

    for (endpoint, transport) in RESPONSES.into_iter().zip([
        Transport::XhrPolling,
        Transport::XhrStreaming,
        Transport::EventSource,
        Transport::HtmlFile,
        Transport::JsonpPolling,
    ]) {
        let target = target(endpoint, endpoint);
        server.receive(&target).await.rest().await;
        let session = sessions.recv().await.unwrap();
        assert_eq!(seen(), [], "{endpoint}: the first request is on_connect's");

        session.try_send("more").unwrap();
        server.receive(&target).await.rest().await;
        let method = match transport {
            Transport::XhrPolling | Transport::XhrStreaming => Method::POST,
            _ => Method::GET,
        };
        assert_eq!(seen(), [(method, transport, session.id())], "{endpoint}");

        // What sends has no transport of its own.
        assert_eq!(server.send(endpoint, r#"["hello"]"#).await, 204);
        assert_eq!(seen(), [(Method::POST, transport, session.id())]);
        let jsonp_send = to(Method::POST, &format!("/0/{endpoint}/jsonp_send"))
            .header("content-type", "text/plain")
            .body(Full::new(Bytes::from_static(br#"["hello"]"#)))
            .unwrap();
        assert_eq!(server.request(jsonp_send).await.status(), 200);
        assert_eq!(seen(), [(Method::POST, transport, session.id())]);
    }

    let mut raw = server.websocket("/websocket").await;
    let mut framed = server.websocket("/0/w/websocket").await;
    raw.send_text("hello").await;
    framed.send_text(r#"["hello"]"#).await;
    rest().await;
    assert_eq!(server.send("unknown", r#"["hello"]"#).await, 404);
    let preflight = to(Method::OPTIONS, "/0/xhr/xhr").body(Empty::new());
    assert_eq!(server.request(preflight.unwrap()).await.status(), 204);
    assert_eq!(seen(), [], "WebSockets, strangers and preflights");
}

#[tokio::test(start_paused = true)]
async fn anothers_request_is_refused_and_the_session_never_notices() {
    for endpoint in RESPONSES {
        let (server, mut sessions) = owned(|mount| mount);
        assert_eq!(poll_as(&server, "ann").await, ok("o\n"));
        let mut session = sessions.recv().await.unwrap();
        for user in ["bob", "", "ann2"] {
            let (status, receiving) = receive_as(&server, user, &target("s", endpoint)).await;
            assert_eq!(status, 403, "{endpoint}");
            assert_eq!(receiving.rest().await, "not yours", "{endpoint}");
            assert_eq!(send_as(&server, user, r#"["forged"]"#).await, 403);
        }
        assert!(session.recv().now_or_never().is_none());
        assert_eq!(session.close_reason(), None);
        assert_eq!(session.transport(), Transport::XhrPolling);
        let cookie = session.request().cookie("user").map(str::to_owned);
        assert_eq!(cookie.as_deref(), Some("ann"));

        // Ann's own requests go on as ever.
        assert_eq!(send_as(&server, "ann", r#"["mine"]"#).await, 204);
        assert_eq!(session.recv().await.unwrap().as_text(), Some("mine"));
        session.try_send("yours").unwrap();
        assert_eq!(poll_as(&server, "ann").await, ok("a[\"yours\"]\n"));
    }
}

#[tokio::test(start_paused = true)]
async fn anothers_request_does_not_disturb_the_receiver_that_is_attached() {
    let (server, mut sessions) = owned(|mount| mount);
    let (_, mut stream) = receive_as(&server, "ann", "/0/s/xhr_streaming").await;
    let session = sessions.recv().await.unwrap();
    assert_eq!(poll_as(&server, "bob").await, (403, "not yours".into()));
    session.try_send("still there").unwrap();
    let mut received = String::new();
    while !received.ends_with("a[\"still there\"]\n") {
        received += &stream.next().await.unwrap();
    }
    assert!(!received.contains("2010"), "{received}");
}

/// Refusals do not keep a session alive that its owner left.
#[tokio::test(start_paused = true)]
async fn anothers_polls_do_not_keep_a_session_from_expiring() {
    let (server, mut sessions) = owned(|mount| mount);
    poll_as(&server, "ann").await;
    let session = sessions.recv().await.unwrap();
    for _ in 0..4 {
        pass(1).await;
        assert_eq!(poll_as(&server, "bob").await.0, 403);
    }
    pass(2).await;
    assert!(session.close_reason().is_some());
    assert_eq!(server.handle.sessions(), 0);
}

/// The status line and headers of the next answer; its body, of `length` bytes, is read as well.
async fn answer(stream: &mut tokio::io::DuplexStream, length: usize) -> String {
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        answer.push(stream.read_u8().await.unwrap());
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.unwrap();
    String::from_utf8(answer).unwrap().to_lowercase()
}

#[tokio::test(start_paused = true)]
async fn what_a_refused_request_brings_is_read_to_nowhere_and_the_connection_goes_on() {
    let (server, mut sessions) = owned(|mount| mount);
    poll_as(&server, "ann").await;
    let mut session = sessions.recv().await.unwrap();
    let mut stream = server.connect(1 << 16);
    for _ in 0..3 {
        let body = format!(r#"["{}"]"#, "x".repeat(20_000));
        let send = format!(
            "POST /0/s/xhr_send HTTP/1.1\r\nHost: a\r\nCookie: user=bob\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(send.as_bytes()).await.unwrap();
        let refused = answer(&mut stream, "not yours".len()).await;
        assert!(refused.starts_with("http/1.1 403 "), "{refused}");
        assert!(!refused.contains("connection: close"), "{refused}");
    }
    // The turn to bring messages is not held by any of them.
    let send = "POST /0/s/xhr_send HTTP/1.1\r\nHost: a\r\nCookie: user=ann\r\n\
        Content-Length: 8\r\n\r\n[\"mine\"]";
    stream.write_all(send.as_bytes()).await.unwrap();
    let taken = answer(&mut stream, 0).await;
    assert!(taken.starts_with("http/1.1 204 "), "{taken}");
    assert_eq!(session.recv().await.unwrap().as_text(), Some("mine"));
    assert!(session.recv().now_or_never().is_none());
}

/// What is too long to read to nowhere ends the connection, as it would have without the hook.
#[tokio::test(start_paused = true)]
async fn a_refused_request_that_brings_too_much_is_answered_413() {
    let (server, mut sessions) = owned(|mount| mount.max_message_size(1000));
    poll_as(&server, "ann").await;
    let session = sessions.recv().await.unwrap();
    let too_much: &'static str = "x".repeat(3000).leak();
    assert_eq!(send_as(&server, "bob", too_much).await, 413);
    assert_eq!(session.close_reason(), None);
}

#[tokio::test(start_paused = true)]
async fn a_closing_rejection_ends_the_session_with_its_code() {
    for by_send in [false, true] {
        let (server, mut sessions) = Server::handing_over(|mount| {
            mount.on_request(async |_: &ConnectRequest| -> Result<Accept, Reject> {
                Err(Reject::status(401).closing(4403, "Logged out"))
            })
        });
        let (_, mut stream) = receive_as(&server, "ann", "/0/s/xhr_streaming").await;
        let mut session = sessions.recv().await.unwrap();
        let endpoint = if by_send { "xhr_send" } else { "xhr" };
        let request = to(Method::POST, &format!("/0/s/{endpoint}"));
        let body = Full::new(Bytes::from_static(br#"["last"]"#));
        let response = server.request(request.body(body).unwrap()).await;
        assert_eq!(response.status(), 401, "{endpoint}");

        assert!(session.recv().await.is_none());
        let reason = session.close_reason();
        assert!(
            matches!(&reason, Some(CloseReason::Application(close))
                if close.code == 4403 && close.reason.as_str() == "Logged out"),
            "{reason:?}"
        );
        let mut received = String::new();
        while let Some(chunk) = stream.next().await {
            received += &chunk;
        }
        let close = "c[4403,\"Logged out\"]\n";
        assert!(received.ends_with(close), "{received}");
        // Whoever comes is told why it ended.
        let (status, receiving) = receive_as(&server, "", "/0/s/xhr").await;
        assert_eq!((status, &*receiving.rest().await), (200, close));
    }
}

/// A logout takes the cookie and ends the session. A poll that comes back just then must hear the
/// end's reason, as the one that was held does: a 401 would look like a lost connection.
#[tokio::test(start_paused = true)]
async fn a_session_that_has_ended_tells_its_end_and_nothing_else_to_whom_the_hook_refuses() {
    for endpoint in RESPONSES {
        let (server, mut sessions) = owned(|mount| mount);
        poll_as(&server, "ann").await;
        let mut session = sessions.recv().await.unwrap();
        session.try_send("for ann alone").unwrap();
        session.close(4001, "Logged out");

        let (status, receiving) = receive_as(&server, "bob", &target("s", endpoint)).await;
        assert_eq!(status, 200, "{endpoint}");
        let told = receiving.rest().await.replace('\\', "");
        assert!(
            told.contains(r#"c[4001,"Logged out"]"#),
            "{endpoint}: {told}"
        );
        assert!(!told.contains("alone"), "{endpoint}: {told}");
        assert_eq!(send_as(&server, "bob", r#"["too late"]"#).await, 204);
        assert!(session.recv().await.is_none());

        // It was not the receiver: ann still gets all of it.
        let all = ok("a[\"for ann alone\"]\n");
        assert_eq!(poll_as(&server, "ann").await, all, "{endpoint}");
        let end = ok("c[4001,\"Logged out\"]\n");
        assert_eq!(poll_as(&server, "ann").await, end, "{endpoint}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_it_accepts_with_is_added_to_the_session() {
    #[derive(Debug, PartialEq, Eq)]
    struct Polls(usize);

    let polls = Arc::new(AtomicUsize::new(0));
    let (server, mut sessions) = Server::handing_over(|mount| {
        mount.on_connect(admit).on_request({
            let polls = polls.clone();
            async move |_: &ConnectRequest| {
                let count = polls.fetch_add(1, Ordering::Relaxed) + 1;
                Ok(Accept::new()
                    .data(Polls(count))
                    .header(header::SET_COOKIE, HeaderValue::from_static("a=1"))
                    .header(header::SET_COOKIE, HeaderValue::from_static("b=2")))
            }
        })
    });
    poll_as(&server, "ann").await;
    let session: Session = sessions.recv().await.unwrap();
    assert_eq!(session.data::<Polls>(), None);
    for count in 1..4 {
        session.try_send("more").unwrap();
        let request = receiver("/0/s/xhr").body(Empty::new()).unwrap();
        let response = server.request(request).await;
        let cookies = response.headers().get_all(header::SET_COOKIE);
        assert_eq!(cookies.iter().collect::<Vec<_>>(), ["a=1", "b=2"]);
        assert_eq!(
            Receiving(response.into_body()).rest().await,
            "a[\"more\"]\n"
        );
        assert_eq!(session.data(), Some(Arc::new(Polls(count))));
        assert_eq!(session.data(), Some(Arc::new(User("ann".into()))));
    }
    let send = to(Method::POST, "/0/s/xhr_send").body(Full::new(Bytes::from_static(b"[]")));
    let response = server.request(send.unwrap()).await;
    assert_eq!(response.status(), 204);
    assert_eq!(
        response
            .headers()
            .get_all(header::SET_COOKIE)
            .iter()
            .count(),
        2
    );
    assert_eq!(session.data(), Some(Arc::new(Polls(4))));
}

#[tokio::test(start_paused = true)]
async fn each_request_may_extend_the_time_to_which_the_session_is_admitted() {
    let admit = async |_: &ConnectRequest| Ok(Accept::new().until(after(secs(3))));
    let (server, mut sessions) =
        Server::handing_over(|mount| mount.on_connect(admit).on_request(admit));
    assert_eq!(poll_as(&server, "").await, ok("o\n"));
    let session = sessions.recv().await.unwrap();
    for _ in 0..5 {
        pass(2).await;
        assert_eq!(send_as(&server, "", r#"["still here"]"#).await, 204);
        session.try_send("more").unwrap();
        assert_eq!(poll_as(&server, "").await, ok("a[\"more\"]\n"));
    }
    pass(4).await;
    assert_eq!(
        session.close_reason(),
        Some(CloseReason::CredentialsExpired)
    );
}

#[tokio::test(start_paused = true)]
async fn a_panic_or_an_error_in_it_is_a_500_and_the_session_lives() {
    let (server, mut sessions) = Server::handing_over(|mount| {
        mount.on_request(async |request: &ConnectRequest| {
            match request.cookie("user") {
                Some("panic") => panic!("this hook panics"),
                Some("error") => drop("secret".parse::<u8>()?),
                _ => {}
            }
            Ok(Accept::new())
        })
    });
    assert_eq!(poll_as(&server, "ann").await, ok("o\n"));
    let session = sessions.recv().await.unwrap();
    for user in ["panic", "error"] {
        assert_eq!(poll_as(&server, user).await, (500, String::new()));
        assert_eq!(send_as(&server, user, r#"["lost"]"#).await, 500);
    }
    session.try_send("fine").unwrap();
    assert_eq!(poll_as(&server, "ann").await, ok("a[\"fine\"]\n"));
}

/// Two sessions may bear one id, one after the other; a hook's word holds for the one it saw.
#[tokio::test(start_paused = true)]
async fn a_session_that_ends_while_it_thinks_is_not_mixed_up_with_the_next_of_its_id() {
    let keys = Arc::new(Semaphore::new(0));
    let (server, mut sessions) = Server::handing_over(|mount| {
        mount.on_connect(admit).on_request({
            let keys = keys.clone();
            async move |request: &ConnectRequest| {
                if request.cookie("slow").is_some() {
                    keys.acquire().await?.forget();
                }
                Ok(Accept::new())
            }
        })
    });
    poll_as(&server, "ann").await;
    let first = sessions.recv().await.unwrap();
    let slow = |target: &'static str, body: &'static [u8]| {
        let server = server.clone();
        tokio::spawn(async move {
            let request = to(Method::POST, target)
                .header("cookie", "slow=1; user=ann")
                .body(Full::new(Bytes::from_static(body)));
            let response = server.request(request.unwrap()).await;
            (response.status().as_u16(), Receiving(response.into_body()))
        })
    };
    let sending = slow("/0/s/xhr_send", br#"["for the first"]"#);
    rest().await;
    // The first ends and is forgotten; bob takes the id.
    drop(first);
    pass(6).await;
    assert_eq!(server.handle.sessions(), 0);
    assert_eq!(poll_as(&server, "bob").await, ok("o\n"));
    let mut second = sessions.recv().await.unwrap();
    assert_eq!(second.data(), Some(Arc::new(User("bob".into()))));
    keys.add_permits(1);
    assert_eq!(sending.await.unwrap().0, 404);
    assert!(second.recv().now_or_never().is_none());
    assert_eq!(second.close_reason(), None);
}

/// The poll outlives the session that it was asked about, and opens the next one: as any first
/// request, of which `on_connect` is asked.
#[tokio::test(start_paused = true)]
async fn a_poll_whose_session_is_gone_when_it_is_let_in_opens_a_new_one() {
    let keys = Arc::new(Semaphore::new(0));
    let opened = Arc::new(Mutex::new(Vec::new()));
    let (server, mut sessions) = Server::handing_over(|mount| {
        mount
            .on_connect({
                let opened = opened.clone();
                async move |request: &ConnectRequest| {
                    let session = request.session().map(sockeye_tower::Sender::id);
                    opened.lock().unwrap().push(session);
                    Ok(Accept::new().data(user_of(request)?))
                }
            })
            .on_request({
                let keys = keys.clone();
                async move |_: &ConnectRequest| {
                    keys.acquire().await?.forget();
                    Ok(Accept::new())
                }
            })
    });
    poll_as(&server, "ann").await;
    let first = sessions.recv().await.unwrap();
    let [receiving, polling] = ["ann", "bob"].map(|user| {
        let server = server.clone();
        tokio::spawn(async move { poll_as(&server, user).await })
    });
    rest().await;
    keys.add_permits(1);
    rest().await;
    // The one that was let in goes away, and the session with it.
    receiving.abort();
    rest().await;
    assert_eq!(first.close_reason(), Some(CloseReason::Disconnected));
    drop(first);
    rest().await;
    assert_eq!(server.handle.sessions(), 0);
    keys.add_permits(1);
    assert_eq!(polling.await.unwrap(), ok("o\n"));
    let session = sessions.recv().await.unwrap();
    assert_eq!(session.data(), Some(Arc::new(User("bob".into()))));
    assert_eq!(*opened.lock().unwrap(), [None, None]);
}

/// Without an `on_connect` that has data or a time to give, `on_request` alone works as well, and
/// the other way round.
#[tokio::test(start_paused = true)]
async fn each_hook_works_without_the_other() {
    let (server, _sessions) = Server::handing_over(|mount| mount.on_request(owners_only));
    assert_eq!(poll_as(&server, "ann").await, ok("o\n"));
    assert_eq!(poll_as(&server, "ann").await.0, 403);
    let (server, mut sessions) = Server::handing_over(|mount| mount.on_connect(admit));
    assert_eq!(poll_as(&server, "ann").await, ok("o\n"));
    let session = sessions.recv().await.unwrap();
    session.try_send("more").unwrap();
    assert_eq!(poll_as(&server, "bob").await, ok("a[\"more\"]\n"));
}

/// A session whose poll is here is not abandoned, however long the hook takes over it.
#[tokio::test(start_paused = true)]
async fn a_slow_on_request_does_not_lose_the_session() {
    let opened = Arc::new(AtomicUsize::new(0));
    let counted = opened.clone();
    let (server, mut sessions) = Server::handing_over(|mount| {
        mount
            .on_connect(async move |_: &ConnectRequest| {
                counted.fetch_add(1, Ordering::Relaxed);
                Ok(Accept::new())
            })
            .on_request(async |_: &ConnectRequest| {
                tokio::time::sleep(Duration::from_secs(6)).await;
                Ok(Accept::new())
            })
    });
    assert_eq!(server.poll("s").await, "o\n");
    let session = sessions.recv().await.unwrap();
    session.send("waits").await.unwrap();
    let body = server.poll("s").await;
    assert_eq!(
        (body.as_str(), opened.load(Ordering::Relaxed)),
        ("a[\"waits\"]\n", 1)
    );
}

/// Turned away, it has kept the session no longer than the disconnect delay.
#[tokio::test(start_paused = true)]
async fn a_poll_that_is_turned_away_late_keeps_no_session() {
    let (server, mut sessions) = Server::handing_over(|mount| {
        mount.on_request(async |_: &ConnectRequest| -> Result<Accept, Reject> {
            tokio::time::sleep(Duration::from_secs(60)).await;
            Err(Reject::status(403))
        })
    });
    assert_eq!(server.poll("s").await, "o\n");
    let session = sessions.recv().await.unwrap();
    let (head, _) = tokio::join!(poll_as(&server, "bob"), async {
        pass(59).await;
        assert_eq!(session.close_reason(), None);
    });
    assert_eq!(head.0, 403);
    rest().await;
    assert_eq!(session.close_reason(), Some(CloseReason::Expired));
}
