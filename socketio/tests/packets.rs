//! Events written once, for memberships of the application's own.

use sockeye_rooms::{Delivered, Delivery, Member, Rooms};
use sockeye_socketio::{EmitError, Socket, SocketIo};
use sockeye_tower::test::Client;
use tokio::sync::mpsc;

#[tokio::test(start_paused = true)]
async fn a_packet_reaches_whom_it_is_handed_to() {
    let io = SocketIo::new();
    let chess = io.of("/chess");
    let (sender, mut sockets) = mpsc::unbounded_channel();
    chess.on_connect(async move |socket: Socket| drop(sender.send(socket)));
    let client = Client::new(io.service());
    let session = client.engineio("/").open().await.unwrap();
    session.send("0/chess,").await.unwrap();
    let socket = sockets.recv().await.unwrap();
    session.recv().await.unwrap();

    let packet = chess.packet("moved", &("e2", "e4")).unwrap();
    assert_eq!(
        socket.deliver(&packet, Delivery::Reliable),
        Delivered::Queued
    );
    assert_eq!(
        session.recv().await,
        Ok("2/chess,[\"moved\",\"e2\",\"e4\"]".into())
    );

    // Rooms beside the namespace's own.
    let players = Rooms::<Socket>::new();
    players.join("white", &socket).unwrap();
    assert_eq!(players.to("white").send(packet).reached, 1);
    assert_eq!(
        session.recv().await,
        Ok("2/chess,[\"moved\",\"e2\",\"e4\"]".into())
    );
    assert!(chess.rooms().rooms().is_empty());

    let reserved = chess.packet("connect", &());
    assert!(
        matches!(reserved, Err(EmitError::Encode(_))),
        "{reserved:?}"
    );
}
