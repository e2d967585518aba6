//! What releases encrypt, as it is known without opening anything: for each application the release that it has, and those
//! whose values the cluster may still have.
//!
//! An earlier release counts as long as the journal has its bundle, and longer where no release after it was applied. A
//! release is studied before its machine has it, so that no live object is told that it does not cover.
//!
//! What it refuses to know: keys, files, when anything happens.

use crate::journal::Journal;
use parking_lot::Mutex;
use serde_json::Value;
use shared_manifest::ObjectId;
use shared_model::{AppKey, Digest};
use shared_sops::{ANNOTATION, Cover, Identities, Key, Known, MARKER};
use shared_sync::Assignment;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// What an object carries that is made of what SOPS encrypted, and how encrypted values begin.
pub(super) const MARKS: [&str; 2] = [ANNOTATION, MARKER];

/// An object of a release that holds encrypted values.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) known: Arc<Known>,
    /// Of the object.
    digest: Digest,
    /// Where it could not be opened: the object, and what was tried.
    closed: Mutex<Option<Closed>>,
}

type Closed = (Arc<Value>, Arc<Identities>);
/// What one release encrypts.
type Lesson = BTreeMap<ObjectId, Arc<Entry>>;
/// By id, what live objects are covered with.
type Covers = Vec<(ObjectId, Arc<Cover>)>;
/// Group, kind and name.
type Name = (String, String, String);

/// What is known of all releases.
#[derive(Debug, Default)]
pub(super) struct Lessons {
    taught: BTreeMap<AppKey, BTreeMap<Digest, Arc<Lesson>>>,
    studied: BTreeMap<(AppKey, Digest), (BTreeSet<Digest>, Covers)>,
    learnt: BTreeMap<AppKey, Learnt>,
    covers: BTreeMap<Name, Vec<Covered>>,
}

/// How far an application is.
#[derive(Debug)]
struct Learnt {
    bundle: Digest,
    /// The releases before it whose values the cluster may have.
    earlier: BTreeSet<Digest>,
    applied: bool,
}

#[derive(Debug)]
struct Covered {
    of: AppKey,
    /// Empty for a cluster-scoped object, and where an earlier bundle names none.
    namespace: String,
    cover: Arc<Cover>,
}

/// What a release encrypts, and those before it.
#[derive(Debug)]
pub(super) struct Now {
    current: Arc<Lesson>,
    earlier: Vec<Arc<Lesson>>,
}

impl Entry {
    pub(super) const fn new(known: Arc<Known>, digest: Digest, closed: Option<Closed>) -> Self {
        Self { known, digest, closed: Mutex::new(closed) }
    }

    pub(super) fn close(&self, closed: Option<Closed>) {
        *self.closed.lock() = closed;
    }
}

/// The objects of a bundle that mention encrypted values; `None` when it is not here whole.
pub(super) fn of_bundle(journal: &Journal, digest: &Digest) -> Option<Vec<(ObjectId, Value)>> {
    let bundle = journal.mentioning(digest, &MARKS).ok()?;
    let objects = bundle.iter().flat_map(|bundle| bundle.objects());
    let mentions = objects.filter(|object| {
        let text = object.value().to_string();
        MARKS.iter().any(|mark| text.contains(mark))
    });
    Some(mentions.map(|object| (object.id(), object.value().clone())).collect())
}

impl Now {
    /// Whether none of them encrypts anything.
    pub(super) fn is_empty(&self) -> bool {
        self.current.is_empty() && self.earlier.iter().all(|lesson| lesson.is_empty())
    }

    /// What live objects of the release are covered with.
    pub(super) fn covers(&self, assignment: &Assignment, key: &Key) -> Covers {
        let lessons = || self.earlier.iter().chain([&self.current]);
        let ids: BTreeSet<&ObjectId> = lessons().flat_map(|lesson| lesson.keys()).collect();
        let cover = |id: &ObjectId| {
            let current = self.current.get(id).map(|entry| Arc::clone(&entry.known));
            let mut earlier: Vec<Arc<Known>> = Vec::new();
            for entry in self.earlier.iter().filter_map(|lesson| lesson.get(id)) {
                let is_there = |known: &Arc<Known>| Arc::ptr_eq(known, &entry.known);
                if !current.as_ref().is_some_and(is_there) && !earlier.iter().any(is_there) {
                    earlier.push(Arc::clone(&entry.known));
                }
            }
            let objects: Vec<Value> = assignment.said_of(id).collect();
            (id.clone(), Arc::new(Cover::new(&objects, current, earlier, key)))
        };
        ids.into_iter().map(cover).collect()
    }
}

impl Lessons {
    /// The releases before this one whose values the cluster may have, and those of them that are not taught.
    pub(super) fn earlier(
        &self,
        of: &AppKey,
        bundle: Digest,
        held: &[Digest],
    ) -> (BTreeSet<Digest>, Vec<Digest>) {
        let mut earlier: BTreeSet<Digest> = held.iter().copied().collect();
        if let Some(learnt) = self.learnt.get(of).filter(|learnt| !learnt.applied) {
            earlier.insert(learnt.bundle);
            earlier.extend(&learnt.earlier);
        }
        earlier.remove(&bundle);
        let taught = self.taught.get(of);
        let is_taught = |digest: &&Digest| taught.is_some_and(|taught| taught.contains_key(*digest));
        let unread = earlier.iter().filter(|digest| !is_taught(digest)).copied().collect();
        (earlier, unread)
    }

