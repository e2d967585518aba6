//! What there is to confine with, and what of it this machine has.

use super::spec;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt, path::Path};

/// A way of the kernel to confine a process, in the order in which they are imposed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mechanism {
    /// A user, a network, shared memory and mounts of its own (`unshare`).
    Namespaces,
    /// A root folder of its own (`pivot_root`); it takes namespaces.
    Root,
    /// Limits of memory, time and files (`setrlimit`).
    Limits,
    /// Landlock.
    Landlock,
    /// A filter of system calls.
    Seccomp,
}

impl Mechanism {
    /// All of them.
    pub const ALL: &[Self] = &[Self::Namespaces, Self::Root, Self::Limits, Self::Landlock, Self::Seccomp];
}

impl fmt::Display for Mechanism {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Namespaces => "namespaces of user, network, mounts, ipc and uts",
            Self::Root => "a root folder of its own",
            Self::Limits => "resource limits",
            Self::Landlock => "Landlock",
            Self::Seccomp => "seccomp",
        })
    }
}

/// What a machine has: a detail for people, or why not.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Found(BTreeMap<Mechanism, Result<String, String>>);

impl Found {
    pub(super) fn probe(own: &Path) -> Self {
        let trials = spec::probe(own);
        let of = |mechanism: &Mechanism| {
            let unknown = |why: &String| Err(format!("{} could not try it: {why}", own.display()));
            trials.as_ref().map_or_else(unknown, |found| {
                found.0.get(mechanism).cloned().unwrap_or_else(|| Err("it was not tried".to_owned()))
            })
        };
        Self(Mechanism::ALL.iter().map(|mechanism| (*mechanism, of(mechanism))).collect())
    }

    pub(super) fn add(&mut self, mechanism: Mechanism, tried: Result<String, String>) {
        self.0.insert(mechanism, tried);
    }

    pub(super) fn leave_out(&mut self, mechanism: Mechanism) {
        let left_out = || Err("left out".to_owned());
        self.0.insert(mechanism, left_out());
        if mechanism == Mechanism::Namespaces {
            self.0.insert(Mechanism::Root, left_out());
        }
    }

    pub(super) fn has(&self, mechanism: Mechanism) -> bool {
        self.0.get(&mechanism).is_some_and(Result::is_ok)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = Mechanism> {
        self.0.iter().filter(|(_, found)| found.is_ok()).map(|(mechanism, _)| *mechanism)
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let with = |name: &Mechanism, detail: &str| match detail {
            "" => name.to_string(),
            detail => format!("{name} ({detail})"),
        };
        let (mut has, mut lacks) = (Vec::new(), Vec::new());
        for (mechanism, found) in &self.0 {
            match found {
                Ok(detail) => has.push(with(mechanism, detail)),
                Err(why) => lacks.push(with(mechanism, why)),
            }
        }
        f.write_str(if has.is_empty() { "nothing" } else { "" })?;
        f.write_str(&has.join(", "))?;
        match lacks.is_empty() {
            true => Ok(()),
            false => write!(f, "; not: {}", lacks.join(", ")),
        }
    }
}
