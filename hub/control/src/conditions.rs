//! Conditions that keep their transition time while they say the same.

use jiff::Timestamp;
use serde_json::{Value, json};
use shared_model::fleet_rollout::PlanSpec;
use shared_rollout::{Phase, Rollout};

/// A condition of an Application: Argo CD's form has no status.
pub(crate) fn of_application(kind: &str, message: &str) -> Value {
    json!({"type": kind, "message": message})
}

/// A condition with a status, as ApplicationSets and Flotilla's own kinds have.
pub(crate) fn of_set(kind: &str, holds: bool, reason: &str, message: &str) -> Value {
    json!({"type": kind, "status": if holds { "True" } else { "False" }, "reason": reason, "message": message})
}

/// Has a set's conditions say that what its generators read cannot be read any more: in Argo CD's words for a generator that fails
/// (`applicationset_controller.go`). What was generated from the last commits known stays, so the other conditions do.
pub(crate) fn unread(conditions: &mut Vec<Value>, troubles: &[String]) {
    if troubles.is_empty() {
        return;
    }
    conditions.retain(|condition| condition["type"] != "ErrorOccurred");
    let message = troubles.join("; ");
    conditions.push(of_set("ErrorOccurred", true, "ApplicationGenerationFromParamsError", &message));
}

/// Has a set's conditions say that the annotation that asks for a refresh is still there, unless something worse is wrong; an Application has
/// none of these conditions.
pub(crate) fn unrefreshed(conditions: &mut [Value], message: &str) {
    let worse = |condition: &Value| condition["type"] == "ErrorOccurred" && condition["status"] == "True";
    if conditions.iter().any(worse) {
        return;
    }
    for condition in conditions {
        let said = match condition["type"].as_str() {
            Some("ErrorOccurred") => of_set("ErrorOccurred", true, "RefreshApplicationError", message),
            Some("ResourcesUpToDate") => of_set("ResourcesUpToDate", false, "ErrorOccurred", message),
            _ => continue,
        };
        *condition = said;
    }
}

/// Argo CD's `RolloutProgressing` (`applicationset_types.go`), with its reasons; `None` without a policy or
/// rollingSync. Its message names the wave and not what that waits for, so that the time is since when.
pub(crate) fn rollout_progressing(rollout: &Rollout, phase: Phase) -> Option<Value> {
    if rollout.plan == PlanSpec::Immediate {
        return None;
    }
    let wave = rollout.head.waves.iter().position(|wave| wave.passed.is_none());
    let wave = wave.map(|wave| format!(" in wave {}", rollout.plan.wave_name(wave))).unwrap_or_default();
    let (holds, reason, is) = match phase {
        Phase::Queued => (true, "ApplicationSetModified", "waits for its turn".to_owned()),
        Phase::Progressing => (true, "ApplicationSetModified", format!("is{wave}")),
        Phase::Halted => (false, "ApplicationSetRolloutError", format!("halted{wave}")),
        Phase::RollingBack => (true, "ApplicationSetRolloutError", "goes back".to_owned()),
        Phase::RolledBack => (false, "ApplicationSetRolloutError", "was taken back".to_owned()),
        Phase::Done | Phase::Superseded => (false, "ApplicationSetRolloutComplete", "is done".to_owned()),
    };
    Some(of_set("RolloutProgressing", holds, reason, &format!("rollout {} {is}", rollout.name)))
}

/// A set's health, from its conditions as Argo CD takes it (`applicationset_types.go`, since 3.1).
pub(crate) fn health(conditions: &[Value]) -> Value {
    let of = |kind: &str| conditions.iter().find(|condition| condition["type"] == kind);
    let holds = |kind: &str| of(kind).filter(|condition| condition["status"] == "True");
    let failed =
        of("RolloutProgressing").filter(|condition| condition["reason"] == "ApplicationSetRolloutError");
    let (status, because) = match (holds("ErrorOccurred").or(failed), holds("RolloutProgressing")) {
        (Some(wrong), _) => ("Degraded", Some(wrong)),
        (None, Some(under_way)) => ("Progressing", Some(under_way)),
        (None, None) if holds("ResourcesUpToDate").is_some() => ("Healthy", None),
        (None, None) => ("Unknown", None),
    };
    let mut health = json!({"status": status});
    if let Some(because) = because {
        health["message"] = because["message"].clone();
    }
    health
}

