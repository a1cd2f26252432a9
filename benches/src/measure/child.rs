//! Server processes: started, asked questions, ended.

use std::{
    env, fs,
    io::{BufRead, BufReader, Write},
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use crate::{Result, counting, server::SERVER_CORE, sys::CpuClock};

/// A running server process. It ends when this is dropped, or when the orchestrator dies: either
/// way its stdin is closed.
#[derive(Debug)]
pub struct Server {
    name: String,
    process: Child,
    // In an option so that `drop` can close it before it waits.
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
    addresses: Vec<SocketAddr>,
    clock: CpuClock,
}

/// How the Rust servers are started.
#[derive(Clone, Debug)]
pub struct Launcher {
    /// The program with the `serve` command: this one.
    pub program: PathBuf,
    /// Whether the server is kept on its core.
    pub pinned: bool,
    /// Whether it allocates with jemalloc, which gives memory back after a second.
    pub jemalloc: bool,
}

impl Launcher {
    /// This very program, pinned, with the system's allocator.
    pub fn this_program() -> Result<Self> {
        Ok(Self {
            program: env::current_exe()?,
            pinned: true,
            jemalloc: false,
        })
    }

    /// Starts the server `name` of [`crate::server::NAMES`].
    pub fn start(&self, name: &str) -> Result<Server> {
        let mut command = Command::new(&self.program);
        command.args(["serve", name]);
        if !self.pinned {
            command.arg("--unpinned");
        }
        if self.jemalloc {
            command
                .env(counting::CHOICE_VARIABLE, "jemalloc")
                .env("_RJEM_MALLOC_CONF", JEMALLOC_SETTING);
        }
        Server::start(name, command)
    }
}

/// The allocator setting of row 17's last part.
pub const JEMALLOC_SETTING: &str = "background_thread:true,dirty_decay_ms:1000,muzzy_decay_ms:0";

/// Starts `program` of the folder `node`, installing all of Node's servers first when they are not
/// there as the lock file has them.
pub fn start_node(program: &str) -> Result<Server> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("node");
    // npm writes the inner one when it has installed what the outer one says.
    let locked = |path: &str| fs::metadata(directory.join(path)).and_then(|file| file.modified());
    let installed = locked("node_modules/.package-lock.json");
    if !installed.is_ok_and(|then| locked("package-lock.json").is_ok_and(|now| now <= then)) {
        let status = Command::new("npm")
            .arg("ci")
            .current_dir(&directory)
            .stdout(Stdio::null())
            .status()
            .map_err(|error| format!("npm could not be started: {error}"))?;
        if !status.success() {
            return Err("`npm ci` failed".into());
        }
    }
    let mut command = Command::new("taskset");
    command
        .args([
            "-c",
            &SERVER_CORE.to_string(),
            "node",
            "--expose-gc",
            &format!("{program}.js"),
        ])
        .env("NODE_ENV", "production")
        .current_dir(&directory);
    Server::start(&format!("node-{program}"), command)
}

impl Server {
    fn start(name: &str, mut command: Command) -> Result<Self> {
        let mut process = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{name} could not be started: {error}"))?;
        let stdin = process.stdin.take();
        let stdout = process.stdout.take().ok_or("no stdout")?;
        let clock = CpuClock::of(process.id())?;
        let stdout = BufReader::new(stdout);
        let mut server = Self {
            name: name.to_owned(),
            process,
            stdin,
            stdout,
            addresses: Vec::new(),
            clock,
        };
        let line = server.line()?;
        let ports = line
            .strip_prefix("listening ")
            .ok_or_else(|| format!("{name} said {line:?} instead of its port"))?;
        for port in ports.split(' ') {
            server
                .addresses
                .push((Ipv4Addr::LOCALHOST, port.parse()?).into());
        }
        Ok(server)
    }

    /// Its name in tables.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.addresses[0]
    }

    /// Where the same application without the middleware listens, if it has one.
    pub fn twin_address(&self) -> Option<SocketAddr> {
        self.addresses.get(1).copied()
    }

    /// The CPU time it used.
    pub fn clock(&self) -> CpuClock {
        self.clock
    }

    /// Its process number.
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Counts allocations from zero, those of at least `large` bytes apart too.
    pub fn start_counting(&mut self, large: usize) -> Result<()> {
        self.ask(&format!("count {large}")).map(drop)
    }

    /// What was allocated since.
    pub fn counts(&mut self) -> Result<counting::Counts> {
        let line = self.ask("counts")?;
        let mut numbers = line.split(' ').map(str::parse);
        let mut next = || numbers.next().ok_or("too few counts");
        Ok(counting::Counts {
            allocations: next()??,
            bytes: next()??,
            large: next()??,
        })
    }

    /// Asks it to give freed memory back.
    pub fn trim(&mut self) -> Result<()> {
        self.ask("trim").map(drop)
    }

    fn ask(&mut self, question: &str) -> Result<String> {
        let stdin = self.stdin.as_mut().ok_or("the server was stopped")?;
        writeln!(stdin, "{question}")?;
        let answer = self.line()?;
        if answer == "unsupported" {
            return Err(format!("{} does not know {question:?}", self.name).into());
        }
        Ok(answer)
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        if self.stdout.read_line(&mut line)? == 0 {
            return Err(format!("{} ended", self.name).into());
        }
        Ok(line.trim_end().to_owned())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stdin = None;
        let _ = self.process.wait();
    }
}
