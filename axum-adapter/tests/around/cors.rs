//! CORS headers from a layer and from the mount: browsers want one set of them.

use http::{HeaderName, HeaderValue, StatusCode};
use sockeye_tower::{Origins, SockJs};
use tower_http::{cors::CorsLayer, set_header::SetResponseHeaderLayer};

use crate::{
    support::{ORIGIN, echo, echoing, get, receiver},
    walk::has_one_cors,
};

const ALLOW_ORIGIN: HeaderName = HeaderName::from_static("access-control-allow-origin");

fn values(headers: &http::HeaderMap, name: &str) -> Vec<String> {
    let values = headers.get_all(name).iter();
    values
        .map(|value| value.to_str().unwrap().to_owned())
        .collect()
}

fn listed() -> CorsLayer {
    CorsLayer::new()
        .allow_origin([HeaderValue::from_static(ORIGIN)])
        .allow_credentials(true)
}

#[tokio::test(start_paused = true)]
async fn every_set_up_that_the_page_names_gives_one_allowed_origin() {
    let ours = around!(echoing(), tower::layer::util::Identity::new());
    let theirs = around!(echoing().cors(false), listed());
    let reflecting = around!(echoing().cors(false), CorsLayer::very_permissive());
    // CorsLayer replaces what it finds; still there would be two rules for one thing.
    let both = around!(echoing(), listed());
    for host in [ours, theirs, reflecting, both].iter().flatten() {
        let info = host.ask(get("/chat/info")).await;
        has_one_cors(host, "info", &info);
        let poll = host.ask(receiver("xhr")).await;
        has_one_cors(host, "xhr", &poll);
    }
}

#[tokio::test(start_paused = true)]
async fn a_layer_that_appends_makes_two_unless_ours_are_off() {
    let appending =
        || SetResponseHeaderLayer::appending(ALLOW_ORIGIN, HeaderValue::from_static(ORIGIN));
    for host in around!(echoing(), appending()) {
        let info = host.ask(get("/chat/info")).await;
        assert_eq!(
            values(info.headers(), ALLOW_ORIGIN.as_str()),
            [ORIGIN, ORIGIN]
        );
    }
    for host in around!(echoing().cors(false), appending()) {
        let info = host.ask(get("/chat/info")).await;
        assert_eq!(values(info.headers(), ALLOW_ORIGIN.as_str()), [ORIGIN]);
    }
}

/// The client sends credentials with every request, and browsers refuse them under a `*`.
#[tokio::test(start_paused = true)]
async fn a_permissive_layer_makes_a_star_that_browsers_refuse() {
    for (cors, credentials) in [(true, &["true"][..]), (false, &[])] {
        for host in around!(echoing().cors(cors), CorsLayer::permissive()) {
            let poll = host.ask(receiver("xhr")).await;
            assert_eq!(values(poll.headers(), ALLOW_ORIGIN.as_str()), ["*"]);
            let found = values(poll.headers(), "access-control-allow-credentials");
            assert_eq!(found, credentials, "{}", host.name);
        }
    }
}

/// CORS tells browsers who may read an answer; whether there is one is for `allowed_origins`.
#[tokio::test(start_paused = true)]
async fn a_layer_admits_nobody_whom_our_own_policy_refuses() {
    for (origins, status) in [
        (Origins::SameOrigin, StatusCode::FORBIDDEN),
        (Origins::Any, StatusCode::OK),
    ] {
        let mount = SockJs::new(echo).cors(false).allowed_origins(origins);
        for host in around!(mount.clone(), listed()) {
            let poll = host.ask(receiver("xhr")).await;
            assert_eq!(poll.status(), status, "{}", host.name);
            has_one_cors(&host, "xhr", &poll);
        }
    }
}
