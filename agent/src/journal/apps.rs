//! Applications: the order to run or to remove, the inventory, and whether the sync was done.

use super::{Error, Journal, bundles::with_newest};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use shared_manifest::ObjectId;
use shared_model::{AppKey, Digest, Position, ReleaseSpec};

/// What the hub ordered last for an application.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// The application.
    pub(crate) application: AppKey,
    /// The order's place in the history of (cluster, application).
    pub(crate) position: Position,
    /// What to do.
    pub(crate) what: What,
    /// The bundles that the last orders named, newest first.
    #[serde(default)]
    pub(crate) bundles: Vec<Digest>,
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

const ORDER: &str = "the hub sends it again when the agent connects";
const INVENTORY: &str = "it is rebuilt from the marks in the cluster";

fn folder(application: &AppKey) -> String {
    format!("apps/{}", &Digest::of(application.to_string().as_bytes()).hex()[..32])
}

impl Journal {
    /// Every application, and what was damaged. A damaged order leaves its application out: it is as if the
    /// hub had never sent it, and the hub sends it again.
    pub(crate) fn apps(&self) -> Result<(Vec<App>, Vec<Error>), Error> {
        let (mut apps, mut damaged) = (Vec::new(), Vec::new());
        for name in self.disk.names("apps")? {
            let folder = format!("apps/{name}");
            let order: Order = match self.parsed(&format!("{folder}/order"), ORDER) {
                Ok(Some(order)) => order,
                // A crash before the first order was in place.
                Ok(None) => continue,
                Err(error) => {
                    damaged.push(error);
                    continue;
                }
            };
            let inventory = self.parsed::<Vec<[String; 4]>>(&format!("{folder}/inventory"), INVENTORY);
            let inventory = match inventory {
                Ok(inventory) => Some(inventory.unwrap_or_default().into_iter().map(from_parts).collect()),
                Err(error) => {
                    damaged.push(error);
                    None
                }
            };
            // Without it the sync is run again, which is safe.
            let synced = self.parsed(&format!("{folder}/synced"), "the sync runs again").unwrap_or_default();
            self.named.lock().insert(order.application.clone(), (order.position, order.bundles.clone()));
            apps.push(App { order, inventory, synced });
        }
        Ok((apps, damaged))
    }

    /// Keeps an order, its bundle first; durable when this returns.
    pub(crate) fn save_order(
        &self,
        application: &AppKey,
        position: Position,
        what: What,
        compressed: Option<&[u8]>,
    ) -> Result<(), Error> {
        // Held throughout: a bundle between its writing and its naming must not be taken for forgotten.
        let mut named = self.named.lock();
        let (newest, before) = named.get(application).cloned().unwrap_or_default();
        if position < newest {
            // A note on an older order that came late.
            return Ok(());
        }
        let bundles = match &what {
            What::Run(spec) => {
                if let Some(compressed) = compressed {
                    self.save_bundle(&spec.bundle, compressed)?;
                }
                with_newest(&before, spec.bundle)
            }
            What::Remove { done: true, .. } => Vec::new(),
            What::Remove { .. } => before,
        };
        let order = Order { application: application.clone(), position, what, bundles: bundles.clone() };
        self.save(&format!("{}/order", folder(application)), &order)?;
        named.insert(application.clone(), (position, bundles));
        self.forget_bundles(&named)
    }

    /// The release that the order at `position` named, if it is kept.
    pub(crate) fn ran(&self, application: &AppKey, position: Position) -> Result<Option<ReleaseSpec>, Error> {
        let order: Option<Order> = self.parsed(&format!("{}/order", folder(application)), ORDER)?;
        Ok(order.and_then(|order| match order.what {
            What::Run(spec) if order.position == position => Some(*spec),
            What::Run(_) | What::Remove { .. } => None,
        }))
    }

    /// Puts back a bundle that was lost; durable when this returns.
    pub(crate) fn restore_bundle(&self, digest: &Digest, compressed: &[u8]) -> Result<(), Error> {
        let _named = self.named.lock();
        self.save_bundle(digest, compressed)
    }

    /// Keeps an application's inventory.
    pub(crate) fn save_inventory(&self, application: &AppKey, inventory: &[ObjectId]) -> Result<(), Error> {
        self.save(&format!("{}/inventory", folder(application)), &to_parts(inventory))
    }

    /// Keeps that the sync of `position` succeeded.
    pub(crate) fn save_synced(&self, application: &AppKey, position: Position) -> Result<(), Error> {
        self.save(&format!("{}/synced", folder(application)), &position)
    }

    pub(super) fn save(&self, name: &str, record: &impl Serialize) -> Result<(), Error> {
        self.disk.write(name, &serde_json::to_vec(record).expect("records have only string keys"))
    }

    pub(super) fn parsed<T: DeserializeOwned>(
        &self,
        name: &str,
        remedy: &'static str,
    ) -> Result<Option<T>, Error> {
        let Some(bytes) = self.disk.read(name, remedy)? else { return Ok(None) };
        serde_json::from_slice(&bytes).map(Some).map_err(|error| Error::Damaged {
            path: self.disk.path(name),
            problem: error.to_string(),
            remedy,
        })
    }
}

pub(super) fn to_parts(ids: &[ObjectId]) -> Vec<[&str; 4]> {
    ids.iter().map(|id| [&*id.group, &*id.kind, &*id.namespace, &*id.name]).collect()
}

pub(super) fn from_parts([group, kind, namespace, name]: [String; 4]) -> ObjectId {
    ObjectId { group, kind, namespace, name }
}
