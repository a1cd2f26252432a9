//! What users write: closures over extractors, and how they are kept and started.

use std::{future::Future, marker::PhantomData, sync::Arc};

use sockeye_core::Text;

use crate::{
    BoxError, EventError, EventErrorKind, ExtractError,
    call::Call,
    error::Refusal,
    extract::Extract,
    name::Name,
    start::{BoxFuture, Starter},
};

/// An async function or closure whose arguments are [extractors](Extract), up to eight.
///
/// It is cloned for each call, so what it captures should be cheap to clone. `A` stands for its
/// arguments, and is found by the compiler.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no handler",
    label = "expected an async function or closure of up to eight extractors",
    note = "arguments implement `Extract` (`Socket`, `Data<T>`, `Ack`, `State<T>`...), and the closure is `Clone + Send + Sync + 'static` with a `Send` future"
)]
pub trait Handler<A>: Clone + Send + Sync + 'static {
    /// What its future gives.
    type Output;
    /// Its future.
    type Future: Future<Output = Self::Output> + Send + 'static;

    /// Takes the arguments out of the call, and calls.
    ///
    /// # Errors
    ///
    /// When an argument cannot be had; nothing is called then.
    fn call(self, call: &Call) -> Result<Self::Future, ExtractError>;
}

macro_rules! handlers {
    ($($name:ident),*) => {
        impl<F, Fut, $($name),*> Handler<($($name,)*)> for F
        where
            F: FnOnce($($name),*) -> Fut + Clone + Send + Sync + 'static,
            Fut: Future + Send + 'static,
            $($name: Extract,)*
        {
            type Output = Fut::Output;
            type Future = Fut;

            fn call(self, call: &Call) -> Result<Fut, ExtractError> {
                let _ = call;
                Ok(self($($name::extract(call)?),*))
            }
        }
    };
}

handlers!();
handlers!(A);
handlers!(A, B);
handlers!(A, B, C);
handlers!(A, B, C, D);
handlers!(A, B, C, D, E);
handlers!(A, B, C, D, E, G);
handlers!(A, B, C, D, E, G, H);
handlers!(A, B, C, D, E, G, H, I);

/// What an event's handler may return: nothing, or a `Result` whose error goes to
/// [`Socket::on_error`](crate::Socket::on_error).
pub trait Returned {
    #[doc(hidden)]
    fn into_result(self) -> Result<(), BoxError>;
}

impl Returned for () {
    fn into_result(self) -> Result<(), BoxError> {
        Ok(())
    }
}

impl<T, E: Into<BoxError>> Returned for Result<T, E> {
    fn into_result(self) -> Result<(), BoxError> {
        self.map(drop).map_err(Into::into)
    }
}

/// A handler whose arguments' types are forgotten.
pub(crate) trait Run: Send + Sync {
    /// Starts it: polled at once, kept if it waits. Its errors are reported.
    fn start(self: Arc<Self>, call: Call, starter: &mut Starter<'_, '_>);

    /// Its future, which reports its errors.
    fn future(self: Arc<Self>, call: Call) -> BoxFuture<()>;

    /// The event that it listens to; none where it is many, or no event.
    fn event(&self) -> Option<&Name>;
}

pub(crate) struct Kept<H, A> {
    handler: H,
    event: Option<Name>,
    arguments: PhantomData<fn(A)>,
}

impl<H, A> Kept<H, A> {
    pub(crate) fn new(handler: H, event: Option<Text>) -> Self {
        Self {
            handler,
            event: event.map(Name::from),
            arguments: PhantomData,
        }
    }
}

impl<H, A: 'static> Run for Kept<H, A>
where
    H: Handler<A>,
    H::Output: Returned,
{
    fn start(self: Arc<Self>, call: Call, starter: &mut Starter<'_, '_>) {
        match starter.guard(|| self.handler.clone().call(&call)) {
            Some(Ok(future)) => {
                // Of many events, it is known only here which one it is.
                let event = self.event.is_none().then(|| call.event_name());
                let reporter = call.into_reporter();
                starter.start(async move {
                    if let Err(error) = future.await.into_result() {
                        let event = event.or_else(|| self.event.as_ref().map(Name::to_text));
                        let event = event.unwrap_or_default();
                        let kind = EventErrorKind::Handler(error);
                        // Boxed, since every event's future has room for it, and is copied.
                        Box::pin(reporter.report(event, kind)).await;
                    }
                });
            }
            Some(Err(error)) => {
                let event = call.event_name();
                let reporter = call.into_reporter();
                starter.start(async move {
                    let kind = EventErrorKind::Extract(error);
                    reporter.report(event, kind).await;
                });
            }
            // It panicked, which the starter remembers.
            None => {}
        }
    }

    fn future(self: Arc<Self>, call: Call) -> BoxFuture<()> {
        let started = self.handler.clone().call(&call);
        let event = call.event_name();
        let reporter = call.into_reporter();
        Box::pin(async move {
            let result = match started {
                Ok(future) => {
                    let result = future.await.into_result();
                    result.map_err(EventErrorKind::Handler)
                }
                Err(error) => Err(EventErrorKind::Extract(error)),
            };
            if let Err(kind) = result {
                reporter.report(event, kind).await;
            }
        })
    }

    fn event(&self) -> Option<&Name> {
        self.event.as_ref()
    }
}

/// A connection's middleware whose arguments' types are forgotten.
pub(crate) trait Admit: Send + Sync {
    fn admit(&self, call: &Call) -> BoxFuture<Result<(), Refusal>>;
}

impl<H, A, E> Admit for Kept<H, A>
where
    H: Handler<A, Output = Result<(), E>>,
    E: Into<Refusal>,
{
    fn admit(&self, call: &Call) -> BoxFuture<Result<(), Refusal>> {
        match self.handler.clone().call(call) {
            Ok(future) => Box::pin(async move { future.await.map_err(Into::into) }),
            Err(error) => {
                tracing::debug!(%error, "a connection lacks what a middleware asks for");
                Box::pin(async move { Err(Refusal::from(error)) })
            }
        }
    }
}

/// The error of one call, on its way to who wants to know.
pub(crate) fn unheard(error: &EventError) {
    tracing::warn!(event = error.event(), %error, "nobody handles the error of an event");
}
