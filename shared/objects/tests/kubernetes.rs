//! The answers of a real kube-apiserver (v1.34.3) to sequences of writes, recorded by
//! `tests/compat/apply-recorder`, beside ours: codes, refusals, objects and managed fields.
//!
//! Around the engine stands here what a server does: it finds the object, checks names and versions, and
//! keeps it. What is not compared:
//! - the defaults that a server fills in for Kubernetes' own kinds ([`DEFAULTS`]) are taken from its answer;
//!   anything else in it must be ours;
//! - where it refuses an object for its values (422), ours must only have come as far;
//! - `generation`, which some kinds have and some have not;
//! - the order of conflicts with several managers, which is random there.
//!
//! On our kinds and Argo CD's, nothing is filled in: there all of the object must be the same.
#![allow(clippy::needless_pass_by_value, reason = "values are made for one call")]

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use shared_objects::{
    Resource, Status,
    apply::{self, Conflicts, Manager, Options, Schema},
    meta::{self, NewObject, Part, Rules, Updated},
    names::NameRule,
    patch::{self, PatchKind},
    status::MODIFIED,
};

/// The time of the first step: 2026-01-01T00:00:00Z.
const FIRST: i64 = 1_767_225_600;

const RECORDED: &str = include_str!("vectors/apply.jsonl");

/// What a kube-apiserver fills in, by the last fields of the path; `*` stands for an item of a list.
const DEFAULTS: &[&str] = &[
    // Service
    "spec.type",
    "spec.sessionAffinity",
    "spec.sessionAffinityConfig",
    "spec.internalTrafficPolicy",
    "spec.externalTrafficPolicy",
    "spec.ports.*.protocol",
    "spec.ports.*.targetPort",
    // Deployment
    "spec.replicas",
    "spec.revisionHistoryLimit",
    "spec.progressDeadlineSeconds",
    "spec.strategy",
    "spec.strategy.type",
    "spec.strategy.rollingUpdate",
    "spec.strategy.rollingUpdate.maxSurge",
    "spec.strategy.rollingUpdate.maxUnavailable",
    "status",
    // Pods
    "template.metadata",
    "spec.restartPolicy",
    "spec.dnsPolicy",
    "spec.schedulerName",
    "spec.securityContext",
    "spec.terminationGracePeriodSeconds",
    "containers.*.imagePullPolicy",
    "containers.*.resources",
    "containers.*.terminationMessagePath",
    "containers.*.terminationMessagePolicy",
    "containers.*.ports.*.protocol",
    "env.*.valueFrom.fieldRef.apiVersion",
    "volumes.*.configMap.defaultMode",
    "volumes.*.secret.defaultMode",
    "volumes.*.emptyDir",
    // others
    "type",
    "subjects.*.apiGroup",
    "ports.*.protocol",
    "rules",
    "spec.policyTypes",
    "status.phase",
    "labels.kubernetes.io/metadata.name",
    "metadata.labels",
    "configMapKeyRef.name",
];

/// What it fills in once it has noted who wrote what: no manager has these.
const ALLOCATED: &[&str] =
    &["spec.finalizers", "spec.ipFamilies", "spec.ipFamilyPolicy", "spec.clusterIPs", "status.loadBalancer"];

/// What it leaves out: what goes with something that is not there, and what is the same as nothing.
const LEFT_OUT: &[&str] = &["/spec/sessionAffinityConfig", "/spec/externalTrafficPolicy", "/spec/paused"];

/// Differences that are meant, or that are not the engine's, by case and step, with their reasons.
const DEVIATIONS: &[(&str, usize, &str)] = &[
    ("configmap uid and version", 5, UID),
    ("application uid and version", 5, UID),
    ("deployment uid and version", 5, UID),
    ("configmap merge patches", 8, UID),
    ("application merge patches", 8, UID),
    ("namespace status by update", 1, METADATA),
    ("namespace status by update", 2, METADATA),
];

const UID: &str = "another uid is refused as a condition that does not hold (409), as in an update, and not \
    as a change of a field (422)";
const METADATA: &str = "a Namespace's status is a way to its metadata, as no other kind's is";

