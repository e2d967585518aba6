//! The loop: takes what happened, decides, writes.

mod asks;
mod deps;
mod events;
mod moved;
mod retries;

use asks::Asks;
pub use deps::{Config, Deps, Error};
use events::{Event, watch};
use moved::Moved;
use retries::Retries;

use crate::{
    adopt,
    argocd::{self, ArgoCd},
    chronicle::Ended,
    collect::Collection,
    commit::{self, Progress},
    commits::Commits,
    conditions, credentials,
    git::{Git, chain},
    index::{Index, Part, REFRESH, Shared, Touched, kind_of},
    line::{Evaluation, Lines},
    live::{Decided, Live},
    metrics::{Metrics, Seen},
    mirrors, notices, operations,
    pace::Pace,
    pins::Reference,
    questions::Questions,
    releases::Releases,
    removal, retention,
    settings::Told,
    sources::Sources,
    statuses::{Now, Statuses},
    traces::Traces,
    turns::Turns,
    webhooks::Webhooks,
    windows::Calendar,
};
use hub_gateway::Links;
use hub_records::{Records, keys};
use hub_render::Renderer;
use hub_source::poll::Key;
use hub_store::{Change, Page, Revision, lease};
use jiff::Timestamp;
use parking_lot::RwLock;
use serde_json::Value;
use shared_model::{ClusterName, Kind, Owner};
use shared_project::settings;
use shared_rollout::Plan;
use shared_runtime::Tasks;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};
use tokio::{sync::mpsc, time::Instant};

const RETRY: Duration = Duration::from_secs(10);
const LEASE: Duration = Duration::from_secs(15);
/// The longest a pass waits for more changes to come.
const GATHER: Duration = Duration::from_millis(100);
/// The longest for which nobody looks at what may have to leave.
const LOOK: Duration = Duration::from_secs(5);
/// How long a status that depends on time alone may be behind.
const ALL: Duration = Duration::from_secs(30);
/// The longest for which the fleet is not counted while the loop has something to do.
const COUNT: Duration = Duration::from_secs(15);
/// The longest the loop sleeps.
const LONGEST: Duration = Duration::from_secs(5);

/// The control loops, running until their tasks stop.
#[derive(Debug)]
pub struct Control {
    /// Takes webhooks of Git forges.
    pub webhooks: Webhooks,
    /// Answers what generators ask of Git.
    pub questions: Questions,
}

struct Loop {
    index: Shared,
    lines: Lines,
    live: Live,
    /// Whose statuses may be others than before.
    tell: BTreeSet<Owner>,
    telling: Pace,
    /// Who is still to be told of in this round, a part with each pass, and what the round took so far. Who changes
    /// meanwhile comes in the next one, so that a large fleet writes each status once for many changes.
    round: (BTreeSet<Owner>, Duration),
    /// The last pass left some of them for the next.
    tells_more: bool,
    /// When all statuses were computed anew.
    told_all: Option<Instant>,
    leaves: Pace,
    noting: Pace,
    counting: Pace,
    collection: Collection,
    leaving: removal::Planned,
    /// When it was last looked at what leaves; absent when something may have to leave.
    looked: Option<Instant>,
    metrics: Metrics,
    git: Git,
    records: Records,
    links: Links,
    evaluations: BTreeMap<Owner, Evaluation>,
    dirty: BTreeSet<Owner>,
    running: BTreeSet<Owner>,
    retries: Retries,
    asks: Asks,
    statuses: Statuses,
    calendar: Calendar,
    told: Told,
    commits: Commits,
    ended: Ended,
    argocd: ArgoCd,
    argocd_told: Told,
    /// What moved while these owners were evaluated.
    moved: BTreeMap<Owner, Moved>,
    traces: Traces,
    followed: BTreeSet<Key>,
    /// Whose refresh annotation could not be taken away, and why.
    unrefreshed: BTreeMap<Owner, String>,
    lease: Option<lease::Lease>,
    holder: String,
    started: Timestamp,
    /// Since when it plans, while it does.
    leads: Option<Timestamp>,
    committed: Revision,
    planned: Timestamp,
    evaluated: mpsc::Sender<Event>,
    turns: Turns,
}

