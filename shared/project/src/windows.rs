//! Sync windows: whether changes may go out to an Application now, and when that changes.

use jiff::Timestamp;
use shared_model::SyncWindow;

/// The windows that concern one Application on one cluster, ready to be asked.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Windows {
    windows: Vec<Window>,
}

/// One window, read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Window {}

/// Whether changes may go out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Gate {
    /// They may.
    Open {
        /// When that changes.
        until: Option<Timestamp>,
    },
    /// They may not.
    Closed {
        /// When they may again; `None` when no time in the next year is known.
        until: Option<Timestamp>,
        /// Which window says so, in words: "deny window `0 22 * * *` for 9h (Europe/Berlin)".
        why: String,
        /// Whether a person's sync goes through all the same.
        manual: bool,
        /// Whether what began while they might may be ended.
        overrun: bool,
    },
}

impl Windows {
    /// Reads windows that all concern the Application. What cannot be read counts as closed for
    /// `deny` and as never open for `allow`, and is named by [`problems`].
    pub fn new<'a>(windows: impl IntoIterator<Item = &'a SyncWindow>) -> Self {
        Self { windows: windows.into_iter().map(|_| Window {}).collect() }
    }

    /// Whether changes may go out at `now`.
    pub fn gate(&self, _now: Timestamp) -> Gate {
        Gate::Open { until: None }
    }

    /// Whether a window concerns an Application.
    pub fn applies(
        _window: &SyncWindow,
        _application: &str,
        _namespace: &str,
        _cluster: &str,
        _server: &str,
        _labels: &std::collections::BTreeMap<String, String>,
    ) -> bool {
        true
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.windows.is_empty()
    }
}
