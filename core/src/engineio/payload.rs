//! The bodies of polling requests and answers: several packets in one.

use bytes::Bytes;

use super::{Binary, DecodeError, Packet, PacketRef, Revision, payload_v3, payload_v4};
use crate::Text;

/// How a polling body holds its packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Payload {
    /// Revision 4: text packets with U+001E between them.
    V4,
    /// Revision 3: text packets, each behind its length in UTF-16 code units.
    V3Text,
    /// Revision 3: packets behind their lengths in bytes, for payloads with binary in them.
    V3Binary,
}

impl Payload {
    /// The form of a request's body, by its `Content-Type`.
    ///
    /// `None` for bytes in revision 4, which has no such form: the request is answered 400 and the
    /// session ends (left unanswered, it is CVE-2026-59725).
    pub fn of_request(revision: Revision, content_type: Option<&[u8]>) -> Option<Self> {
        let is_binary = content_type == Some(OCTET_STREAM.as_bytes());
        match (revision, is_binary) {
            (Revision::V4, true) => None,
            (Revision::V4, false) => Some(Self::V4),
            (Revision::V3, true) => Some(Self::V3Binary),
            (Revision::V3, false) => Some(Self::V3Text),
        }
    }

    /// The form of an answer with these packets.
    ///
    /// Revision 3 has the binary form where the client takes bytes and some packet is binary.
    pub fn of_answer<'a>(
        revision: Revision,
        binary: Binary,
        packets: impl IntoIterator<Item = PacketRef<'a>>,
    ) -> Self {
        match (revision, binary) {
            (Revision::V4, _) => Self::V4,
            (Revision::V3, Binary::Base64) => Self::V3Text,
            (Revision::V3, Binary::Bytes) => match packets.into_iter().any(PacketRef::is_binary) {
                true => Self::V3Binary,
                false => Self::V3Text,
            },
        }
    }

    /// The `Content-Type` of an answer in this form.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::V4 | Self::V3Text => "text/plain; charset=UTF-8",
            Self::V3Binary => OCTET_STREAM,
        }
    }

    /// The packets of a body, read one by one as they are taken.
    ///
    /// What was read before an error stands; the error is the last item. A body with more than
    /// `max_packets`, empty ones included, is refused as a whole: then
    /// [`DecodeError::TooManyPackets`] is the only item.
    ///
    /// Data shares the body's memory as long as that keeps little more than the data from being
    /// freed; otherwise it is copied.
    pub fn decode(self, body: Bytes, max_packets: usize) -> Packets {
        Packets(match self {
            Self::V4 => Form::V4(payload_v4::Decoder::new(body, max_packets)),
            Self::V3Text => Form::V3Text(payload_v3::TextDecoder::new(body, max_packets)),
            Self::V3Binary => Form::V3Binary(payload_v3::BinaryDecoder::new(body, max_packets)),
        })
    }

    /// Appends a payload with these packets to `out`.
    ///
    /// A text with U+001E in it cannot be carried by [`Payload::V4`]: the client would read several
    /// packets where one was sent. Whoever takes messages for a polling session refuses those that
    /// [`can_carry`](Self::can_carry) refuses.
    pub fn encode<'a>(self, packets: impl IntoIterator<Item = PacketRef<'a>>, out: &mut Vec<u8>) {
        match self {
            Self::V4 => payload_v4::encode(packets, out),
            Self::V3Text => payload_v3::encode_text(packets, out),
            Self::V3Binary => payload_v3::encode_binary(packets, out),
        }
    }

    /// Whether a client reads this message as it was sent: all but [`Payload::V4`] carry anything.
    pub fn can_carry(self, message: PacketRef<'_>) -> bool {
        self != Self::V4 || payload_v4::can_carry(message)
    }
}

/// The packets of a polling body, one by one.
#[derive(Debug)]
pub struct Packets(Form);

#[derive(Debug)]
enum Form {
    V4(payload_v4::Decoder),
    V3Text(payload_v3::TextDecoder),
    V3Binary(payload_v3::BinaryDecoder),
}

impl Iterator for Packets {
    type Item = Result<Packet, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.0 {
            Form::V4(decoder) => decoder.next(),
            Form::V3Text(decoder) => decoder.next(),
            Form::V3Binary(decoder) => decoder.next(),
        }
    }
}

impl std::iter::FusedIterator for Packets {}

/// A body of text, as far as it is UTF-8.
#[derive(Debug)]
pub(super) struct TextBody {
    pub(super) text: Text,
    /// Whether the text is the whole body, and not cut where it stopped being UTF-8.
    pub(super) is_whole: bool,
}

impl TextBody {
    pub(super) fn new(body: Bytes) -> Self {
        match Text::try_from(body.clone()) {
            Ok(text) => Self {
                text,
                is_whole: true,
            },
            Err(error) => Self {
                text: Text::try_from(body.slice(..error.valid_up_to())).unwrap_or_default(),
                is_whole: false,
            },
        }
    }

