//! Options that mounts of several kinds have, written once.

/// The options of every mount.
macro_rules! common_options {
    () => {
        /// Time between heartbeats while a receiver is attached.
        ///
        /// Default: 25 seconds. It must be below the shortest idle limit on the way (nginx 60 s,
        /// HAProxy often 30 s), and on SockJS below the 35 s after which clients give up a jsonp poll.
        #[must_use]
        pub fn heartbeat_interval(mut self, interval: ::std::time::Duration) -> Self {
            self.config.machine.heartbeat_interval = interval;
            self
        }

        /// How long a peer may take nothing while something waits for it, before its session is ended
        /// as too slow.
        ///
        /// Default: 30 seconds. A WebSocket is closed with 1013 and reset after the close timeout; an
        /// event stream ends; the other transports get `c[1013,"Too slow"]`.
        #[must_use]
        pub fn stall_timeout(mut self, timeout: ::std::time::Duration) -> Self {
            self.config.machine.stall_timeout = timeout;
            self
        }

        /// Bytes of one message, in either direction.
        ///
        /// Default: 1 MiB. Beyond it a WebSocket is closed with 1009, judged by the frame's header, and
        /// `send` errs. A body of `xhr_send` or `jsonp_send`, which may be 1 KiB longer for what
        /// stands around the messages, is answered 413, and its session lives.
        #[must_use]
        pub fn max_message_size(mut self, bytes: usize) -> Self {
            self.config.max_message_size = bytes;
            self
        }

        /// Sessions of this mount at a time; one more is answered 503 with `Retry-After`.
        ///
        /// Default: 100,000.
        #[must_use]
        pub fn max_sessions(mut self, sessions: usize) -> Self {
            self.config.max_sessions = sessions;
            self
        }

        /// Sessions of this mount at a time from one peer address; one more is answered 503.
        ///
        /// Default: no limit, since behind a proxy that is not one of the
        /// [`trusted_proxies`](Self::trusted_proxies) all have the proxy's address. Where the host does
        /// not tell the address ([`PeerAddress`](crate::PeerAddress)), nothing is counted. For a limit
        /// on new sessions per second put a rate-limiting layer in front.
        #[must_use]
        pub fn max_sessions_per_address(mut self, sessions: usize) -> Self {
            self.config.max_sessions_per_address = sessions;
            self
        }

        /// What may wait for a receiver before `send` waits, in messages and bytes. A broadcast may
        /// queue four times as much before it closes the session.
        ///
        /// Default: 4,096 messages, 1 MiB. An empty queue takes any message.
        #[must_use]
        pub fn outbox_limits(mut self, messages: usize, bytes: usize) -> Self {
            let machine = &mut self.config.machine;
            (machine.outbox.messages, machine.outbox.bytes) = (messages, bytes);
            machine.outbox_hard.messages = messages.saturating_mul(4);
            machine.outbox_hard.bytes = bytes.saturating_mul(4);
            self
        }

        /// Whose pages may use the mount: [`Origins`](crate::Origins), or a list of origins such as
        /// `https://example.com`, `http://localhost:5173` and `https://*.example.com`.
        ///
        /// Default: [`Origins::SameOrigin`](crate::Origins::SameOrigin). A refusal is answered 403;
        /// its body and an `info` line of the log name this setting.
        ///
        /// # Panics
        ///
        /// When an entry of the list is not an origin as browsers send it.
        #[must_use]
        pub fn allowed_origins(mut self, origins: impl Into<$crate::Origins>) -> Self {
            self.config.origins = $crate::origins::Policy::new(origins.into());
            self
        }

        /// The proxies in front of the server, as addresses (`10.0.0.7`) and networks
        /// (`10.0.0.0/8`, `fd00::/8`): what they say of their clients is believed.
        ///
        /// Default: none, and the headers below are not looked at. They are read when the
        /// connection comes from one of these addresses ([`PeerAddress`](crate::PeerAddress), which
        /// the host tells; where it does not, nothing is trusted):
        ///
        /// | header | what it feeds |
        /// |---|---|
        /// | `X-Forwarded-For` | the client's address: [`max_sessions_per_address`](Self::max_sessions_per_address), `peer_address()` in hooks and handlers, and SockJS's `verify_address` |
        /// | `X-Forwarded-Proto` | `is_secure()`, and the scheme that a page of the same origin must have |
        /// | `X-Forwarded-Host` | the host and port that it must have |
        /// | `Forwarded` (RFC 7239) | all three; read only where there is no `X-Forwarded-For` |
        ///
        /// The address is the last one, from the right, that is not itself a trusted proxy's; the
        /// port is 0 where none is told. `unknown`, hidden and broken addresses end the search at the
        /// proxy that tells them. Values of the other lists belong to the address at the same place
        /// from the right; a shorter list's first value goes for all that are missing. At most 32
        /// places are looked at.
        ///
        /// **Every trusted proxy must write or strip each of these headers**: one that it passes on
        /// untouched says what the client likes. The usual proxies append to `X-Forwarded-For` and
        /// leave a client's `Forwarded` alone, which is why that is read last.
        ///
        /// # Panics
        ///
        /// When an entry is neither an address nor a network.
        #[must_use]
        pub fn trusted_proxies<P: AsRef<str>>(
            mut self,
            proxies: impl ::std::iter::IntoIterator<Item = P>,
        ) -> Self {
            self.config.trusted_proxies = $crate::forwarded::TrustedProxies::new(proxies);
            self
        }

        /// The handle that drains this mount together with others and their server.
        ///
        /// Default: one of its own.
        #[must_use]
        pub fn handle(mut self, handle: &$crate::Handle) -> Self {
            self.config.handle = handle.clone();
            self
        }

        /// A hook that sees each request which asks to open a session, before there is one: it lets
        /// it in, perhaps with data for the session, or turns it away with an answer of its own.
        ///
        /// It runs once for each session, on every transport, after the limits and the origin policy
        /// have admitted the request and before anything is sent. Default: none, everyone is let in.
        ///
        /// # Example
        ///
        /// ```
        /// use sockeye_tower::{Accept, ConnectRequest, Reject, Session, SockJs};
        ///
        /// async fn chat(session: Session) { drop(session) }
        ///
        /// let mount = SockJs::new(chat).on_connect(async |request: &ConnectRequest| {
        ///     match request.header("authorization") {
        ///         Some("Bearer secret") => Ok(Accept::new()),
        ///         _ => Err(Reject::status(401).body("a token is needed")),
        ///     }
        /// });
        /// # let _ = mount;
        /// ```
        #[must_use]
        pub fn on_connect(mut self, hook: impl for<'a> $crate::Hook<'a>) -> Self {
            self.config.on_connect = Some($crate::hooks::StoredHook::new(hook));
            self
        }
    };
}

