//! What a generator remembers of its last run, so that the next one does again only what something that it read has changed.
//!
//! Parameter sets are shared, and the same set stays the same allocation for as long as nothing that it follows from changes: whatever is
//! made of it (a pair of a matrix, an Application) is found again by that.
//!
//! Invariants: nothing here changes what a run gives, only what it costs (the property test `incremental_equals_from_scratch`); memory is
//! replaced when a run succeeds, so that a failure in between loses nothing.

use crate::generators::clusters;
use crate::params::Params;
use crate::selector::Selector;
use crate::{ClusterInput, GitAnswer, GitRequest, Unsupported};
use serde_json::Value;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// The parameter sets of one generator, in order.
pub(crate) type Sets = Arc<Vec<Arc<Params>>>;

/// A repository and a revision.
type Reference = (String, String);

/// One generator's memory.
#[derive(Debug, Default)]
pub(crate) struct Node {
    /// What it gave when it last ran to its end.
    result: Option<Sets>,
    /// Whether that still follows from what it was made from.
    settled: bool,
    /// The last run that it ran in, or would have given the same in.
    at: u64,
    reads: Reads,
    notes: BTreeSet<Unsupported>,
    /// After the post-selector.
    filtered: Option<Filtered>,
    /// Which clusters count for it, of the clusters generator.
    pub(crate) selector: Option<Selector>,
    pub(crate) clusters: Vec<(Arc<ClusterInput>, Option<Arc<Params>>)>,
    /// The implicit local cluster.
    pub(crate) local: Option<Arc<Params>>,
    pub(crate) directories: Vec<Arc<Directory>>,
    pub(crate) files: Vec<Arc<File>>,
    /// The members of matrix and merge that are the same for all.
    pub(crate) members: Vec<Self>,
    pub(crate) second: Option<Box<Second>>,
    pub(crate) merged: Vec<Merged>,
}

/// A directory of the git generator.
#[derive(Debug)]
pub(crate) struct Directory {
    pub(crate) path: String,
    pub(crate) params: Arc<Params>,
}

/// A file of the git generator and what it held.
#[derive(Debug)]
pub(crate) struct File {
    pub(crate) path: String,
    pub(crate) text: Arc<str>,
    pub(crate) sets: Vec<Arc<Params>>,
}

/// The second generator of a matrix: one memory for each configuration that the first one's parameters make of it.
#[derive(Debug, Default)]
pub(crate) struct Second {
    pub(crate) entry: Value,
    pub(crate) nodes: Vec<Node>,
    pub(crate) by_config: BTreeMap<String, usize>,
    pub(crate) rows: Vec<Row>,
}

/// One parameter set of the first generator, and its pairs.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) outer: Arc<Params>,
    /// The configuration's place in [`Second::nodes`].
    pub(crate) node: usize,
    pub(crate) inner: Sets,
    /// As many as `inner`.
    pub(crate) pairs: Vec<Arc<Params>>,
}

/// One result of a merge.
#[derive(Debug)]
pub(crate) struct Merged {
    pub(crate) key: Box<str>,
    /// The base and what overrides it.
    pub(crate) parts: Vec<Arc<Params>>,
    pub(crate) result: Arc<Params>,
}

#[derive(Debug)]
struct Filtered {
    from: Sets,
    kept: Vec<bool>,
    to: Sets,
}

/// What a generator looked at outside the set.
#[derive(Debug, Default, Clone)]
pub(crate) struct Reads {
    pub(crate) clusters: bool,
    pub(crate) references: BTreeSet<Reference>,
}

impl Reads {
    pub(crate) fn add(&mut self, other: &Self) {
        self.clusters |= other.clusters;
        if !other.references.is_subset(&self.references) {
            self.references.extend(other.references.iter().cloned());
        }
    }
}

/// What has changed outside the set, run by run.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    /// The number of this run.
    run: u64,
    /// With the run that found it; the oldest are forgotten.
    log: VecDeque<(u64, Change)>,
    /// The last run whose changes are not all here any more.
    forgotten: u64,
}

