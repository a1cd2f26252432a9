//! The protocol from outside: every check runs against every stack.
//!
//! A test is a function that gets the server of its stack. `cargo test -p sockeye-tests -- tower::urls`
//! runs some of them; `CONFORMANCE_SERVER=program` runs them against another server with the same
//! command line.
#![forbid(unsafe_code)]

mod command_line;
mod drain;
mod escapes;
mod floods;
mod headers;
mod hostile;
mod http2;
mod http_behaviour;
mod limits;
mod matrix;
mod mounts;
mod multiplex;
mod origins;
mod receivers;
mod senders;
mod sessions;
mod statics;
mod timers;
mod urls;
mod websocket_closing;
mod websocket_framed;
mod websocket_handshake;
mod websocket_raw;
mod wrapping;

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use libtest_mimic::{Arguments, Trial};
use sockeye_tests::server::{Server, Stack, program};

/// A test, by name.
type Case = (&'static str, fn(&Context));

/// Names the tests of a module; the compiler points out one that was left out.
macro_rules! cases {
    ($($case:ident,)*) => {
        pub(crate) const CASES: &[crate::Case] =
            &[$((concat!(module_path!(), "::", stringify!($case)), $case)),*];
    };
}
pub(crate) use cases;

const TOPICS: &[&[Case]] = &[
    command_line::CASES,
    drain::CASES,
    escapes::CASES,
    floods::CASES,
    headers::CASES,
    hostile::CASES,
    http_behaviour::CASES,
    http2::CASES,
    limits::CASES,
    matrix::CASES,
    mounts::CASES,
    multiplex::CASES,
    origins::CASES,
    receivers::CASES,
    senders::CASES,
    sessions::CASES,
    statics::CASES,
    timers::CASES,
    urls::CASES,
    websocket_closing::CASES,
    websocket_framed::CASES,
    websocket_handshake::CASES,
    websocket_raw::CASES,
    wrapping::CASES,
];

/// What a test runs against.
pub(crate) struct Context {
    stack: Stack,
    program: Arc<OnceLock<PathBuf>>,
    shared: OnceLock<Server>,
    /// One at a time may start the shared server.
    starting: Mutex<()>,
}

impl Context {
    /// The server all tests of this stack share. Sessions wait a minute for their next receiver, so
    /// that no pause of the machine ends one.
    pub(crate) fn server(&self) -> &Server {
        let _one = self.starting.lock().unwrap_or_else(PoisonError::into_inner);
        self.shared
            .get_or_init(|| self.start(&["--disconnect-ms", "60000"]))
    }

    /// A server of this test's own.
    pub(crate) fn start(&self, options: &[&str]) -> Server {
        Server::start(self.program(), self.stack, options)
    }

    /// The program all servers are processes of.
    pub(crate) fn program(&self) -> &PathBuf {
        self.program.get_or_init(program)
    }

    /// The stack under test.
    pub(crate) fn stack(&self) -> Stack {
        self.stack
    }
}

fn main() {
    let mut arguments = Arguments::from_args();
    // The tests wait for the servers' timers more than for a processor.
    arguments.test_threads.get_or_insert(8);
    let program = Arc::new(OnceLock::new());
    let contexts = Stack::ALL.map(|stack| {
        let (program, shared, starting) = (program.clone(), OnceLock::new(), Mutex::new(()));
        Arc::new(Context {
            stack,
            program,
            shared,
            starting,
        })
    });
    let mut trials = Vec::new();
    for context in &contexts {
        for &(name, case) in TOPICS.iter().copied().flatten() {
            let name = name.trim_start_matches("suite::");
            let context = context.clone();
            trials.push(Trial::test(
                format!("{}::{name}", context.stack),
                move || {
                    case(&context);
                    Ok(())
                },
            ));
        }
    }
    let conclusion = libtest_mimic::run(&arguments, trials);
    let mut well = !conclusion.has_failed();
    for context in contexts {
        let stack = context.stack;
        // The trials are gone, and with them every other handle.
        let shared = Arc::into_inner(context).and_then(|context| context.shared.into_inner());
        if let Some(Err(fault)) = shared.map(Server::verdict) {
            well = false;
            use std::io::Write;
            let _ = writeln!(std::io::stderr(), "{stack}: {fault}");
        }
    }
    std::process::exit(if well { 0 } else { 101 });
}
