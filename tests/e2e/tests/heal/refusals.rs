//! The API server refuses what the agent writes: a policy does, or its rights were taken away.

use crate::ground::{AGENT, Ground, WRITER};
use anyhow::{Result, ensure};
use serde_json::json;
use tests_e2e::{eventually, fleet::SOON};

pub(crate) const MANIFEST: &str = "
apiVersion: v1
kind: ConfigMap
metadata: {name: guarded}
data: {key: git}
---
apiVersion: v1
kind: Secret
metadata: {name: free}
stringData: {key: git}
";

/// Whatever the agent does to ConfigMaps of that namespace is refused in these words.
const POLICY: &str = "
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: freeze}
spec:
  matchConstraints:
    resourceRules: [{apiGroups: [''], apiVersions: [v1], operations: [CREATE, UPDATE], resources: [configmaps]}]
  matchConditions: [{name: agent, expression: \"request.userInfo.username == 'system:serviceaccount:flotilla:agent' && request.namespace == 'policy'\"}]
  validations: [{expression: 'false', message: change freeze until Monday}]
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: freeze}
spec: {policyName: freeze, validationActions: [Deny]}
";

pub(crate) async fn a_refusing_policy_is_quoted(ground: &Ground) -> Result<()> {
    ground.cluster().apply(POLICY).await?;
    let as_agent = format!("--as={AGENT}");
    let touch = [
        "annotate",
        "configmap",
        "guarded",
        "--namespace=policy",
        "touched=no",
        "--dry-run=server",
        &as_agent,
    ];
    eventually(SOON, "the policy is in force", async || {
        let refused = ground.kubectl(&touch).await;
        ensure!(refused.is_err(), "{refused:?}");
        Ok(())
    })
    .await;
    let mark = ground.way.mark();
    ground.patch("policy", "configmap/guarded", r#"{"data":{"key":"mine"}}"#).await?;
    ground.says("policy", &["cannot heal ConfigMap policy/guarded", "change freeze until Monday"]).await;
    // Others go on.
    let secret = json!({"stringData": {"key": "mine"}}).to_string();
    ground.patch("policy", "secret/free", &secret).await?;
    ground.becomes("policy", "secret", "free", "/data/key", json!("Z2l0")).await;
    ground.stays_polite(mark, 2, "/configmaps/guarded", 2.0).await?;
    ground.kubectl(&["delete", "validatingadmissionpolicybinding", "freeze"]).await?;
    ground.becomes("policy", "configmap", "guarded", "/data/key", json!("git")).await;
    ground.is_settled("policy").await;
    Ok(())
}

/// All the agent's rights, at once.
pub(crate) async fn lost_rights_are_told(ground: &Ground) -> Result<()> {
    ground.kubectl(&["delete", "clusterrolebinding", "agent", "looks-only"]).await?;
    let mark = ground.way.mark();
    ground.patch("trouble", "configmap/edited", r#"{"data":{"key":"mine"}}"#).await?;
    ground.kubectl(&["delete", "configmap", "deleted", "--namespace=trouble"]).await?;
    ground.says("trouble", &["forbidden", AGENT]).await;
    ground.stays_polite(mark, 3, "", 4.0).await?;
    ground.cluster().apply(WRITER).await?;
    crate::outages::is_whole(ground).await;
    Ok(())
}
