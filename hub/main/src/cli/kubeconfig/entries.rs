//! Entries of a kubeconfig: which there are, and a hub's among them.
//!
//! What is written changes the cluster, user and context of one name, and the current context; everything else of the
//! file stays, fields that are not known here included.

use anyhow::bail;
use base64::Engine as _;
use serde_json::{Value, json};

/// What a login writes.
pub(crate) struct Login<'a> {
    /// The name of context and cluster.
    pub(crate) context: &'a str,
    pub(crate) server: &'a str,
    pub(crate) authority_pem: &'a str,
    /// Who the token belongs to.
    pub(crate) user: &'a str,
    pub(crate) token: &'a str,
    pub(crate) namespace: &'a str,
    pub(crate) set_current: bool,
}

/// The names in a list of some files, each once.
pub(crate) fn names<'a>(files: impl Iterator<Item = &'a Value>, list: &str) -> Vec<&'a str> {
    let mut names = Vec::new();
    for name in files.filter_map(|file| file[list].as_array()).flatten().filter_map(|e| e["name"].as_str()) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// The server that a context leads to.
pub(crate) fn server<'a>(file: &'a Value, context: &str) -> Option<&'a str> {
    let cluster = find(file, "contexts", context)?["context"]["cluster"].as_str()?;
    find(file, "clusters", cluster)?["cluster"]["server"].as_str()
}

fn find<'a>(file: &'a Value, list: &str, name: &str) -> Option<&'a Value> {
    file[list].as_array()?.iter().find(|entry| entry["name"] == name)
}

/// Writes a login into a configuration; an empty one when there is none yet.
///
/// # Errors
/// When what is there is no kubeconfig.
pub(crate) fn add(file: &mut Value, login: &Login<'_>) -> anyhow::Result<()> {
    if file.is_null() {
        *file = json!({"apiVersion": "v1", "kind": "Config"});
    }
    if !file.is_object() {
        bail!("it is no kubeconfig: a mapping is expected");
    }
    for list in ["clusters", "users", "contexts"] {
        match &file[list] {
            Value::Null => file[list] = json!([]),
            Value::Array(_) => {}
            Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {
                bail!("it is no kubeconfig: {list} is no list")
            }
        }
    }
    let user = format!("{}@{}", login.user, login.context);
    let authority = base64::engine::general_purpose::STANDARD.encode(login.authority_pem);
    let cluster = json!({"server": login.server, "certificate-authority-data": authority});
    // What would go before the authority, or against it.
    let not = ["certificate-authority", "insecure-skip-tls-verify"];
    put(&mut file["clusters"], login.context, "cluster", &cluster, &not);
    let not = ["tokenFile", "exec", "auth-provider"];
    put(&mut file["users"], &user, "user", &json!({"token": login.token}), &not);
    let context = json!({"cluster": login.context, "user": user, "namespace": login.namespace});
    put(&mut file["contexts"], login.context, "context", &context, &[]);
    if login.set_current || file["current-context"].as_str().is_none_or(str::is_empty) {
        file["current-context"] = json!(login.context);
    }
    Ok(())
}

/// Sets fields of the entry of a name, made if need be; the fields `not` go.
fn put(list: &mut Value, name: &str, kind: &str, fields: &Value, not: &[&str]) {
    let Some(entries) = list.as_array_mut() else { return };
    let at = entries.iter().position(|entry| entry["name"] == name).unwrap_or_else(|| {
        entries.push(json!({"name": name}));
        entries.len() - 1
    });
    let part = &mut entries[at][kind];
    if !part.is_object() {
        *part = json!({});
    }
    if let (Some(part), Some(fields)) = (part.as_object_mut(), fields.as_object()) {
        part.retain(|field, _| !not.contains(&field.as_str()));
        part.extend(fields.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn login(context: &str, set_current: bool) -> Login<'_> {
        Login {
            context,
            server: "https://hub:8443",
            authority_pem: "ca",
            user: "ada",
            token: "t0ken",
            namespace: "argocd",
            set_current,
        }
    }

    #[test]
    fn an_empty_file_becomes_a_kubeconfig() {
        let mut file = Value::Null;
        add(&mut file, &login("flotilla", false)).unwrap();
        assert_eq!(
            file,
            json!({
                "apiVersion": "v1", "kind": "Config", "current-context": "flotilla",
                "clusters": [{"name": "flotilla", "cluster": {"server": "https://hub:8443", "certificate-authority-data": "Y2E="}}],
                "users": [{"name": "ada@flotilla", "user": {"token": "t0ken"}}],
                "contexts": [{"name": "flotilla", "context": {"cluster": "flotilla", "user": "ada@flotilla", "namespace": "argocd"}}],
            })
        );
        assert_eq!(server(&file, "flotilla"), Some("https://hub:8443"));
        assert_eq!(server(&file, "other"), None);
    }

    #[test]
    fn what_others_wrote_stays() {
        let mut file = json!({
            "apiVersion": "v1", "kind": "Config", "preferences": {"colors": true}, "current-context": "prod",
            "clusters": [
                {"name": "prod", "cluster": {"server": "https://prod"}},
                {"name": "flotilla", "cluster": {
                    "server": "https://old", "insecure-skip-tls-verify": true, "extensions": [{"name": "x"}],
                }},
            ],
            "users": [{"name": "ada@flotilla", "user": {"tokenFile": "old", "as": "ada"}}],
            "contexts": null,
        });
        add(&mut file, &login("flotilla", false)).unwrap();
        assert_eq!(file["current-context"], "prod");
        assert_eq!(file["preferences"], json!({"colors": true}));
        assert_eq!(file["clusters"][0], json!({"name": "prod", "cluster": {"server": "https://prod"}}));
        assert_eq!(
            file["clusters"][1]["cluster"],
            json!({"server": "https://hub:8443", "certificate-authority-data": "Y2E=", "extensions": [{"name": "x"}]})
        );
        assert_eq!(file["users"], json!([{"name": "ada@flotilla", "user": {"as": "ada", "token": "t0ken"}}]));
        add(&mut file, &login("second", true)).unwrap();
        assert_eq!(file["current-context"], "second");
        assert_eq!(names([&file].into_iter(), "contexts"), ["flotilla", "second"]);
    }

    #[test]
    fn what_is_no_kubeconfig_is_left_alone() {
        for mut file in [json!([]), json!("text"), json!({"users": "ada"})] {
            assert!(add(&mut file, &login("flotilla", true)).is_err(), "{file}");
        }
    }
}
