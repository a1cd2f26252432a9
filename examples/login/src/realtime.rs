//! The live sessions: who may open one, whose requests belong to it, and what it does.

use sockeye::{Accept, ConnectRequest, Handler, Reject, Session, SockJs};
use tower_sessions::{Session as LoginSession, session::Id};

use crate::{App, account::Login, live::LOGGED_OUT};

/// Whom a live session belongs to.
struct User {
    name: String,
    login: Id,
}

pub(crate) fn mount(app: &App) -> SockJs<impl Handler + use<>> {
    let visited = app.clone();
    let asked = app.clone();
    let asked_again = app.clone();
    SockJs::new(async move |session: Session| visit(&visited, session).await)
        .on_connect(async move |request: &ConnectRequest| admit(&asked, request).await)
        .on_request(async move |request: &ConnectRequest| admit_again(&asked_again, request).await)
}

/// Once for each session, whatever its transport: who is it?
async fn admit(app: &App, request: &ConnectRequest) -> Result<Accept, Reject> {
    let (id, login) = login_of(app, request).await?;
    let user = User {
        name: login.name,
        login: id,
    };
    // At that time the session is closed with 4401, unless the login is refreshed.
    Ok(Accept::new()
        .data(user)
        .until(app.clock.instant(login.until)))
}

/// For each later poll, stream and send: is it the one who opened the session?
async fn admit_again(app: &App, request: &ConnectRequest) -> Result<Accept, Reject> {
    let (id, login) = login_of(app, request).await?;
    let owner = request.session().and_then(|session| session.data::<User>());
    if owner.is_some_and(|owner| owner.login == id) {
        Ok(Accept::new().until(app.clock.instant(login.until)))
    } else {
        Err(Reject::status(403).body("another login's session"))
    }
}

/// The login behind a request, from where the ordinary routes have it.
async fn login_of(app: &App, request: &ConnectRequest) -> Result<(Id, Login), Reject> {
    let session = request.extension::<LoginSession>();
    let session = session.ok_or(Reject::status(500).body("SessionManagerLayer is missing"))?;
    // A store that fails is a 500, and logged.
    let login = app.login_of(session).await?;
    login.ok_or(Reject::status(401).body("log in first"))
}

/// One live session, from its opening to its end.
async fn visit(app: &App, mut session: Session) {
    let Some(user) = session.data::<User>() else {
        return;
    };
    if !app.live.enter(user.login, &session) {
        return;
    }
    // The login may have ended, or been refreshed, between the hook and the line above.
    match reload(app, &session).await {
        Some(login) => session.admit_until(app.clock.instant(login.until)),
        None => return session.close(LOGGED_OUT.0, LOGGED_OUT.1),
    }
    let greeting = format!("hello {}, over {}", user.name, session.transport());
    if session.send(greeting).await.is_err() {
        return;
    }
    while let Some(message) = session.recv().await {
        let text = message.as_text().unwrap_or_default();
        if session
            .send(format!("{}: {text}", user.name))
            .await
            .is_err()
        {
            break;
        }
    }
}

/// The login as the store has it now; what came with the request was read some time ago.
async fn reload(app: &App, session: &Session) -> Option<Login> {
    let request = session.request();
    let login = request.extension::<LoginSession>()?;
    login.load().await.ok()?;
    let (_, login) = app.login_of(login).await.ok()??;
    Some(login)
}
