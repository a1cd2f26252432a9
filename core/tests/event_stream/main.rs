//! Event streams read back as what was sent, whatever is in it and wherever the stream is cut.

mod reader;

use std::time::Duration;

use proptest::{
    collection::vec,
    option,
    prelude::{ProptestConfig, Strategy, any, prop_assert, prop_assert_eq, prop_oneof},
    proptest,
    sample::{Index, select},
};
use sockeye_core::{Event, Prepared, sse};

use reader::{Reader, expected};

#[derive(Clone, Debug)]
struct Sent {
    data: String,
    name: Option<String>,
    id: Option<String>,
    retry: Option<u32>,
}

impl Sent {
    fn event(&self) -> Event {
        let mut event = Event::new(self.data.clone());
        if let Some(name) = &self.name {
            event = event.name(name.clone());
        }
        if let Some(id) = &self.id {
            event = event.id(id.clone());
        }
        if let Some(retry) = self.retry {
            event = event.retry(Duration::from_millis(retry.into()));
        }
        event
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn events_read_back_as_themselves(
        events in vec(sent(), 0..8),
        begins_with_a_prelude in any::<bool>(),
        cuts in vec(any::<Index>(), 0..6),
    ) {
        let mut stream = Vec::new();
        if begins_with_a_prelude {
            stream.extend_from_slice(sse::PRELUDE);
        }
        let mut wanted = Vec::new();
        let mut last_event_id = String::new();
        let mut retry = None;
        for sent in &events {
            sse::encode_event(&sent.event(), &mut stream);
            let event = expected(&sent.data, sent.name.as_deref(), sent.id.as_deref(), &last_event_id);
            last_event_id.clone_from(&event.last_event_id);
            wanted.push(event);
            retry = sent.retry.map(u64::from).or(retry);
        }
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
        cuts.extend([0, stream.len()]);
        cuts.sort_unstable();
        let mut reader = Reader::default();
        for piece in cuts.windows(2) {
            reader.read(&stream[piece[0]..piece[1]]);
        }
        prop_assert!(reader.is_between_events());
        prop_assert_eq!(reader.events, wanted);
        prop_assert_eq!(reader.retry, retry);
        prop_assert_eq!(reader.comments, usize::from(begins_with_a_prelude));
    }

    #[test]
    fn a_message_weighs_at_most_seven_bytes_a_line_more(data in text()) {
        let prepared = Prepared::new(data.clone());
        let lines = 1 + data.matches(['\r', '\n']).count();
        prop_assert!(prepared.event().len() <= data.len() + 7 * lines + 1);
    }
}

/// The reader is strict enough to fail: it sees what a careless encoder would do.
#[test]
fn the_reader_reads_as_the_standard_says() {
    #[rustfmt::skip]
    let cases = [
        // stream                                   data read
        ("data: a\n\n",                             &["a"][..]),
        ("\u{feff}data: a\r\n\r\n",                 &["a"]),
        ("data:a\rdata:  b\r\r",                    &["a\n b"]),
        ("data\n\ndata\ndata\n\ndata:",             &["", "\n"]),
        (": comment\n\nevent: x\n\ndata: a\n\n",    &["a"]),
        ("data: a\n\ndata: cut",                    &["a"]),
    ];
    for (stream, expected) in cases {
        let mut reader = Reader::default();
        reader.read(stream.as_bytes());
        let read: Vec<_> = reader.events.iter().map(|event| &*event.data).collect();
        assert_eq!(read, expected, "{stream:?}");
    }
}

fn sent() -> impl Strategy<Value = Sent> {
    let field = || option::of(text());
    (text(), field(), field(), option::of(any::<u32>())).prop_map(|(data, name, id, retry)| Sent {
        data,
        name,
        id,
        retry,
    })
}

/// Text with much of what means something in a stream.
fn text() -> impl Strategy<Value = String> {
    let special = select(vec![
        "\r", "\n", "\r\n", "\0", "\u{feff}", ":", " ", "data: ", "id: 1", "event:", "é", "😀",
        "\u{2028}",
    ]);
    let piece = prop_oneof![
        3 => special.prop_map(String::from),
        1 => any::<char>().prop_map(String::from),
        1 => "[a-z]{1,5}",
    ];
    vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}
