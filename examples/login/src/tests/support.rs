//! The app without a socket, and browsers of it.

use axum::Router;
use http::{Request, StatusCode, header::CONTENT_TYPE};
use sockeye::{
    Transport,
    test::{Client, Response, TestSession},
};
use tower_sessions::{MemoryStore, SessionStore};

use crate::{App, account::HOLDS};

/// The app, as several browsers see it.
pub(crate) struct Site {
    pub(crate) app: App,
    router: Router,
}

impl Site {
    pub(crate) fn new() -> Self {
        Self::on(MemoryStore::default())
    }

    pub(crate) fn on(store: impl SessionStore + Clone) -> Self {
        let app = App::new();
        let router = app.router(store);
        Self { app, router }
    }

    /// A browser with no cookies yet.
    pub(crate) fn browser(&self) -> Client {
        // As patient as a login is long, and a refreshed one.
        Client::new(self.router.clone()).patience(HOLDS * 3)
    }

    /// A browser in which somebody has logged in.
    pub(crate) async fn browser_of(&self, name: &str) -> Client {
        let browser = self.browser();
        assert_eq!(log_in(&browser, name).await.status(), StatusCode::OK);
        browser
    }
}

pub(crate) async fn post(browser: &Client, path: &str, form: &str) -> Response {
    let request = Request::post(path)
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(form.to_owned());
    browser.request(request.unwrap()).await.unwrap()
}

pub(crate) async fn log_in(browser: &Client, name: &str) -> Response {
    let password = if name == "ann" { "salmon" } else { "trout" };
    let form = format!("name={name}&password={password}");
    post(browser, "/api/login", &form).await
}

pub(crate) async fn open(browser: &Client, transport: Transport) -> TestSession {
    let session = browser.session("/live").transport(transport).open().await;
    session.unwrap()
}

/// Opens a session and takes the greeting.
pub(crate) async fn greeted(browser: &Client, name: &str, transport: Transport) -> TestSession {
    let session = open(browser, transport).await;
    let greeting = format!("hello {name}, over {transport}");
    assert_eq!(session.recv().await, Ok(greeting.into()));
    session
}
