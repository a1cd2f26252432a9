//! Options that mounts of several kinds have, written once.

/// The options of every mount.
macro_rules! common_options {
    () => {
        /// How long a peer may take nothing while something waits for it, before its session is ended
        /// as too slow.
        ///
        /// Default: 30 seconds. A WebSocket is closed with 1013 and reset after the close timeout; an
        /// event stream ends; the other transports of SockJS get `c[1013,"Too slow"]`. A session of
        /// Engine.IO ends as `transport error`, its poll with a close packet.
        #[must_use]
        pub fn stall_timeout(mut self, timeout: ::std::time::Duration) -> Self {
            self.config.common.stall_timeout = timeout;
            self
        }

        /// Bytes of one message, in either direction.
        ///
        /// Default: 1 MiB; of an Engine.IO mount 1,000,000 bytes. Beyond it a WebSocket is closed with 1009, judged by the frame's header, and
        /// `send` errs. A body of `xhr_send` or `jsonp_send`, which may be 1 KiB longer for what
        /// stands around the messages, is answered 413, and its session lives.
        ///
        /// An Engine.IO mount announces it as `maxPayload`, and holds a client's POST and its messages
        /// to it: a POST beyond it is answered 413, and its session lives. What is sent to clients has
        /// no such limit there.
        #[must_use]
        pub fn max_message_size(mut self, bytes: usize) -> Self {
            self.config.common.max_message_size = bytes;
            self
        }

        /// Sessions of this mount at a time; one more is answered 503 with `Retry-After`.
        ///
        /// Default: 100,000.
        #[must_use]
        pub fn max_sessions(mut self, sessions: usize) -> Self {
            self.config.common.max_sessions = sessions;
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
            self.config.common.max_sessions_per_address = sessions;
            self
        }

        /// What may wait for a receiver before `send` waits, in messages and bytes. A broadcast may
        /// queue four times as much before it closes the session.
        ///
        /// Default: 4,096 messages, 1 MiB. An empty queue takes any message.
        #[must_use]
        pub fn outbox_limits(mut self, messages: usize, bytes: usize) -> Self {
            let common = &mut self.config.common;
            (common.outbox.messages, common.outbox.bytes) = (messages, bytes);
            common.outbox_hard.messages = messages.saturating_mul(4);
            common.outbox_hard.bytes = bytes.saturating_mul(4);
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
            self.config.common.origins = $crate::origins::Policy::new(origins.into());
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
            self.config.common.trusted_proxies = $crate::forwarded::TrustedProxies::new(proxies);
            self
        }

        /// The handle that drains this mount together with others and their server.
        ///
        /// Default: one of its own.
        #[must_use]
        pub fn handle(mut self, handle: &$crate::Handle) -> Self {
            self.config.common.handle = handle.clone();
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
            self.config.common.on_connect = Some($crate::hooks::StoredHook::new(hook));
            self
        }
    };
}

/// The option of mounts that speak SockJS, or less.
macro_rules! heartbeat_options {
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
    };
}

/// The option of those among them that have WebSockets.
macro_rules! heartbeat_timeout_options {
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
    };
}

/// The options of mounts with WebSockets.
macro_rules! websocket_options {
    () => {
        /// How long a WebSocket's peer may take to answer our close before the connection is dropped.
        ///
        /// Default: 5 seconds.
        #[must_use]
        pub fn close_timeout(mut self, timeout: ::std::time::Duration) -> Self {
            self.config.common.close_timeout = timeout;
            self
        }

        /// Frames that one WebSocket message may be cut into, empty ones included.
        ///
        /// Default: 16,384. Beyond it the WebSocket is closed with 1008.
        #[must_use]
        pub fn max_fragments(mut self, fragments: usize) -> Self {
            self.config.common.max_fragments = fragments;
            self
        }

        /// What the handler may leave untaken before its peer is no longer read, in messages and
        /// bytes.
        ///
        /// Default: 1,024 messages, 128 KiB.
        #[must_use]
        pub fn inbox_limits(mut self, messages: usize, bytes: usize) -> Self {
            let inbox = &mut self.config.common.inbox;
            (inbox.messages, inbox.bytes) = (messages, bytes);
            self
        }
    };
}

/// The option of mounts whose sessions live by many requests.
macro_rules! recheck_options {
    () => {
        /// A hook that sees each later request of a session that lives by many: its polls, the streams
        /// that follow the first, and what it sends.
        ///
        /// What it accepts with is added to the session: data replaces data of its type, and a time moves
        /// the session's end. A rejection is the answer to that request alone, unless it is
        /// [`closing`](crate::Reject::closing); a session that has ended already, with its login say,
        /// tells its end instead. So a close's code and reason are told to whoever knows the id in the
        /// session's URL, and must not be confidential. WebSockets have no later requests, but the
        /// one by which an Engine.IO session moves there counts. Default: none.
        ///
        /// # Example
        ///
        /// ```
        /// use sockeye_tower::{Accept, ConnectRequest, Reject, Session, SockJs};
        ///
        /// #[derive(PartialEq)]
        /// struct User(String);
        ///
        /// fn user_of(request: &ConnectRequest) -> Result<User, Reject> {
        ///     let name = request.cookie("user").ok_or(Reject::status(401))?;
        ///     Ok(User(name.into()))
        /// }
        ///
        /// async fn chat(session: Session) { drop(session) }
        ///
        /// let mount = SockJs::new(chat)
        ///     .on_connect(async |request: &ConnectRequest| Ok(Accept::new().data(user_of(request)?)))
        ///     .on_request(async |request: &ConnectRequest| {
        ///         let owner = request.session().and_then(|session| session.data::<User>());
        ///         if owner.is_some_and(|owner| user_of(request).is_ok_and(|user| user == *owner)) {
        ///             Ok(Accept::new())
        ///         } else {
        ///             Err(Reject::status(403))
        ///         }
        ///     });
        /// # let _ = mount;
        /// ```
        #[must_use]
        pub fn on_request(mut self, hook: impl for<'a> $crate::Hook<'a>) -> Self {
            self.config.common.on_request = Some($crate::hooks::StoredHook::new(hook));
            self
        }
    };
}

pub(crate) use {
    common_options, heartbeat_options, heartbeat_timeout_options, recheck_options,
    websocket_options,
};
