//! What a client brings along: cookies, headers, queries, an address; and ordinary routes.

use std::convert::Infallible;

use axum::{
    Router,
    extract::Request as AxumRequest,
    http::{HeaderMap, StatusCode, header},
    routing::{get, post},
};
use http::Request;
use sockeye_tower::{CookieHook, Mounted, Session, SockJs, Transport, test::Client};
use tower::ServiceBuilder;

use crate::support::{clients, handing_over, is_websocket, ways};

/// An app with a login, whose handler greets the user by the cookie's value.
fn app() -> Mounted<Router> {
    async fn greet(session: Session) {
        let request = session.request();
        let cookie = request.header("cookie").unwrap_or(b"nobody");
        let _ = session.send(String::from_utf8_lossy(cookie).as_ref()).await;
    }
    let router = Router::new()
        .route(
            "/login",
            post(|name: String| async move {
                (
                    [(
                        header::SET_COOKIE,
                        format!("user={name}; Path=/; HttpOnly; Max-Age=60"),
                    )],
                    "in",
                )
            }),
        )
        .route(
            "/logout",
            get(|| async { [(header::SET_COOKIE, "user=; Path=/; Max-Age=0")] }),
        )
        .route(
            "/whoami",
            get(|headers: HeaderMap| async move {
                headers
                    .get(header::COOKIE)
                    .map_or("nobody".into(), |cookie| {
                        cookie.to_str().unwrap().to_owned()
                    })
            }),
        )
        .fallback(|request: AxumRequest| async move {
            (
                StatusCode::IM_A_TEAPOT,
                format!("{} {}", request.method(), request.uri().path()),
            )
        });
    ServiceBuilder::new()
        .layer(SockJs::new(greet).layer("/chat"))
        .service(router)
}

#[tokio::test(start_paused = true)]
async fn a_login_over_an_ordinary_route_reaches_sessions_of_every_transport() {
    for client in [Client::new(app()), Client::new(app()).http2()] {
        let login = Request::post("/login").body("ann").unwrap();
        for transport in Transport::SOCKJS {
            let session = client
                .session("/chat")
                .transport(transport)
                .open()
                .await
                .unwrap();
            assert_eq!(session.recv().await, Ok("nobody".into()), "{transport}");
        }
        let response = client.request(login).await.unwrap();
        assert_eq!(response.text(), "in");
        assert_eq!(response.cookie("user"), Some("ann"));
        assert_eq!(client.cookie("user").as_deref(), Some("ann"));
        assert_eq!(client.get("/whoami").await.unwrap().text(), "user=ann");
        for transport in Transport::SOCKJS {
            let session = client.session("/chat").transport(transport);
            let session = session.open().await.unwrap();
            assert_eq!(session.recv().await, Ok("user=ann".into()), "{transport}");
            let own = client
                .session("/chat")
                .transport(transport)
                .cookie("user", "bob");
            let session = own.cookie("x", "1").open().await.unwrap();
            assert_eq!(
                session.recv().await,
                Ok("user=bob; x=1".into()),
                "{transport}"
            );
        }
        client.get("/logout").await.unwrap();
        assert_eq!(client.cookie("user"), None);
        client.set_cookie("user", "eve");
        assert_eq!(
            client.clone().get("/whoami").await.unwrap().text(),
            "user=eve"
        );
        client.clear_cookies();
        assert_eq!(client.get("/whoami").await.unwrap().text(), "nobody");
    }
}

#[tokio::test(start_paused = true)]
async fn cookies_expire_by_the_tests_clock() {
    let client = Client::new(app());
    let login = Request::post("/login").body("ann").unwrap();
    client.request(login).await.unwrap();
    tokio::time::sleep(std::time::Duration::from_secs(59)).await;
    assert_eq!(client.get("/whoami").await.unwrap().text(), "user=ann");
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    assert_eq!(client.get("/whoami").await.unwrap().text(), "nobody");
}

