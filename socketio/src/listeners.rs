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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ListenerId(u32);

/// What a socket listens to. Few sockets have more than named events.
#[derive(Default)]
pub(crate) struct Listeners {
    events: Vec<Listener>,
    rare: Option<Box<Rare>>,
    names: u32,
}

struct Listener {
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

/// Who is called for an event.
pub(crate) enum Matched {
    Nobody,
    /// One handler of the event, as most have.
    One(Arc<dyn Run>),
    Several(Box<Several>),
}

#[derive(Default)]
pub(crate) struct Several {
    /// Those who hear every event.
    pub(crate) any: Vec<Arc<dyn Run>>,
    pub(crate) middlewares: Vec<Arc<dyn Intercept>>,
    /// Those of the event; behind middlewares they are looked up later.
    pub(crate) named: Vec<Arc<dyn Run>>,
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
    /// `run` knows the event.
    pub(crate) fn on(&mut self, times: Times, run: Arc<dyn Run>) -> ListenerId {
        let id = self.next_id();
        self.events.push(Listener { id, times, run });
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

    /// Takes all handlers of an event off.
    pub(crate) fn off(&mut self, name: &str) -> Vec<Arc<dyn Run>> {
        self.take_off(|listener| listener.is_of(name))
    }

    /// Takes one handler off.
    pub(crate) fn off_id(&mut self, id: ListenerId) -> Vec<Arc<dyn Run>> {
        let mut taken = self.take_off(|listener| listener.id == id);
        if let Some(rare) = &mut self.rare {
            for listeners in [&mut rare.any, &mut rare.outgoing] {
                if let Some(place) = listeners.iter().position(|(found, _)| *found == id) {
                    taken.push(listeners.remove(place).1);
                }
            }
        }
        taken
    }

    /// Takes handlers of named events off, for the caller to drop where no lock is held.
    fn take_off(&mut self, is_meant: impl Fn(&Listener) -> bool) -> Vec<Arc<dyn Run>> {
        let mut taken = Vec::new();
        self.events.retain(|listener| {
            let stays = !is_meant(listener);
            if !stays {
                taken.push(listener.run.clone());
            }
            stays
        });
        taken
    }

    /// Who is called for an event of this name; those that are called once are taken off.
    pub(crate) fn matching(&mut self, name: &str) -> Matched {
        let rare = self.rare.as_ref();
        if let Some(rare) = rare.filter(|it| !it.any.is_empty() || !it.middlewares.is_empty()) {
            let mut several = Several {
                any: rare.any.iter().map(|(_, run)| run.clone()).collect(),
                middlewares: rare.middlewares.clone(),
                named: Vec::new(),
            };
            if several.middlewares.is_empty() {
                several.named = self.take_named(name);
            }
            return Matched::Several(Box::new(several));
        }
        let mut found = self.events.iter().filter(|it| it.is_of(name));
        match (found.next(), found.next()) {
            (None, _) => Matched::Nobody,
            (Some(one), None) if one.times == Times::Always => Matched::One(one.run.clone()),
            (Some(_), _) => Matched::Several(Box::new(Several {
                named: self.take_named(name),
                ..Several::default()
            })),
        }
    }

    /// The handlers of an event by name; those that are called once are taken off.
    pub(crate) fn take_named(&mut self, name: &str) -> Vec<Arc<dyn Run>> {
        let found = self.events.iter().filter(|it| it.is_of(name));
        let runs = found.map(|it| it.run.clone()).collect();
        self.events
            .retain(|it| it.times == Times::Always || !it.is_of(name));
        runs
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

    /// All but what hears errors, which the last handlers may still make.
    pub(crate) fn take_events(&mut self) -> Self {
        let error = self
            .rare
            .as_mut()
            .map(|rare| std::mem::take(&mut rare.error));
        let names = self.names;
        let taken = std::mem::take(self);
        self.names = names;
        if let Some(error) = error.filter(|error| !error.is_empty()) {
            self.rare.get_or_insert_default().error = error;
        }
        taken
    }

    fn next_id(&mut self) -> ListenerId {
        self.names = self.names.wrapping_add(1);
        ListenerId(self.names)
    }
}

impl Listener {
    fn is_of(&self, name: &str) -> bool {
        self.run.event().is_some_and(|event| event.is(name))
    }
}

impl fmt::Debug for Listeners {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.events.iter().map(|listener| listener.run.event());
        f.debug_set().entries(names).finish()
    }
}

/// A handler, its arguments' types forgotten.
pub(crate) fn keep<H, A>(handler: H, event: Option<Text>) -> Arc<dyn Run>
where
    H: Handler<A>,
    H::Output: Returned,
    A: 'static,
{
    Arc::new(Kept::new(handler, event))
}

/// Runs handlers to their ends, started in their order.
pub(crate) async fn run_all(runs: impl IntoIterator<Item = Arc<dyn Run>>, call: Call) {
    let futures = runs.into_iter().map(|run| run.future(call.clone()));
    futures_util::future::join_all(futures).await;
}
