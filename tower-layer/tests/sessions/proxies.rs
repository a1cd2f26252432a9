//! What trusted proxies say, and who follows it: limits, hooks, handlers and the origin policy.

use std::sync::{Arc, Mutex};

use http::{Response, StatusCode};
use http_body_util::Empty;
use sockeye_tower::{Accept, Body, ConnectRequest, CookieHook, Limit, PeerAddress, Secure};

use crate::support::{RESPONSES, Server, peer, receiver, rest, target};

type Headers<'a> = &'a [(&'a str, &'a str)];

const PROXY: &str = "10.0.0.1";
const STRANGER: &str = "198.51.100.1";

async fn ask(
    server: &Server,
    target: &str,
    address: Option<&str>,
    headers: Headers<'_>,
) -> Response<Body> {
    let mut request = receiver(target);
    if let Some(address) = address {
        request = request.extension(peer(address));
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    server.request(request.body(Empty::new()).unwrap()).await
}

#[tokio::test(start_paused = true)]
async fn handlers_and_hooks_see_the_client_behind_a_trusted_proxy() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let by_hook = seen.clone();
    let (server, mut sessions) = Server::handing_over(|mount| {
        mount
            .trusted_proxies(["10.0.0.0/8"])
            .on_connect(move |request: &ConnectRequest| {
                let seen = (request.peer_address(), request.is_secure());
                by_hook.lock().unwrap().push(seen);
                async { Ok(Accept::new()) }
            })
    });
    #[rustfmt::skip]
    let cases: [(&str, Headers<'_>, &str, bool); 6] = [
        (PROXY,    &[("x-forwarded-for", "203.0.113.5:81"), ("x-forwarded-proto", "https")], "203.0.113.5:81", true),
        (PROXY,    &[("x-forwarded-for", "203.0.113.5"), ("x-forwarded-proto", "http")],     "203.0.113.5:0",  false),
        (PROXY,    &[("forwarded", "for=\"[2001:db8::5]\";proto=https")],                    "[2001:db8::5]:0", true),
        (PROXY,    &[],                                                                      "10.0.0.1:1",     false),
        (STRANGER, &[("x-forwarded-for", "203.0.113.5"), ("x-forwarded-proto", "https")],    "198.51.100.1:1", false),
        (STRANGER, &[("forwarded", "for=203.0.113.5;proto=https")],                          "198.51.100.1:1", false),
    ];
    for (number, (from, headers, expected, is_secure)) in cases.into_iter().enumerate() {
        for endpoint in RESPONSES {
            let target = target(&format!("{number}{endpoint}"), endpoint);
            let response = ask(&server, &target, Some(from), headers).await;
            assert_eq!(response.status(), StatusCode::OK);
            let session = sessions.recv().await.unwrap();
            let expected = (Some(expected.parse().unwrap()), is_secure);
            let request = session.request();
            let handler = (request.peer_address(), request.is_secure());
            assert_eq!(handler, expected, "{headers:?} {endpoint}");
            assert_eq!(seen.lock().unwrap().pop(), Some(expected), "{headers:?}");
        }
    }
    let headers = [
        ("x-forwarded-for", "203.0.113.5"),
        ("x-forwarded-proto", "https"),
    ];
    ask(&server, "/0/nobody/xhr", None, &headers).await;
    let request = sessions.recv().await.unwrap().request();
    assert_eq!((request.peer_address(), request.is_secure()), (None, false));
}

#[tokio::test(start_paused = true)]
async fn without_trusted_proxies_nobody_is_believed() {
    let (server, mut sessions) = Server::handing_over(|mount| mount);
    for headers in [
        [
            ("x-forwarded-for", "203.0.113.5"),
            ("x-forwarded-proto", "https"),
        ],
        [
            ("forwarded", "for=203.0.113.5;proto=https"),
            ("x-forwarded-host", "b"),
        ],
    ] {
        let target = format!("/0/{}/xhr", headers[0].0);
        ask(&server, &target, Some(PROXY), &headers).await;
        let request = sessions.recv().await.unwrap().request();
        assert_eq!(request.peer_address(), Some(peer(PROXY).0));
        assert!(!request.is_secure());
    }
}

#[tokio::test(start_paused = true)]
async fn the_limit_of_an_address_counts_clients_and_not_their_proxy() {
    let (server, _sessions) =
        Server::handing_over(|mount| mount.max_sessions_per_address(1).trusted_proxies([PROXY]));
    #[rustfmt::skip]
    let cases = [
        // from    X-Forwarded-For                 admitted
        (PROXY,    "203.0.113.5",                  true),
        (PROXY,    "203.0.113.6",                  true),
        (PROXY,    "203.0.113.5",                  false),
        // A client cannot be someone else by writing the header itself.
        (PROXY,    "203.0.113.7, 203.0.113.5",     false),
        (PROXY,    "203.0.113.5, 203.0.113.7:99",  true),
        (PROXY,    "203.0.113.7:98",               false),
        (STRANGER, "203.0.113.8",                  true),
        (STRANGER, "203.0.113.9",                  false),
    ];
    let mut refused = 0;
    for (number, (from, chain, is_admitted)) in cases.into_iter().enumerate() {
        let target = format!("/0/{number}/xhr");
        let response = ask(&server, &target, Some(from), &[("x-forwarded-for", chain)]).await;
        refused += u64::from(!is_admitted);
        let expected = if is_admitted {
            StatusCode::OK
        } else {
            StatusCode::SERVICE_UNAVAILABLE
        };
        assert_eq!(response.status(), expected, "{from} {chain}");
        assert_eq!(server.hits(Limit::SessionsPerAddress), refused);
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_is_held_to_its_clients_address() {
    let (server, mut sessions) = Server::handing_over(|mount| {
        mount
            .verify_address(true)
            .trusted_proxies(["10.0.0.0/8"])
            .response_limit(0)
    });
    let poll = async |from: &str, client: &str| {
        let headers = [("x-forwarded-for", client)];
        let response = ask(&server, "/0/s/xhr", Some(from), &headers).await;
        crate::support::Receiving(response.into_body()).rest().await
    };
    assert_eq!(poll(PROXY, "203.0.113.5").await, "o\n");
    let session = sessions.recv().await.unwrap();
    session.send("kept").await.unwrap();
    let other = poll(PROXY, "203.0.113.6").await;
    assert!(other.starts_with("c[2010,"), "{other}");
    // The same client by way of another proxy, on another connection.
    assert_eq!(poll("10.0.0.2", "203.0.113.5:77").await, "a[\"kept\"]\n");
}

/// The page's origin is held against what the browser was shown, not against what the last hop was.
#[tokio::test(start_paused = true)]
async fn the_origin_policy_follows_the_forwarded_host_and_scheme() {
    let (server, _sessions) = Server::handing_over(|mount| mount.trusted_proxies([PROXY]));
    #[rustfmt::skip]
    let cases: [(&str, Headers<'_>, &str, bool); 15] = [
        // from    headers                                                           origin            admitted
        (PROXY,    &[],                                                              "https://a",       true),
        (PROXY,    &[],                                                              "http://a",        true),
        (PROXY,    &[("x-forwarded-proto", "https")],                                "https://a",       true),
        (PROXY,    &[("x-forwarded-proto", "https")],                                "http://a",        false),
        (PROXY,    &[("x-forwarded-proto", "http")],                                 "https://a",       false),
        (PROXY,    &[("x-forwarded-host", "shop.example")],                          "https://shop.example", true),
        (PROXY,    &[("x-forwarded-host", "shop.example")],                          "https://a",       false),
        (PROXY,    &[("x-forwarded-host", "shop.example:8443"), ("x-forwarded-proto", "https")], "https://shop.example:8443", true),
        (PROXY,    &[("x-forwarded-host", "shop.example:8443"), ("x-forwarded-proto", "https")], "https://shop.example", false),
        (PROXY,    &[("x-forwarded-host", "not a host")],                            "https://a",       true),
        (PROXY,    &[("forwarded", "for=203.0.113.5;host=shop.example;proto=https")],"https://shop.example", true),
        (PROXY,    &[("forwarded", "for=203.0.113.5;host=shop.example;proto=https")],"http://shop.example", false),
        (STRANGER, &[("x-forwarded-host", "evil.example")],                          "https://evil.example", false),
        (STRANGER, &[("forwarded", "for=203.0.113.5;host=evil.example")],            "https://evil.example", false),
        (STRANGER, &[("x-forwarded-proto", "http")],                                 "https://a",       true),
    ];
    for (number, (from, headers, origin, is_admitted)) in cases.into_iter().enumerate() {
        let headers = [headers, &[("origin", origin)]].concat();
        let target = format!("/0/{number}/xhr");
        let response = ask(&server, &target, Some(from), &headers).await;
        let expected = if is_admitted {
            StatusCode::OK
        } else {
            StatusCode::FORBIDDEN
        };
        assert_eq!(response.status(), expected, "{from} {headers:?}");
    }
    rest().await;
}

/// Cookies for load balancers are written by functions of the head; `Secure` is theirs to add.
#[tokio::test(start_paused = true)]
async fn a_cookie_function_sees_what_the_proxy_told() {
    let hook = CookieHook::function(|request, headers| {
        let address = request.extensions.get::<PeerAddress>().unwrap().0;
        let is_secure = request.extensions.get::<Secure>().is_some();
        let cookie = format!(
            "client={address}{}",
            if is_secure { "; Secure" } else { "" }
        );
        headers.append("set-cookie", cookie.parse().unwrap());
    });
    let (server, _sessions) =
        Server::handing_over(|mount| mount.trusted_proxies([PROXY]).cookie(hook));
    let headers = [
        ("x-forwarded-for", "203.0.113.5"),
        ("x-forwarded-proto", "https"),
    ];
    for endpoint in RESPONSES {
        let response = ask(&server, &target(endpoint, endpoint), Some(PROXY), &headers).await;
        assert_eq!(
            response.headers()["set-cookie"],
            "client=203.0.113.5:0; Secure",
            "{endpoint}"
        );
    }
}
