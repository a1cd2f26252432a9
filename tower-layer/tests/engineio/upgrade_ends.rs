//! Sessions that end within the last step of their upgrade.

use std::time::Duration;

use sockeye_tower::{CloseReason, EngineIo, Session};
use tokio::{io::AsyncWriteExt, time::timeout};

use crate::{
    client::{Sent, masked},
    support::{Server, rest},
};

/// engine.io-client that is closed within its upgrade says `5` and closes right behind it.
#[tokio::test(start_paused = true)]
async fn a_close_right_behind_the_upgrade_ends_the_connection() {
    let server = Server::echoing(|mount| mount);
    let client = server.open().await;
    let mut socket = client.probed().await;
    let frames = [masked(0x81, b"5"), masked(0x88, b"")].concat();
    socket.stream.write_all(&frames).await.unwrap();
    let end = timeout(Duration::from_secs(600), async {
        while socket.next().await != Sent::End {}
    });
    assert!(end.await.is_ok(), "the connection is held for ever");
}

/// As above, where the handler goes on for a while after the end.
#[tokio::test(start_paused = true)]
async fn a_close_right_behind_the_upgrade_is_answered_while_the_handler_goes_on() {
    let server = Server::new(EngineIo::new(async |mut session: Session| {
        while session.recv().await.is_some() {}
        std::future::pending::<()>().await;
    }));
    let client = server.open().await;
    let mut socket = client.probed().await;
    let frames = [masked(0x81, b"5"), masked(0x88, b"")].concat();
    socket.stream.write_all(&frames).await.unwrap();
    assert_eq!(socket.next().await, Sent::Close(None));
    let end = timeout(Duration::from_secs(600), socket.next());
    assert_eq!(end.await, Ok(Sent::End), "the connection is held for ever");
}

#[tokio::test(start_paused = true)]
async fn a_violation_in_the_read_of_the_upgrade_ends_the_session() {
    let (server, mut sessions) = Server::handing_over(|mount| mount.max_message_size(1000));
    let violations = [
        (masked(0x81, &[b'4'; 2000]), 1009),
        // Not masked.
        (vec![0x81, 2, b'4', b'a'], 1002),
    ];
    for (violation, code) in violations {
        let client = server.open().await;
        let session = sessions.recv().await.unwrap();
        let mut socket = client.probed().await;
        let frames = [masked(0x81, b"5"), violation].concat();
        socket.stream.write_all(&frames).await.unwrap();
        rest().await;
        let reason = session.close_reason();
        assert!(
            matches!(reason, Some(CloseReason::Violation(_))),
            "{code}: {reason:?}"
        );
        assert_eq!(socket.next().await, Sent::Close(Some(code)));
        assert_eq!(socket.next().await, Sent::End);
    }
}