impl Control {
    /// Starts the loops.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn build(config: Config, deps: Deps, tasks: &Tasks) -> Result<Self, Error> {
        let Deps { records, bundles, repositories, charts, links, metrics, tracing, rendering } = deps;
        let index: Shared = Arc::new(RwLock::new(Arc::new(Index::default())));
        let mut statuses = Statuses::default();
        let listing = records.store().list("", Page::default()).await?;
        {
            let mut index = index.write();
            let index = Arc::make_mut(&mut index);
            for entry in &listing.entries {
                index.load(entry);
                statuses.load(&entry.key, &entry.value);
            }
            index.revision = listing.revision;
            credentials::tell_of_projects(index);
        }
        if config.exclusive {
            release_lease(&records).await?;
        }
        let read = (repositories, charts);
        let git = Git::new(read, Arc::clone(&index), config.poll, metrics.work.clone());
        let renderer = Renderer::new(hub_render::Config { tell: metrics.work.rendering(), ..rendering });
        let sources = Sources::new(git.clone(), renderer, bundles.clone());
        let releases = Releases::new(sources, records.clone(), bundles.clone());
        let collection = Collection::new(config.exclusive, records.clone(), bundles);
        let (events, queue) = mpsc::channel(256);
        metrics.work.queue.of(&events);
        let (resolved, resolutions) = mpsc::channel(64);
        tasks.spawn_until_stopped("poll", git.clone().poll(resolved));
        tasks.spawn_until_stopped("mirrors", mirrors::collect(git.clone()));
        tasks.spawn_until_stopped("watch", watch(records.clone(), listing.revision, events.clone()));
        tasks.spawn_until_stopped("history", retention::run(records.clone(), config.history));
        let dirty = index.read().owners();
        let mut argocd = ArgoCd::new(config.poll, config.largest_webhook_mib);
        if let Some(settings) = argocd.refresh(&index.read()) {
            git.set(settings);
        }
        let questions = Questions::new(git.clone());
        let webhooks =
            Webhooks::new(Arc::clone(&index), git.clone(), metrics.webhooks.clone(), argocd.limit());
        let traces = Traces::new(tracing, links.clone());
        let control = Loop {
            lines: Lines::new(Arc::clone(&index), git.clone(), releases, records.clone()),
            index,
            git,
            records,
            links,
            live: Live::default(),
            tell: BTreeSet::new(),
            telling: Pace::new(2, Duration::from_secs(10)),
            round: (BTreeSet::new(), Duration::ZERO),
            tells_more: false,
            told_all: None,
            leaves: Pace::new(10, LONGEST),
            noting: Pace::new(10, LONGEST),
            counting: Pace::new(50, COUNT),
            collection,
            leaving: removal::Planned::default(),
            looked: None,
            metrics,
            evaluations: BTreeMap::new(),
            dirty,
            running: BTreeSet::new(),
            retries: Retries::default(),
            asks: Asks::default(),
            statuses,
            calendar: Calendar::default(),
            told: Told::default(),
            commits: Commits::default(),
            ended: Ended::default(),
            argocd,
            argocd_told: Told::default(),
            moved: BTreeMap::new(),
            traces,
            followed: BTreeSet::new(),
            unrefreshed: BTreeMap::new(),
            lease: None,
            holder: format!("hub-{}", uuid::Uuid::new_v4()),
            started: shared_runtime::now(),
            leads: None,
            committed: Revision::default(),
            planned: Timestamp::UNIX_EPOCH,
            evaluated: events,
            turns: Turns::default(),
        };
        tasks.spawn_until_stopped("control", control.run(queue, resolutions));
        Ok(Self { webhooks, questions })
    }
}

/// Nobody else can have the store open: the lease of a process before this one means nothing.
async fn release_lease(records: &Records) -> Result<(), hub_store::Error> {
    let txn = hub_store::Txn {
        compares: Vec::new(),
        ops: vec![hub_store::Op::Delete { key: keys::PLANNER_LEASE.to_owned() }],
    };
    let (hub_store::Outcome::Committed(_) | hub_store::Outcome::Conflict { .. }) =
        records.store().commit(txn).await?;
    Ok(())
}

impl Loop {
    async fn run(mut self, mut queue: mpsc::Receiver<Event>, mut resolutions: mpsc::Receiver<Key>) {
        let mut links = self.links.changes();
        loop {
            let now = self.now();
            let began = Instant::now();
            self.step(now).await;
            let cost = began.elapsed();
            self.metrics.work.passes.took(cost);
            let event = tokio::select! {
                Some(event) = queue.recv() => event,
                Some(key) = resolutions.recv() => Event::Resolved(key),
                Ok(()) = links.changed() => Event::Links,
                () = tokio::time::sleep(self.sleep(now)) => Event::Time,
            };
            self.handle(event).await;
            // Changes come in flocks: as long as a pass took, the next waits for more of them.
            tokio::time::sleep(cost.min(GATHER)).await;
            while let Some(event) = events::waiting(&mut queue, &mut resolutions) {
                self.handle(event).await;
            }
        }
    }

