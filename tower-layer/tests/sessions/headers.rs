//! Headers that depend on the request: cookies, and what is echoed.

use http::{Method, Request, StatusCode};
use http_body_util::{Empty, Full};
use sockeye_tower::{CookieHook, Origins};

use crate::support::{RESPONSES, Server, receiver, target, to};

/// What middleware in front of a mount might put into a request.
#[derive(Clone)]
struct Node(&'static str);

fn hook() -> CookieHook {
    CookieHook::function(|request, headers| {
        let node = request
            .extensions
            .get::<Node>()
            .map_or("none", |node| node.0);
        headers.append("set-cookie", format!("node={node}").parse().unwrap());
    })
}

#[tokio::test(start_paused = true)]
async fn a_cookie_function_sees_the_requests_extensions_on_receivers_and_senders() {
    let (server, mut sessions) =
        Server::handing_over(|mount| mount.cookie(hook()).response_limit(0));
    for endpoint in RESPONSES {
        // The session's first receiver, and one of a session that is there already.
        let request = |body: Empty<bytes::Bytes>| {
            let request = receiver(&target(endpoint, endpoint));
            request.extension(Node("n1")).body(body).unwrap()
        };
        for round in 0..2 {
            let response = server.request(request(Empty::new())).await;
            assert_eq!(response.status(), StatusCode::OK, "{endpoint} {round}");
            assert_eq!(
                response.headers()["set-cookie"],
                "node=n1",
                "{endpoint} {round}"
            );
            assert_eq!(response.headers().get_all("set-cookie").iter().count(), 1);
            if round == 0 {
                http_body_util::BodyExt::collect(response.into_body())
                    .await
                    .unwrap();
            }
        }
        let session = sessions.recv().await.unwrap();
        assert_eq!(session.request().extension::<Node>().unwrap().0, "n1");
    }
    assert_eq!(server.poll("s").await, "o\n");
    let request: Request<Full<bytes::Bytes>> = to(Method::POST, "/0/s/xhr_send")
        .extension(Node("n2"))
        .body("[\"x\"]".into())
        .unwrap();
    let response = server.request(request).await;
    assert_eq!(response.status(), StatusCode::NO_CONTENT);
    assert_eq!(response.headers()["set-cookie"], "node=n2");
}

#[tokio::test(start_paused = true)]
async fn preflights_carry_the_cookie_that_of_info_too() {
    for hook in [hook(), CookieHook::jsessionid()] {
        let (server, _sessions) = Server::handing_over(|mount| mount.cookie(hook.clone()));
        for target in ["/info", "/0/s/xhr", "/0/s/xhr_streaming", "/0/s/xhr_send"] {
            let request = to(Method::OPTIONS, target)
                .header("cookie", "JSESSIONID=n1")
                .extension(Node("n1"))
                .body(Empty::new())
                .unwrap();
            let response = server.request(request).await;
            assert_eq!(response.status(), StatusCode::NO_CONTENT, "{target}");
            let cookie = response.headers()["set-cookie"].to_str().unwrap();
            assert!(cookie.contains("=n1"), "{target}: {cookie}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_with_a_tab_is_echoed() {
    let (server, _sessions) = Server::handing_over(|mount| mount.allowed_origins(Origins::Any));
    for (origin, asked, is_echoed) in [
        ("http://b.example", "x-one, x-two", true),
        ("http://b.example\tx", "x-one,\tx-two", false),
    ] {
        for target in ["/info", "/0/s/xhr", "/0/s/xhr_send"] {
            let request = to(Method::OPTIONS, target)
                .header("origin", origin)
                .header("access-control-request-headers", asked)
                .body(Empty::new())
                .unwrap();
            let response = server.request(request).await;
            let headers = response.headers();
            let (allowed, credentials) = (
                &headers["access-control-allow-origin"],
                headers.get("access-control-allow-credentials"),
            );
            let allowed_headers = headers.get("access-control-allow-headers");
            if is_echoed {
                assert_eq!(allowed, origin, "{target}");
                assert_eq!(credentials.unwrap(), "true", "{target}");
                assert_eq!(allowed_headers.unwrap(), asked, "{target}");
            } else {
                assert_eq!(allowed, "*", "{target}");
                assert_eq!(credentials, None, "{target}");
                assert_eq!(allowed_headers, None, "{target}");
            }
        }
    }
}
