//! A source is rendered: once per distinct input, in turns, and by whom its type says.
//!
//! [`Renderer::prepare`] finds out what it takes ([`Job`]), cheaply; [`Renderer::render`] does it, and
//! [`Renderer::keep`] does it unless the result is known.
//!
//! # Invariants
//! - Equal inputs are rendered once at a time, whoever asks, and once at all while the result is known.
//! - What the inputs are to blame for is said again without trying until they change; what failed by itself is tried
//!   again, later each time.
//! - What may come out differently is rendered twice the first time; when it does, that is said and the first counts.
//!
//! It refuses to know where bundles are kept, and whose Applications they are of.

mod inflated;
mod resting;
mod slow;

use crate::{
    Cache, Confine, Kind,
    budget::{Budget, Share},
    cache::Known,
    confine::{Limits, Stop, Stopped, Task},
    detect::{SourceType, type_of},
    fair::{Fair, SLOW},
    helm,
    job::{Job, Tool, Work},
    kustomize, lfs, output,
    plain::{self, plain},
    rendered::{Kept, NON_DETERMINISTIC, RENDERED, Rendered, Warning},
    request::{Failure, Request},
    sealed,
    tools::{Places, Tools},
    tree::Limit,
    view::MOST_BYTES,
};
use bytes::Bytes;
use inflated::{Inflated, Inflations};
use parking_lot::Mutex;
use resting::Resting;
use shared_manifest::Bundle;
use shared_model::Digest;
use slow::Slow;
use std::{
    collections::BTreeMap,
    fmt,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::OnceCell;

/// What all renderings under way may take of memory together, in bytes, and at least for each core.
const MEMORY: u64 = 256 << 20;
const MEMORY_EACH: u64 = 24 << 20;
/// What most sources are less than, in bytes: they do not wait for room that they will not need.
const LITTLE: u64 = 4 << 20;
/// How much larger objects are in memory than their text.
const OBJECTS: u64 = 8;

/// Where bundles are kept. Both calls block.
pub trait Shelf: fmt::Debug + Send + Sync + 'static {
    /// Keeps a bundle's canonical bytes; durable when this returns.
    ///
    /// # Errors
    /// Why not, for people.
    fn put(&self, bytes: &[u8]) -> Result<Digest, String>;

    /// Whether the bundle is there, and stays for now.
    fn renew(&self, bundle: &Digest) -> bool;
}

/// For whom something is rendered, and from where: who waits for whom follows from it.
#[derive(Debug, Clone, Copy)]
pub struct Whose<'a> {
    /// The AppProject.
    pub project: &'a str,
    /// The repository and the path in it, or the chart.
    pub place: &'a str,
}

/// What happened, for who counts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Happened {
    /// The result was known.
    Hit,
    /// It was not.
    Miss,
    /// Something waited that long for its turn.
    Waited(Duration),
    /// Something was rendered, or could not be.
    Rendered {
        /// `directory`, `helm` or `kustomize`.
        by: &'static str,
        /// How long it took, without waiting for its turn.
        took: Duration,
        /// Whether it could not be.
        failed: bool,
    },
}

/// Who counts what happens.
pub type Tell = Arc<dyn Fn(Happened) + Send + Sync>;

/// What a renderer stands on.
pub struct Config {
    /// How many render at once, at least 1; as many again while some of them are slow.
    pub slots: usize,
    /// What is known already.
    pub cache: Cache,
    /// Who counts.
    pub tell: Tell,
    /// What the official tools run with; without it only plain directories are rendered.
    pub tooling: Option<Tooling>,
}

/// What the official tools run with.
#[derive(Debug, Clone)]
pub struct Tooling {
    /// What they are shut in by.
    pub confine: Confine,
    /// A folder of the renderer's own; what a run left in it when the program was killed is removed.
    pub scratch: PathBuf,
    /// Where the tools are.
    pub places: Places,
    /// What a run may use up.
    pub limits: Limits,
}