    /// The time that decides: never before what was decided already.
    fn now(&self) -> Timestamp {
        shared_runtime::now().max(self.planned)
    }

    fn sleep(&self, now: Timestamp) -> Duration {
        let soon = self.live.is_dirty().then(|| now + GATHER);
        let leaves = if self.looked.is_none() { self.leaves.next(now) } else { None };
        let rests = if self.tell.is_empty() { None } else { self.telling.next(now) };
        let tells = self.tells_more.then_some(now).or(rests);
        let put_off = leaves.into_iter().chain(tells).chain(self.traces.next(now));
        let again = self.retries.next().into_iter().chain(self.asks.next()).min();
        let again = again.map(|at| now + at.duration_since(Instant::now()));
        let due = self.live.wake().into_iter().chain(again);
        let next = due.chain(soon).chain(put_off).min();
        let wait =
            next.map_or(LONGEST, |next| Duration::try_from(next.duration_since(now)).unwrap_or_default());
        wait.clamp(Duration::from_millis(1), LONGEST)
    }

    async fn handle(&mut self, event: Event) {
        match event {
            Event::Changed(changes) => self.changed(&changes).await,
            Event::Resolved(key) => {
                let follows = |references: &BTreeSet<Reference>| {
                    references.iter().any(|(url, revision)| key.is(url, revision))
                };
                let concerned = self.evaluations.iter().filter(|(_, known)| follows(&known.references));
                let concerned: Vec<Owner> = concerned.map(|(owner, _)| owner.clone()).collect();
                self.wake(concerned);
                for owner in &self.running {
                    self.moved.entry(owner.clone()).or_default().keys.insert(key.clone());
                }
            }
            Event::Evaluated(owner, evaluation) => self.take(owner, *evaluation),
            Event::Lost(error) => {
                tracing::warn!(%error, "the hub lost its place in the store and reads it anew");
                self.reload().await;
            }
            Event::Links => {
                self.live.relinked();
                self.looked = None;
            }
            Event::Time => {}
        }
    }

    async fn changed(&mut self, changes: &[Change]) {
        let mut touched = Touched::default();
        {
            let mut index = self.index.write();
            let index = Arc::make_mut(&mut index);
            for change in changes {
                index.apply(change, &mut touched);
            }
        }
        self.statuses.forget(touched.gone);
        let index = Arc::clone(&self.index.read());
        if let Some(settings) = self.argocd.refresh(&index) {
            self.git.set(settings);
        }
        if touched.all {
            self.wake(index.owners());
        }
        if touched.access {
            credentials::tell_of_projects(&index);
            self.git.retry();
        }
        let depends = |(_, known): &(&Owner, &Evaluation)| !known.able.is_disjoint(&touched.able);
        if !touched.able.is_empty() {
            let concerned = self.evaluations.iter().filter(depends).map(|(owner, _)| owner);
            let concerned: Vec<Owner> =
                concerned.filter(|owner| !self.running.contains(owner)).cloned().collect();
            self.wake(concerned);
            for owner in &self.running {
                self.moved.entry(owner.clone()).or_default().able.extend(touched.able.iter().cloned());
            }
        }
        if touched.all
            || touched.collects
            || !touched.owners.is_empty()
            || touched.parts.iter().any(|part| may_leave(&index, part))
        {
            self.looked = None;
        }
        drop(index);
        self.live.changed(touched.parts);
        self.tell.extend(touched.owners.iter().cloned());
        for owner in touched.owners {
            self.refresh_if_asked(&owner).await;
            self.wake([owner]);
        }
    }

    /// An input of these is another: what failed before has its next try now.
    fn wake(&mut self, owners: impl IntoIterator<Item = Owner>) {
        for owner in owners {
            self.retries.forget(&owner);
            self.dirty.insert(owner);
        }
    }

    /// Asks Git again for what an owner follows.
    fn ask_again(&self, owner: &Owner) {
        if let Some(evaluation) = self.evaluations.get(owner) {
            self.git.refresh(&keys_of(&evaluation.references));
        }
    }

