//! Applications: the order to run or to remove, the orders before it, the inventory, and whether the sync was done.

use super::{Error, Journal, KEPT, Records, bundles, packed};
use serde::{Deserialize, Serialize};
use shared_manifest::ObjectId;
use shared_model::{AppKey, Digest, Position, ReleaseSpec};
use std::collections::BTreeMap;

/// What the hub ordered last for an application.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// The application.
    pub(crate) application: AppKey,
    /// The order's place in the history of (cluster, application).
    pub(crate) position: Position,
    /// What to do.
    pub(crate) what: What,
    /// The orders before it, newest first: with it at most [`KEPT`], and the one that the application is pinned to.
    #[serde(default)]
    pub(crate) earlier: Vec<Earlier>,
}

/// An order that ran.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Earlier {
    /// The order's place in the history of (cluster, application).
    pub(crate) position: Position,
    /// What ran.
    pub(crate) spec: ReleaseSpec,
}

/// Run or remove.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum What {
    /// Run this release.
    Run(Box<ReleaseSpec>),
    /// Be gone.
    Remove {
        /// Whether the application's objects go too.
        cascade: bool,
        /// Nothing of it is left to do.
        done: bool,
        /// The hub was told so.
        told: bool,
    },
}

/// All that is kept of one application.
#[derive(Debug)]
pub struct App {
    pub(crate) order: Order,
    /// `None` when it was lost.
    pub(crate) inventory: Option<Vec<ObjectId>>,
    /// The position whose sync succeeded.
    pub(crate) synced: Option<Position>,
}

/// What the journal knows without reading.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// The position of each application's order, and the bundles that its kept orders name, newest first.
    pub(super) named: BTreeMap<AppKey, (Position, Vec<Digest>)>,
    /// The records of bundles and their bytes.
    pub(super) bundles: BTreeMap<String, u64>,
}

/// The records of one application as they were read.
#[derive(Debug, Default)]
struct Read {
    order: Option<Result<Vec<u8>, Error>>,
    inventory: Option<Result<Vec<u8>, Error>>,
    synced: Option<Result<Vec<u8>, Error>>,
}

const ORDER: &str = "the hub sends it again when the agent connects";
const INVENTORY: &str = "it is rebuilt from the marks in the cluster";
const SYNCED: &str = "the sync runs again";

/// The part of a record's name that stands for an application.
pub(super) fn hash(application: &AppKey) -> String {
    Digest::of(application.to_string().as_bytes()).hex()[..32].to_owned()
}

fn name(application: &AppKey, record: &str) -> String {
    format!("apps/{}/{record}", hash(application))
}

impl Order {
    /// The orders that ran, newest first, the present one included unless it is a removal.
    pub(crate) fn ran(&self) -> impl Iterator<Item = (Position, &ReleaseSpec)> {
        let present = match &self.what {
            What::Run(spec) => Some((self.position, &**spec)),
            What::Remove { .. } => None,
        };
        present.into_iter().chain(self.earlier.iter().map(|earlier| (earlier.position, &earlier.spec)))
    }

    /// The bundles that it and the orders before it name, newest first, each once.
    fn bundles(&self) -> Vec<Digest> {
        let mut digests = Vec::new();
        for (_, spec) in self.ran() {
            if !digests.contains(&spec.bundle) {
                digests.push(spec.bundle);
            }
        }
        digests
    }

    /// The orders before one at `position` that follows this one.
    fn before(self, position: Position, what: &What) -> Vec<Earlier> {
        if matches!(what, What::Remove { done: true, .. }) {
            return Vec::new();
        }
        let mut earlier = self.earlier;
        if let What::Run(spec) = self.what
            && self.position != position
            // The same release again is no step that a person wants to go back.
            && !matches!(what, What::Run(next) if next.id() == spec.id())
        {
            earlier.insert(0, Earlier { position: self.position, spec: *spec });
        }
        earlier
    }
}

