//! Making an order durable and ready: the steps that read and write the journal.
//!
//! ```text
//! Order::begin(&journal) -> Ready(prepared)                       all of it is here
//!                         | Fetch(digest), then Order::finish(&journal, compressed) -> prepared
//! ```
//! The calls block. Which bundle store or hub the bytes come from is the caller's business.

use super::orders::{Failure, Wish};
use crate::journal::{self, Journal, Pin, What};
use shared_manifest::Bundle;
use shared_model::{AppKey, Digest, Position, ReleaseSpec};
use shared_sync::Assignment;
use std::{collections::BTreeMap, sync::Arc};

/// An order that is durable, ready for a machine.
#[derive(Debug)]
pub enum Prepared {
    /// The hub's release.
    Run {
        assignment: Arc<Assignment>,
        versions: BTreeMap<(String, String), String>,
        /// How much was fetched for it, compressed; `None` when all was here.
        fetched: Option<usize>,
    },
    /// The hub's removal.
    Remove { cascade: bool },
    /// A release chosen in the cluster.
    Pinned { pin: Pin, assignment: Arc<Assignment>, versions: BTreeMap<(String, String), String> },
}

/// The work on one order.
#[derive(Debug)]
pub struct Order {
    pub application: AppKey,
    pub(super) aim: Aim,
}

#[derive(Debug)]
pub(super) enum Aim {
    /// The hub's order; whether the journal has it (after a restart).
    Wish { wish: Wish, durable: bool },
    /// An earlier release, run at the position that is held.
    Pin { pin: Pin, held: Position },
}

/// How far [`Order::begin`] came.
#[derive(Debug)]
pub enum Preparation {
    /// All was here.
    Ready(Prepared),
    /// This bundle is to be fetched.
    Fetch(Digest),
}

impl Order {
    /// The position that the [`super::Done::Ordered`] of this work names.
    pub fn wish(&self) -> Position {
        match &self.aim {
            Aim::Wish { wish, .. } => wish.position(),
            Aim::Pin { held, .. } => *held,
        }
    }

    /// Begins with what the journal has.
    pub fn begin(&self, journal: &Journal) -> Result<Preparation, Failure> {
        let (spec, place) = match &self.aim {
            Aim::Wish { wish: Wish::Remove { position, cascade }, durable } => {
                if !durable {
                    let what = What::Remove { cascade: *cascade, done: false, told: false };
                    journal.save_order(&self.application, *position, what, None)?;
                }
                return Ok(Preparation::Ready(Prepared::Remove { cascade: *cascade }));
            }
            Aim::Wish { wish: Wish::Run { spec, .. }, .. } => (spec.as_ref().clone(), None),
            Aim::Pin { pin, held } => {
                let spec = journal.ran(&self.application, pin.position)?;
                (spec.ok_or(Failure::NotKept(pin.position))?, Some((pin, *held)))
            }
        };
        match journal.bundle(&spec.bundle) {
            Ok(bundle) => Ok(Preparation::Ready(match place {
                None => self.keep(journal, &bundle, None)?,
                Some((pin, held)) => pinned(pin, held, spec, &bundle),
            })),
            Err(journal::Error::NoBundle(digest)) => Ok(Preparation::Fetch(digest)),
            Err(error @ journal::Error::Damaged { .. }) => {
                tracing::error!(%error, "a bundle was lost");
                Ok(Preparation::Fetch(spec.bundle))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Goes on with the bundle that was fetched.
    pub fn finish(&self, journal: &Journal, compressed: &[u8]) -> Result<Prepared, Failure> {
        match &self.aim {
            Aim::Wish { wish: Wish::Run { spec, .. }, .. } => {
                let bundle = Journal::unpack(compressed, &spec.bundle).map_err(Failure::Bundle)?;
                self.keep(journal, &bundle, Some(compressed))
            }
            Aim::Wish { wish: Wish::Remove { cascade, .. }, .. } => {
                Ok(Prepared::Remove { cascade: *cascade })
            }
            Aim::Pin { pin, held } => {
                let spec = journal.ran(&self.application, pin.position)?;
                let spec = spec.ok_or(Failure::NotKept(pin.position))?;
                let bundle = Journal::unpack(compressed, &spec.bundle).map_err(Failure::Bundle)?;
                journal.restore_bundle(&spec.bundle, compressed)?;
                Ok(pinned(pin, *held, spec, &bundle))
            }
        }
    }

    fn keep(
        &self,
        journal: &Journal,
        bundle: &Bundle,
        compressed: Option<&[u8]>,
    ) -> Result<Prepared, Failure> {
        let Aim::Wish { wish: Wish::Run { position, spec }, durable } = &self.aim else {
            return Err(Failure::Bundle("a removal has none".to_owned()));
        };
        if !durable {
            let what = What::Run(spec.clone());
            journal.save_order(&self.application, *position, what, compressed)?;
        } else if let Some(compressed) = compressed {
            journal.restore_bundle(&spec.bundle, compressed)?;
        }
        let versions = versions_of(bundle);
        let assignment = Arc::new(Assignment::new(*position, spec.as_ref().clone(), bundle));
        let fetched = compressed.map(<[u8]>::len);
        Ok(Prepared::Run { assignment, versions, fetched })
    }
}

fn pinned(pin: &Pin, held: Position, spec: ReleaseSpec, bundle: &Bundle) -> Prepared {
    let versions = versions_of(bundle);
    Prepared::Pinned { pin: pin.clone(), assignment: Arc::new(Assignment::new(held, spec, bundle)), versions }
}

/// The version in which a bundle names each of its kinds.
fn versions_of(bundle: &Bundle) -> BTreeMap<(String, String), String> {
    let kinds = bundle.objects().iter();
    kinds
        .map(|object| ((object.group().to_owned(), object.kind().to_owned()), object.version().to_owned()))
        .collect()
}