/// The options of mounts with WebSockets.
macro_rules! websocket_options {
    () => {
        /// How long a WebSocket may stay silent after a heartbeat before it is closed with 3000
        /// `No response from heartbeat`. Any bytes from the peer count.
        ///
        /// Default: 10 seconds. Slow mobile links want more.
        #[must_use]
        pub fn heartbeat_timeout(mut self, timeout: ::std::time::Duration) -> Self {
            self.config.machine.heartbeat_timeout = timeout;
            self
        }

        /// How long a WebSocket's peer may take to answer our close before the connection is dropped.
        ///
        /// Default: 5 seconds.
        #[must_use]
        pub fn close_timeout(mut self, timeout: ::std::time::Duration) -> Self {
            self.config.close_timeout = timeout;
            self
        }

        /// Frames that one WebSocket message may be cut into, empty ones included.
        ///
        /// Default: 16,384. Beyond it the WebSocket is closed with 1008.
        #[must_use]
        pub fn max_fragments(mut self, fragments: usize) -> Self {
            self.config.max_fragments = fragments;
            self
        }

        /// What the handler may leave untaken before its peer is no longer read, in messages and
        /// bytes.
        ///
        /// Default: 1,024 messages, 128 KiB.
        #[must_use]
        pub fn inbox_limits(mut self, messages: usize, bytes: usize) -> Self {
            let inbox = &mut self.config.machine.inbox;
            (inbox.messages, inbox.bytes) = (messages, bytes);
            self
        }
    };
}

pub(crate) use {common_options, websocket_options};