impl Config {
    /// As many at once as there are cores, nothing known, nobody counts, no tools.
    pub fn new() -> Self {
        let slots = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self { slots, cache: Cache::new(MOST), tell: Arc::new(|_| {}), tooling: None }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config").field("slots", &self.slots).finish_non_exhaustive()
    }
}

/// The most results that are remembered.
pub const MOST: usize = 65_536;

/// Renders. Clones share everything.
#[derive(Clone)]
pub struct Renderer(Arc<Inner>);

struct Inner {
    fair: Fair,
    budget: Budget,
    cache: Cache,
    tell: Tell,
    flights: Mutex<BTreeMap<Digest, Arc<Flight>>>,
    resting: Mutex<Resting>,
    slow: Mutex<Slow>,
    inflations: Mutex<Inflations>,
    memo: helm::Memo,
    shop: Option<Arc<Shop>>,
}

/// The tools, and what they run with.
#[derive(Debug)]
struct Shop {
    tools: Tools,
    tooling: Tooling,
}

/// A rendering under way: whoever wants the same waits for it.
type Flight = OnceCell<Result<Kept, Failure>>;

impl fmt::Debug for Renderer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Renderer").finish_non_exhaustive()
    }
}

impl Renderer {
    /// A renderer.
    pub fn new(config: Config) -> Self {
        let Config { slots, cache, tell, tooling } = config;
        let shop = tooling.map(|tooling| {
            Confine::clear(&tooling.scratch);
            let (confine, scratch) = (tooling.confine.clone(), tooling.scratch.clone());
            Arc::new(Shop { tools: Tools::new(confine, scratch, tooling.places.clone()), tooling })
        });
        Self(Arc::new(Inner {
            fair: Fair::new(slots, SLOW),
            budget: Budget::new(MEMORY.max(slots as u64 * MEMORY_EACH)),
            cache,
            tell,
            flights: Mutex::default(),
            resting: Mutex::default(),
            inflations: Mutex::default(),
            slow: Mutex::default(),
            memo: helm::Memo::default(),
            shop,
        }))
    }

    /// What it takes to render a source.
    ///
    /// # Errors
    /// Why it cannot be rendered.
    pub async fn prepare(&self, request: &Request<'_>) -> Result<Job, Failure> {
        let of = type_of(request.source, &**request.tree, request.folder);
        match of.map_err(|problem| Failure::Inputs(vec![problem]))? {
            SourceType::Directory => plain::prepare(request).await,
            SourceType::Helm => {
                let tool = self.tool(Kind::Helm).await?;
                helm::prepare(request, &tool, &self.0.memo).await
            }
            SourceType::Kustomize => {
                let tool = self.tool(Kind::Kustomize).await?;
                let helm = if kustomize::renders_charts(request.settings) {
                    Some(kustomize::Helm { tool: self.tool(Kind::Helm).await, memo: &self.0.memo })
                } else {
                    None
                };
                kustomize::prepare(request, &tool, helm).await
            }
            SourceType::Plugin => Err(Failure::inputs(
                "spec.source.plugin",
                "config management plugins are not run",
                "commit the manifests that the plugin makes",
            )),
        }
    }

    /// An official tool, as it is now.
    ///
    /// # Errors
    /// [`Failure::Circumstance`] with what to install or to set.
    pub async fn tool(&self, kind: Kind) -> Result<Tool, Failure> {
        let shop = self.0.shop.clone().ok_or_else(|| no_tools(kind))?;
        let found = tokio::task::spawn_blocking(move || shop.tools.find(kind)).await;
        found.map_err(|_| Failure::Circumstance("rendering was interrupted".to_owned()))?
    }

    /// Renders.
    ///
    /// # Errors
    /// Why not.
    pub async fn render(&self, job: &Job, whose: Whose<'_>) -> Result<Rendered, Failure> {
        self.run(job, whose, false, Ok).await
    }

