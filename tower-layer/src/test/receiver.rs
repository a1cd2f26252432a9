//! The receiving side of a session over HTTP: one response after the other, as sockjs-client does.

use std::sync::Arc;

use http::StatusCode;
use http_body_util::BodyExt;
use hyper::body::Incoming;

use super::{
    Error, Frame, Violation,
    host::{Connection, Exchange},
    route::{HttpWire, Life},
    unwrap::Unwrapper,
    visit::{Visit, check_content},
};

#[derive(Debug)]
pub(super) struct Receiver {
    visit: Arc<Visit>,
    wire: HttpWire,
    attached: Option<Attached>,
    /// Whether the session's `o` has come.
    is_open: bool,
}

/// A response in progress. Dropping it in the middle is the abort that a server must notice.
#[derive(Debug)]
struct Attached {
    body: Incoming,
    unwrapper: Unwrapper,
    frames: usize,
    _connection: Option<Connection>,
}

impl Receiver {
    pub(super) fn new(visit: Arc<Visit>, wire: HttpWire) -> Self {
        Self {
            visit,
            wire,
            attached: None,
            is_open: false,
        }
    }

    /// The next frame; asks again where a response has ended in order.
    pub(super) async fn next(&mut self) -> Result<Frame, Error> {
        loop {
            let attached = match &mut self.attached {
                Some(attached) => attached,
                None => {
                    let attached = self.attach().await?;
                    self.attached.insert(attached)
                }
            };
            if let Some(frame) = attached.unwrapper.next()? {
                attached.frames += 1;
                if self.wire.life == Life::OneFrame && attached.frames > 1 {
                    let got = format!("{frame:?}");
                    return Err(Violation::SecondFrame { got }.into());
                }
                if let Frame::Close(_) = frame {
                    self.finish().await?;
                } else if !self.is_open && frame != Frame::Open {
                    let got = format!("{frame:?}");
                    return Err(Violation::NotOpened { got }.into());
                } else if self.is_open && frame == Frame::Open {
                    return Err(Violation::OpenedAgain.into());
                }
                self.is_open = true;
                return Ok(frame);
            }
            if !attached.read().await? {
                attached.unwrapper.finish()?;
                if self.wire.life == Life::Whole {
                    return Err(Error::Disconnected);
                }
                if attached.frames == 0 {
                    return Err(Violation::NoFrame.into());
                }
                self.attached = None;
            }
        }
    }

    async fn attach(&self) -> Result<Attached, Error> {
        let field = self.wire.callback().map(|callback| format!("c={callback}"));
        let path = match self.wire.endpoint {
            Some(endpoint) => self.visit.in_session(endpoint),
            None => self.visit.path.clone(),
        };
        let request = self.visit.request(self.wire.method.clone(), &path, field);
        let exchange = self.visit.client.exchange(request).await?;
        self.visit.note_received(&exchange.head);
        if exchange.head.status != StatusCode::OK {
            return Err(self.visit.refused(exchange).await);
        }
        check_content(&exchange.head.headers, self.wire.content_type)?;
        let Exchange {
            body, connection, ..
        } = exchange;
        let dress = self.wire.dress.clone();
        Ok(Attached {
            body,
            unwrapper: match self.wire.life {
                Life::OneFrame => Unwrapper::polling(dress),
                Life::Limited | Life::Whole => Unwrapper::streaming(dress),
            },
            frames: 0,
            _connection: connection,
        })
    }

    /// The response must end behind the close.
    async fn finish(&mut self) -> Result<(), Violation> {
        let Some(mut attached) = self.attached.take() else {
            return Ok(());
        };
        loop {
            if let Some(got) = attached.unwrapper.rest() {
                return Err(Violation::AfterClose { got });
            }
            // A connection that breaks here has said everything.
            if !attached.read().await.unwrap_or(false) {
                return Ok(());
            }
        }
    }
}

impl Attached {
    /// Takes in more; false at the response's end.
    async fn read(&mut self) -> Result<bool, Error> {
        match self.body.frame().await {
            Some(Ok(frame)) => {
                if let Ok(bytes) = frame.into_data() {
                    self.unwrapper.feed(&bytes)?;
                }
                Ok(true)
            }
            Some(Err(_)) => Err(Error::Disconnected),
            None => Ok(false),
        }
    }
}
