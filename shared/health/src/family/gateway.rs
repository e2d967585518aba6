//! Gateway API, and Envoy Gateway's extensions of it. Conditions stand per listener and per parent besides the object's own, each with the generation that it is of; False
//! is a failure of `Accepted` and `ResolvedRefs`, and waiting of `Programmed`.

use super::{Line, Rule, said};
use crate::read::{Condition, Read, conditions, conditions_of, generation};
use crate::{degraded, healthy, progressing};
use serde_json::Value;
use shared_model::{Health, HealthStatus};

pub(super) fn rule(group: &str, kind: &str) -> Option<Rule> {
    Some(match (group, kind) {
        ("gateway.networking.k8s.io", "GatewayClass") => gateway_class,
        ("gateway.networking.k8s.io", "Gateway") => gateway,
        ("gateway.networking.k8s.io", "ListenerSet") => listener_set,
        ("gateway.networking.k8s.io", "HTTPRoute" | "GRPCRoute") => route,
        ("gateway.networking.k8s.io", "TLSRoute") => tls_route,
        ("gateway.networking.k8s.io", "BackendTLSPolicy") => backend_policy,
        ("gateway.envoyproxy.io", "Backend") => backend,
        (
            "gateway.envoyproxy.io",
            "BackendTrafficPolicy"
            | "ClientTrafficPolicy"
            | "EnvoyExtensionPolicy"
            | "EnvoyPatchPolicy"
            | "SecurityPolicy",
        ) => envoy_policy,
        _ => return None,
    })
}

const WAITS: &str = "waits for its controller";

fn gateway_class(object: &Value) -> Option<Health> {
    const LINES: [Line; 3] = [
        ("Accepted", "True", HealthStatus::Healthy),
        ("Accepted", "False", HealthStatus::Degraded),
        ("Accepted", "Unknown", HealthStatus::Progressing),
    ];
    let fresh = conditions(object).filter(|condition| is_fresh(condition, generation(object)));
    let told = fresh.into_iter().find_map(|condition| said(object, &condition, &LINES));
    Some(told.unwrap_or_else(|| progressing(WAITS)))
}

/// Unlike in Argo CD, a Gateway whose own conditions are of an older generation is not Healthy.
fn gateway(object: &Value) -> Option<Health> {
    let own: Vec<Condition<'_>> = conditions(object).collect();
    if let Some(trouble) = trouble(&own) {
        return Some(trouble);
    }
    let listeners = object.list("/status/listeners");
    if let Some(trouble) = listeners.iter().find_map(|listener| trouble_of_listener(listener, false)) {
        return Some(trouble);
    }
    let told = object.pointer("/status/conditions").is_some_and(Value::is_array) || !listeners.is_empty();
    let outdated = own.iter().any(|condition| condition.is_outdated(generation(object)));
    Some(match (told, outdated) {
        (true, false) => healthy(message_of(&own, "Programmed")),
        (true, true) => progressing("waits for its conditions to follow the newest generation"),
        (false, _) => progressing(WAITS),
    })
}

/// What a set of conditions says against being done.
fn trouble(list: &[Condition<'_>]) -> Option<Health> {
    let refused = ["ResolvedRefs", "Accepted"]
        .iter()
        .find_map(|kind| list.iter().find(|condition| condition.kind == *kind && condition.is_false()));
    if let Some(refused) = refused {
        return Some(degraded(refused.explain()));
    }
    let waits = list.iter().find(|condition| condition.kind == "Programmed" && !condition.is_true())?;
    Some(progressing(waits.explain()))
}

/// A listener of a set may also conflict with another set's.
fn trouble_of_listener(listener: &Value, shared: bool) -> Option<Health> {
    let list: Vec<Condition<'_>> = conditions_of(listener.list("/conditions")).collect();
    let conflict =
        list.iter().find(|condition| shared && condition.kind == "Conflicted" && condition.is_true());
    let trouble = conflict.map(|conflict| degraded(conflict.explain())).or_else(|| trouble(&list))?;
    Some(named("listener", listener.text("/name"), &trouble))
}

fn named(what: &str, name: Option<&str>, health: &Health) -> Health {
    let name = name.unwrap_or_default();
    Health::new(health.status, format!("{what} {name}: {}", health.message))
}

fn message_of<'a>(list: &[Condition<'a>], kind: &str) -> &'a str {
    list.iter().find(|condition| condition.kind == kind).map_or("", |condition| condition.message)
}

/// It has no say before it has listeners; `Accepted` counts of its own conditions, all three of its listeners'.
fn listener_set(object: &Value) -> Option<Health> {
    let own: Vec<Condition<'_>> = conditions(object).collect();
    if own.iter().any(|condition| !is_fresh(condition, generation(object))) {
        return Some(progressing(WAITS));
    }
    let own_trouble: Vec<Condition<'_>> =
        own.iter().copied().filter(|condition| condition.kind != "ResolvedRefs").collect();
    let listeners = object.list("/status/listeners");
    let told = trouble(&own_trouble)
        .or_else(|| listeners.iter().find_map(|listener| trouble_of_listener(listener, true)));
    Some(match told {
        Some(trouble) => trouble,
        None if listeners.is_empty() => progressing(WAITS),
        None => healthy(message_of(&own, "Programmed")),
    })
}

