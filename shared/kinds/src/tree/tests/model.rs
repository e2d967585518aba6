//! The tables beside the types of `shared/model` and `shared/rollout`, by the field names that serde knows.

use super::*;
use serde::{
    Deserialize, Deserializer,
    de::{Visitor, value::Error},
    forward_to_deserialize_any,
};
use shared_model::{
    AdoptRequest, ApplicationSetSpec, ApplicationSpec, Automated, ClusterSpec, Destination,
    EnrollmentTokenSpec, FleetRolloutSpec, HelmFileParameter, HelmParameter, IgnoreDifference,
    KustomizeReplica, LabelSelector, Mode, OnFailure, Operation, Owner, OwnerReference, PauseRequest,
    PinnedCommit, Requirement, Retry, RollingStep, RollingSync, RolloutPolicySpec, SyncPolicy, SyncWindow,
    Unreachable, Wave,
    application::Backoff,
    application_set::{PreservedFields, SetSyncPolicy, Strategy},
    cluster::RetireRequest,
    fleet_rollout::{CommitSeen, Timings, Took},
    policy::{Approval, Supersede, WaitOrSkip},
};
use shared_rollout::{Decided, Evidence, Expedited, Halted, Head, HeldUp, Rollback, WaveHead};
use std::collections::BTreeSet;

/// Asks a type for the names of its fields, or of its variants.
struct Names<'a>(&'a mut Vec<&'static str>);

impl<'de> Deserializer<'de> for Names<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        Err(serde::de::Error::custom("neither a struct nor an enum"))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.0.extend(fields);
        self.deserialize_any(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.0.extend(variants);
        self.deserialize_any(visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map identifier ignored_any
    }
}

fn names<T: for<'de> Deserialize<'de>>() -> BTreeSet<&'static str> {
    let mut names = Vec::new();
    drop(T::deserialize(Names(&mut names)));
    assert!(!names.is_empty(), "{}: no names", std::any::type_name::<T>());
    names.into_iter().collect()
}

/// The type of the table has every field of the type, and beside them only `more`: what Flotilla does not read there.
fn check<T: for<'de> Deserialize<'de>>(kind: &str, more: &str) {
    let theirs = names::<T>();
    let ours: BTreeSet<&str> = named(kind).fields().keys().copied().collect();
    let missing: Vec<_> = theirs.difference(&ours).collect();
    assert!(missing.is_empty(), "the table of {kind} lacks {missing:?}");
    let more: BTreeSet<&str> = more.split_whitespace().collect();
    let others: BTreeSet<&str> = ours.difference(&theirs).copied().collect();
    assert_eq!(others, more, "fields of {kind} that shared/model does not read");
}

fn check_values<T: for<'de> Deserialize<'de>>(kind: &str, field: &str) {
    let ours: BTreeSet<&str> = named(kind).fields()[field].rules.values.iter().copied().collect();
    assert_eq!(ours, names::<T>(), "{kind}.{field}");
}

#[test]
fn what_the_types_of_argo_cds_kinds_read_is_in_the_tables() {
    check::<ApplicationSpec>("ApplicationSpec", "info revisionHistoryLimit sourceHydrator");
    check::<Destination>("Destination", "");
    check::<SyncPolicy>("SyncPolicy", "");
    check::<Automated>("Automated", "");
    check::<Retry>("Retry", "refresh");
    check::<Backoff>("Backoff", "");
    check::<IgnoreDifference>("IgnoreDifferences", "");
    check::<Operation>("Operation", "info retry");
    check::<HelmParameter>("HelmParameter", "");
    check::<HelmFileParameter>("HelmFileParameter", "");
    check::<KustomizeReplica>("KustomizeReplica", "");
    let read_by_generation =
        "applyNestedSelectors generators goTemplate goTemplateOptions template templatePatch";
    check::<ApplicationSetSpec>("ApplicationSetSpec", read_by_generation);
    check::<SetSyncPolicy>("SetSyncPolicy", "");
    check::<PreservedFields>("PreservedFields", "");
    check::<Strategy>("Strategy", "");
    check::<RollingSync>("RollingSync", "");
    check::<RollingStep>("RollingStep", "");
    check::<Requirement>("StepRequirement", "");
    check::<Requirement>("LabelRequirement", "");
    check::<LabelSelector>("LabelSelector", "");
    check::<OwnerReference>("OwnerReference", "");
    // Its own additions aside, which an AppProject does not have.
    check::<SyncWindow>("Window", "");
}

