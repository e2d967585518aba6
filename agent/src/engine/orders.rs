//! Orders: from the hub's message through the journal to a machine.
//!
//! One order of an application is worked on at a time, so that the journal's positions only grow. What is not
//! durable is nothing: it is asked for again when the link is back.

use super::{
    Engine, Work,
    app::{App, Gone, Trouble},
    preparing::{Aim, Order, Prepared},
};
use crate::{
    journal::{self, What},
    link::FetchError,
};
use jiff::{SignedDuration, Timestamp};
use shared_model::{AppKey, Position, ReleaseId, ReleaseSpec};
use shared_sync::{Event, Machine};
use shared_trace::Context;
use tracing::field::display;

/// What the hub wishes of an application.
#[derive(Debug, Clone)]
pub(super) enum Wish {
    Run { position: Position, spec: Box<ReleaseSpec> },
    Remove { position: Position, cascade: bool },
}

impl Wish {
    pub(super) const fn position(&self) -> Position {
        match self {
            Self::Run { position, .. } | Self::Remove { position, .. } => *position,
        }
    }

    pub(super) fn release(&self) -> Option<ReleaseId> {
        match self {
            Self::Run { spec, .. } => Some(spec.id()),
            Self::Remove { .. } => None,
        }
    }
}

/// Why an order is not durable.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The bundle is not here and there is no link: to be tried when there is.
    #[error("its bundle is not here and the hub cannot be reached")]
    NoLink,
    #[error(transparent)]
    Fetch(#[from] FetchError),
    #[error("its bundle cannot be used: {0}")]
    Bundle(String),
    #[error("the release at {0} is not kept any more; `flotilla-agent history` lists those that are")]
    NotKept(Position),
    #[error(transparent)]
    Journal(#[from] journal::Error),
}

impl Engine {
    /// The hub orders something.
    pub(super) fn order(
        &mut self,
        application: &AppKey,
        wish: Wish,
        context: Option<Context>,
        now: Timestamp,
    ) {
        if !self.apps.contains_key(application) {
            let mut app = App::new();
            app.inventory = self.look_for(application);
            app.pin = self.pins.get(application).cloned();
            self.apps.insert(application.clone(), app);
        }
        let Some(app) = self.apps.get_mut(application) else { return };
        let position = wish.position();
        if position <= app.newest() {
            if position < app.newest() {
                tracing::warn!(%application, %position, held = %app.newest(), "the hub sent an older position: it is refused");
            }
            return;
        }
        let removal = matches!(wish, Wish::Remove { .. });
        let (trace_id, span_id) =
            context.map(|context| (display(context.trace), display(context.span))).unzip();
        tracing::info!(%application, %position, removal, trace_id, span_id, "ordered");
        app.wish = Some(wish);
        app.retry = None;
        app.tries = 0;
        self.trace_ordered(application, position, context, now);
        self.prepare(application, now);
    }

    /// Goes on from what the journal has.
    pub(super) fn restore(&mut self, kept: journal::App, now: Timestamp) {
        let application = kept.order.application.clone();
        let mut app = App::new();
        let position = kept.order.position;
        app.held = position;
        app.synced = kept.synced;
        let gone = matches!(kept.order.what, What::Remove { done: true, .. });
        app.inventory = kept.inventory.or_else(|| if gone { None } else { self.look_for(&application) });
        app.pin = self.pins.get(&application).cloned();
        match kept.order.what {
            What::Run(spec) => app.current = Some(Wish::Run { position, spec }),
            What::Remove { done: true, told, .. } => app.gone = Some(Gone { said: None, told }),
            What::Remove { cascade, .. } => app.current = Some(Wish::Remove { position, cascade }),
        }
        // A pinned one runs what the pin says.
        app.wish = app.current.clone().filter(|_| app.pin.is_none());
        self.apps.insert(application.clone(), app);
        self.prepare(&application, now);
    }

    /// Works on what is wished of an application, unless that is under way or there is nothing.
    pub(super) fn prepare(&mut self, application: &AppKey, now: Timestamp) {
        let Some(app) = self.apps.get_mut(application) else { return };
        if app.preparing || app.retry.is_some_and(|retry| retry > now) {
            return;
        }
        let aim = match (app.wish.clone(), app.pin_to_follow()) {
            (Some(wish), _) => {
                let durable = app.held == wish.position() && app.current.is_some();
                Aim::Wish { wish, durable }
            }
            (None, Some(pin)) => Aim::Pin { pin: pin.clone(), held: app.held },
            (None, None) => return,
        };
        app.preparing = true;
        app.retry = None;
        self.work.push_back(Work::Prepare(Order { application: application.clone(), aim }));
    }

    /// An order is durable, or is not.
    pub(super) fn ordered(
        &mut self,
        application: &AppKey,
        position: Position,
        result: Result<Prepared, Failure>,
        now: Timestamp,
    ) {
        let Some(app) = self.apps.get_mut(application) else { return };
        app.preparing = false;
        let latest = app.wish.as_ref().is_some_and(|wish| wish.position() == position);
        match result {
            Ok(prepared @ Prepared::Pinned { .. }) => {
                app.trouble = None;
                app.tries = 0;
                self.follow_pin(application, prepared, now);
                self.prepare(application, now);
            }
            Ok(prepared) => {
                app.held = position;
                app.gone = None;
                if latest {
                    app.current = app.wish.take();
                    app.trouble = None;
                    app.tries = 0;
                    let fetched = if let Prepared::Run { fetched, .. } = &prepared { *fetched } else { None };
                    self.trace_prepared(application, fetched, now);
                    self.start(application, position, prepared, now);
                }
                // Passed over: what it said is in the journal, the newer one replaces it there.
                self.prepare(application, now);
            }
            Err(failure) if latest || app.wish.is_none() => {
                self.wait_with(application, position, &failure, now)
            }
            // A newer one took its place meanwhile.
            Err(_) => self.prepare(application, now),
        }
    }

    /// An order that cannot be carried out now is tried again later.
    fn wait_with(&mut self, application: &AppKey, position: Position, failure: &Failure, now: Timestamp) {
        let Some(app) = self.apps.get_mut(application) else { return };
        app.retry = now.checked_add(app.next_wait(application)).ok();
        let trouble = match failure {
            // Nobody's fault: it is fetched when the link is back.
            Failure::NoLink | Failure::Fetch(FetchError::Link(_)) => {
                tracing::info!(%application, %position, %failure, "the order waits");
                return self.set_timer(application, now);
            }
            Failure::Journal(error) => Trouble::Journal(error.to_string()),
            Failure::Fetch(FetchError::Refused(_) | FetchError::TooLarge(_))
            | Failure::Bundle(_)
            | Failure::NotKept(_) => Trouble::Failed(failure.to_string()),
        };
        tracing::error!(%application, %position, %failure, "the order cannot be carried out; what ran before goes on");
        app.trouble = Some(trouble);
        self.look_at_report(application, now);
        self.set_timer(application, now);
    }

    /// Gives a durable order to its machine, made now if there is none.
    fn start(&mut self, application: &AppKey, position: Position, prepared: Prepared, now: Timestamp) {
        let Some(app) = self.apps.get_mut(application) else { return };
        if app.pin.is_some() {
            // It is held, and acted on when the pin is lifted.
            self.look_at_report(application, now);
            return;
        }
        if app.follows.take().is_some() {
            // The machine brings about what a pin said.
            app.machine = None;
        }
        // Without it nothing is pruned before a search has ended.
        let known = app.inventory.clone();
        match (prepared, app.machine.is_some()) {
            (Prepared::Run { assignment, versions, .. }, true) => {
                app.versions = versions;
                app.with_machine(application, |machine| machine.handle(Event::Assigned(assignment), now));
            }
            (Prepared::Run { assignment, versions, .. }, false) => {
                app.versions = versions;
                let resumes = app.synced == Some(position);
                app.machine = Some(if resumes {
                    Machine::resume(assignment, known, now)
                } else {
                    Machine::new(assignment, known, now)
                });
            }
            (Prepared::Remove { cascade }, true) => {
                let event = Event::Removed { position, cascade };
                app.with_machine(application, |machine| machine.handle(event, now));
            }
            (Prepared::Remove { cascade }, false) => {
                app.machine = Some(Machine::removing(application.clone(), position, cascade, known, now));
            }
            (Prepared::Pinned { .. }, _) => {}
        }
        self.begin(application, now);
    }

    /// A machine that is new, or has a new aim, learns what holds for the cluster and works.
    pub(super) fn begin(&mut self, application: &AppKey, now: Timestamp) {
        let (paused, mode) = (self.pauses.stops(application, now), self.pauses.mode());
        if let Some(app) = self.apps.get_mut(application) {
            app.with_machine(application, |machine| {
                machine.handle(Event::Paused(paused), now);
                machine.handle(Event::Mode(mode), now);
            });
        }
        self.pump(application, now);
    }

    /// Every wish is tried again at once: the link is back.
    pub(super) fn retry_wishes(&mut self, now: Timestamp) {
        let waiting: Vec<AppKey> = self
            .apps
            .iter_mut()
            .filter(|(_, app)| app.wish.is_some() || app.pin_to_follow().is_some())
            .map(|(application, app)| {
                app.retry = None;
                application.clone()
            })
            .collect();
        for application in waiting {
            self.prepare(&application, now);
        }
    }
}

impl App {
    /// How long to wait after one more failure: from a second to a minute, not the same for all.
    fn next_wait(&mut self, application: &AppKey) -> SignedDuration {
        let base = 1000_i64 << self.tries.min(6);
        self.tries += 1;
        let spread = shared_model::Digest::of(format!("{application}/{}", self.tries).as_bytes());
        let percent = 75 + i64::from(spread.hex().bytes().map(u32::from).sum::<u32>() % 51);
        SignedDuration::from_millis(base.min(60_000) * percent / 100)
    }
}