/// Where an object is kept, and what its kind is like.
struct Server {
    resource: Resource<'static>,
    rules: Rules,
    schema: Schema,
    api_version: String,
    native: bool,
    live: Option<Value>,
    name: String,
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

impl Server {
    fn new(case: &Value) -> Self {
        let (kind, group, version, plural, status) = of_kind(text(case, "/kind"));
        let api_version = if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
        let clustered = matches!(kind, "Namespace" | "ClusterRole");
        Self {
            resource: Resource { group, kind, plural },
            rules: Rules {
                namespaced: !clustered,
                name: NameRule::Subdomain,
                status_subresource: status,
                immutable: &[],
                sealable: &[],
            },
            schema: Schema::of_kind(group, kind),
            api_version,
            native: !["argoproj.io", "flotilla.dev"].contains(&group),
            live: None,
            name: object_name(text(case, "/name")),
        }
    }

    fn answer(&mut self, step: &Value, now: Timestamp) -> Result<(u16, Value), Status> {
        let how = text(step, "/how");
        let force = step.get("force").map(|_| true);
        if how == "strategic" && !self.native {
            PatchKind::of_custom_content_type("application/strategic-merge-patch+json")?;
        }
        let name = text(step, "/manager");
        apply::check_options(
            name,
            match how {
                "create" => Options::Create,
                "update" => Options::Update,
                "apply" => Options::Apply,
                _ => Options::Patch { force },
            },
        )?;
        let name = if name.is_empty() { "recorder" } else { name };
        let manager = Manager { name, subresource: text(step, "/subresource") };
        let (code, object) = match how {
            "create" => self.create(step, manager, now)?,
            "apply" => self.apply(step, manager, force.is_some(), now)?,
            "update" => {
                let Some(live) = self.live.clone() else { return Err(self.missing()) };
                self.update(&live, with_version(step["body"].clone())?, step, manager, now)?
            }
            _ => {
                let Some(live) = self.live.clone() else { return Err(self.missing()) };
                let patch = &step["body"];
                let patched = match how {
                    "json" => patch::json(&live, patch)?,
                    "merge" => patch::merge(&live, patch)?,
                    _ => patch::strategic(&live, patch, &self.schema)?,
                };
                self.identify(&patched)?;
                self.update(&live, with_version(patched)?, step, manager, now)?
            }
        };
        if step.get("dryRun").is_none() {
            self.live = Some(object.clone());
        }
        Ok((code, object))
    }

    fn missing(&self) -> Status {
        Status::not_found(self.resource, &self.name)
    }

    /// The name and namespace that a request gives must be those of the object.
    fn identify(&self, object: &Value) -> Result<(), Status> {
        let given = meta::namespace(object);
        if !given.is_empty() && given != "default" {
            return Err(Status::bad_request(
                "the namespace of the provided object does not match the namespace sent on the request",
            ));
        }
        match meta::name(object) {
            "" => Err(Status::bad_request(format!(
                "the name of the object ({} based on URL) was undeterminable: name must be provided",
                self.name
            ))),
            given if given != self.name => Err(Status::bad_request(format!(
                "the name of the object ({given}) does not match the name on the URL ({})",
                self.name
            ))),
            _ => Ok(()),
        }
    }

    fn made(&self, mut object: Value, step: &Value, now: Timestamp) -> Result<Value, Status> {
        if self.rules.namespaced {
            meta::default_namespace(&mut object, "default");
        }
        let new = NewObject { uid: "UID", random: 0 };
        let object = meta::create(object, self.resource, &self.rules, new, now)?;
        let mut object = self.schema.normalised(object);
        self.fill(&mut object, step);
        Ok(object)
    }

    fn create(&self, step: &Value, manager: Manager<'_>, now: Timestamp) -> Result<(u16, Value), Status> {
        if self.live.is_some() {
            return Err(Status::already_exists(self.resource, &self.name));
        }
        let made = self.made(step["body"].clone(), step, now)?;
        let mut tracked = apply::track(None, made, manager, &self.schema, now);
        self.fill_late(&mut tracked, step);
        Ok((201, tracked))
    }

