//! A client and a session in every order of things: no message is lost, doubled or moved, one probe
//! at most wins, and whatever becomes of the client, the session ends.

use proptest::{
    collection::vec,
    prelude::{Just, ProptestConfig, Strategy, any, prop_oneof},
    proptest,
    sample::select,
};
use sockeye_core::{
    engineio::{AttachError, Config, Event, Packet, PostError, Reason, Revision, Transport},
    session::{CloseReason, QueueLimits},
};

use crate::{
    client::{Client, Fate, Manners},
    sim::{millis, ping, pong, secs},
};

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 1_024,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn nothing_is_lost_between_a_session_and_a_client_that_keeps_to_the_protocol(
        revision in revision(),
        manners in select(vec![Manners::Polite, Manners::Rude]),
        script in vec(polite(), 1..150),
        is_silent in any::<bool>(),
    ) {
        let mut client = Client::new(revision, Transport::Polling, manners, patient());
        for step in script {
            play(&mut client, step);
            let is_closed = client.is_server_closed;
            assert_eq!(client.sim.session.is_open(), !is_closed, "{client:?}");
        }
        client.settle(60);
        match (client.fate(), client.is_server_closed) {
            (Fate::Alive, false) => client.assert_complete(),
            (Fate::Told, true) => client.assert_heard_all(),
            // Its `5` was under way when the probe was given up.
            (Fate::Broken, false) => assert!(client.is_upgraded()),
            // The same, or a request met a session that had said its farewell.
            (Fate::Broken, true) => {}
            other @ ((Fate::Alive, true) | (Fate::Told, false)) => panic!("{other:?}"),
        }
        ends(client, is_silent);
    }

    #[test]
    fn whatever_a_client_does_the_order_is_kept_and_the_session_ends(
        revision in revision(),
        transport in select(vec![Transport::Polling, Transport::Polling, Transport::WebSocket]),
        script in vec(prop_oneof![3 => polite(), 1 => hostile()], 1..150),
        is_silent in any::<bool>(),
    ) {
        let mut client = Client::new(revision, transport, Manners::Rude, impatient());
        for step in script {
            play(&mut client, step);
        }
        client.settle(20);
        if client.sim.session.is_open() && client.fate() == Fate::Alive {
            client.assert_complete();
        }
        ends(client, is_silent);
    }
}

/// A client that is gone leaves nothing behind.
fn ends(mut client: Client, is_silent: bool) {
    client.goes_away(is_silent);
    client.sim.advance(secs(10_000));
    assert!(client.sim.session.is_closed(), "{client:?}");
    assert_eq!(client.sim.events().last(), Some(&Event::Closed));
    assert_eq!(client.sim.poll(), Err(AttachError::Closed));
    assert_eq!(client.sim.begin_post(), Err(PostError::Closed));
}

/// One thing that happens.
#[derive(Clone, Debug)]
enum Step {
    Polls,
    Says,
    Flushes,
    Probes,
    Upgrades,
    Beats,
    RequestsArrive,
    PostCompletes,
    SocketIsRead(usize),
    PollsTake,
    SocketTakes,
    ReadsAnswers,
    ReadsSocket,
    ApplicationTakes,
    ApplicationSends,
    /// A probe's connection breaks.
    LosesProbe,
    Time(u64),
    Closes,
    // From here on what no polite client or network does.
    SaysPacket(Packet),
    Babbles(Packet),
    SecondPoll,
    SecondPost,
    SecondProbe,
    LosesGet,
    LosesPost,
    LosesSocket,
    Blocked,
    Progress,
    Fails(Reason),
}

fn polite() -> impl Strategy<Value = Step> {
    let time = prop_oneof![Just(1_u64), Just(50), Just(100), Just(240)];
    prop_oneof![
        6 => Just(Step::Polls),
        6 => Just(Step::Says),
        6 => Just(Step::Flushes),
        3 => Just(Step::Probes),
        5 => Just(Step::Upgrades),
        1 => Just(Step::Beats),
        12 => Just(Step::RequestsArrive),
        6 => Just(Step::PostCompletes),
        12 => (1_usize..4).prop_map(Step::SocketIsRead),
        8 => Just(Step::PollsTake),
        6 => Just(Step::SocketTakes),
        10 => Just(Step::ReadsAnswers),
        10 => Just(Step::ReadsSocket),
        5 => Just(Step::ApplicationTakes),
        10 => Just(Step::ApplicationSends),
        1 => Just(Step::LosesProbe),
        8 => time.prop_map(Step::Time),
        // Rare, or few scripts would get anywhere.
        1 => (0_u8..6).prop_map(|luck| if luck == 0 { Step::Closes } else { Step::Says }),
    ]
}

