//! What each write asks right before it starts: the last moment at which a pause can stop it.

use parking_lot::Mutex;
use shared_model::AppKey;
use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

/// Closed for the whole cluster, or for single applications. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Gate(Arc<Closed>);

#[derive(Debug, Default)]
struct Closed {
    cluster: AtomicBool,
    applications: Mutex<BTreeSet<AppKey>>,
}

impl Gate {
    /// Why a write of this application must not start now; a fragment.
    pub fn stops(&self, application: &AppKey) -> Option<&'static str> {
        if self.is_closed() {
            Some("the cluster is paused")
        } else if self.0.applications.lock().contains(application) {
            Some("the application is paused")
        } else {
            None
        }
    }

    pub(super) fn close(&self, closed: bool) {
        self.0.cluster.store(closed, Ordering::SeqCst);
    }

    pub(super) fn is_closed(&self) -> bool {
        self.0.cluster.load(Ordering::SeqCst)
    }

    pub(super) fn close_for(&self, application: &AppKey, closed: bool) {
        let mut applications = self.0.applications.lock();
        if closed {
            applications.insert(application.clone());
        } else {
            applications.remove(application);
        }
    }
}