    fn apply(
        &self,
        step: &Value,
        manager: Manager<'_>,
        force: bool,
        now: Timestamp,
    ) -> Result<(u16, Value), Status> {
        let nothing = json!({});
        let config = match &step["body"] {
            Value::Null => &nothing,
            body @ Value::Object(_) => body,
            body @ (Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_)) => {
                let found = if body.is_array() { "array" } else { "string" };
                let why = "error decoding YAML: error unmarshaling JSON: while decoding JSON: json: cannot unmarshal";
                return Err(Status::bad_request(format!(
                    "{why} {found} into Go value of type map[string]interface {{}}"
                )));
            }
        };
        if self.live.is_none() && !manager.subresource.is_empty() {
            return Err(self.missing());
        }
        apply::check_kind(config, &self.api_version, self.resource.kind)?;
        let conflicts = if force { Conflicts::Force } else { Conflicts::Refuse };
        let mut applied = apply::apply(self.live.as_ref(), config, manager, conflicts, &self.schema, now)?;
        if self.live.is_none() && !meta::uid(&applied).is_empty() {
            let why = format!(
                "uid mismatch: the provided object specified uid {}, and no existing object was found",
                meta::uid(&applied)
            );
            return Err(Status::conflict(self.resource, &self.name, &why));
        }
        self.identify(&applied)?;
        match &self.live {
            Some(live) => {
                self.fill(&mut applied, step);
                self.settle(live, with_version(applied)?, step, manager)
            }
            None => {
                let managers = applied["metadata"]["managedFields"].clone();
                if let Some(metadata) = applied["metadata"].as_object_mut() {
                    metadata.remove("resourceVersion");
                }
                let mut made = self.made(applied, step, now)?;
                self.fill_late(&mut made, step);
                if !managers.is_null() {
                    made["metadata"]["managedFields"] = managers;
                }
                Ok((201, made))
            }
        }
    }

    fn update(
        &self,
        live: &Value,
        mut new: Value,
        step: &Value,
        manager: Manager<'_>,
        now: Timestamp,
    ) -> Result<(u16, Value), Status> {
        if self.rules.namespaced {
            meta::default_namespace(&mut new, "default");
        }
        let mut new = self.schema.normalised(new);
        self.fill(&mut new, step);
        let tracked = apply::track(Some(live), new, manager, &self.schema, now);
        self.settle(live, tracked, step, manager)
    }

    fn settle(
        &self,
        live: &Value,
        new: Value,
        step: &Value,
        manager: Manager<'_>,
    ) -> Result<(u16, Value), Status> {
        let part = if manager.subresource.is_empty() { Part::Main } else { Part::Status };
        let mut new = new;
        self.fill_late(&mut new, step);
        Ok((
            200,
            match meta::update(live, new, part, self.resource, &self.rules)? {
                Updated::Unchanged => live.clone(),
                Updated::Changed(object) | Updated::Removed(object) => object,
            },
        ))
    }

    /// Fills in the server's defaults.
    fn fill(&self, object: &mut Value, step: &Value) {
        if self.native {
            fill(object, &step["answer"], DEFAULTS, &mut Vec::new());
            for path in LEFT_OUT.iter().filter(|path| step["answer"].pointer(path).is_none()) {
                if let Some(Value::Object(spec)) = object.get_mut("spec") {
                    spec.remove(path.trim_start_matches("/spec/"));
                }
            }
        }
    }

    /// Fills in what the server does after it has noted who wrote what.
    fn fill_late(&self, object: &mut Value, step: &Value) {
        if self.native {
            fill(object, &step["answer"], ALLOCATED, &mut Vec::new());
        }
    }
}

/// Its name, group, version and plural, and whether its status is a subresource.
fn of_kind(kind: &str) -> KindOf {
    *KINDS.iter().find(|(name, ..)| *name == kind).unwrap_or_else(|| panic!("{kind}"))
}

type KindOf = (&'static str, &'static str, &'static str, &'static str, bool);