    /// Argo CD's refresh annotations: ask Git now, and take the annotation away.
    async fn refresh_if_asked(&mut self, owner: &Owner) {
        if !self.index.read().owner(owner).is_some_and(|object| object.asks_refresh) {
            return;
        }
        self.ask_again(owner);
        let change = |object: &Value| {
            let mut object = object.clone();
            let annotations = object["metadata"]["annotations"].as_object_mut()?;
            annotations.retain(|name, _| !REFRESH.contains(&name.as_str()));
            Some(object)
        };
        let changed = self.records.modify(kind_of(owner.kind), &owner.namespace, &owner.name, change).await;
        self.unrefreshed.remove(owner);
        if let Err(error) = changed {
            let message = format!("the refresh annotation could not be taken away: {}", chain(&error));
            tracing::warn!(%owner, message, "a refresh is not done");
            self.unrefreshed.insert(owner.clone(), message);
        }
    }

    fn take(&mut self, owner: Owner, mut evaluation: Evaluation) {
        if let Some(message) = self.unrefreshed.get(&owner) {
            conditions::unrefreshed(&mut evaluation.set, message);
        }
        self.running.remove(&owner);
        let moved = self.moved.remove(&owner).unwrap_or_default();
        self.tell.insert(owner.clone());
        let (known, is_there) = (self.evaluations.get(&owner), self.index.read().owner(&owner).is_some());
        // A commit may be news for no member.
        if !is_there || known.is_none_or(|known| known.rollouts != evaluation.rollouts) {
            self.live.evaluated(owner.clone());
        }
        if !is_there {
            self.evaluations.remove(&owner);
            self.retries.forget(&owner);
            self.asks.forget(&owner);
            return;
        }
        self.asks.wants(&owner, evaluation.requeue, self.git.period(), Instant::now());
        if evaluation.retry {
            self.retries.failed(owner.clone(), Instant::now());
        } else {
            self.retries.forget(&owner);
        }
        if moved.concerns(&evaluation) {
            self.wake([owner.clone()]);
        }
        let references = evaluation.references.clone();
        self.evaluations.insert(owner, evaluation);
        self.commits.look(&self.git, &self.records, &self.index.read(), &self.evaluations, &references);
        let wanted: BTreeSet<Key> =
            self.evaluations.values().flat_map(|evaluation| keys_of(&evaluation.references)).collect();
        if wanted != self.followed {
            self.git.follow(&wanted);
            self.followed = wanted;
        }
    }

    async fn reload(&mut self) {
        match self.records.store().list("", Page::default()).await {
            Ok(listing) => {
                let mut index = Index::default();
                for entry in &listing.entries {
                    index.load(entry);
                }
                index.revision = listing.revision;
                // Never a number that stood for something else.
                index.surroundings += self.index.read().surroundings + 1;
                index.rendering += self.index.read().rendering + 1;
                index.able.number += self.index.read().able.number + 1;
                self.statuses.retain(&index);
                if let Some(settings) = self.argocd.refresh(&index) {
                    self.git.set(settings);
                }
                *self.index.write() = Arc::new(index);
                self.live.forget();
                self.looked = None;
                let owners = self.index.read().owners();
                self.wake(owners);
                shared_runtime::spawn(
                    "watch",
                    watch(self.records.clone(), listing.revision, self.evaluated.clone()),
                );
            }
            Err(error) => {
                tracing::error!(%error, "the store cannot be read");
                let events = self.evaluated.clone();
                shared_runtime::spawn("reload", async move {
                    tokio::time::sleep(RETRY).await;
                    drop(events.send(Event::Lost(error)).await);
                });
            }
        }
    }

    /// One pass: evaluations that are due, then the plan, then what objects say.
    async fn step(&mut self, now: Timestamp) {
        self.tells_more = false;
        self.dirty.extend(self.retries.due(Instant::now()));
        for owner in self.asks.due(Instant::now()) {
            self.ask_again(&owner);
        }
        self.evaluate(now);
        self.metrics.work.evaluating.set((self.running.len() + self.dirty.len()) as i64);
        self.metrics.work.leads.set(i64::from(self.lease.is_some()));
        // What this loop wrote last must be in the mirror before it decides again.
        if self.index.read().revision < self.committed {
            return;
        }
        if let Err(error) = self.hold_lease(now).await {
            tracing::error!(%error, "the planning lease cannot be read");
            return;
        }
        let Some(lease) = self.lease.clone() else {
            self.live.forget();
            return;
        };
        self.plan(&lease, now).await;
    }

