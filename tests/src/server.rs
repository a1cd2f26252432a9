//! The conformance server as a child process.

use std::{
    fmt,
    io::{BufRead, BufReader, Read},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::{
        Mutex, PoisonError,
        mpsc::{self, Receiver, RecvTimeoutError},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

use crate::PATIENCE;

/// A framework that hosts the mounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stack {
    /// An axum `Router`.
    Axum,
    /// Layers over a plain service.
    Tower,
    /// Filters, as `warp::service`.
    Warp,
}

impl Stack {
    /// All that are built.
    pub const ALL: [Self; 3] = [Self::Axum, Self::Tower, Self::Warp];

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Axum => "axum",
            Self::Tower => "tower",
            Self::Warp => "warp",
        }
    }
}

impl fmt::Display for Stack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Where the conformance server's program is, built first if need be.
///
/// `CONFORMANCE_SERVER` names another program with the same command line, so that the suite can be
/// pointed at any server of the protocol.
///
/// # Panics
///
/// When it does not build.
pub fn program() -> PathBuf {
    if let Some(program) = std::env::var_os("CONFORMANCE_SERVER") {
        return program.into();
    }
    let build = escargot::CargoBuild::new()
        .package("conformance")
        .bin("conformance");
    let build = if cfg!(debug_assertions) {
        build
    } else {
        build.release()
    };
    let run = build
        .run()
        .unwrap_or_else(|error| panic!("the conformance server does not build: {error}"));
    run.path().to_owned()
}

/// Runs `program` to its end, for command lines that are refused.
///
/// # Panics
///
/// When it cannot be started, or still runs after [`PATIENCE`].
pub fn run(program: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().expect("starts");
    let stdout = all(child.stdout.take().expect("piped"));
    let stderr = all(child.stderr.take().expect("piped"));
    // Both end with the process; what it prints is little.
    let ended = stdout.recv_timeout(PATIENCE);
    if ended.is_err() {
        let _ = child.kill();
    }
    let status = child.wait().expect("a child of ours");
    let stdout = ended.unwrap_or_else(|_| panic!("{command:?} still ran after {PATIENCE:?}"));
    Output {
        status,
        stdout,
        stderr: stderr
            .recv_timeout(PATIENCE)
            .expect("ends with the process"),
    }
}

/// Everything a pipe brings, when it has ended.
fn all(mut pipe: impl Read + Send + 'static) -> Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        // A broken pipe ends the text like its end does, and nobody may be waiting for it any more.
        let _ = pipe.read_to_end(&mut bytes);
        let _ = sender.send(bytes);
    });
    receiver
}

/// A running server; killed when dropped.
#[derive(Debug)]
pub struct Server {
    child: Child,
    address: SocketAddr,
    /// Disconnects when the process closes stdout, that is when it ends.
    stdout: Mutex<Receiver<String>>,
    stderr: Option<JoinHandle<String>>,
}

impl Server {
    /// Starts `program` on a free port and waits until it listens.
    ///
    /// # Panics
    ///
    /// When it does not say that it listens within [`PATIENCE`].
    pub fn start(program: &Path, stack: Stack, options: &[&str]) -> Self {
        let mut command = Command::new(program);
        Self::from_command(
            command
                .args(["--listen", "127.0.0.1:0", "--stack", stack.name()])
                .args(options),
        )
    }

    /// Starts a command that runs the server in the end.
    ///
    /// # Panics
    ///
    /// As [`start`](Self::start).
    pub fn from_command(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
        let stdout = lines(child.stdout.take().expect("piped"));
        let mut pipe = child.stderr.take().expect("piped");
        let stderr = std::thread::spawn(move || {
            let mut bytes = Vec::new();
            // A broken pipe ends the text like its end does.
            let _ = pipe.read_to_end(&mut bytes);
            String::from_utf8_lossy(&bytes).into_owned()
        });
        let line = stdout.recv_timeout(PATIENCE);
        let address = line
            .as_ref()
            .ok()
            .and_then(|line| line.strip_prefix("listening on ")?.parse().ok());
        let Some(address) = address else {
            let _ = child.kill();
            let _ = child.wait();
            panic!(
                "{command:?} said {line:?}; stderr: {}",
                stderr.join().expect("the reader does not panic")
            );
        };
        Self {
            child,
            address,
            stdout: Mutex::new(stdout),
            stderr: Some(stderr),
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Bytes of memory the process holds, or `None` where the system does not tell.
    pub fn resident_bytes(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))?;
        Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
    }

    /// Sends SIGTERM.
    ///
    /// # Panics
    ///
    /// When the process is gone.
    pub fn terminate(&self) {
        let pid = i32::try_from(self.child.id())
            .ok()
            .and_then(Pid::from_raw)
            .expect("a process id");
        kill_process(pid, Signal::TERM).expect("still runs");
    }

    /// Waits until the process has ended, `patience` at most; tells what it wrote to stderr.
    ///
    /// # Panics
    ///
    /// When it has not ended by then.
    pub fn exit(&mut self, patience: Duration) -> (ExitStatus, String) {
        let deadline = Instant::now() + patience;
        let stdout = self
            .stdout
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        loop {
            match stdout.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(_more_output) => {}
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => panic!("still runs after {patience:?}"),
            }
        }
        let status = self.child.wait().expect("a child of ours");
        (status, self.stderr())
    }

    /// Whether it ran well until now: it still runs and no part of it panicked. Ends it.
    ///
    /// # Errors
    ///
    /// What was seen instead.
    pub fn verdict(mut self) -> Result<(), String> {
        let early = self.child.try_wait().expect("a child of ours");
        let _ = self.child.kill();
        let _ = self.child.wait();
        let stderr = self.stderr();
        match early {
            Some(status) => Err(format!("the server ended by itself, {status}: {stderr}")),
            None if stderr.contains("panicked") => Err(format!("the server panicked: {stderr}")),
            None => Ok(()),
        }
    }

    fn stderr(&mut self) -> String {
        let reader = self.stderr.take();
        reader
            .map(|reader| reader.join().expect("the reader does not panic"))
            .unwrap_or_default()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail only for a process that has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let stderr = self.stderr();
        if stderr.contains("panicked") && !std::thread::panicking() {
            panic!("the server panicked: {stderr}");
        }
    }
}

fn lines(pipe: impl Read + Send + 'static) -> Receiver<String> {
    let (lines, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            if lines.send(line).is_err() {
                break;
            }
        }
    });
    receiver
}
