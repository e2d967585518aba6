//! How a write moves fields between managers: the heart of it, without names, times and words.
//!
//! Here every manager but the one who writes has a place in `others`; what an applier drops is taken out of
//! the object here too. Source: structured-merge-diff's `merge.Updater`.

use serde_json::Value;

use super::managers::{Managed, Owner};
use super::schema::Schema;
use super::set::FieldSet;
use super::typed::{Comparison, Emptied, compare, fields, merge, reconcile, remove};

/// Fields that would change under their managers' hands.
pub(super) type Conflicting = Vec<(Owner, FieldSet)>;

/// An object, the part of it that a request writes, and its types.
#[derive(Clone, Copy)]
pub(super) struct Target<'a> {
    pub(super) schema: &'a Schema,
    /// What the request does not touch.
    pub(super) reset: &'a FieldSet,
    /// Entries of other versions are forgotten: nobody can say what their fields are.
    pub(super) version: &'a str,
}

impl Target<'_> {
    fn compare(&self, old: &Value, new: &Value) -> Comparison {
        compare(old, new, self.schema.root.get()).without(self.reset)
    }

    /// The entries as they are under the types of today.
    pub(super) fn today(&self, managed: Managed) -> Managed {
        let mine = managed.into_iter().filter(|(_, entry)| entry.version == self.version);
        mine.map(|(owner, mut entry)| {
            entry.fields = reconcile(&entry.fields, self.schema.root.get());
            (owner, entry)
        })
        .collect()
    }

    /// What whoever made `new` from `old` has written, and what is left to all `others`.
    pub(super) fn update(&self, old: &Value, new: &Value, others: &mut Managed) -> FieldSet {
        let found = self.compare(old, new);
        take(others, &found);
        found.written()
    }

    /// The object with `config` applied, `before` being what its manager applied last; its fields; and what
    /// is left to all `others`.
    ///
    /// # Errors
    /// The conflicts, unless they are to be `forced`.
    pub(super) fn apply(
        &self,
        live: &Value,
        config: &Value,
        before: &FieldSet,
        others: &mut Managed,
        forced: bool,
    ) -> Result<(Value, FieldSet), Conflicting> {
        let of = self.schema.root.get();
        let merged = merge(Some(live), Some(config), of).unwrap_or(Value::Null);
        let set = fields(config, of).without(self.reset);
        let gone = self.dropped(&merged, before, &set, others);
        // What is left empty is null while it is compared: whoever manages the map or list itself keeps it.
        let object = remove(&merged, &gone, of, Emptied::Null);
        let found = self.compare(live, &object);
        if !forced {
            let conflicts = conflicts(others, &found);
            if !conflicts.is_empty() {
                return Err(conflicts);
            }
        }
        take(others, &found);
        let object = if self.schema.open { remove(&merged, &gone, of, Emptied::Gone) } else { object };
        Ok((object, set))
    }

    /// What goes: what the manager applied `before` and has dropped, unless someone else manages it, with what
    /// is below it and nobody's.
    fn dropped(&self, merged: &Value, before: &FieldSet, set: &FieldSet, others: &Managed) -> FieldSet {
        if before.is_empty() {
            return FieldSet::default();
        }
        let of = self.schema.root.get();
        let declared = |set: &FieldSet| set.with_declared(Some(of));
        let all = declared(&fields(merged, of));
        let pruned = remove(merged, &declared(before), of, Emptied::Null);
        let kept = others.values().fold(set.clone(), |all, entry| all.union(&entry.fields));
        let left = declared(&fields(&pruned, of)).union(&declared(&kept));
        let pruned = remove(merged, &all.minus(&left), of, Emptied::Null);
        // Only what was the manager's goes: not what is nobody's beside it.
        let gone = all.minus(&declared(&fields(&pruned, of)));
        gone.intersection(&declared(before))
    }
}

fn conflicts(others: &Managed, found: &Comparison) -> Conflicting {
    let written = found.written();
    let of = others.iter().map(|(owner, entry)| (owner.clone(), entry.fields.intersection(&written)));
    of.filter(|(_, fields)| !fields.is_empty()).collect()
}

/// Takes from everyone what was written, and what is gone.
fn take(others: &mut Managed, found: &Comparison) {
    let written = found.written();
    for entry in others.values_mut() {
        let lost = entry.fields.intersection(&written);
        entry.fields = entry.fields.minus(&lost).minus(&found.removed);
    }
    others.retain(|_, entry| !entry.fields.is_empty());
}
