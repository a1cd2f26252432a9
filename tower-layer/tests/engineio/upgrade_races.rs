//! Upgrades that begin while another one of the same session ends.

use std::{
    sync::{Arc, Mutex, OnceLock},
    time::Duration,
};

use futures_util::FutureExt;
use sockeye_tower::{EngineIo, MountService, Session};
use tokio::sync::{mpsc, oneshot, watch};
use tower::Service;

use crate::{
    client::{Connection, Sent, WebSocket},
    support::{Server, pass},
};

/// A second probe begins in the poll of the driver that gave up the first: both wait in one place.
#[tokio::test(start_paused = true)]
async fn a_probe_given_up_as_the_next_begins_is_closed() {
    type Request = http::Request<hyper::body::Incoming>;
    type Answer = oneshot::Sender<http::Response<sockeye_tower::Body>>;
    let (held, mut holding) = mpsc::unbounded_channel::<(Request, Answer)>();
    let (act, when) = watch::channel(None);
    // A mount whose handler answers the held request itself, within its driver's poll.
    let slot: Arc<Mutex<Option<(Request, Answer)>>> = Arc::default();
    let own: Arc<OnceLock<MountService>> = Arc::default();
    let server = {
        let (slot, own) = (slot.clone(), own.clone());
        let handler = move |session: Session| {
            let (slot, own, mut when) = (slot.clone(), own.clone(), when.clone());
            async move {
                let at = when.wait_for(Option::is_some).await.unwrap().unwrap();
                tokio::time::sleep_until(at).await;
                let (request, answer) = slot.lock().unwrap().take().unwrap();
                let response = own.get().unwrap().clone().call(request);
                let response = response.now_or_never().unwrap().unwrap();
                assert_eq!(response.status(), 101);
                answer.send(response).unwrap();
                std::future::pending::<()>().await;
                drop(session);
            }
        };
        Server::new(EngineIo::new(handler).ping_interval(Duration::from_secs(600)))
    };
    let _ = own.set(server.service.clone());
    let client = server.open().await;
    // The second probe's request waits outside the mount.
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let service = hyper::service::service_fn(move |request: Request| {
        let (answer, answered) = oneshot::channel();
        held.send((request, answer)).unwrap();
        answered
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .serve_connection(hyper_util::rt::TokioIo::new(theirs), service)
        .with_upgrades();
    tokio::spawn(connection);
    let mut second = Connection::new(ours);
    second
        .send_handshake("GET", &client.upgrade_query(), "")
        .await;
    *slot.lock().unwrap() = holding.recv().await;
    let first = client.probe().await;
    let given_up = tokio::time::Instant::now() + Duration::from_secs(10);
    act.send(Some(given_up)).unwrap();
    assert_eq!(second.answer().await.status, 101);
    assert_eq!(tokio::time::Instant::now(), given_up);
    pass(3600).await;
    // The second one's time is over as well by now.
    for mut socket in [first, WebSocket::new(second.stream)] {
        let close = socket.next().now_or_never();
        assert_eq!(close, Some(Sent::Close(None)));
    }
}
