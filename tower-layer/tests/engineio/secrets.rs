//! A session's secret id: whoever has it can read the session and kill it, so nobody is shown it but its
//! client.
//!
//! socketioxide 0.18.9 used one id for both; socket.io #2320 and #3416.

use std::sync::{Arc, Mutex};

use http::{HeaderName, HeaderValue};
use sockeye_tower::{Accept, CloseReason, ConnectRequest, broadcast};

use crate::{
    client::Sent,
    support::{Server, as_text, rest},
};

type Seen = Arc<Mutex<Vec<String>>>;

/// A server that notes all that hooks and errors show of a session.
fn watched() -> (Server, crate::support::Sessions, Seen) {
    let seen = Seen::default();
    let (server, sessions) = Server::handing_over(|mount| {
        let (opening, later, failing) = (seen.clone(), seen.clone(), seen.clone());
        mount
            .on_connect(async move |request: &ConnectRequest| {
                let shown = format!("{request:?} {} {:?}", request.uri(), request.headers());
                opening.lock().unwrap().push(shown);
                Ok(Accept::new())
            })
            .on_request(async move |request: &ConnectRequest| {
                let sender = request.session().unwrap();
                let first = sender.request().uri().to_owned();
                let shown = format!("{request:?} {sender:?} {} {first}", sender.id());
                let shown = format!("{shown} {} {:?}", request.uri(), request.query());
                later.lock().unwrap().push(shown);
                let name = HeaderName::from_static("x-seen");
                Ok(Accept::new().header(name, HeaderValue::from_static("1")))
            })
            .on_connection_error(move |request: &ConnectRequest, error| {
                let shown = format!("{request:?} {} {error} {error:?}", request.uri());
                let shown = format!("{shown} {}", error.to_json());
                failing.lock().unwrap().push(shown);
            })
    });
    (server, sessions, seen)
}

#[tokio::test(start_paused = true)]
async fn hooks_and_errors_do_not_show_it() {
    let (server, mut sessions, seen) = watched();
    let client = server.open().await;
    let mut session = sessions.recv().await.unwrap();
    client.send("4hello").await;
    assert_eq!(as_text(session.recv().await), "hello");
    session.try_send("hello").unwrap();
    client.poll().await;
    // Requests that do not fit it, each of which is an error of the application's to hear.
    let query = &client.query;
    server.get(&client.upgrade_query()).await;
    server.get(&query.replace("EIO=4", "EIO=3")).await;
    server.post(&client.upgrade_query(), "4x").await;
    server.get(&query.replace("polling", "tcp")).await;
    server.handshake(query).await;
    server.ask("PUT", query).await;
    let mut socket = client.upgraded().await;
    server.get(query).await;
    server.post(query, "4late").await;
    socket.send_text("x").await;
    assert!(matches!(socket.next().await, Sent::Close(Some(1002))));
    assert!(matches!(
        session.close_reason(),
        Some(CloseReason::Violation(_))
    ));
    let seen = seen.lock().unwrap();
    assert!(seen.len() >= 10, "{seen:?}");
    for shown in seen.iter() {
        assert!(!shown.contains(&client.sid), "{shown}");
    }
}

#[tokio::test(start_paused = true)]
async fn other_clients_do_not_get_it() {
    let (server, mut sessions, _seen) = watched();
    let client = server.open().await;
    let session = sessions.recv().await.unwrap();
    let other = server.open().await;
    let stranger = sessions.recv().await.unwrap();
    // Whatever an application tells others of a session: its public name, in every form.
    let told = format!(
        "{} {:?} {session:?} {:?}",
        session.id(),
        session.id(),
        session.sender()
    );
    broadcast(&[stranger.sender()], told);
    let heard = other.poll_text().await;
    assert!(!heard.contains(&client.sid), "{heard}");
    // Which opens nothing, neither to read nor to send nor to take over.
    let public = format!("EIO=4&transport=polling&sid={}", session.id());
    session.try_send("private").unwrap();
    for method in ["GET", "POST", "DELETE"] {
        let answer = server.ask(method, &public).await;
        answer.expect_error(400, 1, "Session ID unknown");
    }
    let (answer, _) = server
        .handshake(&public.replace("polling", "websocket"))
        .await;
    answer.expect_refused(400, "Session ID unknown");
    // An error does not repeat what was asked for either.
    let answer = server.get(&client.query.replace("polling", "tcp")).await;
    assert!(!answer.text().contains(&client.sid));
    rest().await;
    assert_eq!(session.close_reason(), None);
    assert_eq!(client.poll_text().await, "4private");
}

/// A session that begins on WebSocket has an id too, which nothing can be done with.
#[tokio::test(start_paused = true)]
async fn that_of_a_websocket_opens_nothing() {
    let (server, mut sessions, seen) = watched();
    let mut socket = server.websocket("EIO=4&transport=websocket").await;
    let open = socket.text().await;
    let sid = open[9..].split('"').next().unwrap();
    let session = sessions.recv().await.unwrap();
    assert_ne!(session.id().to_string(), sid);
    let query = format!("EIO=4&transport=polling&sid={sid}");
    for method in ["GET", "POST"] {
        server
            .ask(method, &query)
            .await
            .expect_error(400, 3, "Bad request");
    }
    let (answer, connection) = server
        .handshake(&query.replace("polling", "websocket"))
        .await;
    assert_eq!(answer.status, 101);
    let mut second = crate::client::WebSocket::new(connection.stream);
    second.send_texts(&["2probe", "5", "4evil"]).await;
    second.expect_close(None).await;
    socket.send_text("4mine").await;
    let mut session = session;
    assert_eq!(as_text(session.recv().await), "mine");
    assert_eq!(session.close_reason(), None);
    for shown in seen.lock().unwrap().iter() {
        assert!(!shown.contains(sid), "{shown}");
    }
}
