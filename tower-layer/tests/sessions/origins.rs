//! Pages that do not say who they are: what they may load from another site.

use http::{Method, StatusCode};
use http_body_util::Empty;
use sockeye_tower::{Limit, Origins};

use crate::support::{RESPONSES, Server, receiver, target, to};

/// The status of a receiver that a page of another site asked for.
async fn status(server: &Server, target: &str, site: &str, referer: Option<&str>) -> StatusCode {
    let mut request = receiver(target).header("sec-fetch-site", site);
    if let Some(referer) = referer {
        request = request.header("referer", referer);
    }
    server
        .request(request.body(Empty::new()).unwrap())
        .await
        .status()
}

fn policies() -> [Origins; 3] {
    [
        Origins::SameOrigin,
        Origins::from(["https://app.example"]),
        Origins::Any,
    ]
}

#[tokio::test(start_paused = true)]
async fn answers_that_every_page_can_read_are_closed_to_pages_without_a_name() {
    for policy in policies() {
        let (server, mut sessions) =
            Server::handing_over(|mount| mount.allowed_origins(policy.clone()));
        let mut refused = 0;
        for endpoint in RESPONSES {
            for site in ["cross-site", "same-site"] {
                let case = format!("{policy:?} {endpoint} {site}");
                let target = target(&format!("{endpoint}-{site}"), endpoint);
                let is_open = policy == Origins::Any || !matches!(endpoint, "jsonp" | "htmlfile");
                let status = status(&server, &target, site, None).await;
                if is_open {
                    assert_eq!(status, StatusCode::OK, "{case}");
                    assert!(sessions.recv().await.is_some(), "{case}");
                } else {
                    refused += 1;
                    assert_eq!(status, StatusCode::FORBIDDEN, "{case}");
                    assert!(sessions.try_recv().is_err(), "{case}");
                }
                assert_eq!(server.hits(Limit::Origin), refused, "{case}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_page_that_says_who_it_is_is_judged_by_its_name() {
    #[rustfmt::skip]
    let cases = [
        // referer                          same origin  list   any
        ("https://app.example/page?x#y",    [false,      true,  true]),
        ("https://app.example",             [false,      true,  true]),
        ("https://other.example/page",      [false,      false, true]),
        ("https://app.example.evil/page",   [false,      false, true]),
        ("https://a/page",                  [true,       true,  true]),
        ("about:blank",                     [false,      false, true]),
    ];
    for (number, (referer, expected)) in cases.into_iter().enumerate() {
        for (policy, is_admitted) in policies().into_iter().zip(expected) {
            let (server, _sessions) =
                Server::handing_over(|mount| mount.allowed_origins(policy.clone()));
            for endpoint in ["jsonp", "htmlfile"] {
                for site in ["cross-site", "same-site"] {
                    let session = format!("{number}-{endpoint}-{site}");
                    let target = target(&session, endpoint);
                    let status = status(&server, &target, site, Some(referer)).await;
                    let expected = if is_admitted {
                        StatusCode::OK
                    } else {
                        StatusCode::FORBIDDEN
                    };
                    assert_eq!(status, expected, "{policy:?} {endpoint} {site} {referer}");
                }
            }
        }
    }
}

/// What is typed, what comes from our own page, and browsers that say nothing of it.
#[tokio::test(start_paused = true)]
async fn requests_of_no_other_site_pass_without_a_name() {
    for policy in policies() {
        let (server, _sessions) = Server::handing_over(|mount| mount.allowed_origins(policy));
        for endpoint in ["jsonp", "htmlfile"] {
            for site in ["none", "same-origin"] {
                let target = target(&format!("{endpoint}-{site}"), endpoint);
                let status = status(&server, &target, site, None).await;
                assert_eq!(status, StatusCode::OK, "{endpoint} {site}");
            }
            let request = to(Method::GET, &target("silent", endpoint)).body(Empty::new());
            let response = server.request(request.unwrap()).await;
            assert_eq!(response.status(), StatusCode::OK, "{endpoint}");
        }
    }
}
