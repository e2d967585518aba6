use super::*;
use crate::tests::line::Line;
use serde_json::json;
use shared_model::{Kind, Owner, OwnerKind};

#[tokio::test(flavor = "multi_thread")]
async fn a_set_is_settled_until_a_secret_says_something_else_and_shares_what_it_was_made_from() {
    let line = Line::new().await;
    line.create(Kind::ApplicationSet, line.set()).await;
    // The first look writes its Applications, and the second writes nothing.
    for _ in 0..2 {
        line.evaluate(OwnerKind::ApplicationSet, "web").await;
    }
    let owner =
        Owner { kind: OwnerKind::ApplicationSet, namespace: "argocd".to_owned(), name: "web".to_owned() };
    let again = async || {
        line.refresh().await;
        let snapshot = line.lines.snapshot(&owner).unwrap();
        let able = |cluster: &ClusterName| line.lines.index.read().able.of(cluster);
        let from = (&line.lines.releases, &Pins::head());
        line.lines.settled.again(&snapshot, from, able).await.map(|(_, resolved)| resolved)
    };
    let (one, other) = (again().await.unwrap(), again().await.unwrap());
    assert_eq!(one.members.len(), 1);
    assert!(!one.origins.made.is_empty() && Arc::ptr_eq(&one.origins, &other.origins));
    let secret = json!({
        "metadata": {"name": "charts", "namespace": "argocd", "labels": {"argocd.argoproj.io/secret-type": "repository"}},
        "stringData": {"type": "helm", "name": "platform", "url": "https://charts.example.com"},
    });
    line.create(Kind::Secret, secret).await;
    assert!(again().await.is_none(), "a dependency by that name may be elsewhere now");
    line.evaluate(OwnerKind::ApplicationSet, "web").await;
    assert!(again().await.is_some());
}