/// `new`, each with the time since when it says so: kept from `before` where nothing but the time differs.
pub(crate) fn since(before: &Value, new: Vec<Value>, now: Timestamp) -> Value {
    let without_time = |condition: &Value| {
        let mut condition = condition.clone();
        if let Some(fields) = condition.as_object_mut() {
            fields.remove("lastTransitionTime");
        }
        condition
    };
    let known = before.as_array().map(Vec::as_slice).unwrap_or_default();
    let timed = new.into_iter().map(|condition| {
        let mut condition = without_time(&condition);
        let same = known.iter().find(|known| without_time(known) == condition);
        let time = same.map_or_else(
            || json!(now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()),
            |known| known["lastTransitionTime"].clone(),
        );
        condition["lastTransitionTime"] = time;
        condition
    });
    Value::Array(timed.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared_model::RolloutName;
    use shared_rollout::{Head, WaveHead};
    use std::collections::BTreeMap;

    fn rollout(plan: &Value, passed: usize) -> Rollout {
        let wave = |wave: usize| WaveHead {
            passed: (wave < passed).then_some(Timestamp::UNIX_EPOCH),
            ..WaveHead::default()
        };
        Rollout {
            name: RolloutName::new("shop-2"),
            sequence: 2,
            created: Timestamp::UNIX_EPOCH,
            plan: serde_json::from_value(plan.clone()).unwrap(),
            head: Head { waves: (0..2).map(wave).collect(), ..Head::default() },
            members: BTreeMap::new(),
        }
    }

    #[test]
    fn a_rollouts_progress_is_told_in_argo_cds_reasons() {
        let policy = json!({"policy": {"waves": [{"name": "canary"}, {"name": "rest"}]}});
        let steps = json!({"rollingSync": {"steps": [{}, {}]}});
        let check = |plan: &Value, passed, phase, expect: &str, expect_health: &str| {
            let told = rollout_progressing(&rollout(plan, passed), phase).unwrap();
            let part = |field: &str| told[field].as_str().unwrap().to_owned();
            assert_eq!(format!("{} {}: {}", part("status"), part("reason"), part("message")), expect);
            let fine = of_set("ResourcesUpToDate", true, "ApplicationSetUpToDate", "");
            assert_eq!(health(&[fine, told])["status"], expect_health);
        };
        let modified = "True ApplicationSetModified: rollout shop-2 is in wave";
        check(&policy, 0, Phase::Progressing, &format!("{modified} canary"), "Progressing");
        check(&steps, 1, Phase::Progressing, &format!("{modified} 2"), "Progressing");
        let done = "False ApplicationSetRolloutComplete: rollout shop-2 is done";
        check(&policy, 2, Phase::Done, done, "Healthy");
        let halted = "False ApplicationSetRolloutError: rollout shop-2 halted in wave rest";
        check(&policy, 1, Phase::Halted, halted, "Degraded");
        let back = "False ApplicationSetRolloutError: rollout shop-2 was taken back";
        check(&policy, 1, Phase::RolledBack, back, "Degraded");
        assert_eq!(rollout_progressing(&rollout(&json!("immediate"), 0), Phase::Progressing), None);
        let wrong = of_set("ErrorOccurred", true, "RenderTemplateParamsError", "no such key");
        assert_eq!(health(&[wrong]), json!({"status": "Degraded", "message": "no such key"}));
        assert_eq!(health(&[]), json!({"status": "Unknown"}));
        let mut said = vec![of_set("ErrorOccurred", false, "ApplicationSetUpToDate", "")];
        unread(&mut said, &[]);
        assert_eq!(said[0]["status"], "False");
        unread(&mut said, &["main cannot be read".to_owned()]);
        assert_eq!(said.len(), 1);
        assert_eq!(health(&said), json!({"status": "Degraded", "message": "main cannot be read"}));
    }
}
