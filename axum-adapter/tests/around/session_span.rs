use axum::http::Request;
use tracing::{Span, info_span};

/// A span whose path tells the transport, and neither the session's id nor the query.
fn session_span<B>(request: &Request<B>) -> Span {
    let path = request.uri().path();
    let path = match path
        .strip_prefix("/chat/")
        .map(|below| below.split('/').collect::<Vec<_>>())
    {
        // Below the mount: `{server}/{session}/{transport}`.
        Some(below) if below.len() > 1 => {
            format!("/chat/-/-/{}", below.get(2).copied().unwrap_or("-"))
        }
        _ => path.to_owned(),
    };
    info_span!("request", method = %request.method(), path)
}
