//! Packets out of what a server sent, which must be just what a server writes.

use bytes::Bytes;
use http::{HeaderMap, header::CONTENT_TYPE};
use sockeye_core::engineio::{Binary, Packet, PacketRef, Payload, jsonp};

use super::{
    handshake::strings,
    options::{CALLBACK, Options},
};
use crate::{
    Message,
    engineio::{Revision, Transport},
    test::{
        Frame, Violation,
        error::excerpt,
        visit::{check_content, text_of},
        websocket::NO_CODE,
    },
};

/// The packets of a poll's answer.
pub(super) fn in_payload(
    options: &Options,
    head: &HeaderMap,
    body: Bytes,
) -> Result<Vec<Packet>, Violation> {
    let is_binary = options.revision == Revision::V3
        && text_of(head, &CONTENT_TYPE).as_deref() == Some(Payload::V3Binary.content_type());
    let form = match is_binary {
        true => Payload::V3Binary,
        false => options.text_form(),
    };
    check_content(head, form.content_type())?;
    let body = match options.is_jsonp {
        true => in_script(&body)?,
        false => body,
    };
    let bad = || Violation::Packet {
        got: excerpt(&body),
    };
    let packets: Vec<Packet> = form
        .decode(body.clone(), usize::MAX)
        .collect::<Result<_, _>>()
        .map_err(|_| bad())?;
    let refs = || packets.iter().map(PacketRef::from);
    // Decoders are lenient; a server's own words are written in one way only.
    let mut written = Vec::with_capacity(body.len());
    form.encode(refs(), &mut written);
    let is_right_form = Payload::of_answer(options.revision, options.binary, refs()) == form;
    if packets.is_empty() || !is_right_form || written != body {
        return Err(bad());
    }
    Ok(packets)
}

/// The payload in the script for the client's callback.
fn in_script(script: &Bytes) -> Result<Bytes, Violation> {
    let (before, after) = (format!("___eio[{CALLBACK}]("), ");");
    let payload = std::str::from_utf8(script).ok().and_then(|script| {
        let literal = script.strip_prefix(&*before)?.strip_suffix(after)?;
        let mut texts = strings(literal)?;
        (texts.len() == 1).then(|| texts.pop())?
    });
    let rewritten = payload.map(|payload| {
        let mut written = Vec::with_capacity(script.len());
        jsonp::wrap(CALLBACK, payload.as_bytes(), &mut written);
        (payload, written)
    });
    match rewritten {
        Some((payload, written)) if written == *script => Ok(payload.into()),
        _ => Err(Violation::Wrapping {
            expected: format!("{before}PAYLOAD{after}"),
            got: excerpt(script),
        }),
    }
}

/// The packet in a WebSocket message.
pub(super) fn in_frame(options: &Options, message: &Message) -> Result<Packet, Violation> {
    let decoded = match message {
        Message::Text(text) => Packet::decode_text(options.revision, text),
        Message::Binary(bytes) => Packet::decode_binary(options.revision, bytes),
    };
    decoded
        .ok()
        .filter(|packet| {
            PacketRef::from(packet).frame(options.revision, options.binary) == *message
        })
        .ok_or_else(|| Violation::Packet {
            got: excerpt(message.as_bytes()),
        })
}

/// What the packets say in an open session, those that are none of the server's to send aside.
///
/// Messages that follow each other are one frame.
pub(super) fn frames(
    options: &Options,
    transport: Transport,
    packets: impl IntoIterator<Item = Packet>,
) -> Result<Vec<Frame>, Violation> {
    let is_polling = transport == Transport::Polling;
    let mut frames: Vec<Frame> = Vec::new();
    for packet in packets {
        if let Some(Frame::Close(_)) = frames.last() {
            let got = shown(options, &packet);
            return Err(Violation::AfterClose { got });
        }
        match (packet, options.revision) {
            (Packet::Open(_), _) => return Err(Violation::OpenedAgain),
            (Packet::Message(message), _) => match frames.last_mut() {
                Some(Frame::Messages(messages)) => messages.push(message),
                _ => frames.push(Frame::Messages(vec![message])),
            },
            (Packet::Ping(data), Revision::V4) | (Packet::Pong(data), Revision::V3)
                if data.is_empty() =>
            {
                frames.push(Frame::Heartbeat);
            }
            // A WebSocket closes as such, and has nothing to end without words.
            (Packet::Close, _) if is_polling => frames.push(Frame::Close(NO_CODE)),
            (Packet::Noop, _) if is_polling => {}
            (
                packet @ (Packet::Ping(_)
                | Packet::Pong(_)
                | Packet::Close
                | Packet::Noop
                | Packet::Upgrade),
                _,
            ) => {
                let got = shown(options, &packet);
                return Err(Violation::Packet { got });
            }
        }
    }
    Ok(frames)
}

/// A packet for people.
pub(super) fn shown(options: &Options, packet: &Packet) -> String {
    let frame = PacketRef::from(packet).frame(options.revision, Binary::Base64);
    excerpt(frame.as_bytes())
}