    /// What is known of the application's objects, by what they are.
    pub(super) fn entries(&self, of: &AppKey) -> BTreeMap<Digest, Arc<Entry>> {
        let lessons = self.taught.get(of).into_iter().flat_map(BTreeMap::values);
        let entries = lessons.flat_map(|lesson| lesson.values());
        entries.map(|entry| (entry.digest, Arc::clone(entry))).collect()
    }

    pub(super) fn taught(&mut self, of: AppKey, bundle: Digest, lesson: Lesson) {
        self.taught.entry(of).or_default().insert(bundle, Arc::new(lesson));
    }

    pub(super) fn of(&self, of: &AppKey, bundle: Digest, earlier: &BTreeSet<Digest>) -> Now {
        let lesson = |digest: &Digest| self.taught.get(of)?.get(digest).cloned();
        Now {
            current: lesson(&bundle).unwrap_or_default(),
            earlier: earlier.iter().filter_map(lesson).collect(),
        }
    }

    pub(super) fn studied(&mut self, of: AppKey, bundle: Digest, earlier: BTreeSet<Digest>, covers: Covers) {
        self.studied.insert((of, bundle), (earlier, covers));
    }

    pub(super) fn learn(&mut self, of: &AppKey, bundle: &Digest) {
        let Some((earlier, covers)) = self.studied.remove(&(of.clone(), *bundle)) else {
            tracing::error!(application = %of, "a release runs whose encrypted values were not looked at");
            return;
        };
        self.uncover(of);
        for (id, cover) in covers {
            let covered = Covered { of: of.clone(), namespace: id.namespace, cover };
            self.covers.entry((id.group, id.kind, id.name)).or_default().push(covered);
        }
        self.learnt.insert(of.clone(), Learnt { bundle: *bundle, earlier, applied: false });
        self.let_go(of);
    }

    pub(super) fn skip(&mut self, of: &AppKey, bundle: &Digest) {
        self.studied.remove(&(of.clone(), *bundle));
        self.let_go(of);
    }

    pub(super) fn applied(&mut self, of: &AppKey) {
        if let Some(learnt) = self.learnt.get_mut(of) {
            learnt.applied = true;
        }
    }

    pub(super) fn forget(&mut self, of: &AppKey) {
        self.uncover(of);
        self.learnt.remove(of);
        self.let_go(of);
    }

    /// An object that is about to be written and of which nothing was known.
    pub(super) fn meet(&mut self, of: &AppKey, id: &ObjectId, known: Arc<Known>, key: &Key) {
        let name = (id.group.clone(), id.kind.clone(), id.name.clone());
        let covered = self.covers.entry(name).or_default();
        let is_known = |covered: &Covered| covered.of == *of && covered.namespace == id.namespace;
        if !covered.iter().any(is_known) {
            let cover = Arc::new(Cover::new(&[], Some(known), Vec::new(), key));
            covered.push(Covered { of: of.clone(), namespace: id.namespace.clone(), cover });
        }
    }

    /// What a live object is covered with: for all applications that have it, or had. One of a cluster-scoped kind names
    /// no namespace, though a release may.
    pub(super) fn of_live(&self, id: &ObjectId) -> Vec<Arc<Cover>> {
        let found = self.covers.get(&(id.group.clone(), id.kind.clone(), id.name.clone()));
        let same = |covered: &&Covered| {
            covered.namespace == id.namespace || covered.namespace.is_empty() || id.namespace.is_empty()
        };
        let found = found.into_iter().flatten().filter(same);
        found.map(|covered| Arc::clone(&covered.cover)).collect()
    }

    /// What could not be opened, with others than these.
    pub(super) fn closed(&self, identities: &Arc<Identities>) -> Vec<(Arc<Entry>, Arc<Value>)> {
        let lessons = self.taught.values().flat_map(BTreeMap::values);
        let entries = lessons.flat_map(|lesson| lesson.values());
        let closed = entries.filter_map(|entry| {
            let closed = entry.closed.lock();
            let (object, tried) = closed.as_ref()?;
            (!Arc::ptr_eq(tried, identities)).then(|| (Arc::clone(entry), Arc::clone(object)))
        });
        closed.collect()
    }

    fn uncover(&mut self, of: &AppKey) {
        for covered in self.covers.values_mut() {
            covered.retain(|covered| covered.of != *of);
        }
        self.covers.retain(|_, covered| !covered.is_empty());
    }

    /// Drops what nothing of the application needs.
    fn let_go(&mut self, of: &AppKey) {
        let Some(taught) = self.taught.get_mut(of) else { return };
        let studied = self.studied.iter().filter(|((application, _), _)| application == of);
        let mut needed: BTreeSet<&Digest> =
            studied.flat_map(|((_, bundle), (earlier, _))| earlier.iter().chain([bundle])).collect();
        if let Some(learnt) = self.learnt.get(of) {
            needed.extend(learnt.earlier.iter().chain([&learnt.bundle]));
        }
        taught.retain(|digest, _| needed.contains(digest));
        if taught.is_empty() {
            self.taught.remove(of);
        }
    }
}
