//! The hook that sees each request which asks for a session: what it is told, and what becomes of
//! its answer.

use std::{
    future::Future,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use sockeye_tower::{Accept, ConnectRequest, Hook, PeerAddress, Reject, Session, Transport};

use crate::{
    every_way::{EVERY_WAY, Way},
    support::{Server, pass, rest},
};

#[derive(Debug, PartialEq, Eq)]
struct User(String);

#[derive(Debug, PartialEq, Eq)]
struct Role(u8);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Login(&'static str);

#[tokio::test(start_paused = true)]
async fn it_runs_once_for_each_session_on_every_transport() {
    for way in EVERY_WAY {
        let asked = Arc::new(AtomicUsize::new(0));
        let (server, mut sessions) = way.server({
            let asked = asked.clone();
            async move |_: &ConnectRequest| {
                asked.fetch_add(1, Ordering::Relaxed);
                Ok(Accept::new())
            }
        });
        let answer = way.open(&server, "s").await;
        answer.expect_open(way);
        let session = sessions.recv().await.unwrap();
        assert_eq!(asked.load(Ordering::Relaxed), 1, "{way:?}");
        answer.take_opening(way).await;
        if let Way::Response(..) = way {
            for message in ["first", "second"] {
                session.try_send(message).unwrap();
                way.open(&server, "s").await.take_opening(way).await;
                assert_eq!(server.send("s", r#"["hello"]"#).await, 204, "{way:?}");
            }
            assert_eq!(asked.load(Ordering::Relaxed), 1, "{way:?}");
        }
        let second = way.open(&server, "t").await;
        second.expect_open(way);
        assert_eq!(asked.load(Ordering::Relaxed), 2, "{way:?}");
    }
}

/// What a hook saw.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    method: Method,
    uri: String,
    query: Option<String>,
    header: Option<String>,
    cookies: [Option<String>; 3],
    origin: Option<HeaderValue>,
    login: Option<Login>,
    address: Option<SocketAddr>,
    is_secure: bool,
    transport: Transport,
    has_session: bool,
    accepts: usize,
}

impl Seen {
    fn of(request: &ConnectRequest) -> Self {
        let text = |text: &str| text.to_owned();
        Self {
            method: request.method().clone(),
            uri: request.uri().to_string(),
            query: request.query().map(text),
            header: request.header("X-Token").map(text),
            cookies: ["user", "theme", "none"].map(|name| request.cookie(name).map(text)),
            origin: request.origin().cloned(),
            login: request.extension::<Login>().cloned(),
            address: request.peer_address(),
            is_secure: request.is_secure(),
            transport: request.transport(),
            has_session: request.session().is_some(),
            accepts: request.headers().get_all("accept").iter().count(),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn it_sees_the_whole_request_on_every_transport() {
    let address = SocketAddr::from(([10, 0, 0, 1], 4711));
    for way in EVERY_WAY {
        let seen = Arc::new(Mutex::new(None));
        let (server, mut sessions) = way.server({
            let seen = seen.clone();
            async move |request: &ConnectRequest| {
                *seen.lock().unwrap() = Some(Seen::of(request));
                assert_eq!(request.extensions().get(), Some(&Login("ann")));
                Ok(Accept::new())
            }
        });
        let target = way.target("s");
        let uri = match target.contains('?') {
            true => format!("{target}&token=1%202"),
            false => format!("{target}?token=1%202"),
        };
        let request = way
            .request("s")
            .uri(&uri)
            .header("x-token", "secret")
            .header("cookie", "user=ann; theme=\"dark\"")
            .header("cookie", "user=bob")
            .header("origin", "http://a")
            .header("accept", "a")
            .header("accept", "b")
            .extension(PeerAddress(address))
            .extension(sockeye_tower::Secure)
            .extension(Login("ann"));
        let is_post = request.method_ref() == Some(&Method::POST);
        way.ask(&server, request).await.expect_open(way);
        let expected = Seen {
            method: if is_post { Method::POST } else { Method::GET },
            query: uri.split_once('?').map(|(_, query)| query.into()),
            uri,
            header: Some("secret".into()),
            cookies: [Some("ann".into()), Some("dark".into()), None],
            origin: Some(HeaderValue::from_static("http://a")),
            login: Some(Login("ann")),
            address: Some(address),
            is_secure: true,
            transport: way.transport(),
            has_session: false,
            accepts: 2,
        };
        assert_eq!(seen.lock().unwrap().take(), Some(expected), "{way:?}");

        // What it saw is still the session's.
        let session = sessions.recv().await.unwrap();
        let request = session.request();
        assert_eq!(request.extension(), Some(&Login("ann")), "{way:?}");
        assert_eq!(request.peer_address(), Some(address), "{way:?}");
        assert_eq!(request.header("x-token"), Some(&b"secret"[..]), "{way:?}");
    }
}

/// Lets in who has the cookie.
async fn members_only(request: &ConnectRequest) -> Result<Accept, Reject> {
    match request.cookie("user") {
        Some(name) => Ok(Accept::new().data(User(name.into()))),
        None => Err(Reject::status(401)
            .header(
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static("Cookie realm=\"chat\""),
            )
            .header(header::SET_COOKIE, HeaderValue::from_static("a=1"))
            .header(header::SET_COOKIE, HeaderValue::from_static("b=2"))
            .body("log in first")),
    }
}

#[tokio::test(start_paused = true)]
async fn a_rejection_is_the_whole_answer_and_leaves_no_session() {
    for way in EVERY_WAY {
        let (server, mut sessions) = way.crowded_server(1, members_only);
        for _ in 0..3 {
            let request = way.request("s").header("origin", "http://a");
            let answer = way.ask(&server, request).await;
            assert_eq!(answer.status, 401, "{way:?}");
            let headers = &answer.headers;
            assert_eq!(headers["www-authenticate"], "Cookie realm=\"chat\"");
            assert_eq!(headers["content-type"], "text/plain; charset=UTF-8");
            assert_eq!(headers["x-content-type-options"], "nosniff");
            assert_eq!(cookies(headers), ["a=1", "b=2"], "{way:?}");
            let allowed = headers.get(header::ACCESS_CONTROL_ALLOW_ORIGIN);
            let expected = way.has_cors().then_some("http://a");
            assert_eq!(allowed.map(|value| value.to_str().unwrap()), expected);
            assert_eq!(answer.body().await, "log in first", "{way:?}");
            assert_eq!(server.handle.sessions(), 0, "{way:?}");
        }
        assert!(sessions.try_recv().is_err(), "{way:?}");
        // Nothing of it is left: neither the id nor the one place is taken.
        let request = way.request("s").header("cookie", "user=ann");
        let answer = way.ask(&server, request).await;
        answer.expect_open(way);
        assert_eq!(server.handle.sessions(), 1, "{way:?}");
        let session = sessions.recv().await.unwrap();
        assert_eq!(session.data(), Some(Arc::new(User("ann".into()))));
    }
}

#[tokio::test(start_paused = true)]
async fn a_rejections_own_content_type_and_status_are_kept() {
    // Even one that looks like a success is a rejection.
    for status in [200, 302, 404, 599] {
        let elsewhere = async move |_: &ConnectRequest| -> Result<Accept, Reject> {
            let json = HeaderValue::from_static("application/json");
            Err(Reject::status(status)
                .header(header::CONTENT_TYPE, json)
                .body("{}"))
        };
        for way in EVERY_WAY {
            let (server, mut sessions) = way.server(elsewhere);
            let answer = way.open(&server, "s").await;
            assert_eq!(answer.status, status, "{way:?}");
            let types = answer.headers.get_all(header::CONTENT_TYPE);
            assert_eq!(types.iter().collect::<Vec<_>>(), ["application/json"]);
            assert_eq!(answer.body().await, "{}", "{way:?}");
            assert!(sessions.try_recv().is_err(), "{way:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_rejections_own_headers_go_before_ours() {
    let cached = async |_: &ConnectRequest| -> Result<Accept, Reject> {
        let value = HeaderValue::from_static;
        Err(Reject::status(403)
            .header(header::CACHE_CONTROL, value("max-age=60"))
            .header(header::ACCESS_CONTROL_ALLOW_ORIGIN, value("http://a"))
            .header(header::VARY, value("Cookie")))
    };
    for way in EVERY_WAY {
        let (server, _sessions) = way.server(cached);
        let answer = way.open(&server, "s").await;
        for (name, expected) in [
            (header::CACHE_CONTROL, "max-age=60"),
            (header::ACCESS_CONTROL_ALLOW_ORIGIN, "http://a"),
            (header::VARY, "Cookie"),
        ] {
            let found = answer.headers.get_all(&name);
            assert_eq!(found.iter().collect::<Vec<_>>(), [expected], "{way:?}");
        }
    }
}

/// A browser's `EventSource` comes back after every end but this one.
#[tokio::test(start_paused = true)]
async fn an_event_stream_is_told_to_stay_away_by_a_204() {
    let way = Way::PlainEvents;
    let (server, _sessions) = way
        .server(async |_: &ConnectRequest| -> Result<Accept, Reject> { Err(Reject::status(204)) });
    let answer = way.open(&server, "s").await;
    assert_eq!(answer.status, 204);
    assert_eq!(answer.body().await, "");
}

#[test]
fn a_status_that_ends_no_request_cannot_be_written() {
    for status in [0, 100, 101, 199, 600, 999, 65_535] {
        let refused = std::panic::catch_unwind(|| Reject::status(status));
        let message = *refused.unwrap_err().downcast::<String>().unwrap();
        assert!(message.contains(&status.to_string()), "{message}");
    }
    for status in [200, 404, 599] {
        drop(Reject::status(status));
    }
}

#[tokio::test(start_paused = true)]
async fn what_it_attaches_reaches_the_handler_by_type() {
    for way in EVERY_WAY {
        let (server, mut sessions) = way.server(async |_: &ConnectRequest| {
            Ok(Accept::new()
                .data(User("replaced".into()))
                .data(Role(7))
                .data(User("ann".into())))
        });
        way.open(&server, "s").await.expect_open(way);
        let session = sessions.recv().await.unwrap();
        assert_eq!(session.data(), Some(Arc::new(User("ann".into()))));
        assert_eq!(session.sender().data(), Some(Arc::new(Role(7))));
        assert_eq!(session.data::<String>(), None);
        // It is the same value each time.
        let first = session.data::<User>().unwrap();
        assert!(Arc::ptr_eq(&first, &session.data().unwrap()), "{way:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_it_attaches_goes_with_the_session() {
    struct Dropped(Arc<AtomicUsize>);
    impl Drop for Dropped {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
    for way in EVERY_WAY {
        let dropped = Arc::new(AtomicUsize::new(0));
        let (server, mut sessions) = way.server({
            let dropped = dropped.clone();
            async move |_: &ConnectRequest| Ok(Accept::new().data(Dropped(dropped)))
        });
        let answer = way.open(&server, "s").await;
        let session = sessions.recv().await.unwrap();
        rest().await;
        assert_eq!(dropped.load(Ordering::Relaxed), 0, "{way:?}");
        drop((answer, session));
        pass(11).await;
        assert_eq!(server.handle.sessions(), 0, "{way:?}");
        assert_eq!(dropped.load(Ordering::Relaxed), 1, "{way:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_hook_a_session_has_no_data() {
    let (server, mut sessions) = Server::handing_over(|mount| mount);
    server.poll("s").await;
    assert_eq!(sessions.recv().await.unwrap().data::<User>(), None);
}

fn cookies(headers: &HeaderMap) -> Vec<&str> {
    let all = headers.get_all(header::SET_COOKIE).iter();
    all.map(|cookie| cookie.to_str().unwrap()).collect()
}

#[tokio::test(start_paused = true)]
async fn headers_of_an_accept_stand_in_the_opening_answer_and_in_no_other() {
    for way in EVERY_WAY {
        let (server, mut sessions) = way.server(async |_: &ConnectRequest| {
            Ok(Accept::new()
                .header(header::SET_COOKIE, HeaderValue::from_static("a=1"))
                .header(header::SET_COOKIE, HeaderValue::from_static("b=2; Path=/"))
                .header(
                    HeaderName::from_static("x-node"),
                    HeaderValue::from_static("7"),
                ))
        });
        let answer = way.open(&server, "s").await;
        answer.expect_open(way);
        assert_eq!(cookies(&answer.headers), ["a=1", "b=2; Path=/"], "{way:?}");
        assert_eq!(answer.headers["x-node"], "7", "{way:?}");
        answer.take_opening(way).await;
        let session = sessions.recv().await.unwrap();
        if let Way::Response(..) = way {
            session.try_send("more").unwrap();
            let answer = way.open(&server, "s").await;
            answer.expect_open(way);
            assert_eq!(cookies(&answer.headers), [""; 0], "{way:?}");
        }
    }
}

/// A hook as a type of its own, with a future that is not boxed by it.
struct Doorman {
    name: &'static str,
}

impl<'a> Hook<'a> for Doorman {
    type Future = Pin<Box<dyn Future<Output = Result<Accept, Reject>> + Send + 'a>>;

    fn hook(&self, request: &'a ConnectRequest) -> Self::Future {
        let name = self.name;
        Box::pin(async move {
            tokio::task::yield_now().await;
            match request.cookie("user") {
                Some(found) if found == name => Ok(Accept::new().data(User(name.into()))),
                _ => Err(Reject::status(403)),
            }
        })
    }
}

#[tokio::test(start_paused = true)]
async fn hooks_come_in_every_shape() {
    async fn user_of(hook: impl for<'a> Hook<'a>) -> Arc<User> {
        let way = Way::Framed;
        let (server, mut sessions) = way.server(hook);
        let request = way.request("s").header("cookie", "user=ann");
        way.ask(&server, request).await.expect_open(way);
        let session: Session = sessions.recv().await.unwrap();
        session.data().unwrap()
    }

    let known = Arc::new(Mutex::new(vec!["ann".to_owned()]));
    let capturing = {
        let known = known.clone();
        async move |request: &ConnectRequest| {
            let name = request
                .cookie("user")
                .ok_or(Reject::status(401))?
                .to_owned();
            tokio::task::yield_now().await;
            // Borrowed across an await, and still the caller's.
            assert!(request.header("host").is_some());
            let is_known = known.lock().unwrap().contains(&name);
            is_known
                .then(|| Accept::new().data(User(name)))
                .ok_or(Reject::status(403))
        }
    };
    let users = [
        user_of(members_only).await,
        user_of(capturing).await,
        user_of(Doorman { name: "ann" }).await,
        user_of(|request: &ConnectRequest| {
            let name = request.cookie("user").unwrap_or_default().to_owned();
            async move { Ok(Accept::new().data(User(name))) }
        })
        .await,
    ];
    for user in users {
        assert_eq!(*user, User("ann".into()));
    }
    assert_eq!(
        Arc::strong_count(&known),
        1,
        "what hooks capture goes with them"
    );
}
