//! The handlers of one socket.

use std::{fmt, sync::Arc};

use sockeye_core::Text;

use crate::{
    BoxError,
    call::Call,
    event::Event,
    handler::{Handler, Kept, Returned, Run},
    start::BoxFuture,
};

/// Names one handler of a socket, to take it off again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListenerId(u32);

/// What a socket listens to. Few sockets have more than named events.
#[derive(Default)]
pub(crate) struct Listeners {
    events: Vec<Listener>,
    rare: Option<Box<Rare>>,
    names: u32,
}

struct Listener {
    name: Text,
    id: ListenerId,
    times: Times,
    run: Arc<dyn Run>,
}

/// How often a handler is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Times {
    Once,
    Always,
}

#[derive(Default)]
struct Rare {
    any: Vec<(ListenerId, Arc<dyn Run>)>,
    outgoing: Vec<(ListenerId, Arc<dyn Run>)>,
    middlewares: Vec<Arc<dyn Intercept>>,
    disconnecting: Vec<Arc<dyn Run>>,
    disconnect: Vec<Arc<dyn Run>>,
    error: Vec<Arc<dyn Run>>,
}

/// What a handler is for, apart from events by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum For {
    Any,
    Outgoing,
    Disconnecting,
    Disconnect,
    Error,
}

/// Who is called for an event. Empty vectors cost nothing.
#[derive(Default)]
pub(crate) struct Matched {
    pub(crate) any: Vec<Arc<dyn Run>>,
    pub(crate) middlewares: Vec<Arc<dyn Intercept>>,
    /// The event's name, if someone listens to it.
    pub(crate) name: Text,
    pub(crate) first: Option<Arc<dyn Run>>,
    pub(crate) others: Vec<Arc<dyn Run>>,
}

/// A middleware of events whose type is forgotten.
pub(crate) trait Intercept: Send + Sync {
    fn intercept(&self, event: Event) -> BoxFuture<Result<Event, BoxError>>;
}

impl<F, Fut, E> Intercept for F
where
    F: FnOnce(Event) -> Fut + Clone + Send + Sync,
    Fut: Future<Output = Result<Event, E>> + Send + 'static,
    E: Into<BoxError>,
{
    fn intercept(&self, event: Event) -> BoxFuture<Result<Event, BoxError>> {
        let future = self.clone()(event);
        Box::pin(async move { future.await.map_err(Into::into) })
    }
}

impl Listeners {
    pub(crate) fn on(&mut self, name: Text, times: Times, run: Arc<dyn Run>) -> ListenerId {
        let id = self.next_id();
        self.events.push(Listener {
            name,
            id,
            times,
            run,
        });
        id
    }

    pub(crate) fn add(&mut self, occasion: For, run: Arc<dyn Run>) -> ListenerId {
        let id = self.next_id();
        let rare = self.rare.get_or_insert_default();
        match occasion {
            For::Any => rare.any.push((id, run)),
            For::Outgoing => rare.outgoing.push((id, run)),
            For::Disconnecting => rare.disconnecting.push(run),
            For::Disconnect => rare.disconnect.push(run),
            For::Error => rare.error.push(run),
        }
        id
    }

    pub(crate) fn intercept(&mut self, middleware: Arc<dyn Intercept>) {
        let rare = self.rare.get_or_insert_default();
        rare.middlewares.push(middleware);
    }

    /// Takes all handlers of an event off; whether there was one.
    pub(crate) fn off(&mut self, name: &str) -> bool {
        let before = self.events.len();
        self.events.retain(|listener| listener.name != name);
        self.events.len() < before
    }

    /// Takes one handler off; whether it was there.
    pub(crate) fn off_id(&mut self, id: ListenerId) -> bool {
        let before = self.len();
        self.events.retain(|listener| listener.id != id);
        if let Some(rare) = &mut self.rare {
            rare.any.retain(|(found, _)| *found != id);
            rare.outgoing.retain(|(found, _)| *found != id);
        }
        self.len() < before
    }

    /// Who is called for an event of this name; those that are called once are taken off.
    pub(crate) fn matching(&mut self, name: &str) -> Matched {
        let mut matched = Matched::default();
        if let Some(rare) = &self.rare {
            matched.any = rare.any.iter().map(|(_, run)| run.clone()).collect();
            matched.middlewares.clone_from(&rare.middlewares);
        }
        // Behind middlewares, handlers are looked up when these have let the event through.
        if matched.middlewares.is_empty() {
            self.take_named(name, &mut matched);
        }
        matched
    }

    /// As [`matching`](Self::matching), behind middlewares.
    pub(crate) fn matching_behind(&mut self, name: &str) -> Matched {
        let mut matched = Matched::default();
        self.take_named(name, &mut matched);
        matched
    }

    fn take_named(&mut self, name: &str, matched: &mut Matched) {
        let mut has_once = false;
        for listener in self.events.iter().filter(|it| it.name == name) {
            has_once |= listener.times == Times::Once;
            if matched.first.is_none() {
                matched.name = listener.name.clone();
                matched.first = Some(listener.run.clone());
            } else {
                matched.others.push(listener.run.clone());
            }
        }
        if has_once {
            self.events
                .retain(|it| it.times == Times::Always || it.name != name);
        }
    }

    /// Who is called on one of the rare occasions.
    pub(crate) fn of(&self, occasion: For) -> Vec<Arc<dyn Run>> {
        let Some(rare) = &self.rare else {
            return Vec::new();
        };
        let runs = |listeners: &[(ListenerId, Arc<dyn Run>)]| -> Vec<Arc<dyn Run>> {
            listeners.iter().map(|(_, run)| run.clone()).collect()
        };
        match occasion {
            For::Any => runs(&rare.any),
            For::Outgoing => runs(&rare.outgoing),
            For::Disconnecting => rare.disconnecting.clone(),
            For::Disconnect => rare.disconnect.clone(),
            For::Error => rare.error.clone(),
        }
    }

    pub(crate) fn hears_outgoing(&self) -> bool {
        self.rare
            .as_ref()
            .is_some_and(|rare| !rare.outgoing.is_empty())
    }

    fn len(&self) -> usize {
        let rare = self.rare.as_ref();
        self.events.len() + rare.map_or(0, |rare| rare.any.len() + rare.outgoing.len())
    }

    fn next_id(&mut self) -> ListenerId {
        self.names = self.names.wrapping_add(1);
        ListenerId(self.names)
    }
}

impl Matched {
    /// Whether nobody is called.
    pub(crate) fn is_empty(&self) -> bool {
        self.first.is_none() && self.any.is_empty() && self.middlewares.is_empty()
    }

    /// The handlers of the event itself.
    pub(crate) fn into_named(self) -> impl Iterator<Item = Arc<dyn Run>> {
        self.first.into_iter().chain(self.others)
    }
}

impl fmt::Debug for Listeners {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.events.iter().map(|listener| &listener.name);
        f.debug_set().entries(names).finish()
    }
}

/// A handler, its arguments' types forgotten.
pub(crate) fn keep<H, A>(handler: H) -> Arc<dyn Run>
where
    H: Handler<A>,
    H::Output: Returned,
    A: 'static,
{
    Arc::new(Kept::new(handler))
}

/// Runs handlers to their ends, started in their order.
pub(crate) async fn run_all(runs: impl IntoIterator<Item = Arc<dyn Run>>, call: Call) {
    let futures = runs.into_iter().map(|run| run.future(&call));
    futures_util::future::join_all(futures).await;
}
