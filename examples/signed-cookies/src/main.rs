//! Logins without a store, on plain tower: a signed cookie says who it is and until when.
//!
//!     cargo run -p example-signed-cookies
//!
//! Then, in another terminal, a login, a live session by hand, and a logout that ends it:
//!
//!     curl -c jar -X POST http://127.0.0.1:3000/login/ann
//!     curl -b jar -N -X POST http://127.0.0.1:3000/live/000/me/xhr_streaming &
//!     curl -b jar -c jar -X POST http://127.0.0.1:3000/logout
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "a program speaks to people through it")]

mod clock;
#[cfg(test)]
mod tests;
mod ticket;

use std::{
    convert::Infallible,
    future::{Ready, ready},
    task::{Context, Poll},
};

use bytes::Bytes;
use cookie::{Cookie, Key};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use sockeye::{
    Accept, BoxFuture, ConnectRequest, Handler, MountLayer, Mounted, Reject, Rooms, Session, SockJs,
};
use tokio::net::TcpListener;
use tower::{Service, ServiceBuilder};

use crate::{clock::Clock, ticket::Ticket};

const LOGGED_OUT: (u16, &str) = (4001, "Logged out");

/// What routes and realtime handlers share.
#[derive(Clone)]
struct App {
    /// Whoever has it can be anybody. A real one is kept with the other secrets, for all nodes.
    key: Key,
    clock: Clock,
    /// The live sessions of each login.
    live: Rooms,
}

impl App {
    fn new(key: Key) -> Self {
        Self {
            key,
            clock: Clock::new(),
            live: Rooms::new(),
        }
    }

    fn mount(&self) -> MountLayer {
        let asked = self.clone();
        let asked_again = self.clone();
        SockJs::new(Visit(self.clone()))
            .on_connect(async move |request: &ConnectRequest| asked.admit(request))
            .on_request(async move |request: &ConnectRequest| asked_again.admit_again(request))
            .layer("/live")
    }

    /// The ticket that a request brings, if it was signed here and still holds.
    fn ticket(&self, headers: &HeaderMap) -> Option<Ticket> {
        let cookies = headers.get_all(header::COOKIE).iter();
        let ticket = cookies
            .filter_map(|value| value.to_str().ok())
            .flat_map(Cookie::split_parse)
            .filter_map(Result::ok)
            .find_map(|cookie| Ticket::read(&self.key, cookie.into_owned()))?;
        (ticket.until > self.clock.now()).then_some(ticket)
    }

    /// Once for each session, whatever its transport: who is it?
    fn admit(&self, request: &ConnectRequest) -> Result<Accept, Reject> {
        let ticket = self.ticket(request.headers());
        let ticket = ticket.ok_or(Reject::status(401).body("log in first"))?;
        let until = self.clock.instant(ticket.until);
        // At that time the session is closed with 4401, unless the ticket is renewed.
        Ok(Accept::new().data(ticket).until(until))
    }

    /// For each later poll, stream and send: is it the one who opened the session?
    fn admit_again(&self, request: &ConnectRequest) -> Result<Accept, Reject> {
        let ticket = self.ticket(request.headers());
        let ticket = ticket.ok_or(Reject::status(401).body("log in first"))?;
        let opened = request
            .session()
            .and_then(|session| session.data::<Ticket>());
        if opened.is_none_or(|opened| opened.login != ticket.login) {
            return Err(Reject::status(403).body("another login's session"));
        }
        // A poll that brings a renewed ticket extends its session.
        Ok(Accept::new().until(self.clock.instant(ticket.until)))
    }

    async fn visit(self, mut session: Session) {
        let Some(ticket) = session.data::<Ticket>() else {
            return;
        };
        if self.live.join(room(&ticket), &session).is_err() {
            return;
        }
        let greeting = format!("hello {}, over {}", ticket.name, session.transport());
        if session.send(greeting).await.is_err() {
            return;
        }
        while let Some(message) = session.recv().await {
            let text = message.as_text().unwrap_or_default();
            let answer = format!("{}: {text}", ticket.name);
            if session.send(answer).await.is_err() {
                break;
            }
        }
    }

    /// The ordinary routes.
    fn answer(&self, method: &Method, path: &str, headers: &HeaderMap) -> Response<Full<Bytes>> {
        if method != Method::POST {
            return text(
                StatusCode::NOT_FOUND,
                "POST /login/NAME, /renew or /logout\n",
            );
        }
        match (path, self.ticket(headers)) {
            ("/renew", Some(ticket)) => {
                let ticket = ticket.renewed(self.clock.now());
                let until = self.clock.instant(ticket.until);
                for session in self.live.members(&room(&ticket)) {
                    session.admit_until(until);
                }
                self.hand_out(&ticket)
            }
            // The browser forgets the ticket and its live sessions are closed. Nothing here
            // remembers it: a copy that somebody made holds to its end, and so does a live session
            // that was let in a moment ago and is not in the room yet. So let it be short.
            ("/logout", Some(ticket)) => {
                let (code, reason) = LOGGED_OUT;
                self.live.to(room(&ticket)).close(code, reason);
                with_cookie("logged out\n", &ticket::removal())
            }
            ("/renew" | "/logout", None) => text(StatusCode::UNAUTHORIZED, "log in first\n"),
            // Whoever says so is ann; a real app asks for proof.
            (path, _) => match path.strip_prefix("/login/").and_then(Ticket::name) {
                Some(name) => match Ticket::new(name, self.clock.now()) {
                    Ok(ticket) => self.hand_out(&ticket),
                    Err(_) => text(StatusCode::INTERNAL_SERVER_ERROR, "no randomness\n"),
                },
                None => text(StatusCode::NOT_FOUND, "no such name or path\n"),
            },
        }
    }

    fn hand_out(&self, ticket: &Ticket) -> Response<Full<Bytes>> {
        with_cookie("logged in\n", &ticket.signed(&self.key))
    }
}

/// The handler, written as a type.
#[derive(Clone)]
struct Visit(App);

impl Handler for Visit {
    fn run(self, session: Session) -> BoxFuture<()> {
        Box::pin(self.0.visit(session))
    }
}

fn room(ticket: &Ticket) -> String {
    format!("login:{:x}", ticket.login)
}

fn text(status: StatusCode, text: &'static str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(text));
    *response.status_mut() = status;
    response
}

fn with_cookie(body: &'static str, cookie: &Cookie<'_>) -> Response<Full<Bytes>> {
    let Ok(cookie) = HeaderValue::try_from(cookie.to_string()) else {
        return text(StatusCode::INTERNAL_SERVER_ERROR, "");
    };
    let mut response = text(StatusCode::OK, body);
    response.headers_mut().insert(header::SET_COOKIE, cookie);
    response
}

/// The whole app: the mount in front of the ordinary routes.
fn service(app: App) -> Mounted<Routes> {
    let mount = app.mount();
    ServiceBuilder::new().layer(mount).service(Routes(app))
}

/// The ordinary routes, which no request's body concerns.
#[derive(Clone)]
struct Routes(App);

impl<B> Service<Request<B>> for Routes {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let path = request.uri().path();
        ready(Ok(self.0.answer(request.method(), path, request.headers())))
    }
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let app = App::new(Key::generate());
    let address = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "127.0.0.1:3000".into());
    let listener = TcpListener::bind(address).await?;
    println!("listening on {}", listener.local_addr()?);
    sockeye::serve(listener, service(app)).await
}
