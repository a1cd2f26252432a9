//! A service behind hyper, as a server has it, at the other end of a pipe.

use std::{
    error::Error as StdError,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Extensions, Request, Response, Version, response::Parts};
use http_body::Body;
use http_body_util::Full;
use hyper::{
    body::Incoming,
    client::conn::{http1, http2},
    server::conn::{http1 as server_http1, http2 as server_http2},
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    service::TowerToHyperService,
};
use tokio::{
    io::DuplexStream,
    sync::Mutex as AsyncMutex,
    task::{AbortHandle, JoinHandle},
};
use tower_service::Service;

use super::Error;

/// A service of whatever type, to be served on any number of connections.
pub(super) trait Host: Send + Sync {
    /// Serves one connection; each of its requests gets `extensions`.
    fn serve(&self, stream: DuplexStream, version: Version, extensions: Extensions);
}

/// Behind a lock, since tower's services need not be `Sync`.
pub(super) struct Hosted<S>(Mutex<S>);

impl<S> Hosted<S> {
    pub(super) fn new(service: S) -> Self {
        Self(Mutex::new(service))
    }
}

impl<S, B> Host for Hosted<S>
where
    S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
    S::Error: Into<Box<dyn StdError + Send + Sync>>,
    S::Future: Send + 'static,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    fn serve(&self, stream: DuplexStream, version: Version, extensions: Extensions) {
        let service = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let service = TowerToHyperService::new(Extended {
            inner: service.clone(),
            extensions,
        });
        let stream = TokioIo::new(stream);
        tokio::spawn(async move {
            let served = if version == Version::HTTP_2 {
                server_http2::Builder::new(TokioExecutor::new())
                    .enable_connect_protocol()
                    .serve_connection(stream, service)
                    .await
            } else {
                server_http1::Builder::new()
                    .serve_connection(stream, service)
                    .with_upgrades()
                    .await
            };
            if let Err(error) = served {
                // The client's side tells what became of its request.
                tracing::debug!(%error, "a test connection ended");
            }
        });
    }
}

/// Puts extensions into every request, as a server or an outer layer does.
#[derive(Clone)]
struct Extended<S> {
    inner: S,
    extensions: Extensions,
}

impl<S, B> Service<Request<B>> for Extended<S>
where
    S: Service<Request<B>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> S::Future {
        request.extensions_mut().extend(self.extensions.clone());
        self.inner.call(request)
    }
}

/// How requests reach the host.
#[derive(Clone)]
pub(super) struct Line {
    host: Arc<dyn Host>,
    /// What each request carries besides what is sent.
    pub(super) extensions: Extensions,
    /// Bytes that a connection holds on its way, in each direction.
    pub(super) pipe: usize,
    /// The connection that all requests share, where that is HTTP/2.
    http2: Option<Arc<AsyncMutex<Option<Http2>>>>,
}

type Http2 = http2::SendRequest<Full<Bytes>>;

impl Line {
    pub(super) fn new(host: impl Host + 'static) -> Self {
        Self {
            host: Arc::new(host),
            extensions: Extensions::new(),
            pipe: 64 << 10,
            http2: None,
        }
    }

    /// The same with connections of its own, as what is set on them has changed.
    pub(super) fn renewed(mut self) -> Self {
        self.http2 = self.http2.map(|_| Arc::default());
        self
    }

    pub(super) fn over_http2(mut self) -> Self {
        self.http2 = Some(Arc::default());
        self
    }

    pub(super) fn is_http2(&self) -> bool {
        self.http2.is_some()
    }

    /// Sends a request; the answer's head is there when this returns.
    pub(super) async fn send(&self, request: Request<Full<Bytes>>) -> Result<Exchange, Error> {
        let (response, connection) = match &self.http2 {
            None => {
                let (mut sender, connection) = http1::handshake(TokioIo::new(self.connect()))
                    .await
                    .map_err(|_| Error::Disconnected)?;
                let connection = Connection::driven(tokio::spawn(connection.with_upgrades()));
                (sender.send_request(request).await, Some(connection))
            }
            Some(shared) => {
                let mut sender = self.http2(shared).await?;
                (sender.send_request(request).await, None)
            }
        };
        let (head, body) = response.map_err(|_| Error::Disconnected)?.into_parts();
        Ok(Exchange {
            head,
            body,
            connection,
        })
    }

    async fn http2(&self, shared: &AsyncMutex<Option<Http2>>) -> Result<Http2, Error> {
        let mut shared = shared.lock().await;
        if let Some(sender) = shared.as_ref().filter(|sender| !sender.is_closed()) {
            return Ok(sender.clone());
        }
        let stream = TokioIo::new(self.connect());
        let (sender, connection) = http2::handshake(TokioExecutor::new(), stream)
            .await
            .map_err(|_| Error::Disconnected)?;
        // It ends with the last sender and stream.
        tokio::spawn(connection);
        Ok(shared.insert(sender).clone())
    }

    fn connect(&self) -> DuplexStream {
        let (near, far) = tokio::io::duplex(self.pipe);
        let version = if self.is_http2() {
            Version::HTTP_2
        } else {
            Version::HTTP_11
        };
        self.host.serve(far, version, self.extensions.clone());
        near
    }
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Line")
            .field("pipe", &self.pipe)
            .field("is_http2", &self.is_http2())
            .finish_non_exhaustive()
    }
}

/// An answer that has begun. Dropping it gives it up, and the server sees that.
#[derive(Debug)]
pub(super) struct Exchange {
    pub(super) head: Parts,
    pub(super) body: Incoming,
    /// Over HTTP/1.1 each exchange has its own connection.
    pub(super) connection: Option<Connection>,
}

/// The task that drives an HTTP/1.1 connection; it ends with this.
#[derive(Debug)]
pub(super) struct Connection(AbortHandle);

impl Connection {
    fn driven<T>(task: JoinHandle<T>) -> Self {
        Self(task.abort_handle())
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.abort();
    }
}
