//! Orders: from the hub's message through the journal to a machine.
//!
//! One order of an application is worked on at a time, so that the journal's positions only grow. What is not
//! durable is nothing: it is asked for again when the link is back.

use super::{
    Done, Engine,
    app::{App, Gone, versions_of},
};
use crate::{
    journal::{self, Journal, What},
    link::{Bundles, FetchError},
};
use jiff::{SignedDuration, Timestamp};
use shared_manifest::{Bundle, tracking};
use shared_model::{AppKey, Position, ReleaseId, ReleaseSpec};
use shared_sync::{Assignment, Event, Machine};
use std::{collections::BTreeMap, sync::Arc};

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

/// An order that is durable.
#[derive(Debug)]
pub(super) enum Prepared {
    Run { assignment: Arc<Assignment>, versions: BTreeMap<(String, String), String> },
    Remove { cascade: bool },
}

/// Why an order is not durable.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// The bundle is not here and there is no link: to be tried when there is.
    #[error("its bundle is not here and the hub cannot be reached")]
    NoLink,
    #[error(transparent)]
    Fetch(#[from] FetchError),
    #[error("its bundle cannot be used: {0}")]
    Bundle(String),
    #[error(transparent)]
    Journal(#[from] journal::Error),
}

impl Engine {
    /// The hub (or the journal, at start) orders something.
    pub(super) fn order(&mut self, application: &AppKey, wish: Wish, now: Timestamp) {
        let found = || tracking::owner_hash(&application.namespace, &application.name);
        let app = self.apps.entry(application.clone()).or_insert_with(|| {
            let mut app = App::new();
            app.inventory =
                self.survey.as_ref().map(|survey| survey.get(&found()).cloned().unwrap_or_default());
            app
        });
        let position = wish.position();
        if position <= app.newest() {
            if position < app.newest() {
                tracing::warn!(%application, %position, held = %app.newest(), "the hub sent an older position: it is refused");
            }
            return;
        }
        tracing::info!(%application, %position, removal = matches!(wish, Wish::Remove { .. }), "ordered");
        app.wish = Some(wish);
        app.retry = None;
        app.backoff.reset();
        self.prepare(application, now);
    }

    /// Goes on from what the journal has.
    pub(super) fn restore(&mut self, kept: journal::App) {
        let application = kept.order.application.clone();
        let mut app = App::new();
        let position = kept.order.position;
        app.held = position;
        app.synced = kept.synced;
        match kept.order.what {
            What::Run(spec) => {
                app.wish = Some(Wish::Run { position, spec });
            }
            What::Remove { done: true, told, .. } => app.gone = Some(Gone { said: None, told }),
            What::Remove { cascade, .. } => app.wish = Some(Wish::Remove { position, cascade }),
        }
        app.inventory = kept.inventory;
        app.current = app.wish.clone();
        self.apps.insert(application.clone(), app);
        self.prepare(&application, shared_runtime::now());
    }

    /// Works on the wish of an application, unless that is under way or there is none.
    pub(super) fn prepare(&mut self, application: &AppKey, now: Timestamp) {
        let Some(app) = self.apps.get_mut(application) else { return };
        let Some(wish) = app.wish.clone() else { return };
        if app.preparing || app.retry.is_some_and(|retry| retry > now) {
            return;
        }
        app.preparing = true;
        app.retry = None;
        let order = Order {
            application: application.clone(),
            durable: app.held == wish.position() && app.current.is_some(),
            wish,
            journal: Arc::clone(&self.deps.journal),
            bundles: self.bundles.clone(),
        };
        let (places, done) = (Arc::clone(&self.preparing), self.done.clone());
        self.deps.tasks.spawn_until_stopped("order", async move {
            let _place = places.acquire().await;
            let (application, position) = (order.application.clone(), order.wish.position());
            let result = order.prepare().await;
            // The engine is gone: so is whoever waits for this.
            let _stopping = done.send(Done::Ordered { application, position, result });
        });
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
            Ok(prepared) => {
                app.held = position;
                app.gone = None;
                if latest {
                    app.current = app.wish.take();
                    app.trouble = None;
                    app.backoff.reset();
                    self.start(application, position, prepared, now);
                } else {
                    // Passed over: what it said is in the journal, the newer one replaces it there.
                    self.prepare(application, now);
                }
            }
            Err(failure) if latest => {
                let wait = app.backoff.next_wait();
                let wait = SignedDuration::try_from(wait).unwrap_or(SignedDuration::from_secs(60));
                app.retry = now.checked_add(wait).ok();
                match &failure {
                    // Nobody's fault: it is fetched when the link is back.
                    Failure::NoLink | Failure::Fetch(FetchError::Link(_)) => {
                        tracing::info!(%application, %position, %failure, "the order waits");
                    }
                    Failure::Fetch(FetchError::Refused(_) | FetchError::TooLarge(_))
                    | Failure::Bundle(_)
                    | Failure::Journal(_) => {
                        tracing::error!(%application, %position, %failure, "the order cannot be carried out; what ran before goes on");
                        app.trouble = Some(failure.to_string());
                        self.look_at_report(application, now);
                    }
                }
                self.set_timer(application);
            }
            // A newer one took its place meanwhile.
            Err(_) => self.prepare(application, now),
        }
    }

    /// Gives a durable order to its machine, made now if there is none.
    fn start(&mut self, application: &AppKey, position: Position, prepared: Prepared, now: Timestamp) {
        let Some(app) = self.apps.get_mut(application) else { return };
        let (paused, mode) = (self.pauses.is_paused(now), self.pauses.mode());
        // Without it nothing is pruned before the survey has ended.
        let known = app.inventory.clone().filter(|_| self.survey.is_some());
        match (prepared, app.machine.is_some()) {
            (Prepared::Run { assignment, versions }, true) => {
                app.versions = versions;
                app.with_machine(application, |machine| machine.handle(Event::Assigned(assignment), now));
            }
            (Prepared::Run { assignment, versions }, false) => {
                app.versions = versions;
                let resumes = app.synced == Some(position);
                let machine = if resumes {
                    Machine::resume(assignment, known, now)
                } else {
                    Machine::new(assignment, known, now)
                };
                app.machine = Some(machine);
            }
            (Prepared::Remove { cascade }, true) => {
                let event = Event::Removed { position, cascade };
                app.with_machine(application, |machine| machine.handle(event, now));
            }
            (Prepared::Remove { cascade }, false) => {
                app.machine = Some(Machine::removing(application.clone(), position, cascade, known, now));
            }
        }
        app.with_machine(application, |machine| {
            machine.handle(Event::Paused(paused), now);
            machine.handle(Event::Mode(mode), now);
        });
        self.pump(application, now);
    }

    /// Every wish is tried again at once: the link is back.
    pub(super) fn retry_wishes(&mut self, now: Timestamp) {
        let waiting: Vec<AppKey> = self
            .apps
            .iter_mut()
            .filter(|(_, app)| app.wish.is_some())
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

/// The work on one order.
#[derive(Debug)]
struct Order {
    application: AppKey,
    wish: Wish,
    /// The journal has it: after a restart.
    durable: bool,
    journal: Arc<Journal>,
    bundles: Option<Bundles>,
}

impl Order {
    async fn prepare(self) -> Result<Prepared, Failure> {
        match self.wish.clone() {
            Wish::Remove { position, cascade } => {
                if !self.durable {
                    let what = What::Remove { cascade, done: false, told: false };
                    let (journal, application) = (self.journal, self.application);
                    blocking(move || Ok(journal.save_order(&application, position, what, None)?)).await?;
                }
                Ok(Prepared::Remove { cascade })
            }
            Wish::Run { position, spec } => self.run(position, spec).await,
        }
    }

    async fn run(self, position: Position, spec: Box<ReleaseSpec>) -> Result<Prepared, Failure> {
        let (journal, digest) = (Arc::clone(&self.journal), spec.bundle);
        let here = blocking(move || match journal.bundle(&digest) {
            Ok(bundle) => Ok(Some(bundle)),
            Err(journal::Error::NoBundle(_)) => Ok(None),
            Err(error @ journal::Error::Damaged { .. }) => {
                tracing::error!(%error, "a bundle was lost");
                Ok(None)
            }
            Err(error) => Err(error.into()),
        });
        let (bundle, compressed) = match here.await? {
            Some(bundle) => (bundle, None),
            None => {
                let compressed = self.bundles.as_ref().ok_or(Failure::NoLink)?.fetch(&digest).await?;
                let unpack = move || {
                    let bundle = Journal::unpack(&compressed, &digest).map_err(Failure::Bundle)?;
                    Ok((bundle, Some(compressed)))
                };
                blocking(unpack).await?
            }
        };
        blocking(move || self.keep(position, *spec, &bundle, compressed.as_deref())).await
    }

    fn keep(
        self,
        position: Position,
        spec: ReleaseSpec,
        bundle: &Bundle,
        compressed: Option<&[u8]>,
    ) -> Result<Prepared, Failure> {
        if !self.durable {
            let what = What::Run(Box::new(spec.clone()));
            self.journal.save_order(&self.application, position, what, compressed)?;
        } else if let Some(compressed) = compressed {
            self.journal.restore_bundle(&spec.bundle, compressed)?;
        }
        let versions = versions_of(bundle);
        let assignment = Arc::new(Assignment::new(position, spec, bundle));
        Ok(Prepared::Run { assignment, versions })
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(_) => Err(Failure::Bundle("reading it failed inside the agent".to_owned())),
    }
}