const KINDS: &[KindOf] = &[
    ("ConfigMap", "", "v1", "configmaps", false),
    ("Secret", "", "v1", "secrets", false),
    ("Service", "", "v1", "services", true),
    ("PodTemplate", "", "v1", "podtemplates", false),
    ("ServiceAccount", "", "v1", "serviceaccounts", false),
    ("Namespace", "", "v1", "namespaces", true),
    ("Deployment", "apps", "v1", "deployments", true),
    ("ClusterRole", "rbac.authorization.k8s.io", "v1", "clusterroles", false),
    ("RoleBinding", "rbac.authorization.k8s.io", "v1", "rolebindings", false),
    ("NetworkPolicy", "networking.k8s.io", "v1", "networkpolicies", false),
    ("Application", "argoproj.io", "v1alpha1", "applications", false),
    ("ApplicationSet", "argoproj.io", "v1alpha1", "applicationsets", true),
    ("AppProject", "argoproj.io", "v1alpha1", "appprojects", false),
    ("Cluster", "flotilla.dev", "v1alpha1", "clusters", true),
    ("RolloutPolicy", "flotilla.dev", "v1alpha1", "rolloutpolicies", true),
];

/// As the recorder names the object of a case.
fn object_name(case: &str) -> String {
    let name = case.to_lowercase().replace([' ', '/'], "-");
    name.replace([',', ':', '\'', '.'], "").trim_matches('-').to_owned()
}

/// Without the newest version; another one is too old.
fn with_version(mut object: Value) -> Result<Value, Status> {
    match meta::version(&object) {
        "" | "LIVE" => {
            if let Some(metadata) = object["metadata"].as_object_mut() {
                metadata.remove("resourceVersion");
            }
            Ok(object)
        }
        _ => Err(Status::bad_request(MODIFIED)),
    }
}

fn is_default(path: &[String], defaults: &[&str]) -> bool {
    defaults.iter().any(|default| {
        let whole = path.join(".");
        whole == *default || whole.ends_with(&format!(".{default}"))
    })
}

/// Takes from the server's answer what it fills in, where the object has nothing.
fn fill(object: &mut Value, answer: &Value, defaults: &[&str], path: &mut Vec<String>) {
    if let (Some(number), Value::String(text)) = (object.as_number(), answer)
        && number.to_string() == text.as_str()
    {
        // Quantities are texts.
        *object = json!(text);
        return;
    }
    match (object, answer) {
        (Value::Object(object), Value::Object(answer)) => {
            for (name, value) in answer {
                path.push(name.clone());
                match object.get_mut(name) {
                    Some(own) if !own.is_null() => fill(own, value, defaults, path),
                    _ if is_default(path, defaults) => drop(object.insert(name.clone(), value.clone())),
                    None if value.is_object() => {
                        let mut inner = json!({});
                        fill(&mut inner, value, defaults, path);
                        if inner != json!({}) {
                            object.insert(name.clone(), inner);
                        }
                    }
                    _ => {}
                }
                path.pop();
            }
        }
        (Value::Array(object), Value::Array(answer)) => {
            path.push("*".to_owned());
            for (own, value) in object.iter_mut().zip(answer) {
                fill(own, value, defaults, path);
            }
            path.pop();
        }
        _ => {}
    }
}

/// What is compared of an answer.
fn compared(mut answer: Value) -> Value {
    if let Some(metadata) = answer["metadata"].as_object_mut() {
        for field in ["generation", "creationTimestamp", "resourceVersion"] {
            metadata.remove(field);
        }
    }
    if let Some(causes) = answer.pointer_mut("/details/causes").and_then(Value::as_array_mut) {
        causes.sort_by_key(ToString::to_string);
    }
    answer
}

/// A refusal for an object's values, which are not the engine's to know.
fn is_validation(step: &Value) -> bool {
    let message = text(step, "/answer/message");
    step["code"] == 422 && message.contains("is invalid: ") && !message.contains("Options.meta.k8s.io")
}

