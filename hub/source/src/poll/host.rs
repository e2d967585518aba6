//! What is known of a server: how many questions are out there, who waits for it, and whether it is left alone for a while.
//!
//! A server that fails for two keys in a row, or says itself that it is asked too much, is left alone: one wait for all its keys, then one
//! question. A good answer to that ends it; a bad one doubles the wait. One repository that hangs on a server that serves the others is no fault
//! of the server: an answer to any other key in between clears it.

use super::{Failed, Key, Settings, later, retry};
use jiff::Timestamp;
use std::{collections::BTreeSet, time::Duration};

/// Different keys in a row whose question the server did not answer, before it is taken for the server's fault.
const SUSPECTS: usize = 2;
/// No server is believed that it wants to be left alone for longer.
const LONGEST_TOLD: Duration = Duration::from_secs(3600);

#[derive(Debug, Clone, Default)]
pub(super) struct Host {
    pub(super) out: usize,
    pub(super) held: BTreeSet<(Timestamp, Key)>,
    suspects: BTreeSet<Key>,
    rest: Option<Rest>,
}

/// A server is left alone.
#[derive(Debug, Clone, Copy)]
struct Rest {
    until: Timestamp,
    /// Waits in a row.
    times: u32,
    /// Whether the server named the time itself.
    told: bool,
    /// Whether the one question after the wait is out.
    probed: bool,
}

/// Whether a server may be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum May {
    Ask,
    /// Not before then.
    Later(Timestamp),
    /// Not before a slot is free or a question is answered.
    Wait,
}

impl Host {
    pub(super) fn may(&self, now: Timestamp, settings: &Settings) -> May {
        match &self.rest {
            Some(rest) if rest.until > now => May::Later(rest.until),
            Some(rest) if rest.probed => May::Wait,
            Some(_) | None if self.out < settings.per_host.max(1) => May::Ask,
            Some(_) | None => May::Wait,
        }
    }

    /// A question goes out.
    pub(super) fn ask(&mut self) {
        self.out += 1;
        if let Some(rest) = &mut self.rest {
            rest.probed = true;
        }
    }

    /// Somebody asked for one of its keys now: it may be there again, unless it named the time itself.
    pub(super) fn refresh(&mut self, now: Timestamp) {
        if let Some(rest) = &mut self.rest
            && !rest.told
        {
            rest.until = rest.until.min(now);
        }
    }

    /// Takes an answer; gives back when it may be asked again, if it is left alone now.
    pub(super) fn answered(
        &mut self,
        key: &Key,
        answer: Result<(), Failed>,
        settings: &Settings,
        now: Timestamp,
    ) -> Option<Timestamp> {
        self.out = self.out.saturating_sub(1);
        let Err(Failed::Server { after }) = answer else {
            // It answers, whatever it says of this repository.
            self.suspects.clear();
            self.rest = None;
            return None;
        };
        self.suspects.insert(key.clone());
        if after.is_none() && self.rest.is_none() && self.suspects.len() < SUSPECTS {
            return None;
        }
        let before = self.rest;
        // Questions that were out together fail together: that is one failure.
        let again = before.filter(|rest| rest.until > now);
        let times = match (again, before) {
            (Some(rest), _) => rest.times,
            (None, Some(rest)) => rest.times.saturating_add(1),
            (None, None) => 1,
        };
        let named = after.map(|after| later(now, after.clamp(settings.first_retry, LONGEST_TOLD)));
        let own = later(now, retry(settings, times));
        let until = named.unwrap_or(own).max(again.map_or(Timestamp::MIN, |rest| rest.until));
        let told = named.is_some() || again.is_some_and(|rest| rest.told);
        self.rest = Some(Rest { until, times, told, probed: false });
        Some(until)
    }

    /// Whether nothing is to be remembered of it.
    pub(super) fn is_idle(&self) -> bool {
        self.out == 0 && self.held.is_empty() && self.rest.is_none() && self.suspects.is_empty()
    }

    pub(super) fn forget(&mut self, key: &Key) {
        self.suspects.remove(key);
    }
}
