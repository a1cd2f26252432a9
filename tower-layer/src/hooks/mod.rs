//! What the application says about requests before they reach a session.

mod accept;
mod connect_request;

use std::{
    fmt,
    future::{Future, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::Arc,
    task::Poll,
};

pub use accept::{Accept, Reject};
pub use connect_request::ConnectRequest;

pub(crate) use accept::Data;

/// A function that lets a request in or turns it away.
///
/// Implemented by every `async fn(&ConnectRequest) -> Result<Accept, Reject>` and every closure
/// like it: `async |request: &ConnectRequest| { .. }`, with the argument's type written out. A
/// closure's captures are cloned for each call, so capture cheap handles.
///
/// The future is dropped when the peer leaves while it runs. A hook that panics has its request
/// answered 500, and harms no other.
pub trait Hook<'a>: Send + Sync + 'static {
    /// The hook's answer to come.
    type Future: Future<Output = Result<Accept, Reject>> + Send + 'a;

    /// Looks at a request.
    fn hook(&self, request: &'a ConnectRequest) -> Self::Future;
}

impl<'a, F, Fut> Hook<'a> for F
where
    F: FnOnce(&'a ConnectRequest) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Result<Accept, Reject>> + Send + 'a,
{
    type Future = Fut;

    fn hook(&self, request: &'a ConnectRequest) -> Fut {
        self.clone()(request)
    }
}

type HookFuture<'a> = Pin<Box<dyn Future<Output = Result<Accept, Reject>> + Send + 'a>>;

trait AnyHook: Send + Sync {
    fn call<'a>(&self, request: &'a ConnectRequest) -> HookFuture<'a>;
}

impl<F: for<'a> Hook<'a>> AnyHook for F {
    fn call<'a>(&self, request: &'a ConnectRequest) -> HookFuture<'a> {
        Box::pin(self.hook(request))
    }
}

/// A hook of a mount.
#[derive(Clone)]
pub(crate) struct StoredHook(Arc<dyn AnyHook>);

impl StoredHook {
    pub(crate) fn new(hook: impl for<'a> Hook<'a>) -> Self {
        Self(Arc::new(hook))
    }

    /// Asks the hook; a panic is a rejection.
    pub(crate) async fn ask(&self, request: &ConnectRequest) -> Result<Accept, Reject> {
        let Ok(mut future) = catch_unwind(AssertUnwindSafe(|| self.0.call(request))) else {
            return Err(panicked());
        };
        poll_fn(
            |cx| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
                Ok(poll) => poll,
                Err(_) => Poll::Ready(Err(panicked())),
            },
        )
        .await
    }
}

impl fmt::Debug for StoredHook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hook")
    }
}

fn panicked() -> Reject {
    tracing::error!("a hook panicked");
    Reject::status(500)
}