    /// What rendering comes to, with its bundle on the shelf: from the cache, or made now.
    ///
    /// # Errors
    /// Why not.
    pub async fn keep(&self, job: &Job, whose: Whose<'_>, shelf: &Arc<dyn Shelf>) -> Result<Kept, Failure> {
        let inputs = job.inputs();
        let known = self.known(&inputs, shelf);
        (self.0.tell)(if known.is_some() { Happened::Hit } else { Happened::Miss });
        let mut kept = match known {
            Some(known) => known.map_err(Failure::Inputs)?,
            None => self.once(inputs, job, whose, shelf).await?,
        };
        kept.warnings.extend(job.warnings.iter().map(|said| Warning::new(RENDERED, said)));
        Ok(kept)
    }

    /// What inputs came to, if that is known; counted as a question.
    pub fn recall(&self, inputs: &Digest, shelf: &Arc<dyn Shelf>) -> Option<Result<Kept, Failure>> {
        let known = self.known(inputs, shelf)?;
        (self.0.tell)(Happened::Hit);
        Some(known.map_err(Failure::Inputs))
    }

    /// Remembers what inputs came to that somebody else made of them. Blocks for as long as a line is written.
    pub fn note(&self, inputs: Digest, kept: &Kept) {
        self.0.cache.put(inputs, Ok(kept.clone()));
    }

    fn known(&self, inputs: &Digest, shelf: &Arc<dyn Shelf>) -> Option<Known> {
        match self.0.cache.get(inputs)? {
            Ok(kept) if !shelf.renew(&kept.bundle) => {
                // It was not needed for long, and is gone.
                self.0.cache.forget(inputs);
                None
            }
            known => Some(known),
        }
    }

    /// Renders unless somebody does already.
    async fn once(
        &self,
        inputs: Digest,
        job: &Job,
        whose: Whose<'_>,
        shelf: &Arc<dyn Shelf>,
    ) -> Result<Kept, Failure> {
        if let Some(failure) = self.0.resting.lock().of(&inputs, Instant::now()) {
            return Err(failure);
        }
        let flight = Arc::clone(self.0.flights.lock().entry(inputs).or_default());
        let made = flight.get_or_init(|| self.make(inputs, job, whose, shelf)).await.clone();
        let mut flights = self.0.flights.lock();
        if flights.get(&inputs).is_some_and(|there| Arc::ptr_eq(there, &flight)) {
            flights.remove(&inputs);
        }
        made
    }

    async fn make(
        &self,
        inputs: Digest,
        job: &Job,
        whose: Whose<'_>,
        shelf: &Arc<dyn Shelf>,
    ) -> Result<Kept, Failure> {
        // Who was before may have ended between the question and now.
        if let Some(known) = self.known(&inputs, shelf) {
            return known.map_err(Failure::Inputs);
        }
        let (inner, shelf) = (Arc::clone(&self.0), Arc::clone(shelf));
        let finish = move |rendered: Rendered| {
            let bytes = rendered.bundle.to_bytes();
            let bundle = shelf.put(&bytes).map_err(Failure::Circumstance)?;
            let kept = Kept::new(bundle, bytes.len() as u64, rendered.warnings);
            inner.cache.put(inputs, Ok(kept.clone()));
            Ok(kept)
        };
        let again = self.0.resting.lock().is_known(&inputs);
        let made = self.run(job, whose, again, finish).await;
        let mut resting = self.0.resting.lock();
        match &made {
            Ok(_) => resting.forget(&inputs),
            Err(Failure::Inputs(problems)) => {
                resting.forget(&inputs);
                self.0.cache.put(inputs, Err(problems.clone()));
            }
            Err(failure @ Failure::Circumstance(_)) => resting.note(inputs, failure, Instant::now()),
        }
        made
    }

