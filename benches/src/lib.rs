//! The load harness behind `docs/benchmarks.md`.
//!
//! ```text
//! core 0                          core 1
//! one server process  <── TCP ──> the orchestrator, which is the load generator
//!        ^                               │
//!        └── stdin/stdout: `counts`, `trim` ──┘
//! ```
//!
//! Each server is a process of its own on the same single-threaded runtime. The orchestrator takes
//! them in turns (A B C, A B C, ...), reads the CPU time each one used, and divides.
#![cfg(target_os = "linux")]

pub mod cli;
pub mod client;
pub mod counting;
pub mod measure;
pub mod server;
pub mod sys;

mod report;
mod rows;

/// What went wrong, in words: the harness stops and prints it.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// A step of the harness.
pub type Result<T, E = Failure> = std::result::Result<T, E>;