#[derive(Debug)]
enum Change {
    /// What a cluster was and is.
    Cluster([Option<Arc<ClusterInput>>; 2]),
    /// A question to Git whose answer is another one.
    Answer(GitRequest),
}

/// How many changes are remembered.
const LOGGED: usize = 256;

impl Changes {
    /// Begins a run: `known` becomes `now`, and the log holds what of it is new.
    pub(crate) fn take(
        &mut self,
        known: &mut (Vec<Arc<ClusterInput>>, BTreeMap<GitRequest, GitAnswer>),
        now: (Vec<Arc<ClusterInput>>, &BTreeMap<GitRequest, GitAnswer>),
    ) {
        self.run += 1;
        let (run, log) = (self.run, &mut self.log);
        let before = std::mem::replace(&mut known.0, now.0);
        beside(
            &before,
            &known.0,
            |a, b| a.name.cmp(&b.name),
            |pair| {
                let same = |(was, is): (&Arc<ClusterInput>, _)| Arc::ptr_eq(was, is) || was == is;
                if !pair[0].zip(pair[1]).is_some_and(same) {
                    log.push_back((run, Change::Cluster(pair.map(|cluster| cluster.cloned()))));
                }
            },
        );
        let mut changed = Vec::new();
        beside(
            &known.1,
            now.1,
            |(a, _), (b, _)| a.cmp(b),
            |[was, is]| {
                let same = was.zip(is).is_some_and(|((_, was), (_, is))| was == is);
                if let Some((request, _)) = is.or(was).filter(|_| !same) {
                    changed.push(request.clone());
                }
            },
        );
        for request in changed {
            match now.1.get(&request) {
                Some(answer) => drop(known.1.insert(request.clone(), answer.clone())),
                None => drop(known.1.remove(&request)),
            }
            self.log.push_back((run, Change::Answer(request)));
        }
        while self.log.len() > LOGGED {
            self.forgotten = self.log.pop_front().map_or(run, |(run, _)| run);
        }
    }
}

/// Walks two lists of one order beside each other.
fn beside<T: Copy>(
    old: impl IntoIterator<Item = T>,
    new: impl IntoIterator<Item = T>,
    order: impl Fn(T, T) -> Ordering,
    mut visit: impl FnMut([Option<T>; 2]),
) {
    let (mut old, mut new) = (old.into_iter().peekable(), new.into_iter().peekable());
    loop {
        let order = match (old.peek(), new.peek()) {
            (None, None) => return,
            (Some(a), Some(b)) => order(*a, *b),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
        };
        visit(match order {
            Ordering::Less => [old.next(), None],
            Ordering::Greater => [None, new.next()],
            Ordering::Equal => [old.next(), new.next()],
        });
    }
}

impl Node {
    /// Drops what followed from a configuration that is not the same any more.
    pub(crate) fn forget(&mut self) {
        self.settled = false;
        self.filtered = None;
        self.clusters.clear();
        self.local = None;
        self.directories.clear();
        self.files.clear();
        self.members.iter_mut().for_each(Self::forget);
    }

    /// Before it runs: what it gave is not what it gives.
    pub(crate) fn begin(&mut self, changes: &Changes) {
        (self.settled, self.at) = (false, changes.run);
    }

    /// What it gave, when nothing that it read has changed since.
    pub(crate) fn fresh(&mut self, changes: &Changes) -> Option<&Sets> {
        let settled = self.settled && self.at >= changes.forgotten;
        let since = || changes.log.iter().rev().take_while(|(run, _)| *run > self.at);
        if !settled || since().any(|(_, change)| self.concerns(change)) {
            return None;
        }
        self.at = changes.run;
        self.result.as_ref()
    }

    fn concerns(&self, change: &Change) -> bool {
        match change {
            Change::Cluster(pair) => {
                self.reads.clusters
                    && match &self.selector {
                        Some(selector) if !selector.is_empty() => {
                            pair.iter().flatten().any(|cluster| clusters::is_selected(cluster, selector))
                        }
                        _ => true,
                    }
            }
            Change::Answer(request) => {
                let (repo_url, revision) = (request.repo_url(), request.revision());
                self.reads.references.iter().any(|(url, at)| url == repo_url && at == revision)
                    && match request {
                        GitRequest::File { path, .. } if !self.files.is_empty() => self.has(path),
                        GitRequest::File { .. }
                        | GitRequest::Directories { .. }
                        | GitRequest::Paths { .. } => true,
                    }
            }
        }
    }

