//! The handshake.

use std::sync::Arc;

use sockeye_core::engineio::{Packet, Transport as Carrier};

use super::{
    handshake::Handshake,
    link::{Link, Out},
    options::Options,
    packets::{self, shown},
    polling,
    receiving::{Receiving, Source},
};
use crate::{
    Transport,
    test::{
        Error, Frame, Violation,
        error::excerpt,
        visit::Visit,
        websocket::{self, Reader},
    },
};

/// A session whose open packet has come.
#[derive(Debug)]
pub(in crate::test) struct Opened {
    pub(in crate::test) link: Arc<Link>,
    pub(in crate::test) receiving: Receiving,
}

/// Opens a session.
pub(in crate::test) async fn open(visit: &Arc<Visit>, options: Options) -> Result<Opened, Error> {
    if visit.transport == Transport::WebSocket {
        let carrier = Carrier::WebSocket;
        let query = options.query(carrier, None);
        let path = visit.in_mount("/");
        let (mut reader, writer) = websocket::connect(visit, &path, Some(query)).await?;
        let packet = packet(&mut reader, &options).await?;
        let source = Source::WebSocket(Box::new(reader));
        return begin(
            visit,
            options,
            carrier,
            [packet],
            source,
            Out::WebSocket(writer),
        );
    }
    let carrier = Carrier::Polling;
    let query = options.query(carrier, None);
    let packets = polling::get(visit, &options, query).await?;
    begin(
        visit,
        options,
        carrier,
        packets,
        Source::Polling,
        Out::Polling,
    )
}

/// The next packet on a WebSocket.
pub(super) async fn packet(reader: &mut Reader, options: &Options) -> Result<Packet, Error> {
    let message = reader.message().await?;
    Ok(packets::in_frame(options, &message)?)
}

fn begin(
    visit: &Arc<Visit>,
    options: Options,
    carrier: Carrier,
    packets: impl IntoIterator<Item = Packet>,
    source: Source,
    out: Out,
) -> Result<Opened, Error> {
    let mut packets = packets.into_iter();
    let data = match packets.next() {
        Some(Packet::Open(data)) => data,
        other => {
            let got = other.map(|packet| shown(&options, &packet));
            let got = got.unwrap_or_default();
            return Err(Violation::NotOpened { got }.into());
        }
    };
    let handshake = Handshake::parse(&data)
        // There is nowhere to go from a WebSocket, nor to polling.
        .filter(|handshake| match carrier {
            Carrier::Polling => !handshake.upgrades.contains(&Transport::Polling),
            Carrier::WebSocket => handshake.upgrades.is_empty(),
        })
        .ok_or_else(|| Violation::Handshake {
            got: excerpt(data.as_bytes()),
        })?;
    let mut first = vec![Frame::Open];
    first.extend(packets::frames(&options, carrier, packets)?);
    let (link, moves) = Link::new(visit.clone(), options, handshake, out);
    let link = Arc::new(link);
    Ok(Opened {
        receiving: Receiving::new(link.clone(), source, moves, first),
        link,
    })
}
