//! Logging in and out, over ordinary routes.

use std::time::Duration;

use axum::{
    Form, Json, Router,
    extract::State,
    http::StatusCode,
    routing::{get, post},
};
use serde::{Deserialize, Serialize};
use tower_sessions::{
    Expiry, Session,
    cookie::time::{self, OffsetDateTime},
    session::{Error, Id},
};

use crate::App;

/// How long a login holds, unless it is refreshed.
pub(crate) const HOLDS: Duration = Duration::from_secs(600);

/// A real app keeps hashes.
const USERS: [(&str, &str); 2] = [("ann", "salmon"), ("bob", "trout")];

/// Where in the session's record the login stands.
const KEY: &str = "login";

/// Who is logged in, and until when.
///
/// The end stands in the record because tower-sessions does not tell a loaded record's own.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Login {
    pub(crate) name: String,
    /// Milliseconds since 1970.
    pub(crate) until: u64,
}

impl App {
    /// The login that a request came with, by its id, if it still holds.
    pub(crate) async fn login_of(&self, session: &Session) -> Result<Option<(Id, Login)>, Error> {
        let login: Option<Login> = session.get(KEY).await?;
        let login = login.filter(|login| login.until > self.clock.now());
        Ok(session.id().zip(login))
    }

    /// Makes the login hold from now on for its time.
    async fn log_in(&self, session: &Session, name: String) -> Result<Login, Error> {
        let holds = u64::try_from(HOLDS.as_millis()).unwrap_or(u64::MAX);
        let login = Login {
            name,
            until: self.clock.now().saturating_add(holds),
        };
        session.insert(KEY, &login).await?;
        // The cookie and the store's record go when the login does.
        let holds = time::Duration::try_from(HOLDS).unwrap_or(time::Duration::MAX);
        session.set_expiry(Some(Expiry::AtDateTime(OffsetDateTime::now_utc() + holds)));
        Ok(login)
    }
}

pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/api/me", get(me))
        .route("/api/login", post(log_in))
        .route("/api/refresh", post(refresh))
        .route("/api/logout", post(log_out))
}

/// What the page shows of a login.
#[derive(Debug, Serialize)]
struct Me {
    name: String,
    until: u64,
}

impl From<Login> for Me {
    fn from(Login { name, until }: Login) -> Self {
        Self { name, until }
    }
}

#[derive(Deserialize)]
struct Credentials {
    name: String,
    password: String,
}

async fn me(State(app): State<App>, session: Session) -> Result<Json<Me>, StatusCode> {
    let login = app.login_of(&session).await.map_err(broken)?;
    let (_, login) = login.ok_or(StatusCode::UNAUTHORIZED)?;
    Ok(Json(login.into()))
}

async fn log_in(
    State(app): State<App>,
    session: Session,
    Form(credentials): Form<Credentials>,
) -> Result<Json<Me>, StatusCode> {
    let Credentials { name, password } = credentials;
    if !USERS.contains(&(&*name, &*password)) {
        return Err(StatusCode::UNAUTHORIZED);
    }
    let earlier = session.id();
    // An id that somebody planted in the browser before is worth nothing afterwards.
    session.cycle_id().await.map_err(broken)?;
    let login = app.log_in(&session, name).await.map_err(broken)?;
    // Live sessions of whoever was logged in here before do not become this user's.
    if let Some(earlier) = earlier {
        app.live.log_out(earlier);
    }
    Ok(Json(login.into()))
}

async fn refresh(State(app): State<App>, session: Session) -> Result<Json<Me>, StatusCode> {
    let login = app.login_of(&session).await.map_err(broken)?;
    let (id, login) = login.ok_or(StatusCode::UNAUTHORIZED)?;
    let login = app.log_in(&session, login.name).await.map_err(broken)?;
    // Saved before anybody is told: a live session that opens just now reads what is stored.
    session.save().await.map_err(broken)?;
    app.live.admit_until(id, app.clock.instant(login.until));
    Ok(Json(login.into()))
}

async fn log_out(State(app): State<App>, session: Session) -> Result<StatusCode, StatusCode> {
    let id = session.id();
    // The record goes first. A live session that opens just now either finds it gone or is closed.
    session.flush().await.map_err(broken)?;
    if let Some(id) = id {
        app.live.log_out(id);
    }
    Ok(StatusCode::NO_CONTENT)
}

/// The store failed; why is not the browser's to know.
fn broken(error: Error) -> StatusCode {
    eprintln!("login: {error}");
    StatusCode::INTERNAL_SERVER_ERROR
}
