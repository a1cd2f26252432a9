//! nginx, HAProxy and Caddy as child processes.

use std::{
    env, fs,
    fs::File,
    io,
    net::{SocketAddr, TcpListener},
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};
use sockeye_tests::{
    PATIENCE, eventually,
    http1::{Connection, Request},
};
use tempfile::TempDir;

use crate::documented::{block_for, replaced};

/// Names the node that answered; each configuration adds it to every response.
pub(crate) const UPSTREAM: &str = "x-upstream";

/// The file that takes a proxy's log.
const WORDS: &str = "stderr";

/// The file with the certificate and its key.
const IDENTITY: &str = "site.pem";

/// A proxy's program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Software {
    Nginx,
    Haproxy,
    Caddy,
}

impl Software {
    pub(crate) const ALL: [Self; 3] = [Self::Nginx, Self::Haproxy, Self::Caddy];

    /// The program's name, and that of its package.
    fn name(self) -> &'static str {
        match self {
            Self::Nginx => "nginx",
            Self::Haproxy => "haproxy",
            Self::Caddy => "caddy",
        }
    }

    /// Where the program is: Debian keeps servers where a user's PATH does not lead.
    fn program(self) -> PathBuf {
        let path = env::var_os("PATH").unwrap_or_default();
        env::split_paths(&path)
            .chain(["/usr/sbin".into(), "/usr/local/sbin".into()])
            .map(|folder| folder.join(self.name()))
            .find(|file| file.is_file())
            .unwrap_or_else(|| {
                panic!(
                    "{} is missing: install it, or let `cargo xtask test` do so",
                    self.name()
                )
            })
    }
}

/// What a proxy is told: a block of the deploy guide, with what a test adds.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    software: Software,
    text: String,
    /// nginx's settings around the server, where its defaults are overridden.
    around: String,
    /// A certificate and its key, for a second port that ends TLS.
    identity: Option<String>,
}

impl Config {
    /// The guide's configuration before these nodes.
    pub(crate) fn documented(software: Software, nodes: [SocketAddr; 2]) -> Self {
        Self {
            software,
            text: block_for(software.name(), 0, nodes),
            around: String::new(),
            identity: None,
        }
    }

    /// The guide's HAProxy configuration that holds sessions by their cookie.
    pub(crate) fn haproxy_by_cookie(nodes: [SocketAddr; 2]) -> Self {
        let mut config = Self::documented(Software::Haproxy, nodes);
        config.text.push_str(&block_for("haproxy", 1, nodes));
        config.replacing("default_backend sockjs", "default_backend sockjs_by_cookie")
    }

    /// With one text for another.
    #[track_caller]
    pub(crate) fn replacing(mut self, from: &str, to: &str) -> Self {
        self.text = replaced(&self.text, from, to);
        self
    }

    /// With settings at nginx's outermost level.
    pub(crate) fn with_around(mut self, settings: &str) -> Self {
        assert_eq!(self.software, Software::Nginx, "has no such level");
        self.around.push_str(settings);
        self
    }

    /// With TLS as well, on a port of its own, by this certificate and key in PEM.
    pub(crate) fn with_tls(mut self, identity: String) -> Self {
        assert_ne!(self.software, Software::Caddy, "needs a site of its own");
        self.identity = Some(identity);
        self
    }

    /// The whole file, for a proxy that listens there and keeps its files in `folder`.
    fn file(&self, at: &Addresses, folder: &str) -> String {
        let Self { text, around, .. } = self;
        let Addresses {
            address, http_2, ..
        } = at;
        let pem = format!("{folder}/{IDENTITY}");
        match self.software {
            Software::Nginx => {
                let mut listen = format!("listen {address}; listen {http_2} http2;");
                if let Some(tls) = at.tls {
                    listen.push_str(&format!(
                        "listen {tls} ssl; ssl_certificate {pem}; ssl_certificate_key {pem};"
                    ));
                }
                let text = replaced(text, "listen 80;", &listen);
                // Root's workers would be another user, who cannot write to the folder.
                format!(
                    "daemon off; user root; worker_processes 2; pid {folder}/pid; error_log stderr;\n\
                     events {{}}\n\
                     http {{\n\
                     access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;\n\
                     fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;\n\
                     add_header {UPSTREAM} $upstream_addr always;\n\
                     {around}\n{text}\n}}\n"
                )
            }
            Software::Haproxy => {
                let mut bind =
                    format!("bind {address}\n    http-response set-header {UPSTREAM} %si:%sp\n");
                if let Some(tls) = at.tls {
                    bind = format!("bind {tls} ssl crt {pem}\n    {bind}");
                }
                let text = replaced(text, "bind :80\n", &bind);
                format!("global\n    maxconn 1000\n{text}")
            }
            Software::Caddy => {
                let node = "{http.reverse_proxy.upstream.hostport}";
                let port = address.port();
                let site = format!(
                    "http://:{port} {{\n    bind 127.0.0.1\n    header {{\n        {UPSTREAM} {node}\n        defer\n    }}\n"
                );
                let text = replaced(text, ":80 {\n", &site);
                format!("{{\n    admin off\n    auto_https off\n}}\n{text}")
            }
        }
    }

