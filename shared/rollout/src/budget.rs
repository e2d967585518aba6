//! How many members may be released and not proven at once (invariant 2, *Blast radius*).
//!
//! A slot of a wave is held by every member of it whose agent was told to run a release that is not
//! proven there: this rollout's, or an older one's that it took over (*inherited*). The connection
//! does not matter. A member excused while it held a slot gives it up and is in `mayRun` instead; one
//! that is pinned in its cluster runs what a person chose there and holds no slot either.
//! Replacing an inherited unproven release adds no exposure, so it needs only that the releases of
//! this rollout stay within the limit; otherwise a bad commit could not be fixed forward.

use crate::{
    draft::Draft,
    gate::NAMED,
    record::{Excuse, MemberState, Phase},
    rows::Marks,
    wait::Wait,
};
use shared_model::{AppKey, ClusterName};
use std::{collections::BTreeSet, sync::Arc};

/// Who holds the slots of one rollout's waves.
#[derive(Debug)]
pub(crate) struct Budget<'a> {
    waves: Vec<Slots<'a>>,
    /// Whether the rollout is taken back: then what it told to go back counts as its own.
    backwards: bool,
}

/// How a release takes its slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Slot {
    /// Anew, by this rollout.
    Own,
    /// By this rollout, from an unproven release of an older one.
    Replaced,
    /// By an older rollout.
    Inherited,
}

#[derive(Debug, Clone, Default)]
struct Slots<'a> {
    total: usize,
    own: usize,
    inherited: usize,
    holding: BTreeSet<&'a ClusterName>,
    /// What whoever finds no slot waits for.
    full: Option<Arc<Wait>>,
}

impl<'a> Budget<'a> {
    pub(crate) fn of(draft: &Draft<'a>, index: usize) -> Self {
        let mut waves = vec![Slots::default(); draft.head(index).waves.len()];
        let leads = draft.acts(index);
        let backwards = matches!(draft.head(index).phase, Phase::RollingBack | Phase::RolledBack);
        for (slots, tally) in waves.iter_mut().zip(draft.tally(index)) {
            slots.total = tally.total;
        }
        for (app, member, record, wave) in draft.placed_with(index, Marks::UNPROVEN.and(Marks::TOLD)) {
            let slots = &mut waves[wave];
            if record.may_run || record.excused == Some(Excuse::Pinned) {
                continue;
            }
            let unproven = draft.runs_unproven(&record.cluster, app);
            if backwards {
                let own = matches!(record.state, MemberState::Returning { .. });
                *(if own { &mut slots.own } else { &mut slots.inherited }) += usize::from(unproven);
                if unproven {
                    slots.holding.insert(&member.cluster);
                }
                continue;
            }
            match record.state {
                // The newest rollout's own terms decide whether its release is proven.
                MemberState::Released { .. } | MemberState::Failed { .. } if unproven || leads => {
                    slots.own += 1;
                    slots.holding.insert(&member.cluster);
                }
                MemberState::Waiting
                | MemberState::Released { .. }
                | MemberState::Proven { .. }
                | MemberState::Returning { .. }
                | MemberState::Returned { .. }
                | MemberState::Failed { .. } => {
                    if unproven {
                        slots.inherited += 1;
                        slots.holding.insert(&member.cluster);
                    }
                }
            }
        }
        Self { waves, backwards }
    }

    /// As the wave's terms have it, for what does not go back.
    pub(crate) fn forwards(self) -> Self {
        Self { backwards: false, ..self }
    }

    /// Why the wave has no slot for the member; `None` when it has one.
    pub(crate) fn refuses(
        &mut self,
        draft: &Draft<'_>,
        index: usize,
        wave: usize,
        cluster: &ClusterName,
        app: &AppKey,
    ) -> Option<Arc<Wait>> {
        let slots = &mut self.waves[wave];
        let max_update = draft.wave(index, wave).max_update(slots.total);
        // `maxUpdate: 0` holds back what is new; what goes back was let through once.
        let max_update = if self.backwards { max_update.max(1) } else { max_update };
        let replaces = draft.runs_unproven(cluster, app);
        let after = slots.own + 1 + if replaces { 0 } else { slots.inherited };
        if after <= max_update {
            return None;
        }
        // Thousands may wait for the same.
        let full = slots.full.get_or_insert_with(|| {
            let holding = slots.holding.iter().take(NAMED).map(|cluster| (*cluster).clone()).collect();
            let held = slots.holding.len();
            let wave = draft.wave(index, wave).name.clone();
            Arc::new(Wait::Budget { wave, max_update, holding, held })
        });
        Some(Arc::clone(full))
    }

    /// A release takes a slot of the wave.
    pub(crate) fn take(&mut self, wave: usize, cluster: &'a ClusterName, slot: Slot) {
        let slots = &mut self.waves[wave];
        slots.full = None;
        slots.holding.insert(cluster);
        match slot {
            Slot::Own => slots.own += 1,
            Slot::Inherited => slots.inherited += 1,
            Slot::Replaced => {
                slots.own += 1;
                slots.inherited = slots.inherited.saturating_sub(1);
            }
        }
    }
}

/// Why the cluster cannot take another unproven release; `None` when it can.
pub(crate) fn cluster_refuses(draft: &Draft<'_>, cluster: &ClusterName, app: &AppKey) -> Option<Wait> {
    let limit = draft.fleet.max_per_cluster?;
    let others = draft.unproven_on(cluster).saturating_sub(usize::from(draft.runs_unproven(cluster, app)));
    (others >= limit).then(|| Wait::ClusterLimit { cluster: cluster.clone(), limit })
}
