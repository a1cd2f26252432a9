//! When the store is written for a live session: what `docs/sessions.md` says of it.

use axum::Router;
use http::header::SET_COOKIE;
use sockeye::{
    Accept, ConnectRequest, Reject, Session, SockJs, Transport,
    axum::sockjs_layer,
    test::{Client, Response},
};
use tower_sessions::{MemoryStore, Session as Stored, SessionManagerLayer};

/// Counts visits in the hook if `first` is set, and does what it is told to afterwards.
fn client(writes_in_hook: bool) -> Client {
    let mount = SockJs::new(obey).on_connect(async move |request: &ConnectRequest| {
        let stored = request.extension::<Stored>().ok_or(Reject::status(500))?;
        if writes_in_hook {
            let visits: u32 = stored.get("visits").await?.unwrap_or_default();
            stored.insert("visits", visits + 1).await?;
        }
        Ok(Accept::new())
    });
    let layer = SessionManagerLayer::new(MemoryStore::default())
        .with_name("stored")
        .with_secure(false);
    Client::new(
        Router::new()
            .nest("/live", sockjs_layer(mount))
            .layer(layer),
    )
}

/// Tells what is stored, or stores something late, with a save or without.
async fn obey(mut session: Session) {
    while let Some(message) = session.recv().await {
        let request = session.request();
        let stored: &Stored = request.extension().unwrap();
        match message.as_text().unwrap() {
            "forget to save" => stored.insert("late", "unsaved").await.unwrap(),
            "save" => {
                // Another request may have changed the record since this one read it.
                stored.load().await.unwrap();
                stored.insert("late", "saved").await.unwrap();
                stored.save().await.unwrap();
            }
            _ => {
                stored.load().await.unwrap();
            }
        }
        let late: Option<String> = stored.get("late").await.unwrap();
        let visits: Option<u32> = stored.get("visits").await.unwrap();
        let found = format!("{late:?} {visits:?}");
        session.send(found).await.unwrap();
    }
}

fn sets_cookie(response: &Response) -> bool {
    response.headers().contains_key(SET_COOKIE)
}

async fn said(client: &Client, transport: Transport, text: &str) -> (bool, String) {
    let session = client.session("/live").transport(transport).open().await;
    let session = session.unwrap();
    session.send(text).await.unwrap();
    let answer = session.recv().await.unwrap();
    let answer = answer.as_text().unwrap().to_owned();
    (sets_cookie(&session.opening()), answer)
}

#[tokio::test(start_paused = true)]
async fn what_the_hook_writes_is_saved_and_sets_the_cookie_on_every_transport() {
    for transport in Transport::SOCKJS {
        let client = client(true);
        for visit in 1..4 {
            let found = said(&client, transport, "look").await;
            assert_eq!(found, (true, format!("None Some({visit})")), "{transport}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_handler_writes_later_is_lost_unless_it_saves() {
    for transport in [Transport::WebSocket, Transport::RawWebSocket] {
        let client = client(true);
        let unsaved = said(&client, transport, "forget to save").await.1;
        assert_eq!(unsaved, "Some(\"unsaved\") Some(1)", "its own copy");
        let found = said(&client, transport, "look").await.1;
        assert_eq!(found, "None Some(2)", "{transport}");
        let saved = said(&client, transport, "save").await.1;
        assert_eq!(saved, "Some(\"saved\") Some(3)");
        let found = said(&client, transport, "look").await.1;
        assert_eq!(found, "Some(\"saved\") Some(4)", "{transport}");
    }
}

/// The record is there, and nobody has its id.
#[tokio::test(start_paused = true)]
async fn a_record_first_written_by_a_handler_has_no_cookie() {
    let client = client(false);
    for _ in 0..2 {
        let (sets_cookie, answer) = said(&client, Transport::WebSocket, "save").await;
        assert!(!sets_cookie);
        assert_eq!(answer, "Some(\"saved\") None");
        assert_eq!(client.cookie("stored"), None);
    }
    let found = said(&client, Transport::WebSocket, "look").await;
    assert_eq!(found, (false, "None None".into()));
}
