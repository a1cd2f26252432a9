//! Who is let in, who is known, and when it ends.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use http::Request;
use sockeye::{Close, Transport};
use tokio::time::{Instant, sleep};
use tower_sessions::{
    MemoryStore, SessionStore,
    session::{Id, Record},
    session_store,
};

use super::support::{Site, greeted, log_in, open, post};
use crate::account::HOLDS;

fn logged_out() -> Close {
    Close::new(4001, "Logged out")
}

fn expired() -> Close {
    Close::new(4401, "Credentials expired")
}

/// Seconds since `start`. Logins count in milliseconds, so that an end may come one too early.
fn since(start: Instant) -> u64 {
    (start.elapsed() + Duration::from_millis(2)).as_secs()
}

#[tokio::test(start_paused = true)]
async fn who_logged_in_over_an_ordinary_route_is_known_on_every_transport() {
    let site = Site::new();
    let ann = site.browser_of("ann").await;
    let bob = site.browser_of("bob").await;
    // A clone has the same cookies.
    for ann in [ann.clone(), ann.http2()] {
        for transport in Transport::SOCKJS {
            let session = greeted(&ann, "ann", transport).await;
            session.send("hello").await.unwrap();
            let answer = session.recv().await;
            assert_eq!(answer, Ok("ann: hello".into()), "{transport}");
            greeted(&bob, "bob", transport).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn who_is_not_logged_in_is_refused_on_every_transport() {
    let site = Site::new();
    for transport in Transport::SOCKJS {
        for cookie in [
            None,
            Some(""),
            Some("nonsense"),
            Some("AAAAAAAAAAAAAAAAAAAAAA"),
        ] {
            let browser = site.browser();
            if let Some(cookie) = cookie {
                browser.set_cookie("login", cookie);
            }
            let session = browser.session("/live").transport(transport);
            let refused = session.expect_refused().await;
            assert_eq!(refused.status(), 401, "{transport} {cookie:?}");
            assert_eq!(refused.text(), "log in first", "{transport} {cookie:?}");
        }
    }
    assert!(site.app.live.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_wrong_password_logs_nobody_in() {
    let site = Site::new();
    let browser = site.browser();
    for form in [
        "name=ann&password=trout",
        "name=eve&password=salmon",
        "name=&password=",
    ] {
        assert_eq!(
            post(&browser, "/api/login", form).await.status(),
            401,
            "{form}"
        );
        assert_eq!(browser.cookie("login"), None, "{form}");
    }
    assert_eq!(browser.get("/api/me").await.unwrap().status(), 401);
}

#[tokio::test(start_paused = true)]
async fn a_logout_closes_the_live_sessions_of_that_login_on_every_transport() {
    let site = Site::new();
    for transport in Transport::SOCKJS {
        let browser = site.browser_of("ann").await;
        let elsewhere = site.browser_of("ann").await;
        let session = greeted(&browser, "ann", transport).await;
        let second_tab = greeted(&browser, "ann", Transport::WebSocket).await;
        let other = greeted(&elsewhere, "ann", transport).await;
        let start = Instant::now();

        assert_eq!(post(&browser, "/api/logout", "").await.status(), 204);
        assert_eq!(session.closed().await, Ok(logged_out()), "{transport}");
        assert_eq!(second_tab.closed().await, Ok(logged_out()), "{transport}");
        assert_eq!(since(start), 0, "{transport}: at once");

        let again = browser.session("/live").transport(transport);
        assert_eq!(again.expect_refused().await.status(), 401, "{transport}");
        // The same user's login in another browser goes on.
        other.send("still here").await.unwrap();
        assert_eq!(
            other.recv().await,
            Ok("ann: still here".into()),
            "{transport}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_logins_end_closes_its_live_sessions_on_every_transport() {
    let site = Site::new();
    for transport in Transport::SOCKJS {
        let browser = site.browser_of("ann").await;
        let start = Instant::now();
        sleep(HOLDS / 2).await;
        let session = greeted(&browser, "ann", transport).await;
        assert_eq!(session.closed().await, Ok(expired()), "{transport}");
        assert_eq!(since(start), HOLDS.as_secs(), "{transport}");
        assert_eq!(browser.get("/api/me").await.unwrap().status(), 401);
        let again = browser.session("/live").transport(transport);
        assert_eq!(again.expect_refused().await.status(), 401, "{transport}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_refresh_extends_live_sessions_on_every_transport() {
    let site = Site::new();
    for transport in Transport::SOCKJS {
        let browser = site.browser_of("ann").await;
        let session = greeted(&browser, "ann", transport).await;
        sleep(HOLDS - Duration::from_secs(10)).await;
        assert_eq!(post(&browser, "/api/refresh", "").await.status(), 200);
        let start = Instant::now();
        sleep(HOLDS - Duration::from_secs(10)).await;
        session.send("still here").await.unwrap();
        assert_eq!(
            session.recv().await,
            Ok("ann: still here".into()),
            "{transport}"
        );
        assert_eq!(session.closed().await, Ok(expired()), "{transport}");
        assert_eq!(since(start), HOLDS.as_secs(), "{transport}");
    }
    let stranger = site.browser();
    assert_eq!(post(&stranger, "/api/refresh", "").await.status(), 401);
}

/// Polls, streams and sends of a session whose URL has leaked.
#[tokio::test(start_paused = true)]
async fn anothers_cookie_is_refused_on_a_sessions_url() {
    let site = Site::new();
    let ann = site.browser_of("ann").await;
    let bob = site.browser_of("bob").await;
    let anns_phone = site.browser_of("ann").await;
    for transport in Transport::SOCKJS {
        if matches!(transport, Transport::WebSocket | Transport::RawWebSocket) {
            // Those have no later requests.
            continue;
        }
        let session = greeted(&ann, "ann", transport).await;
        for (intruder, status) in [(&bob, 403), (&anns_phone, 403), (&site.browser(), 401)] {
            for (method, endpoint) in [
                ("POST", "xhr"),
                ("POST", "xhr_streaming"),
                ("GET", "eventsource"),
                ("GET", "htmlfile?c=cb"),
                ("GET", "jsonp?c=cb"),
                ("POST", "xhr_send"),
                ("POST", "jsonp_send"),
            ] {
                let request = Request::builder()
                    .method(method)
                    .uri(format!("/live/000/{}/{endpoint}", session.id()))
                    .body(r#"["forged"]"#);
                let answer = intruder.request(request.unwrap()).await.unwrap();
                assert_eq!(answer.status(), status, "{transport} {endpoint}");
            }
        }
        session.send("mine").await.unwrap();
        assert_eq!(session.recv().await, Ok("ann: mine".into()), "{transport}");
    }
}

#[tokio::test(start_paused = true)]
async fn another_user_in_the_same_browser_takes_over_nothing() {
    let site = Site::new();
    let browser = site.browser_of("ann").await;
    let before = browser.cookie("login");
    let session = greeted(&browser, "ann", Transport::XhrStreaming).await;
    assert_eq!(log_in(&browser, "bob").await.status(), 200);
    assert_eq!(session.closed().await, Ok(logged_out()));
    assert_ne!(browser.cookie("login"), before, "the id is a new one");
    greeted(&browser, "bob", Transport::XhrStreaming).await;

    // And the old id is worth nothing any more.
    let thief = site.browser();
    thief.set_cookie("login", &before.unwrap());
    assert_eq!(thief.get("/api/me").await.unwrap().status(), 401);
}

/// A store in which every record is gone once it was read: its user logs out just then.
#[derive(Clone, Debug, Default)]
struct Hasty {
    store: MemoryStore,
    is_hasty: Arc<AtomicBool>,
}

#[async_trait]
impl SessionStore for Hasty {
    async fn create(&self, record: &mut Record) -> session_store::Result<()> {
        self.store.create(record).await
    }

    async fn save(&self, record: &Record) -> session_store::Result<()> {
        self.store.save(record).await
    }

    async fn load(&self, id: &Id) -> session_store::Result<Option<Record>> {
        let record = self.store.load(id).await;
        if self.is_hasty.load(Ordering::Relaxed) {
            self.store.delete(id).await?;
        }
        record
    }

    async fn delete(&self, id: &Id) -> session_store::Result<()> {
        self.store.delete(id).await
    }
}

#[tokio::test(start_paused = true)]
async fn a_logout_between_hook_and_handler_is_not_overlooked() {
    for transport in Transport::SOCKJS {
        let store = Hasty::default();
        let site = Site::on(store.clone());
        let browser = site.browser_of("ann").await;
        store.is_hasty.store(true, Ordering::Relaxed);
        let session = open(&browser, transport).await;
        assert_eq!(session.closed().await, Ok(logged_out()), "{transport}");
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_kept_of_sessions_that_have_gone() {
    let site = Site::new();
    let browser = site.browser_of("ann").await;
    for transport in Transport::SOCKJS {
        let session = greeted(&browser, "ann", transport).await;
        assert!(!site.app.live.is_empty(), "{transport}");
        session.abort();
        sleep(Duration::from_secs(20)).await;
        assert!(site.app.live.is_empty(), "{transport}");
    }
}