impl Records {
    /// The records of every application. Those whose order cannot be read are told and left out.
    pub(super) fn apps(&self) -> Result<(Vec<App>, Vec<Error>), Error> {
        let mut found: BTreeMap<String, Read> = BTreeMap::new();
        self.0.each("apps", &mut |name, bytes| {
            let Some((folder, record)) = name.rsplit_once('/') else { return };
            let read = found.entry(folder.to_owned()).or_default();
            match record {
                "order" => read.order = Some(bytes),
                "inventory" => read.inventory = Some(bytes),
                "synced" => read.synced = Some(bytes),
                _ => {}
            }
        })?;
        let (mut apps, mut damaged) = (Vec::new(), Vec::new());
        for (folder, read) in found {
            let order = match read.order {
                Some(bytes) => bytes.and_then(|bytes| self.parsed(&format!("{folder}/order"), bytes, ORDER)),
                // A crash before the first order was in place.
                None => continue,
            };
            let order: Order = match order {
                Ok(order) => order,
                Err(error) => {
                    damaged.push(error);
                    continue;
                }
            };
            let inventory = read.inventory.map(|bytes| {
                self.parsed::<Vec<[String; 4]>>(&format!("{folder}/inventory"), bytes?, INVENTORY)
            });
            let inventory = match inventory.transpose() {
                Ok(inventory) => inventory.map(|ids| ids.into_iter().map(from_parts).collect()),
                Err(error) => {
                    damaged.push(error);
                    None
                }
            };
            // Without it the sync is run again, which is safe.
            let synced = read.synced.and_then(|bytes| {
                bytes.and_then(|bytes| self.parsed(&format!("{folder}/synced"), bytes, SYNCED)).ok()
            });
            apps.push(App { order, inventory, synced });
        }
        Ok((apps, damaged))
    }
}

impl Journal {
    /// Every application, and what was damaged. A damaged order leaves its application out: it is as if the
    /// hub had never sent it, and the hub sends it again. What a crash left behind is let go.
    pub fn apps(&self) -> Result<(Vec<App>, Vec<Error>), Error> {
        let mut index = self.index.lock();
        let (apps, damaged) = self.records.apps()?;
        let index = index.insert(self.indexed(&apps)?);
        // The bundles of an order that cannot be read may be wanted again soon.
        if damaged.is_empty()
            && let Err(error) = self.forget_bundles(index)
        {
            tracing::warn!(%error, "bundles that nobody needs cannot be removed; it is tried again with the next order");
        }
        Ok((apps, damaged))
    }

    fn indexed(&self, apps: &[App]) -> Result<Index, Error> {
        let named = apps.iter().map(|app| {
            let order = &app.order;
            (order.application.clone(), (order.position, order.bundles()))
        });
        Ok(Index { named: named.collect(), bundles: self.records.0.bundles()?.into_iter().collect() })
    }

