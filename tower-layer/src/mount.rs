//! One mount of SockJS, or less, at run time.

use std::sync::Arc;

use bytes::Bytes;
use http::HeaderValue;
use sockeye_core::sockjs::{self, Content, iframe::iframe_page};

use crate::{
    Transport,
    common::{Common, Run},
    config::Config,
    session::Machine,
    static_file::etag,
};

pub(crate) struct Mount {
    pub(crate) config: Config,
    pub(crate) common: Arc<Common>,
    pub(crate) iframe: Iframe,
    machine: Arc<sockjs::Config>,
}

/// The page that the iframe transports load.
pub(crate) struct Iframe {
    pub(crate) page: Bytes,
    pub(crate) etag: HeaderValue,
    /// Whether it is served, and under which framing policy.
    pub(crate) framing: Option<Option<HeaderValue>>,
}

impl Mount {
    /// # Panics
    ///
    /// When options contradict each other.
    pub(crate) fn new(config: Config, run: Run) -> Self {
        config.check();
        let page = iframe_page(&config.sockjs_url)
            .unwrap_or_else(|error| panic!("sockjs_url {:?}: {error}", config.sockjs_url));
        let framing = config.common.origins.frame_ancestors().map(|policy| {
            policy.map(|policy| {
                HeaderValue::try_from(policy).expect("checked origins have no control characters")
            })
        });
        Self {
            machine: Arc::new(config.machine()),
            iframe: Iframe {
                etag: etag(page.as_bytes()),
                page: page.into(),
                framing,
            },
            common: Arc::new(Common::new(config.common.clone(), run)),
            config,
        }
    }

    /// The machine of a session that begins on this transport.
    pub(crate) fn machine(&self, transport: Transport) -> Machine {
        let content = match transport {
            Transport::RawWebSocket => Content::Any,
            Transport::WebSocket
            | Transport::XhrPolling
            | Transport::XhrStreaming
            | Transport::EventSource
            | Transport::HtmlFile
            | Transport::JsonpPolling
            | Transport::EventStream
            | Transport::Polling => Content::Text,
        };
        Machine::SockJs(Box::new(sockjs::Session::new(
            self.machine.clone(),
            content,
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Accept, BoxFuture, Session};

    #[tokio::test]
    async fn a_drain_knows_a_session_whose_handshake_is_under_way() {
        let config = Config::default();
        let handle = config.common.handle.clone();
        let run = |session: Session| -> BoxFuture<()> { Box::pin(async move { drop(session) }) };
        let mount = Mount::new(config, Box::new(run));
        let (mut parts, ()) = http::Request::new(()).into_parts();
        let transport = Transport::RawWebSocket;
        let machine = mount.machine(transport);
        let opening = mount
            .common
            .admit(&parts)
            .and_then(|place| place.open(&mut parts, transport, machine, Accept::new()))
            .unwrap_or_else(|_| panic!());
        assert_eq!(handle.sessions(), 1);
        let _drained = handle.drain(crate::DrainPolicy::new());
        assert!(opening.live.shared.peek(|state| !state.machine.is_open()));
        // The connection ended before the session ran.
        drop(opening);
        assert_eq!(handle.sessions(), 0);
    }
}
