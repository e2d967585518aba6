//! `flotilla login`: a token is tried, and becomes a context of the kubeconfig.
//!
//! Nothing secret is sent before the hub's authority is known: by a file, by its fingerprint, or by the answer of a person
//! who compares the fingerprint that is shown. What the hub shows of itself is then believed by that authority alone.

mod ask;
mod authority;
mod write;

use crate::{
    args::{Connection, LoginOptions},
    cli::{
        client::Hub,
        kubeconfig::{
            Way,
            entries::{self, Login},
        },
        output,
    },
};
use anyhow::{Context as _, bail};
use serde_json::{Value, json};
use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

/// What a context is called when nobody says.
const CONTEXT: &str = "flotilla";
/// The exit code of a program that Ctrl-C ended, as shells have it.
const INTERRUPTED: u8 = 130;

pub(crate) async fn run(connection: Connection, options: LoginOptions) -> anyhow::Result<ExitCode> {
    let path = target(&connection.files())?;
    let file = write::read(&path)?;
    let context = context(connection.context.as_deref(), &file, &options.server)?;
    let work = async {
        let authority_pem = authority::of(&options).await?;
        let token = ask::token(options.token_file.as_deref(), &options.server).await?;
        let user = check(&options.server, &authority_pem, &token).await?;
        Ok((authority_pem, token, user))
    };
    let done: anyhow::Result<(String, String, String)> = tokio::select! {
        done = work => done,
        () = shared_runtime::interrupted() => {
            ask::shown_again();
            output::note("");
            return Ok(ExitCode::from(INTERRUPTED));
        }
    };
    let (authority_pem, token, user) = done?;
    let login = Login {
        context: &context,
        server: &options.server,
        authority_pem: &authority_pem,
        user: &user,
        token: &token,
        namespace: &options.namespace,
        set_current: options.set_current,
    };
    let current = write::add(&path, &login)?;
    output::line(&format!("signed in to {} as {user}", options.server));
    output::line(&format!("context {context} is written to {}", path.display()));
    output::note(&next(&context, current, connection.named().as_deref()));
    Ok(ExitCode::SUCCESS)
}

/// The file that is written: the first that is there, or else the first.
fn target(files: &[PathBuf]) -> anyhow::Result<PathBuf> {
    let found = files.iter().find(|path| path.exists()).or(files.first());
    found.cloned().context("there is no home folder to keep a kubeconfig in: give --kubeconfig FILE")
}

/// What the context is called. One that leads to another server is replaced only when somebody names it.
fn context(given: Option<&str>, file: &Value, server: &str) -> anyhow::Result<String> {
    if let Some(given) = given {
        return Ok(given.to_owned());
    }
    match entries::server(file, CONTEXT) {
        Some(other) if other.trim_end_matches('/') != server => bail!(
            "context {CONTEXT} leads to {other}: give --context NAME to write another one, or --context {CONTEXT} to replace it"
        ),
        Some(_) | None => Ok(CONTEXT.to_owned()),
    }
}

/// Asks the hub whose the token is.
async fn check(server: &str, authority_pem: &str, token: &str) -> anyhow::Result<String> {
    let way = Way {
        server: server.to_owned(),
        authority_pem: authority_pem.as_bytes().to_vec(),
        token: token.to_owned(),
        origin: "this login".to_owned(),
    };
    let hub = Hub::by(way)?;
    let review = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"});
    let answer = hub.post("/apis/authentication.k8s.io/v1/selfsubjectreviews", &review).await?;
    // Kubernetes answers reviews as well.
    hub.get("/flotilla/v1/info").await.with_context(|| format!("{server} is no Flotilla hub"))?;
    let user = answer.pointer("/status/userInfo/username").and_then(Value::as_str).unwrap_or_default();
    if user.is_empty() {
        bail!("{server} does not say whose the token is");
    }
    Ok(user.to_owned())
}

/// What to try next; `named` is the kubeconfig that was named for this command alone.
fn next(context: &str, current: bool, named: Option<&Path>) -> String {
    let which = if current { String::new() } else { format!(" --context {context}") };
    let file = named.map(|path| format!(" --kubeconfig {}", path.display())).unwrap_or_default();
    format!("Next: flotilla cluster list{file}{which}, or kubectl get applications -A{file}{which}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_context_of_another_server_is_not_replaced_unasked() {
        let file = json!({
            "contexts": [{"name": "flotilla", "context": {"cluster": "hub"}}],
            "clusters": [{"name": "hub", "cluster": {"server": "https://one:8443/"}}],
        });
        let check = |given: Option<&str>, file: &Value, server: &str, expect: Result<&str, &str>| match (
            context(given, file, server),
            expect,
        ) {
            (Ok(name), Ok(expect)) => assert_eq!(name, expect),
            (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{error}"),
            (said, expect) => panic!("{said:?} and not {expect:?}"),
        };
        check(None, &Value::Null, "https://one:8443", Ok("flotilla"));
        check(None, &file, "https://one:8443", Ok("flotilla"));
        check(None, &file, "https://two:8443", Err("give --context NAME"));
        check(Some("flotilla"), &file, "https://two:8443", Ok("flotilla"));
        check(Some("two"), &file, "https://two:8443", Ok("two"));
    }
}