    fn evaluate(&mut self, now: Timestamp) {
        let ready: Vec<Owner> = self.dirty.difference(&self.running).cloned().collect();
        for owner in ready {
            self.dirty.remove(&owner);
            let Some(project) = self.index.read().project_of(&owner) else {
                self.evaluations.remove(&owner);
                self.retries.forget(&owner);
                self.asks.forget(&owner);
                self.live.evaluated(owner);
                continue;
            };
            self.running.insert(owner.clone());
            let (lines, events, turns) = (self.lines.clone(), self.evaluated.clone(), self.turns.clone());
            let took = self.metrics.work.evaluations.clone();
            shared_runtime::spawn("evaluate", async move {
                let work = async {
                    let began = Instant::now();
                    let evaluation = lines.evaluate(&owner, now).await;
                    took.took(began.elapsed());
                    evaluation
                };
                let evaluation = turns.through(&project, Box::pin(work)).await;
                drop(events.send(Event::Evaluated(owner, Box::new(evaluation))).await);
            });
        }
    }

    async fn hold_lease(&mut self, now: Timestamp) -> Result<(), hub_store::Error> {
        let fresh = self.lease.as_ref().is_some_and(|lease| {
            Duration::try_from(lease.expires.duration_since(now)).unwrap_or_default() > LEASE / 2
        });
        if fresh {
            return Ok(());
        }
        self.lease =
            match lease::acquire(&**self.records.store(), "planner", &self.holder, LEASE, now).await? {
                lease::Acquired::Held(lease) => Some(lease),
                lease::Acquired::HeldBy { holder, expires } => {
                    tracing::debug!(holder, %expires, "another hub plans");
                    None
                }
            };
        match (&self.lease, self.leads) {
            (Some(_), None) => {
                // What another hub planned, and heard, is not what this one knows.
                self.leads = Some(now);
                self.live.forget();
            }
            (None, Some(_)) => self.leads = None,
            (Some(_), Some(_)) | (None, None) => {}
        }
        Ok(())
    }

    /// Takes over what is new, for the next plan.
    fn refresh(&mut self, view: &Index, now: Timestamp) {
        let links = || self.links.snapshot();
        let known = (&self.evaluations, self.leads.unwrap_or(self.started));
        self.live.refresh(view, known, &mut self.calendar, links, now);
    }

    /// Decides for the lines that are due, and writes it. The plan, as far as it may be in the store as a whole; `None`
    /// when somebody else came first, and another one is due before anything else.
    async fn roll_out(&mut self, lease: &lease::Lease, view: &Index, now: Timestamp) -> Option<Plan> {
        self.refresh(view, now);
        let began = Instant::now();
        let Decided { owners, plan, violations } = self.live.decide(now);
        self.metrics.work.plans.took(began.elapsed());
        for violation in &violations {
            tracing::error!(%violation, "the plan breaks an invariant and was refused: this is a defect, please report it");
        }
        self.metrics.violations.inc_by(violations.len() as u64);
        let progress =
            commit::commit((&self.records, &self.metrics), lease, view, &mut self.live.fleet, &plan).await;
        if !matches!(progress, Ok(Progress::Whole(_))) {
            self.live.undo(&plan);
        }
        if let Ok(
            Progress::Whole(revision) | Progress::Overtaken(revision) | Progress::Refused(revision, ..),
        ) = &progress
        {
            self.committed = self.committed.max(*revision);
            if !plan.steps.is_empty() {
                self.planned = self.planned.max(plan.at);
            }
            self.traces.planned(&owners);
            self.tell.extend(owners);
        }
        match progress {
            Ok(Progress::Whole(_)) => {
                self.metrics.work.steps.inc_by(plan.steps.len() as u64);
            }
            Ok(Progress::Overtaken(_)) => {
                self.metrics.work.overtaken.inc();
                return None;
            }
            // What goes on says of these lines what the store does.
            Ok(Progress::Refused(_, owner, why)) => {
                tracing::error!(%owner, why, "a step is more than the store takes; its line is left alone for a while: please report it");
                self.live.leave(&owner, &why, now);
                self.refresh(view, now);
            }
            Err(error) => {
                tracing::error!(%error, "a plan could not be committed; it is made again");
                self.refresh(view, now);
            }
        }
        Some(plan)
    }

