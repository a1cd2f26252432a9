//! The room over SockJS: a session, and a loop over what it says.

use std::sync::Arc;

use sockeye::{Handle, Handler, Origins, Session, SockJs};

use crate::{
    pages,
    peer::Peer,
    room::Room,
    wire::{self, Ask, Tell},
};

/// The mount: everything the room needs of SockJS.
pub(crate) fn mount(room: Arc<Room>, handle: &Handle) -> SockJs<impl Handler + use<>> {
    SockJs::new(async move |session: Session| visit(room, session).await)
        // The longest allowed text, however a client escapes its characters, with room for the envelope.
        .max_message_size(wire::MAX_TEXT * 12 + 1024)
        // The room holds no accounts and no cookies, so a page from elsewhere gains nothing by talking here. Without this line
        // only pages of this very server get in, and SockJS's iframe page, which the `iframe-*` transports load, is not served.
        .allowed_origins(Origins::Any)
        .sockjs_url(pages::SOCKJS_PATH)
        .handle(handle)
}

/// One session, from its opening to its end. Returning closes it.
async fn visit(room: Arc<Room>, mut session: Session) {
    let peer = Peer::SockJs(session.sender());
    let mut seat = None;
    while let Some(message) = session.recv().await {
        let ask = message.as_text().map(serde_json::from_str);
        match (ask, &seat) {
            (Some(Ok(Ask::Join(join))), None) => seat = room.seat(peer.clone(), join),
            (Some(Ok(Ask::Join(_))), Some(seat)) => seat.refuse("you are in already"),
            (Some(Ok(Ask::Say(say))), Some(seat)) => seat.say(say),
            (Some(Ok(Ask::Say(_))), None) => peer.tell(&Tell::Refused {
                reason: "tell your name first",
            }),
            (Some(Err(_)) | None, _) => return session.close(3400, "Not understood"),
        }
    }
}