    fn loaded<'a>(&self, index: &'a mut Option<Index>) -> Result<&'a mut Index, Error> {
        if index.is_none() {
            *index = Some(self.indexed(&self.records.apps()?.0)?);
        }
        Ok(index.as_mut().expect("it was just read"))
    }

    /// Keeps an order, its bundle first; durable when this returns.
    #[allow(
        clippy::needless_pass_by_value,
        reason = "it becomes the record; another writer makes it be composed again"
    )]
    pub fn save_order(
        &self,
        application: &AppKey,
        position: Position,
        what: What,
        compressed: Option<&[u8]>,
    ) -> Result<(), Error> {
        // Held throughout: a bundle between its writing and its naming must not be taken for forgotten.
        let mut index = self.index.lock();
        let index = self.loaded(&mut index)?;
        if position < index.named.get(application).map_or_else(Position::default, |(newest, _)| *newest) {
            // A note on an older order that came late.
            return Ok(());
        }
        match (&what, compressed) {
            (What::Run(spec), Some(compressed)) => self.save_bundle(index, &spec.bundle, compressed)?,
            // Another application's order let it go since it was read.
            (What::Run(spec), None) if !index.bundles.contains_key(&bundles::name(&spec.bundle)) => {
                return Err(Error::NoBundle(spec.bundle));
            }
            (What::Run(_) | What::Remove { .. }, _) => {}
        }
        let mut saved = None;
        let name = name(application, "order");
        self.records.0.update(&name, &mut |before| {
            let before = before.map(|bytes| self.records.parsed::<Order>(&name, bytes, ORDER));
            let earlier = match before {
                Some(Ok(before)) if position < before.position => return Ok(None),
                Some(Ok(before)) => before.before(position, &what),
                Some(Err(error)) => {
                    tracing::error!(%error, "an order was lost, and is replaced");
                    Vec::new()
                }
                None => Vec::new(),
            };
            let mut order = Order { application: application.clone(), position, what: what.clone(), earlier };
            self.trim(&mut order);
            let bytes = packed(&order);
            saved = Some(order);
            Ok(Some(bytes))
        })?;
        if matches!(what, What::Remove { done: true, .. })
            && let Err(error) = self.records.set_pin(application, None)
        {
            tracing::warn!(%error, "an application that is gone stays pinned");
        }
        if let Some(order) = saved {
            index.named.insert(application.clone(), (position, order.bundles()));
        }
        if let Err(error) = self.forget_bundles(index) {
            tracing::warn!(%error, "bundles that nobody needs cannot be removed; it is tried again with the next order");
        }
        Ok(())
    }

    /// Lets go of the orders beyond the last [`KEPT`], but not of the one that the application is pinned to.
    fn trim(&self, order: &mut Order) {
        let room = KEPT - usize::from(matches!(order.what, What::Run(_)));
        if order.earlier.len() <= room {
            return;
        }
        let Ok(pin) = self.records.pin(&order.application) else { return };
        let mut place = 0;
        order.earlier.retain(|earlier| {
            place += 1;
            place <= room || pin.as_ref().is_some_and(|pin| pin.position == earlier.position)
        });
    }

    /// The release that the order at `position` named, if it is kept.
    pub(crate) fn ran(&self, application: &AppKey, position: Position) -> Result<Option<ReleaseSpec>, Error> {
        let order: Option<Order> = self.records.get(&name(application, "order"), ORDER)?;
        let spec = order.as_ref().and_then(|order| order.ran().find(|(ran, _)| *ran == position));
        Ok(spec.map(|(_, spec)| spec.clone()))
    }

    /// The bundles that each application's present order and those before it name, newest first.
    pub(crate) fn held(&self) -> Result<BTreeMap<AppKey, Vec<Digest>>, Error> {
        let mut index = self.index.lock();
        let named = self.loaded(&mut index)?.named.iter();
        Ok(named.map(|(application, (_, digests))| (application.clone(), digests.clone())).collect())
    }

    /// Those of one application.
    pub(crate) fn held_of(&self, application: &AppKey) -> Result<Vec<Digest>, Error> {
        let mut index = self.index.lock();
        let named = self.loaded(&mut index)?.named.get(application);
        Ok(named.map(|(_, digests)| digests.clone()).unwrap_or_default())
    }

    /// Puts back a bundle that was lost; durable when this returns.
    pub(crate) fn restore_bundle(&self, digest: &Digest, compressed: &[u8]) -> Result<(), Error> {
        let mut index = self.index.lock();
        self.save_bundle(self.loaded(&mut index)?, digest, compressed)
    }

    fn save_bundle(&self, index: &mut Index, digest: &Digest, compressed: &[u8]) -> Result<(), Error> {
        let name = bundles::name(digest);
        // Noted before it is written: what a failure leaves behind is let go with the next order.
        index.bundles.insert(name.clone(), compressed.len() as u64);
        self.records.0.write(&name, compressed)
    }

    /// Forgets an application's inventory: it is searched for at the next start.
    pub fn forget_inventory(&self, application: &AppKey) -> Result<(), Error> {
        self.records.0.remove(&name(application, "inventory"))
    }

    /// Keeps an application's inventory.
    pub fn save_inventory(&self, application: &AppKey, inventory: &[ObjectId]) -> Result<(), Error> {
        self.records.put(&name(application, "inventory"), &to_parts(inventory))
    }

    /// Keeps that the sync of `position` succeeded.
    pub fn save_synced(&self, application: &AppKey, position: Position) -> Result<(), Error> {
        self.records.put(&name(application, "synced"), &position)
    }
}

pub(super) fn to_parts(ids: &[ObjectId]) -> Vec<[&str; 4]> {
    ids.iter().map(|id| [&*id.group, &*id.kind, &*id.namespace, &*id.name]).collect()
}

pub(super) fn from_parts([group, kind, namespace, name]: [String; 4]) -> ObjectId {
    ObjectId { group, kind, namespace, name }
}