    async fn plan(&mut self, lease: &lease::Lease, now: Timestamp) {
        // The mirror of this moment: no lock is held while the store works.
        let view = Arc::clone(&self.index.read());
        let Some(plan) = self.roll_out(lease, &view, now).await else { return };
        let (fleet, report) = (&self.live.fleet, &self.live.report);
        self.traces.update(&self.records, lease, &view, (fleet, report), now).await;
        let held: BTreeSet<ClusterName> = fleet
            .clusters
            .iter()
            .filter(|(_, cluster)| cluster.hold.is_some())
            .map(|(name, _)| name.clone())
            .collect();
        let looked = self.looked.filter(|at| at.elapsed() < LOOK);
        let looks = looked.is_none() && self.leaves.is_due();
        if looks {
            let began = Instant::now();
            let before = std::mem::replace(&mut self.leaving, removal::plan(&view, &fleet.clusters, now));
            self.metrics.violations.inc_by(self.leaving.violations as u64);
            // What is to leave is looked at until it has left.
            let mut goes = self.leaving.removals.iter();
            let still = goes.all(|removal| matches!(removal, removal::Removal::Hold { .. }));
            self.looked = still.then(Instant::now);
            self.tell.extend(self.leaving.said_otherwise(&before, &view));
            self.leaves.took(began.elapsed());
        }
        let source = view.object(Kind::ConfigMap, settings::NAMESPACE, settings::NAME);
        self.told.tell(&self.records, self.calendar.settings(), source.map(AsRef::as_ref), now).await;
        let source = view.object(Kind::ConfigMap, settings::NAMESPACE, argocd::NAME).map(AsRef::as_ref);
        let wrong =
            ("values that cannot be read change nothing: what was set before stays", self.argocd.problems());
        self.argocd_told.tell_of(&self.records, wrong, source, now).await;
        if looks {
            removal::perform(&self.records, lease, &view, &self.leaving.removals, now).await;
        }
        adopt::perform(&self.records, &self.links, lease, &view, self.started, now).await;
        operations::perform(&self.records, &self.links, &view, &self.evaluations, &held).await;
        self.collection.begin(&view, &self.evaluations, self.leads.unwrap_or(now), now);
        if self.noting.is_due() {
            let began = Instant::now();
            notices::keep_up(&self.records, &view, fleet, report, now).await;
            self.ended.tell(&self.records, &view, now).await;
            self.noting.took(began.elapsed());
        }
        if self.counting.is_due() {
            let began = Instant::now();
            let unrendered = self.evaluations.values().map(|known| known.unrendered).sum();
            self.metrics.census(&Seen { fleet, report, leaving: &self.leaving, unrendered, at: now });
            self.counting.took(began.elapsed());
        }
        if self.told_all.is_none_or(|at| at.elapsed() >= ALL) {
            self.told_all = Some(Instant::now());
            self.tell.extend(self.evaluations.keys().cloned());
        }
        if self.round.0.is_empty() && self.telling.is_due() {
            self.round = (std::mem::take(&mut self.tell), Duration::ZERO);
        }
        if !self.round.0.is_empty() {
            let began = Instant::now();
            let told = Now {
                index: &view,
                evaluations: &self.evaluations,
                fleet,
                report,
                leaving: &self.leaving,
                links: &self.live.links,
                at: now,
            };
            let moving: BTreeSet<Owner> = plan.steps.iter().map(|step| step.owner.clone()).collect();
            self.statuses.update(&self.records, &told, &mut self.round.0, &moving).await;
            self.round.1 += began.elapsed();
            self.tells_more = !self.round.0.is_empty();
            if !self.tells_more {
                self.telling.took(self.round.1);
            }
        }
    }
}

/// Whether a change may make something leave, or be forgotten.
fn may_leave(index: &Index, part: &Part) -> bool {
    match part {
        Part::Member(..) => false,
        Part::Observed(seat) => index.observed.get(seat).is_none_or(|seen| seen.removed),
        Part::Assigned(seat) => index.assigned.get(seat).is_none_or(|(told, _)| told.running().is_none()),
        Part::Head(..) | Part::Line(_) | Part::Application(_) | Part::Cluster(_) | Part::Whole => true,
    }
}

fn keys_of(references: &BTreeSet<Reference>) -> BTreeSet<Key> {
    references.iter().map(|(url, revision)| Key::new(url.clone(), revision.clone())).collect()
}
