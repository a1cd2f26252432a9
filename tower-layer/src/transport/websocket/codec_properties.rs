//! What holds for any bytes of a peer: neither where they are cut nor who else uses the thread's
//! pool of contexts changes what they mean.

use std::thread;

use proptest::{
    collection::vec,
    prelude::{Just, ProptestConfig, Strategy, any, prop_assert_eq, prop_oneof},
    proptest,
    sample::{Index, select},
};
use sockeye_core::session::Close;

use super::codec::{Codec, Incoming, Limits, pooled};

/// Two connections of one thread, each with limits of its own.
const LIMITS: [Limits; 2] = [
    // Above the longest frame after which a context goes back to the pool.
    limits(20_000),
    limits(200),
];

/// The number of fragments is looked at before anything is decoded, so how much comes before that
/// refusal depends on the cuts; here no stream has so many.
const fn limits(message_size: usize) -> Limits {
    Limits {
        message_size,
        fragments: 10_000,
    }
}

/// All that a peer's bytes came to.
#[derive(Debug, Default, PartialEq, Eq)]
struct Outcome {
    seen: Vec<String>,
    replies: Vec<u8>,
    refused: Option<Close>,
    is_over: bool,
}

/// A connection. Its codec is fed all that comes, as it must ignore what comes behind an end.
#[derive(Debug)]
struct Connection {
    codec: Codec,
    limits: Limits,
    outcome: Outcome,
}

impl Connection {
    fn new(limits: Limits) -> Self {
        Self {
            codec: Codec::default(),
            limits,
            outcome: Outcome::default(),
        }
    }

    fn feed(&mut self, bytes: &[u8]) {
        let outcome = &mut self.outcome;
        let was_over = outcome.is_over;
        let before = pooled();
        let mut bytes = bytes.to_vec();
        let fed = self.codec.feed(&mut bytes, self.limits, |incoming| {
            outcome.is_over |= matches!(incoming, Incoming::Close(_));
            outcome.seen.push(format!("{incoming:?}"));
        });
        if let Err(close) = fed {
            outcome.is_over = true;
            outcome.refused = Some(close);
        }
        if was_over {
            assert_eq!(
                pooled(),
                before,
                "a context that another connection will use"
            );
        }
    }

    fn into_outcome(mut self) -> Outcome {
        self.codec.take_replies(&mut self.outcome.replies);
        self.outcome
    }
}

/// What the bytes mean in one piece, where no connection was before.
fn alone(bytes: &[u8], limits: Limits) -> Outcome {
    thread::scope(|scope| {
        let whole = scope.spawn(|| {
            let mut connection = Connection::new(limits);
            connection.feed(bytes);
            connection.into_outcome()
        });
        whole.join().unwrap()
    })
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn two_connections_of_one_thread_do_not_hear_each_other(
        streams in [stream(), stream()],
        cuts in vec((select(vec![0, 1]), 1..40_usize), 0..120),
    ) {
        let expected = [alone(&streams[0], LIMITS[0]), alone(&streams[1], LIMITS[1])];
        let mut connections = LIMITS.map(Connection::new);
        let mut rest = [&streams[0][..], &streams[1][..]];
        for (which, length) in cuts {
            let (part, after) = rest[which].split_at(length.min(rest[which].len()));
            rest[which] = after;
            connections[which].feed(part);
        }
        for (connection, rest) in connections.iter_mut().zip(rest) {
            connection.feed(rest);
        }
        let [one, two] = connections.map(Connection::into_outcome);
        prop_assert_eq!(&one, &expected[0]);
        prop_assert_eq!(&two, &expected[1]);
    }
}

fn config() -> ProptestConfig {
    // No file of past failures: what it would hold belongs into a table of the codec's own tests.
    ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

/// A peer's bytes: frames, in some streams with a few bits turned.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let turned = prop_oneof![
        2 => Just(Vec::new()),
        1 => vec((any::<Index>(), 0..8_u8), 1..3),
    ];
    (vec(frames(), 1..8), turned).prop_map(|(frames, turned)| {
        let mut bytes = frames.concat();
        for (place, bit) in turned {
            let place = place.index(bytes.len());
            bytes[place] ^= 1 << bit;
        }
        bytes
    })
}

/// One message, in fragments or not, with pings between; or a frame for itself.
fn frames() -> impl Strategy<Value = Vec<u8>> {
    let binary = prop_oneof![
        12 => vec(any::<u8>(), 0..210),
        1 => (15_000..20_010_usize).prop_map(|length| vec![7; length]),
    ];
    let payload = prop_oneof![
        ("\\PC{0,40}").prop_map(|text| (0x01, text.into_bytes())),
        binary.prop_map(|bytes| (0x02, bytes)),
        // Not UTF-8, most of the time.
        vec(any::<u8>(), 1..3).prop_map(|bytes| (0x01, bytes)),
    ];
    let message = (payload, vec((any::<Index>(), any::<bool>()), 0..3), mask()).prop_map(
        |((opcode, payload), cuts, mask)| {
            let mut bytes = Vec::new();
            let mut first = opcode;
            let mut rest = &payload[..];
            for (cut, is_pinged) in cuts {
                let (part, after) = rest.split_at(cut.index(rest.len() + 1));
                put(&mut bytes, first, part, mask);
                if is_pinged {
                    put(&mut bytes, 0x89, part.get(..2).unwrap_or_default(), mask);
                }
                (first, rest) = (0, after);
            }
            put(&mut bytes, 0x80 | first, rest, mask);
            bytes
        },
    );
    let control = |first: u8| {
        (vec(any::<u8>(), 0..126), mask()).prop_map(move |(payload, mask)| {
            let mut bytes = Vec::new();
            put(&mut bytes, first, &payload, mask);
            bytes
        })
    };
    let close = (
        select(vec![1000_u16, 1001, 1005, 3000, 4999, 999]),
        ".{0,20}",
        mask(),
    )
        .prop_map(|(code, reason, mask)| {
            let payload = [&code.to_be_bytes()[..], reason.as_bytes()].concat();
            let mut bytes = Vec::new();
            put(&mut bytes, 0x88, &payload, mask);
            bytes
        });
    prop_oneof![
        12 => message,
        3 => control(0x89),
        1 => control(0x8a),
        1 => close,
        // Whatever it is.
        1 => vec(any::<u8>(), 1..12),
    ]
}

fn mask() -> impl Strategy<Value = [u8; 4]> {
    any::<[u8; 4]>()
}

/// Appends one masked frame; `first` is its first byte.
fn put(out: &mut Vec<u8>, first: u8, payload: &[u8], mask: [u8; 4]) {
    out.push(first);
    // Each length is in the range of the type it is cast to.
    match payload.len() {
        length @ 0..=125 => out.push(0x80 | length as u8),
        length => {
            out.push(0x80 | 126);
            out.extend_from_slice(&(length as u16).to_be_bytes());
        }
    }
    out.extend_from_slice(&mask);
    let masked = payload.iter().zip(mask.iter().cycle());
    out.extend(masked.map(|(byte, mask)| byte ^ mask));
}