/// What is wrong with our answer to a step.
fn differs(server: &mut Server, step: &Value, now: Timestamp) -> Option<String> {
    let before = server.live.clone();
    let found = server.answer(step, now);
    let expect = compared(step["answer"].clone());
    let recorded_as_object = step["code"].as_u64().is_some_and(|code| code < 300);
    if step.get("dryRun").is_none() && !is_validation(step) && recorded_as_object {
        // Whatever ours was: the next step starts from what the server has.
        let mut live = step["answer"].clone();
        // Where Kubernetes counts none, we do.
        if live.pointer("/metadata/generation").is_none() {
            live["metadata"]["generation"] = json!(1);
        }
        server.live = Some(live);
    } else {
        server.live = before.clone();
    }
    if is_validation(step) {
        return found.err().filter(|status| status.code != 422).map(|status| format!("refused: {status}"));
    }
    let (code, found) = match found {
        Ok((code, object)) => (code, compared(object)),
        Err(status) if status.message == MODIFIED => {
            let status = Status::conflict(server.resource, &server.name, MODIFIED);
            (409, compared(status.to_value()))
        }
        Err(status) => (status.code, compared(status.to_value())),
    };
    let mut expect = expect;
    if code == 422 && expect["details"] == json!({}) {
        // Ours says more.
        expect["details"] = found["details"].clone();
    }
    if u64::from(code) == step["code"] && found == expect {
        let changed = step.get("changed").is_some();
        let ours = before.map(|before| compared(before) != found).unwrap_or(true);
        if recorded_as_object && step.get("dryRun").is_none() && changed != ours {
            return Some(format!("changed: {ours}, and Kubernetes: {changed}"));
        }
        return None;
    }
    let mut lines = vec![format!("{code} instead of {}", step["code"])];
    describe(&found, &expect, "", &mut lines);
    Some(lines.join("\n    "))
}

fn describe(found: &Value, expect: &Value, path: &str, lines: &mut Vec<String>) {
    if found == expect || lines.len() > 12 {
        return;
    }
    if let (Value::Object(found), Value::Object(expect)) = (found, expect) {
        let names: std::collections::BTreeSet<_> = found.keys().chain(expect.keys()).collect();
        for name in names {
            let of = |map: &Map<String, Value>| map.get(name).cloned().unwrap_or(json!("-"));
            describe(&of(found), &of(expect), &format!("{path}.{name}"), lines);
        }
    } else if let (Value::Array(found), Value::Array(expect)) = (found, expect)
        && found.len() == expect.len()
    {
        for (index, (found, expect)) in found.iter().zip(expect).enumerate() {
            describe(found, expect, &format!("{path}[{index}]"), lines);
        }
    } else {
        lines.push(format!("{path}: {found} instead of {expect}"));
    }
}

#[test]
fn as_kubernetes_does() {
    let meant: BTreeMap<(&str, usize), &str> =
        DEVIATIONS.iter().map(|(case, step, why)| ((*case, *step), *why)).collect();
    let (mut faults, mut steps, mut validated, mut seen) = (Vec::new(), 0, 0, 0);
    let cases: Vec<Value> = RECORDED.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(cases.len() >= 200, "only {} cases", cases.len());
    for case in &cases {
        let mut server = Server::new(case);
        for (index, step) in case["steps"].as_array().unwrap().iter().enumerate() {
            let now = Timestamp::from_second(FIRST + i64::try_from(index).unwrap() * 60).unwrap();
            steps += 1;
            validated += usize::from(is_validation(step));
            let found = differs(&mut server, step, now);
            let place = (text(case, "/name"), index);
            match (found, meant.get(&place)) {
                (Some(_), Some(_)) => seen += 1,
                (None, None) => {}
                (Some(why), None) => {
                    let (how, manager) = (text(step, "/how"), text(step, "/manager"));
                    faults.push(format!("{} step {index}: {how} by {manager}: {why}", place.0));
                }
                (None, Some(why)) => faults.push(format!("{place:?} is no deviation: {why}")),
            }
        }
    }
    assert!(
        faults.is_empty() && seen == meant.len(),
        "{} of {steps} steps differ:\n{}",
        faults.len(),
        faults.join("\n")
    );
    // Most of what is recorded must be compared.
    assert!(validated * 20 < steps, "{validated} of {steps} steps are refused for their values");
}
