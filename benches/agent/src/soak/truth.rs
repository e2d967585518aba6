//! What Git says: objects of four applications that change, come and go with each commit.

use crate::bundles::text;
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    fmt::{self, Write as _},
};

/// The applications; each is its folder and its namespace.
pub(crate) const APPS: [&str; 4] = ["soak-a", "soak-b", "soak-c", "soak-d"];
/// Objects of an application, more or less.
const OF_AN_APP: u64 = 50;
/// What one commit does to an application.
const CHANGED: usize = 8;
const TURNED_OVER: u64 = 3;
/// The Roles of all applications come, and go again, after so many commits: a watch begins and ends with them.
const ROLES: u64 = 12;

/// What there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    ConfigMap,
    Secret,
    Role,
}

impl Kind {
    pub(crate) const ALL: [Self; 3] = [Self::ConfigMap, Self::Secret, Self::Role];

    pub(crate) const fn group(self) -> &'static str {
        match self {
            Self::ConfigMap | Self::Secret => "",
            Self::Role => "rbac.authorization.k8s.io",
        }
    }

    /// Where the value stands that changes.
    pub(crate) const fn pointer(self) -> &'static str {
        match self {
            Self::ConfigMap | Self::Secret => "/data/value",
            Self::Role => "/rules/0/resourceNames/0",
        }
    }

    /// What holds a value: its patch, and its manifest but for the head.
    pub(crate) fn holding(self, value: &str) -> Value {
        match self {
            Self::ConfigMap | Self::Secret => json!({"data": {"value": value}}),
            Self::Role => {
                let rule = json!({"apiGroups": [""], "resources": ["configmaps"], "resourceNames": [value], "verbs": ["get"]});
                json!({"rules": [rule]})
            }
        }
    }
}

/// An object of an application.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Object {
    pub(crate) kind: Kind,
    number: u64,
}

/// Its name.
impl fmt::Display for Object {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "soak-{}", self.number)
    }
}

/// The objects of an application with their values.
pub(crate) type Objects = BTreeMap<Object, String>;

/// Git, as it is after the last commit.
#[derive(Debug)]
pub(crate) struct Truth {
    random: StdRng,
    commits: u64,
    last: u64,
    apps: BTreeMap<&'static str, Objects>,
}

impl Truth {
    pub(crate) fn new() -> Self {
        let apps = APPS.iter().map(|&app| (app, Objects::new())).collect();
        let mut this = Self { random: StdRng::seed_from_u64(1), commits: 0, last: 0, apps };
        for app in APPS {
            this.add(app, OF_AN_APP);
        }
        this
    }

    pub(crate) const fn apps(&self) -> &BTreeMap<&'static str, Objects> {
        &self.apps
    }

    /// One that somebody may tamper with.
    pub(crate) fn any(&mut self) -> (&'static str, Object) {
        let app = APPS[self.random.random_range(0..APPS.len())];
        let objects = &self.apps[app];
        let at = self.random.random_range(0..objects.len());
        (app, *objects.keys().nth(at).expect("it is below the length"))
    }

    /// Changes one application, every sixth time all of them; gives the files.
    pub(crate) fn commit(&mut self) -> Vec<(String, String)> {
        self.commits += 1;
        let turn = usize::try_from(self.commits).unwrap_or_default() % APPS.len();
        let changed = if self.commits.is_multiple_of(6) { &APPS[..] } else { &APPS[turn..=turn] };
        for app in changed {
            self.change(app);
        }
        if self.commits.is_multiple_of(ROLES) {
            for app in APPS {
                self.role(app);
            }
        }
        self.files()
    }

    /// All files.
    pub(crate) fn files(&self) -> Vec<(String, String)> {
        self.apps.iter().map(|(app, objects)| (format!("{app}/all.yaml"), manifests(objects))).collect()
    }

    fn change(&mut self, app: &'static str) {
        for _ in 0..CHANGED {
            let objects = &self.apps[app];
            let at = self.random.random_range(0..objects.len());
            let object = *objects.keys().nth(at).expect("it is below the length");
            self.put(app, object);
        }
        if self.apps[app].len() as u64 > OF_AN_APP {
            for _ in 0..TURNED_OVER {
                let objects = self.apps.entry(app).or_default();
                let oldest = objects.keys().filter(|object| object.kind != Kind::Role);
                let oldest = oldest.min_by_key(|object| object.number).copied();
                oldest.and_then(|oldest| objects.remove(&oldest));
            }
        } else {
            self.add(app, TURNED_OVER);
        }
    }

    /// Names are never used again.
    fn add(&mut self, app: &'static str, count: u64) {
        for number in self.last + 1..=self.last + count {
            let kind = if number.is_multiple_of(5) { Kind::Secret } else { Kind::ConfigMap };
            self.put(app, Object { kind, number });
        }
        self.last += count;
    }

    fn role(&mut self, app: &'static str) {
        let role = Object { kind: Kind::Role, number: 0 };
        if self.apps.entry(app).or_default().remove(&role).is_none() {
            self.put(app, role);
        }
    }

    fn put(&mut self, app: &'static str, object: Object) {
        // The length of what Base64 gives: a Secret takes it as it is.
        let length = 4 * self.random.random_range(100..200);
        let value = text(&mut self.random, length);
        self.apps.entry(app).or_default().insert(object, value);
    }
}

fn manifests(objects: &Objects) -> String {
    let mut yaml = String::new();
    for (object, value) in objects {
        let (kind, group) = (object.kind, object.kind.group());
        let version = if group.is_empty() { "v1".to_owned() } else { format!("{group}/v1") };
        let mut manifest = kind.holding(value);
        manifest["apiVersion"] = json!(version);
        manifest["kind"] = json!(format!("{kind:?}"));
        manifest["metadata"] = json!({"name": object.to_string()});
        write!(yaml, "---\n{manifest}\n").expect("a string takes all");
    }
    yaml
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_change_come_and_go() {
        let mut truth = Truth::new();
        let first = truth.apps().clone();
        let mut sizes = Vec::new();
        let mut roles = Vec::new();
        for _ in 0..48 {
            let files = truth.commit();
            let documents = files.iter().map(|(_, text)| text.matches("apiVersion").count()).sum::<usize>();
            sizes.push(truth.apps().values().map(BTreeMap::len).sum::<usize>());
            assert_eq!(sizes.last(), Some(&documents));
            roles.push(truth.apps()["soak-a"].keys().any(|object| object.kind == Kind::Role));
        }
        assert!(sizes.iter().all(|size| (180..=220).contains(size)), "{sizes:?}");
        assert!(roles.contains(&true) && roles[40..].contains(&false), "{roles:?}");
        assert_ne!(first, *truth.apps());
    }
}