fn hostile() -> impl Strategy<Value = Step> {
    let packet = || {
        select(vec![
            Packet::Open("".into()),
            Packet::Close,
            ping(),
            pong(),
            Packet::Upgrade,
            Packet::Noop,
        ])
    };
    let reason = select(vec![
        Reason::ParseError,
        Reason::Forced(CloseReason::GoingAway),
    ]);
    prop_oneof![
        2 => packet().prop_map(Step::SaysPacket),
        4 => packet().prop_map(Step::Babbles),
        1 => Just(Step::SecondPoll),
        1 => Just(Step::SecondPost),
        6 => Just(Step::SecondProbe),
        1 => Just(Step::LosesGet),
        1 => Just(Step::LosesPost),
        1 => Just(Step::LosesSocket),
        3 => Just(Step::Blocked),
        3 => Just(Step::Progress),
        1 => reason.prop_map(Step::Fails),
        8 => (0_u64..3_000).prop_map(Step::Time),
    ]
}

fn play(client: &mut Client, step: Step) {
    match step {
        Step::Polls => client.polls(),
        Step::Says => client.says(),
        Step::Flushes => client.flushes(),
        Step::Probes => client.probes(),
        Step::Upgrades => client.upgrades(),
        Step::Beats => client.beats(),
        Step::RequestsArrive => client.requests_arrive(),
        Step::PostCompletes => client.post_completes(),
        Step::SocketIsRead(packets) => client.socket_is_read(packets),
        Step::PollsTake => client.polls_take(),
        Step::SocketTakes => client.socket_takes(),
        Step::ReadsAnswers => client.reads_answers(),
        Step::ReadsSocket => client.reads_socket(),
        Step::ApplicationTakes => client.application_takes(),
        Step::ApplicationSends => client.application_sends(),
        Step::LosesProbe if client.is_upgraded() => {}
        Step::LosesProbe | Step::LosesSocket => client.loses_socket(),
        Step::Time(milliseconds) => client.sim.advance(millis(milliseconds)),
        Step::Closes => client.application_closes(),
        Step::SaysPacket(packet) => client.says_packet(packet),
        Step::Babbles(packet) => client.babbles(packet),
        Step::SecondPoll => second_poll(client),
        Step::SecondPost => second_post(client),
        Step::SecondProbe => {
            if client.sim.is_probing() || client.sim.has_socket() {
                assert!(client.sim.probe().is_err());
            }
        }
        Step::LosesGet => client.loses_get(),
        Step::LosesPost => client.loses_post(),
        Step::Blocked => client.sim.blocked(),
        Step::Progress => client.sim.progress(),
        Step::Fails(reason) => client.sim.fail(reason),
    }
    client.observe();
}

fn second_poll(client: &mut Client) {
    let is_polling = client.sim.session.transport() == Some(Transport::Polling);
    if is_polling && client.sim.has_poll() {
        assert_eq!(client.sim.poll(), Err(AttachError::Overlap));
        assert!(!client.sim.session.is_open());
    }
}

fn second_post(client: &mut Client) {
    let is_polling = client.sim.session.transport() == Some(Transport::Polling);
    if is_polling && client.has_post() {
        assert_eq!(client.sim.begin_post(), Err(PostError::Overlap));
        assert!(!client.sim.session.is_open());
    }
}

fn revision() -> impl Strategy<Value = Revision> {
    select(vec![Revision::V3, Revision::V4])
}

/// Probes time out often, nothing else does within a script.
fn patient() -> Config {
    Config {
        ping_interval: secs(2),
        ping_timeout: secs(60),
        upgrade_timeout: secs(1),
        closing_timeout: secs(1_000),
        stall_timeout: secs(1_000),
        ..small()
    }
}

/// Everything times out.
fn impatient() -> Config {
    Config {
        ping_interval: secs(2),
        ping_timeout: secs(3),
        upgrade_timeout: secs(1),
        closing_timeout: secs(4),
        stall_timeout: secs(5),
        ..small()
    }
}

fn small() -> Config {
    let limits = |messages| QueueLimits {
        messages,
        bytes: 1_000,
    };
    Config {
        outbox: limits(4),
        outbox_hard: limits(8),
        inbox: limits(2),
        ..Config::default()
    }
}
