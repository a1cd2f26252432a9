//! Mounts, and clients of both HTTP versions.

use sockeye_tower::{
    BoxFuture, Handle, Handler, Origins, Session, SockJs, Transport, test::Client,
};
use tokio::sync::mpsc;

/// Echoes until the peer leaves.
pub(crate) async fn echo(mut session: Session) {
    while let Some(message) = session.recv().await {
        if session.send(message).await.is_err() {
            break;
        }
    }
}

/// A handler that hands its session over and returns.
#[derive(Clone, Debug)]
pub(crate) struct HandOver(pub(crate) mpsc::UnboundedSender<Session>);

impl Handler for HandOver {
    fn run(self, session: Session) -> BoxFuture<()> {
        let _ = self.0.send(session);
        Box::pin(async {})
    }
}

/// A mount whose sessions are handed to the test.
pub(crate) fn handing_over() -> (SockJs<HandOver>, mpsc::UnboundedReceiver<Session>) {
    let (sender, sessions) = mpsc::unbounded_channel();
    (SockJs::new(HandOver(sender)), sessions)
}

/// Clients of a mount over HTTP/1.1 and over HTTP/2.
pub(crate) fn clients<H: Handler>(mount: SockJs<H>) -> [Client; 2] {
    let service = mount.allowed_origins(Origins::Any).service();
    [Client::new(service.clone()), Client::new(service).http2()]
}

/// Clients, and how many sessions their mount has.
pub(crate) fn counted<H: Handler>(mount: SockJs<H>) -> ([Client; 2], Handle) {
    let handle = Handle::new();
    (clients(mount.handle(&handle)), handle)
}

/// Every transport on both HTTP versions.
pub(crate) fn ways(clients: &[Client; 2]) -> impl Iterator<Item = (&Client, Transport)> {
    let each = |client| {
        Transport::SOCKJS
            .into_iter()
            .map(move |transport| (client, transport))
    };
    clients.iter().flat_map(each)
}

/// Transports on which SockJS frames are spoken.
pub(crate) fn is_framed(transport: Transport) -> bool {
    transport != Transport::RawWebSocket
}

pub(crate) fn is_websocket(transport: Transport) -> bool {
    matches!(transport, Transport::WebSocket | Transport::RawWebSocket)
}