    /// Renders, the charts of an overlay first, and does what is to be done with the result. `again`: whether it failed by
    /// itself before.
    async fn run<T: Send + 'static>(
        &self,
        job: &Job,
        whose: Whose<'_>,
        again: bool,
        finish: impl FnOnce(Rendered) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let charts = self.inflated(job, (whose, again)).await?;
        let said: Vec<Warning> = charts.iter().flat_map(|chart| chart.warnings.clone()).collect();
        let work = move |bench: &Bench<'_>, may_vary: bool| {
            let mut rendered = rendered(bench, may_vary)?;
            rendered.warnings.extend(said);
            finish(rendered)
        };
        self.work(job, (whose, again), &charts, work).await
    }

    /// Does the work in a slot.
    async fn work<T: Send + 'static>(
        &self,
        job: &Job,
        (whose, again): (Whose<'_>, bool),
        charts: &[Inflated],
        finish: impl FnOnce(&Bench<'_>, bool) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let asked = Instant::now();
        let was_slow = self.0.slow.lock().is(whose.place);
        let permit = Arc::new(self.0.fair.slot(whose.project, was_slow).await);
        let began = Instant::now();
        (self.0.tell)(Happened::Waited(began - asked));
        let held = Arc::clone(&permit);
        let work = async move {
            let (mut contents, mut share) = self.contents(job).await?;
            for (chart, came_to) in job.charts.iter().zip(charts) {
                came_to.show(&chart.at, &mut contents);
            }
            let (work, may_vary, shop) = (job.work.clone(), job.may_vary, self.0.shop.clone());
            let (stop, fair) = (Stop::default(), self.0.fair.clone());
            let _given_up = stop.on_drop();
            let blocking = move || {
                // For as long as a tool may run, whoever waits for it.
                let _held = held;
                let shop = shop.as_deref();
                share.grow(size(&contents));
                let share = Mutex::new(share);
                let bench = Bench { work: &work, contents: &contents, shop, stop, share, fair, again };
                finish(&bench, may_vary)
            };
            let done = tokio::task::spawn_blocking(blocking).await;
            done.map_err(|_| Failure::Circumstance("rendering was interrupted".to_owned()))?
        };
        let done = permit.through(work).await.map_err(Failure::bounded);
        let took = began.elapsed();
        self.0.slow.lock().note(whose.place, took >= SLOW);
        (self.0.tell)(Happened::Rendered { by: job.by(), took, failed: done.is_err() });
        done
    }

    /// What a job reads, with memory for that and for what a tool prints. Most is little; what is more begins again when
    /// there is room for all that it may be.
    async fn contents(&self, job: &Job) -> Result<(BTreeMap<String, Bytes>, Share), Failure> {
        let limits = self.0.shop.as_ref().map(|shop| &shop.tooling.limits);
        let printed = match &job.work {
            Work::Run { .. } => limits.map_or(0, |limits| limits.output),
            Work::Directory => 0,
        };
        let most = job.limit();
        let little = Limit { each: most.each.min(LITTLE), all: LITTLE };
        let mut share = self.0.budget.take(LITTLE + printed).await;
        let contents = match job.view.contents_within(little).await {
            Ok(contents) => contents,
            Err(_) => {
                drop(share);
                share = self.0.budget.take(most.all + printed).await;
                job.view.contents_within(most).await?
            }
        };
        share.shrink(size(&contents) + printed);
        job.check(&contents)?;
        Ok((contents, share))
    }
}

fn size(contents: &BTreeMap<String, Bytes>) -> u64 {
    contents.values().map(|bytes| bytes.len() as u64).sum()
}

impl Job {
    /// Who does it.
    pub const fn by(&self) -> &'static str {
        match &self.work {
            Work::Directory => "directory",
            Work::Run { tool, .. } => tool.kind.program(),
        }
    }

    /// How much it may read.
    const fn limit(&self) -> Limit {
        match &self.work {
            Work::Directory => Limit { each: plain::LARGEST_FILE, all: plain::LARGEST_SOURCE },
            Work::Run { .. } => Limit { each: MOST_BYTES, all: MOST_BYTES },
        }
    }

    fn check(&self, contents: &BTreeMap<String, Bytes>) -> Result<(), Failure> {
        let pointers: Vec<&str> = contents
            .iter()
            .filter(|(path, bytes)| lfs::is_lfs_pointer(bytes) && self.reads(path))
            .map(|(path, _)| path.as_str())
            .collect();
        if pointers.is_empty() { Ok(()) } else { Err(Failure::inputs("", lfs::pointed(&pointers), "")) }
    }

    /// Whether what is in a file can show in the result: a chart's pictures do not.
    fn reads(&self, path: &str) -> bool {
        let is_text = [".yaml", ".yml", ".json", ".tpl", ".tgz"].iter().any(|end| path.ends_with(end));
        match &self.work {
            Work::Run { tool, .. } if tool.kind == Kind::Helm => is_text,
            Work::Directory | Work::Run { .. } => true,
        }
    }
}

