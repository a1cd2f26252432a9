//! Starting handlers: each is polled in line first, and kept only if it waits.

use std::{
    cell::Cell,
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::{Context, Poll},
};

use futures_util::stream::{FuturesUnordered, Stream};
use tokio_util::sync::ReusableBoxFuture;

/// A boxed future.
pub type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send + 'static>>;

/// Handlers that wait, of one connection.
///
/// Boxed and given up when empty: an idle connection has none.
#[derive(Default)]
pub(crate) struct Waiting(Option<Box<FuturesUnordered<Task>>>);

/// A handler that was polled once at least.
struct Task(ReusableBoxFuture<'static, ()>);

/// What handlers did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Panicked(pub(crate) bool);

/// Starts handlers on behalf of one connection's task.
pub(crate) struct Starter<'a, 'b> {
    cx: &'a mut Context<'b>,
    waiting: &'a mut Waiting,
    panicked: &'a mut Panicked,
}

thread_local! {
    /// The memory of the last future that did not wait, for the next one of its size.
    ///
    /// Most events go to few handlers, and those mostly do not wait: this saves an allocation for
    /// each event. Nothing is kept alive by it, as a finished async block has dropped all it held.
    static SPARE: Cell<Option<ReusableBoxFuture<'static, ()>>> = const { Cell::new(None) };
}

impl<'a, 'b> Starter<'a, 'b> {
    pub(crate) fn new(
        cx: &'a mut Context<'b>,
        waiting: &'a mut Waiting,
        panicked: &'a mut Panicked,
    ) -> Self {
        Self {
            cx,
            waiting,
            panicked,
        }
    }

    /// Calls, and remembers a panic.
    pub(crate) fn guard<R>(&mut self, call: impl FnOnce() -> R) -> Option<R> {
        let result = catch_unwind(AssertUnwindSafe(call)).ok();
        if result.is_none() {
            self.panicked.0 = true;
        }
        result
    }

    /// Polls a future once, and keeps it if it waits.
    ///
    /// It must be an async block, which drops what it holds when it is finished.
    pub(crate) fn start(&mut self, future: impl Future<Output = ()> + Send + 'static) {
        let mut kept = match SPARE.take() {
            Some(mut spare) => {
                spare.set(future);
                spare
            }
            None => ReusableBoxFuture::new(future),
        };
        match catch_unwind(AssertUnwindSafe(|| kept.poll(self.cx))) {
            Ok(Poll::Ready(())) => SPARE.set(Some(kept)),
            Ok(Poll::Pending) => self.waiting.push(Task(kept)),
            Err(_) => self.panicked.0 = true,
        }
    }
}

impl Waiting {
    fn push(&mut self, task: Task) {
        self.0.get_or_insert_default().push(task);
    }

    pub(crate) fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |tasks| tasks.len())
    }

    /// Polls those that were woken; whether some ended.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, panicked: &mut Panicked) -> bool {
        let Some(tasks) = &mut self.0 else {
            return false;
        };
        let before = tasks.len();
        loop {
            match catch_unwind(AssertUnwindSafe(|| Pin::new(&mut **tasks).poll_next(cx))) {
                Ok(Poll::Ready(Some(()))) => {}
                Ok(Poll::Ready(None) | Poll::Pending) => break,
                // The set has let go of the future that panicked.
                Err(_) => panicked.0 = true,
            }
        }
        let after = tasks.len();
        if after == 0 {
            self.0 = None;
        }
        after < before
    }
}

impl Future for Task {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.0.poll(cx)
    }
}