#[tokio::test(start_paused = true)]
async fn ordinary_answers_are_given_whatever_their_status() {
    for client in [Client::new(app()), Client::new(app()).http2()] {
        let response = client.get("/other?x=1").await.unwrap();
        assert_eq!(response.status(), StatusCode::IM_A_TEAPOT);
        assert_eq!(response.text(), "GET /other");
        assert_eq!(
            response.header("Content-Type"),
            Some("text/plain; charset=utf-8")
        );
        let request = Request::delete("http://elsewhere/thing").body("").unwrap();
        assert_eq!(
            client.request(request).await.unwrap().text(),
            "DELETE /thing"
        );
        assert_eq!(
            client.get("/chat").await.unwrap().text(),
            "Welcome to SockJS!\n"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_brings_its_headers_query_and_address() {
    #[derive(Clone, Debug, PartialEq)]
    struct Tenant(u8);
    let address = "10.0.0.1:4000".parse().unwrap();
    let (mount, mut sessions) = handing_over();
    let clients = clients(mount).map(|client| {
        client
            .host("example.com:81")
            .peer_address(address)
            .extension(Tenant(7))
    });
    for (client, transport) in ways(&clients) {
        let session = client
            .session("/?first=1")
            .transport(transport)
            .header("x-token", "secret")
            .header("X-Token", "second")
            .origin("https://example.com")
            .query("room", "a b&c")
            .open()
            .await
            .unwrap();
        let request = sessions.recv().await.unwrap().request();
        assert!(
            request.uri().ends_with("first=1&room=a%20b%26c"),
            "{}",
            request.uri()
        );
        let tokens: Vec<_> = request
            .headers()
            .get_all("x-token")
            .into_iter()
            .cloned()
            .collect();
        assert_eq!(tokens, ["secret", "second"], "{transport}");
        assert_eq!(request.header("origin"), Some(&b"https://example.com"[..]));
        assert_eq!(request.peer_address(), Some(address), "{transport}");
        assert_eq!(request.extension(), Some(&Tenant(7)), "{transport}");
        if transport != Transport::RawWebSocket {
            assert!(request.uri().contains(session.id()), "{transport}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_answers_of_a_session_can_be_looked_at() {
    let hook = CookieHook::function(|request, headers| {
        let path = request.uri.path();
        let place = path.rsplit('/').next().unwrap();
        headers.append("set-cookie", format!("place={place}").parse().unwrap());
    });
    let (mount, mut sessions) = handing_over();
    let clients = clients(mount.cookie(hook).response_limit(0));
    for (client, transport) in ways(&clients).filter(|&(_, transport)| !is_websocket(transport)) {
        let session = client
            .session("/")
            .transport(transport)
            .open()
            .await
            .unwrap();
        let server = sessions.recv().await.unwrap();
        let receiving = session.opening().cookie("place").unwrap().to_owned();
        assert_eq!(session.opening().status(), 200, "{transport}");
        assert_eq!(session.latest_sent(), None, "{transport}");
        session.send("x").await.unwrap();
        server.send("y").await.unwrap();
        assert_eq!(session.recv().await, Ok("y".into()), "{transport}");
        let sent = session.latest_sent().unwrap();
        let sending = if transport == Transport::JsonpPolling {
            "jsonp_send"
        } else {
            "xhr_send"
        };
        assert_eq!(sent.cookie("place"), Some(sending), "{transport}");
        assert_eq!(
            session.latest_received().cookie("place"),
            Some(&*receiving),
            "{transport}"
        );
    }
    for (client, transport) in ways(&clients).filter(|&(_, transport)| is_websocket(transport)) {
        let session = client
            .session("/")
            .transport(transport)
            .open()
            .await
            .unwrap();
        let status = session.opening().status();
        assert!(
            matches!(status.as_u16(), 101 | 200),
            "{transport}: {status}"
        );
        session.send("x").await.unwrap();
        assert_eq!(session.latest_sent(), None, "{transport}");
    }
}

/// A session whose later polls are refused, as by a hook that checks each of them.
#[tokio::test(start_paused = true)]
async fn a_later_request_that_is_refused_ends_the_session_with_its_answer() {
    let (mount, mut sessions) = handing_over();
    let mount = mount.service();
    let service = tower::service_fn(move |request: Request<hyper::body::Incoming>| {
        let mut mount = mount.clone();
        let is_member = request
            .headers()
            .get("cookie")
            .is_some_and(|cookie| cookie == "member=yes");
        async move {
            if is_member {
                return tower::Service::call(&mut mount, request)
                    .await
                    .map(|answer| answer.map(http_body_util::Either::Left));
            }
            let body = http_body_util::Full::new(bytes::Bytes::from_static(b"who are you?"));
            let mut answer = http::Response::new(http_body_util::Either::Right(body));
            *answer.status_mut() = StatusCode::UNAUTHORIZED;
            Ok::<_, Infallible>(answer)
        }
    });
    for client in [Client::new(service.clone()), Client::new(service).http2()] {
        for transport in [Transport::XhrPolling, Transport::JsonpPolling] {
            client.set_cookie("member", "yes");
            let session = client
                .session("/")
                .transport(transport)
                .open()
                .await
                .unwrap();
            let server = sessions.recv().await.unwrap();
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            client.clear_cookies();
            server.send("the poll under way takes this").await.unwrap();
            assert!(session.recv().await.is_ok(), "{transport}");
            let Err(sockeye_tower::test::Error::Refused(response)) = session.recv().await else {
                panic!("{transport} was not refused");
            };
            assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{transport}");
            assert_eq!(response.text(), "who are you?", "{transport}");
            assert_eq!(session.latest_received().status(), StatusCode::UNAUTHORIZED);
        }
    }
}
