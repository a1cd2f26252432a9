//! Every transport through Debian's nginx, HAProxy and Caddy, configured as `docs/deploy.md` says,
//! with two nodes behind them, each served by another stack.
//!
//! `cargo test -p sockeye-tests --test proxies -- drain` runs some of them. Waits have an end so that
//! a test can fail; none passes because time went by, but where the protocol or a proxy has a timer.
#![forbid(unsafe_code)]

mod documented;
mod drain;
mod encrypted;
mod forwarding;
mod http2;
mod idle;
mod line;
mod promptness;
mod proxy;
mod stickiness;

use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, OnceLock},
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
    drain::CASES,
    encrypted::CASES,
    forwarding::CASES,
    http2::CASES,
    idle::CASES,
    promptness::CASES,
    stickiness::CASES,
];

/// What tests run against.
pub(crate) struct Context {
    program: Arc<OnceLock<PathBuf>>,
    stacks: [Stack; 2],
}

impl Context {
    /// Two nodes. Sessions wait a minute for their next receiver, so that no pause of the machine
    /// ends one.
    pub(crate) fn nodes(&self, options: &[&str]) -> Nodes {
        let program = self.program.get_or_init(program);
        let options = [&["--disconnect-ms", "60000"], options].concat();
        Nodes(
            self.stacks
                .map(|stack| Server::start(program, stack, &options)),
        )
    }
}

/// The nodes behind a proxy.
#[derive(Debug)]
pub(crate) struct Nodes(pub(crate) [Server; 2]);

impl Nodes {
    pub(crate) fn addresses(&self) -> [SocketAddr; 2] {
        self.0.each_ref().map(Server::address)
    }
}

fn main() {
    let mut arguments = Arguments::from_args();
    // The tests wait for timers more than for a processor.
    arguments.test_threads.get_or_insert(8);
    let program = Arc::new(OnceLock::new());
    // Each test has the next two, so that every topic meets every stack.
    let mut stacks = Stack::ALL.into_iter().cycle();
    let trials = TOPICS.iter().copied().flatten().map(|&(name, case)| {
        let context = Context {
            program: program.clone(),
            stacks: [(); 2].map(|()| stacks.next().expect("endless")),
        };
        Trial::test(name.trim_start_matches("proxies::"), move || {
            case(&context);
            Ok(())
        })
    });
    libtest_mimic::run(&arguments, trials.collect()).exit();
}
