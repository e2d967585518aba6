//! What to try next when the hub has no such object, does not know the token, or is not there.

use super::{Hub, Refused, collection, encoded};
use reqwest::StatusCode;
use serde_json::Value;
use shared_model::{Kind, gvk, nearest};

/// How many names are looked at for one that may have been meant.
const LOOKED_AT: usize = 1000;
/// How many namespaces are named.
const NAMED: usize = 3;

impl Hub {
    /// The answer; of one that there is no such object, with what may have been meant.
    pub(super) async fn explained(
        &self,
        answer: anyhow::Result<Value>,
        kind: Kind,
        namespace: &str,
        name: &str,
    ) -> anyhow::Result<Value> {
        let error = match answer {
            Ok(object) => return Ok(object),
            Err(error) => error,
        };
        match error.downcast_ref::<Refused>() {
            Some(refused) if refused.code == StatusCode::NOT_FOUND && refused.of_object => {}
            Some(_) | None => return Err(error),
        }
        // What cannot be found out is left away: the first error is the one that counts.
        let path = format!("{}?limit={LOOKED_AT}", collection(kind, namespace));
        let known = self.get(&path).await.map(|list| texts(&list, "/metadata/name")).unwrap_or_default();
        let elsewhere = if gvk(kind).namespaced {
            let fields = encoded(&format!("metadata.name={name}"));
            let path = format!("{}?fieldSelector={fields}&limit={NAMED}", collection(kind, ""));
            self.get(&path).await.map(|list| texts(&list, "/metadata/namespace")).unwrap_or_default()
        } else {
            Vec::new()
        };
        let said = unknown(kind, namespace, name, &known, &elsewhere);
        Err(Refused { code: StatusCode::NOT_FOUND, of_object: true, said }.into())
    }

    /// Some namespaces that have objects of a kind.
    pub(crate) async fn some(&self, kind: Kind, selector: Option<&str>) -> anyhow::Result<Vec<String>> {
        let selector = selector.map(|selector| format!("&labelSelector={}", encoded(selector)));
        let path = format!("{}?limit={NAMED}{}", collection(kind, ""), selector.unwrap_or_default());
        let mut found = texts(&self.get(&path).await?, "/metadata/namespace");
        found.dedup();
        Ok(found)
    }

    pub(super) fn unreachable(&self) -> String {
        unreachable(&self.server, &self.origin)
    }
}

fn texts(list: &Value, pointer: &str) -> Vec<String> {
    let items = list["items"].as_array().map(Vec::as_slice).unwrap_or_default();
    items.iter().filter_map(|item| Some(item.pointer(pointer)?.as_str()?.to_owned())).collect()
}

/// What to say of a name that nothing has.
fn unknown(kind: Kind, namespace: &str, name: &str, known: &[String], elsewhere: &[String]) -> String {
    let gvk = gvk(kind);
    let at = if gvk.namespaced { format!(" in namespace {namespace}") } else { String::new() };
    let meant = nearest(name, known.iter().map(String::as_str));
    let meant = meant.map(|meant| format!(" (did you mean `{meant}`?)")).unwrap_or_default();
    let next = match (elsewhere.first(), list_command(kind)) {
        (Some(other), _) => format!("there is one in {}: add -n {other}", elsewhere.join(", ")),
        (None, Some(command)) if gvk.namespaced => format!("`{command} -n {namespace}` shows what there is"),
        (None, Some(command)) => format!("`{command}` shows what there is"),
        (None, None) if gvk.namespaced => {
            format!("`kubectl get {} -n {namespace}` shows what there is", gvk.plural)
        }
        (None, None) => format!("`kubectl get {}` shows what there is", gvk.plural),
    };
    format!("there is no {} `{name}`{at}{meant}; {next}", gvk.kind)
}

/// What lists a kind here.
const fn list_command(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::Application => Some("flotilla app list"),
        Kind::ApplicationSet => Some("flotilla appset list"),
        Kind::Cluster => Some("flotilla cluster list"),
        Kind::FleetRollout => Some("flotilla rollout list"),
        Kind::AppProject
        | Kind::RolloutPolicy
        | Kind::EnrollmentToken
        | Kind::Namespace
        | Kind::Secret
        | Kind::ConfigMap
        | Kind::Event => None,
    }
}

/// The hub answers, and does not know who asks.
pub(super) fn unknown_token(server: &str, origin: &str, said: &str) -> String {
    format!(
        "the hub at {server} does not know the token of {origin} ({said}); `flotilla login --server {server}` takes \
         another, or export KUBECONFIG=<data folder>/admin.kubeconfig of this hub"
    )
}

/// Something answers that has not what every hub has.
pub(super) fn no_hub(server: &str, origin: &str, said: &str) -> String {
    format!(
        "{server} has no such thing ({said}): does {origin} lead to a hub, and is that as new as this command? \
         `kubectl config get-contexts` lists contexts, --context chooses one"
    )
}

fn unreachable(server: &str, origin: &str) -> String {
    format!(
        "the hub at {server} cannot be reached; is `flotilla hub` running there? {origin} leads there: `curl -k \
         {server}/readyz` tries the address, --context chooses another hub"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(kind: Kind, name: &str, known: &[&str], elsewhere: &[&str], expect: &str) {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        assert_eq!(unknown(kind, "argocd", name, &owned(known), &owned(elsewhere)), expect);
    }

    #[test]
    fn an_unknown_name_is_told_with_the_next_command() {
        check(
            Kind::Application,
            "web-eu1",
            &["api-us-9", "web-eu-1"],
            &[],
            "there is no Application `web-eu1` in namespace argocd (did you mean `web-eu-1`?); \
             `flotilla app list -n argocd` shows what there is",
        );
        check(
            Kind::Application,
            "shop",
            &[],
            &["team"],
            "there is no Application `shop` in namespace argocd; there is one in team: add -n team",
        );
        check(
            Kind::Cluster,
            "nowhere",
            &["eu-1"],
            &[],
            "there is no Cluster `nowhere`; `flotilla cluster list` shows what there is",
        );
    }

    #[test]
    fn who_is_not_known_and_what_is_not_there_is_told_with_the_next_command() {
        let (server, origin) = ("https://hub:8443", "context flotilla of config");
        let said = unknown_token(server, origin, "Unauthorized");
        assert!(said.contains("flotilla login --server https://hub:8443"), "{said}");
        assert!(no_hub(server, origin, "404").contains("context flotilla of config"));
        assert!(unreachable(server, origin).contains("curl -k https://hub:8443/readyz"));
    }
}
