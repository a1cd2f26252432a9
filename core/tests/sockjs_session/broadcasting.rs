//! One message for many sessions is encoded once.

use sockeye_core::{
    Prepared,
    session::Outgoing,
    sockjs::{Frame, ReceiverId},
};

use crate::sim::{STREAM, Sim};

/// Where the encoding of the one message that waits lies in memory.
fn encoding(sim: &mut Sim, receiver: ReceiverId) -> *const u8 {
    let Some(Frame::Messages(messages)) = sim.transmit_to(receiver) else {
        panic!("no messages wait");
    };
    let waiting: Vec<&Outgoing> = messages.iter().collect();
    let [Outgoing::Shared(prepared)] = waiting[..] else {
        panic!("{waiting:?}");
    };
    assert_eq!(messages.bytes(), "to \"all\"".len());
    prepared.quoted().as_ptr()
}

#[test]
fn the_encoding_of_a_broadcast_is_made_once() {
    let prepared = Prepared::new("to \"all\"");
    let mut encodings = Vec::new();
    for _ in 0..2 {
        let mut sim = Sim::opened(STREAM);
        sim.stop_taking();
        sim.broadcast(prepared.clone()).unwrap();
        let receiver = sim.receiver_id();
        encodings.push(encoding(&mut sim, receiver));
    }
    assert_eq!(encodings, [prepared.quoted().as_ptr(); 2]);
}

#[test]
fn a_broadcast_is_written_as_a_message_of_ones_own() {
    let text = "to \"all\" \u{2028}\u{1F600}";
    let mut sim = Sim::opened(STREAM);
    sim.broadcast(Prepared::new(text)).unwrap();
    sim.send(text).unwrap();
    let frames = sim.frames();
    assert_eq!(frames[0], r#"a["to \"all\" \u2028\ud83d\ude00"]"#);
    assert_eq!(frames[0], frames[1]);
}

#[test]
fn broadcasts_and_own_messages_keep_their_order() {
    let mut sim = Sim::opened(STREAM);
    sim.stop_taking();
    sim.send("1").unwrap();
    sim.broadcast(Prepared::new("2")).unwrap();
    sim.send("3").unwrap();
    sim.go_on_taking();
    assert_eq!(sim.frames(), [r#"a["1","2","3"]"#]);
}
