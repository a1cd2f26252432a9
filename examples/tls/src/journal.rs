//! Notes how each request came, for the page to show.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    Json, Router,
    extract::{Request, State},
    middleware::Next,
    response::Response,
    routing::get,
};
use hyper::ext::Protocol;
use serde_json::{Value, json};
use sockeye::{PeerAddress, Secure};

/// The latest requests.
#[derive(Default)]
pub(crate) struct Journal(Mutex<VecDeque<Value>>);

const KEPT: usize = 200;

pub(crate) fn routes(journal: Arc<Journal>) -> Router {
    let latest = async |State(journal): State<Arc<Journal>>| {
        let entries = journal.0.lock().unwrap_or_else(PoisonError::into_inner);
        Json(entries.iter().cloned().collect::<Value>())
    };
    Router::new()
        .route("/requests", get(latest))
        .with_state(journal)
}

/// Middleware: writes the request down and passes it on.
pub(crate) async fn note(
    State(journal): State<Arc<Journal>>,
    request: Request,
    next: Next,
) -> Response {
    let extensions = request.extensions();
    let entry = json!({
        "method": request.method().as_str(),
        "path": request.uri().path(),
        "version": format!("{:?}", request.version()),
        // Of the extended CONNECT that opens a WebSocket over HTTP/2.
        "protocol": extensions.get::<Protocol>().map(Protocol::as_str),
        // The same for all requests of one connection.
        "peer": extensions.get::<PeerAddress>().map(|peer| peer.0.to_string()),
        "secure": extensions.get::<Secure>().is_some(),
    });
    {
        let mut entries = journal.0.lock().unwrap_or_else(PoisonError::into_inner);
        entries.truncate(KEPT - 1);
        entries.push_front(entry);
    }
    next.run(request).await
}