/// Sources keep what they do not know, so that serde does not tell their fields: their `Debug` does.
#[test]
fn what_sources_read_is_in_the_tables() {
    fn check<T: Default + std::fmt::Debug>(kind: &str, more: &str) {
        let shown = format!("{:#?}", T::default());
        let theirs = shown.lines().filter_map(|line| line.strip_prefix("    ")?.split_once(':'));
        let theirs: BTreeSet<String> = theirs
            .map(|(name, _)| match name {
                "repo_url" => "repoURL".to_owned(),
                "reference" => "ref".to_owned(),
                name => camel(name),
            })
            .filter(|name| name != "other" && !name.starts_with(' '))
            .collect();
        let ours: BTreeSet<String> = named(kind).fields().keys().map(|name| (*name).to_owned()).collect();
        let more: BTreeSet<String> = more.split_whitespace().map(str::to_owned).collect();
        assert_eq!(ours.difference(&theirs).cloned().collect::<BTreeSet<_>>(), more, "{kind}");
        assert_eq!(theirs.difference(&ours).count(), 0, "{kind}: {theirs:?}");
    }
    fn camel(name: &str) -> String {
        let mut parts = name.split('_');
        let first = parts.next().unwrap_or_default().to_owned();
        let rest = parts.map(|part| format!("{}{}", part[..1].to_uppercase(), &part[1..]));
        first + &rest.collect::<String>()
    }
    check::<shared_model::Source>("Source", "name tagPrefix");
    check::<shared_model::Directory>("DirectoryOptions", "jsonnet");
    check::<shared_model::Helm>("HelmOptions", "");
    check::<shared_model::Kustomize>("KustomizeOptions", "");
}

#[test]
fn what_the_types_of_our_kinds_read_is_in_the_tables_and_nothing_else() {
    check::<ClusterSpec>("ClusterSpec", "");
    check::<PauseRequest>("PauseRequest", "");
    check::<AdoptRequest>("AdoptRequest", "");
    check::<RetireRequest>("RetireRequest", "");
    check::<EnrollmentTokenSpec>("EnrollmentTokenSpec", "");
    check::<RolloutPolicySpec>("RolloutPolicySpec", "");
    check::<Wave>("Wave", "");
    check::<Unreachable>("Unreachable", "");
    check::<FleetRolloutSpec>("FleetRolloutSpec", "");
    check::<Owner>("RolloutOwner", "");
    check::<PinnedCommit>("PinnedCommit", "");
    check::<Timings>("Timings", "");
    check::<CommitSeen>("CommitSeen", "");
    check::<Took>("Took", "");
    check_values::<Mode>("ClusterSpec", "mode");
    check_values::<OnFailure>("RolloutPolicySpec", "onFailure");
    check_values::<WaitOrSkip>("RolloutPolicySpec", "paused");
    check_values::<WaitOrSkip>("Unreachable", "action");
    check_values::<Supersede>("RolloutPolicySpec", "supersede");
    check_values::<Approval>("Wave", "approval");
}

#[test]
fn what_rollouts_say_of_themselves_is_in_the_tables() {
    let counted =
        "conditions exceptional exceptionalOmitted failed inNoWave mayRun members notes proven waitsFor";
    check::<Head>("FleetRolloutStatus", counted);
    check::<WaveHead>("WaveStatus", "back excused failed name proven released total waiting");
    check::<Evidence>("Evidence", "");
    check::<Halted>("Halt", "cluster waveName");
    check::<HeldUp>("RolloutPause", "");
    check::<shared_rollout::Approved>("Approval", "");
    check::<Expedited>("Expedite", "");
    check::<Rollback>("Rollback", "");
    let decided = "{\"decision\": \"expedite\", \"clusters\": [\"a\"], \"by\": \"a\", \"at\": \"2026-01-01T00:00:00Z\"}";
    let decided: Decided = serde_json::from_str(decided).unwrap();
    let written = serde_json::to_value(decided).unwrap();
    let known = named("Decision").fields();
    assert!(written.as_object().unwrap().keys().all(|name| known.contains_key(name.as_str())), "{written}");
}