    /// A part of the text that may be kept.
    pub(super) fn keep(&self, part: &str) -> Text {
        match is_shared(part.len(), self.text.len()) {
            true => self.text.slice_ref(part),
            false => part.into(),
        }
    }
}

/// Whether a part of a body shares its memory. A message that is kept keeps all of that, so only a
/// large part of it does, or part of a small one.
pub(super) fn is_shared(part: usize, body: usize) -> bool {
    body <= SHARED_BYTES || part >= body / 2
}

/// As much of a body as any part of it may keep.
const SHARED_BYTES: usize = 4 * 1024;

const OCTET_STREAM: &str = "application/octet-stream";

#[cfg(test)]
mod tests {
    use Revision::{V3, V4};

    use super::*;
    use crate::Message;

    const EVERY_FORM: [Payload; 3] = [Payload::V4, Payload::V3Text, Payload::V3Binary];

    /// Bytes in revision 4 were never answered by engine.io before 6.6.7 (CVE-2026-59725): they
    /// have no form, which the caller cannot overlook.
    #[test]
    fn knows_the_forms_of_requests() {
        #[rustfmt::skip]
        let cases = [
            // content type                             revision 4         revision 3
            (None,                                      Some(Payload::V4), Some(Payload::V3Text)),
            (Some("text/plain;charset=UTF-8"),          Some(Payload::V4), Some(Payload::V3Text)),
            (Some(""),                                  Some(Payload::V4), Some(Payload::V3Text)),
            (Some("application/json"),                  Some(Payload::V4), Some(Payload::V3Text)),
            (Some("application/octet-stream"),          None,              Some(Payload::V3Binary)),
            (Some("application/octet-stream; x=y"),     Some(Payload::V4), Some(Payload::V3Text)),
        ];
        for (content_type, v4, v3) in cases {
            let content_type = content_type.map(str::as_bytes);
            assert_eq!(Payload::of_request(V4, content_type), v4);
            assert_eq!(Payload::of_request(V3, content_type), v3);
        }
    }

    #[test]
    fn chooses_the_forms_of_answers() {
        let (text, binary) = (Packet::from("€"), Packet::from(vec![1]));
        #[rustfmt::skip]
        let cases = [
            // packets                 takes           revision  form
            (vec![&text],              Binary::Bytes,  V3,       Payload::V3Text),
            (vec![&text, &binary],     Binary::Bytes,  V3,       Payload::V3Binary),
            (vec![&text, &binary],     Binary::Base64, V3,       Payload::V3Text),
            (vec![],                   Binary::Bytes,  V3,       Payload::V3Text),
            (vec![&text, &binary],     Binary::Bytes,  V4,       Payload::V4),
            (vec![&text, &binary],     Binary::Base64, V4,       Payload::V4),
        ];
        for (packets, takes, revision, form) in cases {
            let packets = packets.into_iter().map(PacketRef::from);
            assert_eq!(Payload::of_answer(revision, takes, packets), form);
        }
    }

    #[test]
    fn data_shares_the_body_only_where_that_keeps_little_else() {
        #[rustfmt::skip]
        let cases = [
            // length of the message and of the one beside it    shared
            (100,    100,                                        true),
            (10,     SHARED_BYTES - 50,                          true),
            (10,     SHARED_BYTES,                               false),
            (9_000,  10,                                         true),
            (9_000,  20_000,                                     false),
        ];
        for (length, other, is_shared) in cases {
            for message in [
                Message::from("m".repeat(length)),
                Message::from(vec![b'm'; length]),
            ] {
                for form in EVERY_FORM {
                    if message.as_text().is_none() && form != Payload::V3Binary {
                        // Base64 is not the message's bytes.
                        continue;
                    }
                    let packets = [message.clone().into(), Packet::from("o".repeat(other))];
                    let mut body = Vec::new();
                    form.encode(packets.iter().map(PacketRef::from), &mut body);
                    let body = Bytes::from(body);
                    let range = body.as_ptr_range();
                    let decoded: Vec<_> = form.decode(body.clone(), 2).collect();
                    assert_eq!(decoded, packets.map(Ok), "{form:?}");
                    let Some(Ok(Packet::Message(message))) = decoded.first() else {
                        panic!("no message");
                    };
                    let is_inside = range.contains(&message.as_bytes().as_ptr());
                    assert_eq!(is_inside, is_shared, "{length} and {other}, {form:?}");
                }
            }
        }
    }

    #[test]
    fn the_number_of_packets_is_limited_before_the_first_is_taken() {
        for limit in [2, 3, 100] {
            for count in [limit - 1, limit, limit + 1] {
                for form in EVERY_FORM {
                    let packets = vec![Packet::Noop; count];
                    let mut body = Vec::new();
                    form.encode(packets.iter().map(PacketRef::from), &mut body);
                    let decoded: Vec<_> = form.decode(body.into(), limit).collect();
                    let expected = match count <= limit {
                        true => vec![Ok(Packet::Noop); count],
                        false => vec![Err(DecodeError::TooManyPackets { limit })],
                    };
                    assert_eq!(decoded, expected, "{count} of {limit}, {form:?}");
                }
            }
        }
    }
}