    fn has(&self, path: &str) -> bool {
        self.files.binary_search_by(|file| file.path.as_str().cmp(path)).is_ok()
    }

    pub(crate) fn result(&self) -> Option<&Sets> {
        self.result.as_ref()
    }

    pub(crate) fn said(&self) -> (&Reads, &BTreeSet<Unsupported>) {
        (&self.reads, &self.notes)
    }

    /// Keeps what a run came to; a result that is the same stays the one that it was.
    pub(crate) fn keep(
        &mut self,
        result: Vec<Arc<Params>>,
        reads: Reads,
        notes: BTreeSet<Unsupported>,
    ) -> Sets {
        (self.reads, self.notes, self.settled) = (reads, notes, true);
        let kept = match self.result.take() {
            Some(old) if all_same(&old, &result) => old,
            _ => Arc::new(result),
        };
        Arc::clone(self.result.insert(kept))
    }

    /// Keeps the parameter sets that the post-selector selects. The selector is a part of the configuration.
    pub(crate) fn filter(&mut self, sets: Sets, selector: &Selector) -> Sets {
        if selector.is_empty() {
            return sets;
        }
        if let Some(known) = self.filtered.as_ref().filter(|known| Arc::ptr_eq(&known.from, &sets)) {
            return Arc::clone(&known.to);
        }
        let kept: Vec<bool> = {
            let mut known = Aligned::new(self.filtered.as_ref().map_or(&[][..], |known| &known.from[..]));
            let decide = |params: &Arc<Params>| match (known.find(params), &self.filtered) {
                (Some(at), Some(filtered)) => filtered.kept[at],
                _ => selector.matches(&params.flattened()),
            };
            sets.iter().map(decide).collect()
        };
        let to: Vec<_> =
            sets.iter().zip(&kept).filter(|(_, kept)| **kept).map(|(params, _)| Arc::clone(params)).collect();
        let to = match self.filtered.take() {
            Some(known) if all_same(&known.to, &to) => known.to,
            _ => Arc::new(to),
        };
        self.filtered = Some(Filtered { from: sets, kept, to: Arc::clone(&to) });
        to
    }
}

/// Whether both are the same allocations.
pub(crate) fn all_same(old: &[Arc<Params>], new: &[Arc<Params>]) -> bool {
    old.len() == new.len() && old.iter().zip(new).all(|(a, b)| Arc::ptr_eq(a, b))
}

/// Finds allocations of a new list in an old one, where most of both is the same in the same order.
#[derive(Debug)]
pub(crate) struct Aligned<'a> {
    old: &'a [Arc<Params>],
    at: usize,
    /// Addresses in order, once the lists differ by more than one at a place.
    index: Option<Vec<(usize, usize)>>,
}

impl<'a> Aligned<'a> {
    pub(crate) fn new(old: &'a [Arc<Params>]) -> Self {
        Self { old, at: 0, index: None }
    }

    /// Where `params` was.
    pub(crate) fn find(&mut self, params: &Arc<Params>) -> Option<usize> {
        let is = |at: usize| self.old.get(at).is_some_and(|old| Arc::ptr_eq(old, params));
        let found = if is(self.at) {
            self.at
        } else if is(self.at + 1) {
            self.at + 1
        } else if self.old.is_empty() {
            return None;
        } else {
            let index = self.index.get_or_insert_with(|| {
                let mut index: Vec<_> =
                    self.old.iter().enumerate().map(|(at, params)| (address(params), at)).collect();
                index.sort_unstable();
                index
            });
            let at = index.binary_search_by_key(&address(params), |(address, _)| *address).ok()?;
            index[at].1
        };
        self.at = found + 1;
        Some(found)
    }
}

fn address(params: &Arc<Params>) -> usize {
    Arc::as_ptr(params).addr()
}
