//! Mounts, and every manner in which a client can speak to them.

use sockeye_tower::{
    EngineIo, Handle, Handler, Transport,
    engineio::Revision,
    test::{Client, SessionBuilder},
};
use tokio::sync::mpsc;

use crate::support::HandOver;

/// Clients of both HTTP versions, of a mount that speaks both revisions.
pub(crate) fn clients<H: Handler>(mount: EngineIo<H>) -> [Client; 2] {
    let service = mount.allow_eio3(true).service();
    [Client::new(service.clone()), Client::new(service).http2()]
}

pub(crate) fn counted<H: Handler>(mount: EngineIo<H>) -> ([Client; 2], Handle) {
    let handle = Handle::new();
    (clients(mount.handle(&handle)), handle)
}

/// A mount whose sessions are handed to the test.
pub(crate) fn handing_over() -> (
    EngineIo<HandOver>,
    mpsc::UnboundedReceiver<sockeye_tower::Session>,
) {
    let (sender, sessions) = mpsc::unbounded_channel();
    (EngineIo::new(HandOver(sender)), sessions)
}

/// A manner of speaking, by its name.
pub(crate) type Manner = (String, SessionBuilder, Revision, Transport);

/// Sessions in every manner: HTTP version, revision, transport, and form of binary.
pub(crate) fn manners(clients: &[Client; 2]) -> Vec<Manner> {
    let mut manners = Vec::new();
    for (client, http) in clients.iter().zip(["HTTP/1.1", "HTTP/2"]) {
        for revision in [Revision::V4, Revision::V3] {
            let mut add = |name: &str, session: SessionBuilder, transport| {
                manners.push((
                    format!("{name}, {revision:?}, {http}"),
                    session.revision(revision),
                    revision,
                    transport,
                ));
            };
            let polling = || client.engineio("/");
            let websocket = || polling().transport(Transport::WebSocket);
            add("polling", polling(), Transport::Polling);
            add("polling, base64", polling().base64(), Transport::Polling);
            add("JSONP", polling().jsonp(), Transport::Polling);
            add("WebSocket", websocket(), Transport::WebSocket);
            add(
                "WebSocket, base64",
                websocket().base64(),
                Transport::WebSocket,
            );
        }
    }
    manners
}
