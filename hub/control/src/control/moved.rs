//! What became another while an owner was evaluated: the evaluation may have seen what it was before.

use crate::line::Evaluation;
use hub_source::poll::Key;
use shared_model::ClusterName;
use std::collections::BTreeSet;

/// What moved.
#[derive(Debug, Default)]
pub(super) struct Moved {
    /// Revisions that are another commit.
    pub(super) keys: BTreeSet<Key>,
    /// Clusters that can do something else.
    pub(super) able: BTreeSet<ClusterName>,
}

impl Moved {
    /// Whether an evaluation depends on any of it.
    pub(super) fn concerns(&self, evaluation: &Evaluation) -> bool {
        let moved = |(url, revision): &(_, String)| self.keys.iter().any(|key| key.is(url, revision));
        evaluation.references.iter().any(moved) || !evaluation.able.is_disjoint(&self.able)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared_model::RepoUrl;

    #[test]
    fn only_who_looked_at_it_is_concerned() {
        let url = RepoUrl::new("https://git.example.com/fleet");
        let evaluation = Evaluation {
            references: [(url.clone(), "main".to_owned())].into(),
            able: [ClusterName::new("eu-1")].into(),
            ..Evaluation::default()
        };
        let check = |revision: &str, cluster: &str, expect: bool| {
            let moved = Moved {
                keys: [Key::new(url.clone(), revision)].into(),
                able: [ClusterName::new(cluster)].into(),
            };
            assert_eq!(moved.concerns(&evaluation), expect, "{revision} {cluster}");
        };
        check("main", "eu-2", true);
        check("next", "eu-1", true);
        check("next", "eu-2", false);
        assert!(!Moved::default().concerns(&evaluation));
    }
}
