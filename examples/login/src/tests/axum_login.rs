//! The same with axum-login: its `AuthSession` is in the request's extensions, its user loaded.

use std::convert::Infallible;

use axum::{Router, http::StatusCode, routing::post};
use axum_login::{AuthManagerLayerBuilder, AuthSession, AuthUser, AuthnBackend};
use axum_login_sessions::{MemoryStore, SessionManagerLayer};
use sockeye::{
    Accept, ConnectRequest, Reject, Session, SockJs, Transport, axum::sockjs_layer, test::Client,
};

use super::support::post as send;

#[derive(Clone, Debug)]
struct User(String);

impl AuthUser for User {
    type Id = String;

    fn id(&self) -> String {
        self.0.clone()
    }

    fn session_auth_hash(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

#[derive(Clone)]
struct Users;

impl AuthnBackend for Users {
    type User = User;
    type Credentials = String;
    type Error = Infallible;

    async fn authenticate(&self, name: String) -> Result<Option<User>, Infallible> {
        Ok(Some(User(name)))
    }

    async fn get_user(&self, name: &String) -> Result<Option<User>, Infallible> {
        Ok(Some(User(name.clone())))
    }
}

async fn log_in(mut auth: AuthSession<Users>, name: String) -> StatusCode {
    match auth.login(&User(name)).await {
        Ok(()) => StatusCode::NO_CONTENT,
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

async fn greet(session: Session) {
    let user = session.data::<User>().unwrap();
    session.send(format!("hello {}", user.0)).await.unwrap();
    std::future::pending().await
}

fn client() -> Client {
    let live = SockJs::new(greet).on_connect(async |request: &ConnectRequest| {
        let auth = request.extension::<AuthSession<Users>>();
        let user = auth.and_then(|auth| auth.user.clone());
        Ok(Accept::new().data(user.ok_or(Reject::status(401))?))
    });
    let sessions = SessionManagerLayer::new(MemoryStore::default()).with_secure(false);
    let logins = AuthManagerLayerBuilder::new(Users, sessions).build();
    let app: Router = Router::new()
        .route("/login", post(log_in))
        .nest("/live", sockjs_layer(live))
        .layer(logins);
    Client::new(app)
}

#[tokio::test(start_paused = true)]
async fn the_user_of_axum_login_is_known_on_every_transport() {
    let client = client();
    for transport in Transport::SOCKJS {
        let refused = client.session("/live").transport(transport);
        assert_eq!(refused.expect_refused().await.status(), 401, "{transport}");
    }
    assert_eq!(send(&client, "/login", "ann").await.status(), 204);
    for transport in Transport::SOCKJS {
        let session = client.session("/live").transport(transport).open().await;
        let greeting = session.unwrap().recv().await;
        assert_eq!(greeting, Ok("hello ann".into()), "{transport}");
    }
}