/// A condition without a generation is as good as a new one.
fn is_fresh(condition: &Condition<'_>, generation: Option<i64>) -> bool {
    match (condition.observed_generation, generation) {
        (Some(seen), Some(wanted)) => seen == wanted,
        _ => true,
    }
}

/// A gateway that the object hangs on, if all it says is of this generation.
struct Parent<'a> {
    name: Option<&'a str>,
    conditions: Vec<Condition<'a>>,
}

fn parents(object: &Value) -> Vec<Parent<'_>> {
    fresh(object, "/status/parents", "/parentRef/name")
}

fn fresh<'a>(object: &'a Value, list: &str, name: &str) -> Vec<Parent<'a>> {
    let generation = generation(object);
    object
        .list(list)
        .iter()
        .map(|parent| Parent {
            name: parent.text(name),
            conditions: conditions_of(parent.list("/conditions")).collect(),
        })
        .filter(|parent| !parent.conditions.is_empty())
        .filter(|parent| parent.conditions.iter().all(|condition| is_fresh(condition, generation)))
        .collect()
}

/// By its parents in order: the first with trouble counts.
fn route(object: &Value) -> Option<Health> {
    let parents = parents(object);
    let told = parents
        .iter()
        .find_map(|parent| trouble(&parent.conditions).map(|trouble| named("parent", parent.name, &trouble)));
    Some(match (told, parents.first()) {
        (Some(trouble), _) => trouble,
        (None, Some(parent)) => healthy(message_of(&parent.conditions, "Accepted")),
        (None, None) => progressing(WAITS),
    })
}

/// Here a failure on any parent counts before waiting on another, and Healthy takes both conditions True.
fn tls_route(object: &Value) -> Option<Health> {
    let parents = parents(object);
    let told: Vec<Health> = parents
        .iter()
        .filter_map(|parent| {
            trouble(&parent.conditions).map(|trouble| named("parent", parent.name, &trouble))
        })
        .collect();
    let worst =
        told.iter().find(|health| health.status == HealthStatus::Degraded).or_else(|| told.first()).cloned();
    let holds = |parent: &Parent<'_>, kind: &str| {
        parent.conditions.iter().any(|condition| condition.kind == kind && condition.is_true())
    };
    let good = parents.iter().find(|parent| holds(parent, "Accepted") && holds(parent, "ResolvedRefs"));
    Some(match (worst, good) {
        (Some(trouble), _) => trouble,
        (None, Some(parent)) => healthy(message_of(&parent.conditions, "Accepted")),
        (None, None) => progressing(WAITS),
    })
}

/// It hangs on ancestors, all of which have to have seen it; anything but True is a failure.
fn backend_policy(object: &Value) -> Option<Health> {
    let ancestors = object.list("/status/ancestors");
    let told = |ancestor: &Value, health: &Health| {
        Some(named("ancestor", ancestor.text("/ancestorRef/name"), health))
    };
    let each = || {
        ancestors.iter().flat_map(|ancestor| {
            conditions_of(ancestor.list("/conditions")).map(move |condition| (ancestor, condition))
        })
    };
    if let Some((ancestor, _)) = each().find(|(_, condition)| !is_fresh(condition, generation(object))) {
        return told(ancestor, &progressing("waits for its conditions to follow the newest generation"));
    }
    let failed = each()
        .find(|(_, condition)| matches!(condition.kind, "Accepted" | "ResolvedRefs") && !condition.is_true());
    if let Some((ancestor, failed)) = failed {
        return told(ancestor, &degraded(failed.explain()));
    }
    let accepted = each().find(|(_, condition)| condition.kind == "Accepted");
    Some(accepted.map_or_else(|| progressing(WAITS), |(_, accepted)| healthy(accepted.message)))
}

/// Like a route's parents, but only `Accepted` counts.
fn envoy_policy(object: &Value) -> Option<Health> {
    let ancestors = fresh(object, "/status/ancestors", "/ancestorRef/name");
    let refused = ancestors.iter().find_map(|ancestor| {
        let accepted = ancestor
            .conditions
            .iter()
            .find(|condition| condition.kind == "Accepted" && condition.is_false())?;
        Some(named("ancestor", ancestor.name, &degraded(accepted.explain())))
    });
    Some(match (refused, ancestors.first()) {
        (Some(refused), _) => refused,
        (None, Some(ancestor)) => healthy(message_of(&ancestor.conditions, "Accepted")),
        (None, None) => progressing(WAITS),
    })
}

fn backend(object: &Value) -> Option<Health> {
    Some(match conditions(object).find(|condition| condition.kind == "Accepted") {
        Some(accepted) if !is_fresh(&accepted, generation(object)) => progressing(WAITS),
        Some(accepted) if accepted.is_true() => healthy(accepted.message),
        Some(accepted) => degraded(accepted.explain()),
        None => progressing(WAITS),
    })
}
