//! A Pod that no kubelet runs, run as a process: its container's environment, arguments and mounts, and its
//! ServiceAccount's rights.
//!
//! The Pod is the one that the API server admitted, so that what a Deployment says is proven by what came of it. What a
//! process cannot have: an image's files, a read-only root, limits, and `/var/run/secrets` (it gets a kubeconfig instead).

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail, ensure};
use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::Value;
use tempfile::TempDir;

use crate::{Cluster, eventually, fleet};

/// Where the kubelet mounts the ServiceAccount.
const ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// A Pod of one container, and the folder that stands for what is mounted into it.
#[derive(Debug)]
pub struct Pod {
    object: Value,
    folder: TempDir,
}

impl Pod {
    /// The running Pod of a Deployment, once there is one. Its mounts are empty before [`Pod::mount`].
    ///
    /// # Errors
    /// When no folder can be made.
    pub async fn of(cluster: &Cluster, namespace: &str, label: &str) -> Result<Self> {
        let object = eventually(fleet::SOON, "the Pod is admitted and runs", async || {
            let selector = format!("--selector={label}");
            let text = cluster
                .kubectl(&["get", "pods", "--namespace", namespace, &selector, "--output=json"])
                .await?;
            let list: Value = serde_json::from_str(&text)?;
            let pods = list["items"].as_array().cloned().unwrap_or_default();
            let [pod] = pods.as_slice() else { bail!("{} Pods", pods.len()) };
            ensure!(pod["status"]["phase"] == "Running", "{}", pod["status"]);
            Ok(pod.clone())
        })
        .await;
        let folder = tempfile::Builder::new().prefix("flotilla-e2e-pod-").tempdir()?;
        std::fs::create_dir(folder.path().join("home"))?;
        Ok(Self { object, folder })
    }

    /// The Pod as the API server has it.
    pub const fn object(&self) -> &Value {
        &self.object
    }

    /// A token as the kubelet asks for it: of its ServiceAccount, bound to the Pod.
    ///
    /// # Errors
    /// When the API server gives none.
    pub async fn token(&self, cluster: &Cluster) -> Result<String> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let metadata = &self.object["metadata"];
        let account = text(&self.object["spec"]["serviceAccountName"]);
        let (namespace, name, uid) =
            (text(&metadata["namespace"]), text(&metadata["name"]), text(&metadata["uid"]));
        let bound = [
            "--bound-object-kind=Pod".to_owned(),
            format!("--bound-object-name={name}"),
            format!("--bound-object-uid={uid}"),
        ];
        let [kind, name, uid] = &bound;
        let arguments = ["create", "token", &account, "--namespace", &namespace, kind, name, uid];
        Ok(cluster.kubectl(&arguments).await?.trim().to_owned())
    }

    /// Brings what Secrets hold into the mounts, as the kubelet does now and then.
    ///
    /// # Errors
    /// When a Secret that is not optional is not there.
    pub async fn mount(&self, cluster: &Cluster) -> Result<()> {
        let namespace = self.object["metadata"]["namespace"].as_str().context("a Pod has a namespace")?;
        for volume in self.object["spec"]["volumes"].as_array().into_iter().flatten() {
            let name = volume["name"].as_str().context("a volume has a name")?;
            let Some(secret) = volume["secret"]["secretName"].as_str() else { continue };
            let folder = self.volume(name);
            if folder.exists() {
                std::fs::remove_dir_all(&folder)?;
            }
            std::fs::create_dir(&folder)?;
            let arguments = ["get", "secret", secret, "--namespace", namespace];
            let text =
                cluster.kubectl(&[&arguments[..], &["--ignore-not-found", "--output=json"]].concat()).await?;
            if text.is_empty() {
                ensure!(volume["secret"]["optional"] == true, "the Secret {secret} is not there");
                continue;
            }
            let found: Value = serde_json::from_str(&text)?;
            for (key, value) in found["data"].as_object().into_iter().flatten() {
                std::fs::write(
                    folder.join(key),
                    BASE64_STANDARD.decode(value.as_str().unwrap_or_default())?,
                )?;
            }
        }
        Ok(())
    }

    /// Its container's program with these arguments, or as `kubectl exec` runs it.
    ///
    /// # Errors
    /// When a mount is of a kind that is not played here.
    pub fn command(&self, program: &Path, arguments: &[&str]) -> Result<Command> {
        let container = &self.object["spec"]["containers"][0];
        let mut command = Command::new(program);
        fleet::alone(&mut command, &self.home());
        for argument in arguments {
            command.arg(self.inside(argument)?);
        }
        for variable in container["env"].as_array().into_iter().flatten() {
            let name = variable["name"].as_str().context("a variable has a name")?;
            let value = variable["value"].as_str().with_context(|| format!("{name} is no plain value"))?;
            command.env(name, self.inside(value)?);
        }
        Ok(command)
    }

    /// The arguments that its container has.
    pub fn arguments(&self) -> Vec<&str> {
        let container = &self.object["spec"]["containers"][0];
        container["args"].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
    }

    /// The folder that its processes run in, empty at first.
    pub fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    /// The text with paths below a mount as they are outside of the Pod.
    fn inside(&self, text: &str) -> Result<String> {
        let mut text = text.to_owned();
        let mounts = self.object["spec"]["containers"][0]["volumeMounts"].as_array();
        for mount in mounts.into_iter().flatten() {
            let part = |name: &str| mount[name].as_str().context("a mount has a name and a path");
            let (name, path) = (part("name")?, part("mountPath")?);
            ensure!(path == ACCOUNT || self.volume(name).is_dir(), "the volume {name} is not mounted");
            text = text.replace(path, &self.volume(name).display().to_string());
        }
        Ok(text)
    }

    fn volume(&self, name: &str) -> PathBuf {
        self.folder.path().join(format!("volume-{name}"))
    }
}
