//! What the example promises, seen by clients on every transport.

use std::time::Duration;

use cookie::{Cookie, Key};
use http::Request;
use sockeye::{
    Close, Mounted, Transport,
    test::{Client, Response, TestSession},
};
use tokio::time::{Instant, sleep};

use crate::{
    App, Routes, service,
    ticket::{HOLDS, Ticket},
};

/// The service is cloned for each browser, and so is the key.
fn site() -> (App, Mounted<Routes>) {
    let app = App::new(Key::generate());
    (app.clone(), service(app))
}

fn browser(site: &Mounted<Routes>) -> Client {
    // As patient as the longest test.
    Client::new(site.clone()).patience(HOLDS * 3)
}

async fn post(browser: &Client, path: &str) -> Response {
    let request = Request::post(path).body("").unwrap_or_default();
    browser
        .request(request)
        .await
        .unwrap_or_else(|error| panic!("{path}: {error}"))
}

async fn browser_of(site: &Mounted<Routes>, name: &str) -> Client {
    let browser = browser(site);
    assert_eq!(
        post(&browser, &format!("/login/{name}")).await.status(),
        200
    );
    browser
}

async fn greeted(browser: &Client, name: &str, transport: Transport) -> TestSession {
    let session = browser.session("/live").transport(transport).open().await;
    let session = session.unwrap_or_else(|error| panic!("{transport}: {error}"));
    let greeting = format!("hello {name}, over {transport}");
    assert_eq!(session.recv().await, Ok(greeting.into()));
    session
}

async fn is_refused(browser: &Client, transport: Transport) -> bool {
    let session = browser.session("/live").transport(transport);
    session.expect_refused().await.status() == 401
}

fn since(start: Instant) -> u64 {
    (start.elapsed() + Duration::from_millis(2)).as_secs()
}

#[tokio::test(start_paused = true)]
async fn a_ticket_is_known_on_every_transport() {
    let (_, site) = site();
    let ann = browser_of(&site, "ann").await;
    let bob = browser_of(&site, "bob").await;
    for transport in Transport::SOCKJS {
        let session = greeted(&ann, "ann", transport).await;
        session.send("hello").await.unwrap();
        assert_eq!(session.recv().await, Ok("ann: hello".into()), "{transport}");
        greeted(&bob, "bob", transport).await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_not_signed_here_is_refused_on_every_transport() {
    let (app, site) = site();
    let genuine = browser_of(&site, "ann").await.cookie("ticket").unwrap();
    let (_, stranger) = self::site();
    let elsewhere = browser_of(&stranger, "ann").await.cookie("ticket").unwrap();
    let forged = genuine.replacen("ann", "bob", 1);
    let longer = format!("{genuine}0");
    let cut = &genuine[..43];
    assert!(Ticket::read(&app.key, Cookie::new("ticket", genuine.clone())).is_some());
    for cookie in [
        "",
        "é",
        "ann.1.9999999999999",
        cut,
        &forged,
        &longer,
        &elsewhere,
    ] {
        for transport in Transport::SOCKJS {
            let browser = browser(&site);
            if cookie.is_ascii() {
                browser.set_cookie("ticket", cookie);
            }
            assert!(
                is_refused(&browser, transport).await,
                "{transport} {cookie}"
            );
        }
        assert_eq!(
            Ticket::read(&app.key, Cookie::new("ticket", cookie.to_owned())),
            None
        );
    }
    // A genuine value under another name is nobody's.
    assert_eq!(Ticket::read(&app.key, Cookie::new("other", genuine)), None);
}

#[tokio::test(start_paused = true)]
async fn a_tickets_end_closes_its_live_sessions_and_a_renewal_extends_them() {
    let (app, site) = site();
    for transport in Transport::SOCKJS {
        let browser = browser_of(&site, "ann").await;
        let session = greeted(&browser, "ann", transport).await;
        sleep(HOLDS - Duration::from_secs(10)).await;
        assert_eq!(post(&browser, "/renew").await.status(), 200, "{transport}");
        let start = Instant::now();
        let expired = Close::new(4401, "Credentials expired");
        assert_eq!(session.closed().await, Ok(expired), "{transport}");
        assert_eq!(since(start), HOLDS.as_secs(), "{transport}");
        assert!(is_refused(&browser, transport).await, "{transport}");
    }
    sleep(Duration::from_secs(20)).await;
    assert!(app.live.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_ticket_that_is_kept_beyond_its_end_is_refused() {
    let (_, site) = site();
    let ticket = browser_of(&site, "ann").await.cookie("ticket").unwrap();
    sleep(HOLDS).await;
    for transport in Transport::SOCKJS {
        let browser = browser(&site);
        browser.set_cookie("ticket", &ticket);
        assert!(is_refused(&browser, transport).await, "{transport}");
    }
    let late = browser(&site);
    late.set_cookie("ticket", &ticket);
    assert_eq!(post(&late, "/renew").await.status(), 401);
}

#[tokio::test(start_paused = true)]
async fn a_logout_closes_the_live_sessions_of_that_login_alone() {
    let (_, site) = site();
    for transport in Transport::SOCKJS {
        let browser = browser_of(&site, "ann").await;
        let elsewhere = browser_of(&site, "ann").await;
        let session = greeted(&browser, "ann", transport).await;
        let other = greeted(&elsewhere, "ann", transport).await;
        assert_eq!(post(&browser, "/logout").await.status(), 200);
        let logged_out = Close::new(4001, "Logged out");
        assert_eq!(session.closed().await, Ok(logged_out), "{transport}");
        assert_eq!(browser.cookie("ticket"), None, "{transport}");
        assert!(is_refused(&browser, transport).await, "{transport}");
        other.send("still here").await.unwrap();
        assert_eq!(
            other.recv().await,
            Ok("ann: still here".into()),
            "{transport}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn anothers_ticket_is_refused_on_a_sessions_url() {
    let (_, site) = site();
    let ann = browser_of(&site, "ann").await;
    let bob = browser_of(&site, "bob").await;
    let session = greeted(&ann, "ann", Transport::XhrPolling).await;
    for endpoint in ["xhr", "xhr_streaming", "xhr_send"] {
        let path = format!("/live/000/{}/{endpoint}", session.id());
        assert_eq!(post(&bob, &path).await.status(), 403, "{endpoint}");
        assert_eq!(
            post(&browser(&site), &path).await.status(),
            401,
            "{endpoint}"
        );
    }
    session.send("mine").await.unwrap();
    assert_eq!(session.recv().await, Ok("ann: mine".into()));
}

#[tokio::test(start_paused = true)]
async fn names_that_would_break_a_ticket_get_none() {
    let (_, site) = site();
    let long = "a".repeat(25);
    for name in ["", "a.b", "a%20b", "a;b", long.as_str()] {
        let browser = browser(&site);
        assert_eq!(
            post(&browser, &format!("/login/{name}")).await.status(),
            404,
            "{name}"
        );
        assert_eq!(browser.cookie("ticket"), None, "{name}");
    }
}