    /// Starts the proxy and waits until it answers.
    ///
    /// # Panics
    ///
    /// When it does not.
    pub(crate) fn start(&self) -> Proxy {
        // Between finding a free port and the proxy's taking it, somebody else may have.
        for _ in 0..5 {
            match self.attempt() {
                Ok(proxy) => return proxy,
                Err(words) if words.to_lowercase().contains("in use") => {}
                Err(words) => panic!("{:?} does not start: {words}", self.software),
            }
        }
        panic!("{:?} found no free port", self.software)
    }

    fn attempt(&self) -> Result<Proxy, String> {
        let address = free_address();
        let at = Addresses {
            address,
            // On a port without TLS, nginx 1.22 speaks either version; HAProxy tells them apart.
            http_2: match self.software {
                Software::Nginx => free_address(),
                Software::Haproxy | Software::Caddy => address,
            },
            tls: self.identity.as_ref().map(|_| free_address()),
        };
        let folder = tempfile::Builder::new()
            .prefix("sockeye-proxy-")
            .tempdir()
            .expect("a folder for temporary files");
        let file = folder.path().join("config");
        let place = folder.path().to_str().expect("a plain path");
        fs::write(&file, self.file(&at, place)).expect("writes");
        if let Some(identity) = &self.identity {
            fs::write(folder.path().join(IDENTITY), identity).expect("writes");
        }
        let stderr = File::create(folder.path().join(WORDS)).expect("writes");
        let mut command = Command::new(self.software.program());
        match self.software {
            Software::Nginx => command.args(["-e", "stderr", "-p", place, "-c"]).arg(&file),
            Software::Haproxy => command.args(["-db", "-f"]).arg(&file),
            Software::Caddy => command
                .args(["run", "--adapter", "caddyfile", "--config"])
                .arg(&file)
                .env("HOME", place)
                .env("XDG_CONFIG_HOME", place)
                .env("XDG_DATA_HOME", place),
        };
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(stderr)
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
        let mut proxy = Proxy { child, at, folder };
        eventually("the proxy answers or ends", || {
            if let Some(status) = proxy.child.try_wait().expect("a child of ours") {
                return Some(Err(format!("{status}: {}", proxy.said())));
            }
            // Somebody else on this port would not name a node of ours.
            proxy.answers(&self.text).then_some(Ok(()))
        })?;
        Ok(proxy)
    }
}

/// Where a proxy listens.
#[derive(Clone, Copy, Debug)]
struct Addresses {
    address: SocketAddr,
    http_2: SocketAddr,
    tls: Option<SocketAddr>,
}

/// A running proxy; ended when dropped.
#[derive(Debug)]
pub(crate) struct Proxy {
    child: Child,
    at: Addresses,
    folder: TempDir,
}

impl Proxy {
    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.at.address
    }

    /// Where it speaks HTTP/2 by prior knowledge, if it does.
    pub(crate) fn http_2_address(&self) -> SocketAddr {
        self.at.http_2
    }

    /// Where it ends TLS.
    ///
    /// # Panics
    ///
    /// When it was not told to.
    pub(crate) fn tls_address(&self) -> SocketAddr {
        self.at.tls.expect("with_tls")
    }

    /// What it wrote to its log until now.
    pub(crate) fn said(&self) -> String {
        fs::read_to_string(self.folder.path().join(WORDS)).expect("was created")
    }

    /// Asks on a connection of its own.
    #[track_caller]
    pub(crate) fn ask(&self, request: &Request) -> sockeye_tests::http1::Response {
        Connection::to(self.at.address).ask(request)
    }

    /// Whether it relays to a node of this configuration.
    fn answers(&self, config: &str) -> bool {
        use std::io::{Read, Write};
        let ask = || -> io::Result<String> {
            let mut stream = std::net::TcpStream::connect(self.at.address)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.write_all(
                b"GET /healthz HTTP/1.1\r\nHost: sockeye.test\r\nConnection: close\r\n\r\n",
            )?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer)?;
            Ok(answer)
        };
        let Ok(answer) = ask() else {
            return false;
        };
        let answer = answer.to_lowercase();
        let node = answer
            .split_once(&format!("{UPSTREAM}: "))
            .and_then(|(_, after)| after.split("\r\n").next());
        node.is_some_and(|node| answer.starts_with("http/1.1 200") && config.contains(node))
    }

    fn end(&mut self) -> io::Result<ExitStatus> {
        // Not at once: nginx's workers outlive a master that was killed.
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        if let Some(pid) = pid {
            kill_process(pid, Signal::TERM)?;
        }
        let begin = std::time::Instant::now();
        while begin.elapsed() < PATIENCE {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            std::thread::yield_now();
        }
        self.child.kill()?;
        self.child.wait()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // Fails only for a process that has ended already.
        let _ = self.end();
    }
}

fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("is bound")
}