/// What is said of inputs that came to different things.
const DIFFERED: &str = "rendering the same inputs twice gave two different results (random values, or the time of day, in a template); the first is kept until an input changes";

/// Everything that a rendering is done with.
struct Bench<'a> {
    work: &'a Work,
    contents: &'a BTreeMap<String, Bytes>,
    shop: Option<&'a Shop>,
    stop: Stop,
    share: Mutex<Share>,
    fair: Fair,
    /// Whether it failed by itself before.
    again: bool,
}

fn rendered(bench: &Bench<'_>, may_vary: bool) -> Result<Rendered, Failure> {
    let mut first = bench.once()?;
    if may_vary && bench.once()?.bundle.digest() != first.bundle.digest() {
        first.warnings.push(Warning::new(NON_DETERMINISTIC, DIFFERED));
    }
    Ok(first)
}

impl Bench<'_> {
    fn once(&self) -> Result<Rendered, Failure> {
        match self.work {
            Work::Directory => {
                self.share.lock().grow((1 + OBJECTS) * size(self.contents));
                let files: Vec<(String, &[u8])> =
                    self.contents.iter().map(|(path, bytes)| (path.clone(), &bytes[..])).collect();
                let Rendered { bundle, warnings } = plain(&files).map_err(Failure::Inputs)?;
                let (bundle, _) = Bundle::new(sealed::attach(bundle.into_objects(), self.contents));
                Ok(Rendered { bundle, warnings })
            }
            Work::Run { .. } => {
                let printed = self.printed()?;
                self.share.lock().grow(size(self.contents) + OBJECTS * printed.len() as u64);
                let manifests = output::read(&printed).map_err(Failure::Inputs)?;
                drop(printed);
                let (bundle, repeated) = Bundle::new(sealed::attach(manifests, self.contents));
                Ok(Rendered { bundle, warnings: Warning::repeated(&repeated) })
            }
        }
    }

    /// What the tool prints; nothing for a directory, which has none.
    fn printed(&self) -> Result<Bytes, Failure> {
        let Work::Run { tool, arguments, folder } = self.work else { return Ok(Bytes::new()) };
        let Tooling { confine, limits, scratch, .. } = &self.shop.ok_or_else(|| no_tools(tool.kind))?.tooling;
        let task = Task {
            tool: &tool.path,
            arguments,
            files: self.contents,
            folder,
            limits,
            scratch,
            stop: Some(&self.stop),
        };
        let alone = || self.fair.taken() <= 1;
        let was_alone = alone();
        let printed = confine.run(&task).map_err(|stopped| {
            // Nobody else can have taken what it lacked.
            let recurs_alone = self.again && was_alone && alone();
            failure(tool.kind, &stopped, recurs_alone)
        })?;
        Ok(printed.stdout)
    }
}

/// Why a tool gave nothing. That it lacked memory is its input's fault when it lacks it again with nobody beside it.
fn failure(kind: Kind, stopped: &Stopped, recurs_alone: bool) -> Failure {
    let name = kind.program();
    match (kind, stopped) {
        (Kind::Helm, Stopped::Failed { stderr, .. }) => Failure::Inputs(helm::explain(stderr)),
        (Kind::Kustomize, Stopped::Failed { stderr, .. }) => Failure::Inputs(kustomize::explain(stderr)),
        (_, Stopped::TooMuchMemory { .. }) if recurs_alone => {
            Failure::inputs("", format!("{name}: {stopped}"), "make the source smaller, or split it")
        }
        _ => stopped.failure(name),
    }
}

fn no_tools(kind: Kind) -> Failure {
    Failure::Circumstance(format!("{} is not run by this program", kind.program()))
}

#[cfg(test)]
mod tests;
