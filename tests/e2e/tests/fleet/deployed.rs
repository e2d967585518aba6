//! An agent as `deploy/agent.yaml` runs it: with that ServiceAccount's rights and that container's environment.
//!
//! The manifest is applied as it is, and the commands in its header are run as they are. Its Pod is admitted by the real
//! API server and run as a process; every request of it goes a way on which it is seen.

use crate::web::{FULL, ground};
use anyhow::{Context, Result, ensure};
use k8s_openapi::api::authorization::v1::{ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec};
use kube::{Api, api::PostParams};
use serde_json::Value;
use std::{collections::BTreeSet, fmt::Write as _, path::Path};
use tests_e2e::{Cluster, Fleet, Pod, Process, Way, eventually, fleet::SOON, programs};

const NAMESPACE: &str = "flotilla-agent";
const ACCOUNT: &str = "system:serviceaccount:flotilla-agent:flotilla-agent";
const APP: &str = "web-eu-1";

fn deploy(file: &str) -> Result<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy").join(file);
    std::fs::read_to_string(&path).with_context(|| path.display().to_string())
}

/// What Git has in one version: a ConfigMap `settings`, others by name, and what else is given.
fn push(fleet: &Fleet, version: &str, others: &[&str], more: &str) -> Result<()> {
    let mut text = format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: settings}}\ndata: {{version: {version}}}\n"
    );
    for name in others {
        writeln!(text, "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}")?;
    }
    fleet.push(&[("web/web.yaml", &format!("{text}---\n{more}"))])?;
    Ok(())
}

/// What the manifest became: its Pod, and the way from there to the API server.
struct Deployed {
    cluster: Cluster,
    manifest: String,
    pod: Pod,
    way: Way,
}

impl Deployed {
    /// Applies the manifest with this hub in it, and waits for its Pod.
    async fn apply(cluster: Cluster, hub: &str) -> Result<Self> {
        let manifest = deploy("agent.yaml")?;
        ensure!(
            manifest.matches("hub.example.com:8444").count() == 1,
            "the hub is to be written in one place"
        );
        // Pods have an address each; here they are processes of one machine.
        ensure!(manifest.matches("value: 0.0.0.0:9464").count() == 1, "metrics are to be served");
        let manifest = manifest.replace("value: 0.0.0.0:9464", "value: 127.0.0.1:0");
        let manifest = manifest.replace("hub.example.com:8444", hub);
        cluster.apply(&manifest).await?;
        let pod = Pod::of(&cluster, NAMESPACE, "app.kubernetes.io/name=flotilla-agent").await?;
        pod.mount(&cluster).await?;
        let way = Way::to(&cluster, &pod.token(&cluster).await?).await?;
        Ok(Self { cluster, manifest, pod, way })
    }

    fn agent(&self, name: &str, logs: &Path) -> Result<Process> {
        let arguments = self.pod.arguments();
        let mut command = self.pod.command(&programs().agent, &arguments)?;
        for (name, value) in environment_of_the_image()? {
            command.env(name, value);
        }
        self.in_cluster(&mut command);
        Process::start(name, &mut command, logs)
    }

    /// What a Pod has in `/var/run/secrets/kubernetes.io/serviceaccount`.
    fn in_cluster(&self, command: &mut std::process::Command) {
        command.env("KUBECONFIG", self.way.kubeconfig()).env("FLOTILLA_JOURNAL_NAMESPACE", NAMESPACE);
    }

    /// What `kubectl exec deploy/flotilla-agent -- flotilla-agent ARGUMENTS` prints.
    async fn exec(&self, arguments: &[&str]) -> Result<String> {
        let mut command = self.pod.command(&programs().agent, arguments)?;
        self.in_cluster(&mut command);
        let output = tokio::process::Command::from(command).kill_on_drop(true).output().await?;
        let text = String::from_utf8([output.stdout, output.stderr].concat())?;
        ensure!(output.status.success(), "{arguments:?}: {text}");
        Ok(text)
    }

    /// The command of the manifest's header that has these words.
    fn told(&self, words: &str) -> Result<Vec<&str>> {
        let comments = self.manifest.lines().take_while(|line| line.starts_with('#'));
        let found = comments
            .filter(|line| line.contains(words))
            .filter_map(|line| line.find("kubectl").map(|at| &line[at..]));
        let found: Vec<&str> = found.collect();
        let [line] = found[..] else { anyhow::bail!("{} lines tell of {words}", found.len()) };
        Ok(line.split_whitespace().skip(1).collect())
    }

    /// Runs kubectl as the header tells.
    async fn do_as_told(&self, words: &str, token: &str) -> Result<()> {
        let line = self.told(words)?.iter().map(|word| word.replace("TOKEN", token)).collect::<Vec<_>>();
        self.cluster.kubectl(&line.iter().map(String::as_str).collect::<Vec<_>>()).await?;
        Ok(())
    }

    /// Runs the agent's command that the header tells of, in the Pod.
    async fn exec_as_told(&self, words: &str) -> Result<String> {
        let line = self.told(words)?;
        let at = line.iter().position(|word| *word == "--").context("nothing is run in the Pod")?;
        ensure!(line[at + 1] == "flotilla-agent", "{line:?}");
        self.exec(&line[at + 2..]).await
    }

    /// Waits until the ConfigMap `settings` is of this version.
    async fn is(&self, version: &str, agent: &Process) {
        eventually(SOON, &format!("the cluster runs {version}"), async || {
            let path = "--output=jsonpath={.data.version}";
            let found =
                self.cluster.kubectl(&["get", "configmap", "settings", "--namespace=web", path]).await;
            ensure!(found.as_ref().is_ok_and(|found| found == version), "{found:?}\n{}", agent.tail());
            Ok(())
        })
        .await;
    }

    async fn edit(&self) -> Result<()> {
        let patch = ["--namespace=web", "--patch", r#"{"data": {"version": "edited"}}"#];
        self.cluster.kubectl(&[&["patch", "configmap", "settings"][..], &patch].concat()).await?;
        Ok(())
    }

    async fn says(&self, parts: &[&str]) {
        eventually(SOON, &format!("the status says {parts:?}"), async || {
            let status = self.exec_as_told("flotilla-agent status").await?;
            ensure!(parts.iter().all(|part| status.contains(part)), "{status}");
            Ok(())
        })
        .await;
    }

    /// Whether RBAC lets the ServiceAccount do this.
    async fn may(&self, verb: &str, group: &str, resource: &str, namespace: &str) -> Result<bool> {
        let text = |text: &str| Some(text.to_owned());
        let review = SubjectAccessReview {
            spec: SubjectAccessReviewSpec {
                user: text(ACCOUNT),
                resource_attributes: Some(ResourceAttributes {
                    verb: text(verb),
                    group: text(group),
                    resource: text(resource),
                    namespace: text(namespace),
                    ..ResourceAttributes::default()
                }),
                ..SubjectAccessReviewSpec::default()
            },
            ..SubjectAccessReview::default()
        };
        let reviews: Api<SubjectAccessReview> = Api::all(self.cluster.client());
        let answer = reviews.create(&PostParams::default(), &review).await?;
        Ok(answer.status.is_some_and(|status| status.allowed))
    }

    /// What the agent asked for among its own records, in the words of RBAC.
    fn asked_in_its_namespace(&self) -> BTreeSet<(String, String)> {
        let inside = format!("/namespaces/{NAMESPACE}/");
        let asked = self.way.since(0).into_iter().filter_map(|asked| {
            let (_, rest) = asked.path.split_once(&inside)?;
            let (resource, name) = rest.split_once('/').map_or((rest, None), |(of, name)| (of, Some(name)));
            let verb = match (asked.verb.as_str(), name) {
                ("GET", Some(_)) => "get",
                ("GET", None) if asked.query.contains("watch=true") => "watch",
                ("GET", None) => "list",
                ("POST", _) => "create",
                ("PUT", _) => "update",
                ("PATCH", _) => "patch",
                ("DELETE", _) => "delete",
                (other, _) => other,
            };
            Some((resource.to_owned(), verb.to_owned()))
        });
        asked.collect()
    }

    /// What the manifest's Role has, in the same words.
    async fn granted_in_its_namespace(&self) -> Result<BTreeSet<(String, String)>> {
        let name = ["get", "role", "flotilla-agent-journal", "--namespace", NAMESPACE, "--output=json"];
        let role: Value = serde_json::from_str(&self.cluster.kubectl(&name).await?)?;
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let mut granted = BTreeSet::new();
        for rule in list(&role["rules"]) {
            for resource in list(&rule["resources"]) {
                granted.extend(list(&rule["verbs"]).iter().map(|verb| (text(&resource), text(verb))));
            }
        }
        Ok(granted)
    }

    /// Requests that RBAC refused.
    fn forbidden(&self, since: usize) -> Vec<String> {
        let refused = self.way.since(since).into_iter().filter(|asked| asked.status == 403);
        refused.map(|asked| format!("{} {}?{}", asked.verb, asked.path, asked.query)).collect()
    }
}

/// What `ENV` lines of the container file set.
fn environment_of_the_image() -> Result<Vec<(String, String)>> {
    let file = deploy("agent.Dockerfile")?;
    ensure!(file.lines().any(|line| line == r#"ENTRYPOINT ["flotilla-agent"]"#), "it runs something else");
    let lines = file.lines().filter_map(|line| line.strip_prefix("ENV ")?.split_once('='));
    Ok(lines.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
}

const SET: &str = "
apiVersion: argoproj.io/v1alpha1
kind: ApplicationSet
metadata: {name: web, namespace: argocd}
spec:
  goTemplate: true
  generators: [{clusters: {}}]
  template:
    metadata: {name: 'web-{{.name}}'}
    spec:
      project: default
      source: {repoURL: 'REPOSITORY', targetRevision: main, path: web}
      destination: {name: '{{.name}}', namespace: web}
      syncPolicy: {automated: {selfHeal: true, prune: true}, syncOptions: [CreateNamespace=true]}
";

/// What the narrow role of the example leaves out.
const BEYOND: &str = "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: beyond}\n";

#[tokio::test]
async fn the_manifest_grants_an_agent_what_it_needs() -> Result<()> {
    let Some(control_plane) = ground() else { return Ok(()) };
    let mut fleet = Fleet::start(control_plane).await?;
    push(&fleet, "v1", &["extra"], "")?;
    let cluster = Cluster::start(control_plane, "eu-1", FULL).await?;
    let token = fleet.hub().token("eu-1", "env=prod", &[]).await?;
    let [_, hub, _, token] = &token[..] else { anyhow::bail!("{token:?}") };
    let logs = fleet.folder().to_owned();
    let deployed = Deployed::apply(cluster, hub).await?;

    // It waits for its token, whatever comes first; once it has joined it needs none.
    let first = deployed.agent("first", &logs)?;
    eventually(SOON, "it waits for a token", async || {
        ensure!(first.log().contains("the agent waits for its token"), "{}", first.tail());
        Ok(())
    })
    .await;
    deployed.do_as_told("create secret generic flotilla-agent-token", token).await?;
    deployed.pod.mount(&deployed.cluster).await?;
    fleet.apply(&SET.replace("REPOSITORY", &fleet.repository_url())).await?;
    deployed.is("v1", &first).await;
    deployed.do_as_told("delete secret flotilla-agent-token", token).await?;
    deployed.pod.mount(&deployed.cluster).await?;
    first.terminate()?;
    ensure!(first.wait(SOON).await?.success(), "{}", first.tail());
    let first = deployed.agent("again", &logs)?;
    push(&fleet, "v2", &["kept"], "")?;
    deployed.is("v2", &first).await;
    ensure!(deployed.forbidden(0).is_empty(), "{:#?}", deployed.forbidden(0));

    with_fewer_rights(&fleet, &deployed, &first).await?;
    by_hand(&mut fleet, &deployed, first, &logs).await?;

    // The Role has what the journal needs, and nothing that it does not.
    let (asked, granted) = (deployed.asked_in_its_namespace(), deployed.granted_in_its_namespace().await?);
    ensure!(asked == granted, "asked for {asked:?}\ngranted {granted:?}");
    let left: Vec<_> = std::fs::read_dir(deployed.pod.home())?.collect();
    ensure!(left.is_empty(), "its root is read-only, and it wrote {left:?}");
    Ok(())
}

/// The example of fewer rights does for what it lists; what it leaves out is refused, and told.
async fn with_fewer_rights(fleet: &Fleet, deployed: &Deployed, agent: &Process) -> Result<()> {
    deployed.cluster.apply(&deploy("agent-narrow.yaml")?).await?;
    deployed.cluster.kubectl(&["delete", "clusterrolebinding", "flotilla-agent"]).await?;
    eventually(SOON, "the rights are gone", async || {
        ensure!(!deployed.may("create", "", "serviceaccounts", "web").await?, "it still has them");
        Ok(())
    })
    .await;
    for (verb, group, resource, namespace) in [
        ("get", "", "secrets", "kube-system"),
        ("list", "", "secrets", ""),
        ("update", "", "secrets", NAMESPACE),
        ("create", "", "pods", NAMESPACE),
        ("patch", "apps", "deployments", "kube-system"),
        ("delete", "", "namespaces", ""),
        ("create", "rbac.authorization.k8s.io", "clusterrolebindings", ""),
        ("escalate", "rbac.authorization.k8s.io", "clusterroles", ""),
        ("impersonate", "", "users", ""),
    ] {
        // The one that it lists: Deployments, wherever they are.
        let listed = resource == "deployments";
        let may = deployed.may(verb, group, resource, namespace).await?;
        ensure!(may == listed, "{verb} {resource} in {namespace:?}: {may}");
    }
    deployed.edit().await?;
    deployed.is("v2", agent).await;
    push(fleet, "v3", &["kept", "other"], BEYOND)?;
    deployed.says(&["serviceaccounts", "forbidden"]).await;
    // As many versions as it takes for bundles to go: without what is refused, one after the other succeeds.
    let mark = deployed.way.mark();
    for version in ["v4", "v5", "v6", "v7", "v8"] {
        push(fleet, version, &["kept"], "")?;
        deployed.is(version, agent).await;
    }
    deployed.says(&["Succeeded", "Synced"]).await;
    ensure!(
        !deployed.forbidden(mark).iter().any(|asked| !asked.contains("serviceaccounts")),
        "{:#?}",
        deployed.forbidden(mark)
    );
    let names = ["get", "configmaps", "--namespace=web", "--output=name"];
    let names = deployed.cluster.kubectl(&names).await?;
    ensure!(names.contains("/kept") && !names.contains("/extra") && !names.contains("/other"), "{names}");
    Ok(())
}

/// What people do in the cluster, with hub and Git away; and a second agent, which takes over from one that hangs.
async fn by_hand(fleet: &mut Fleet, deployed: &Deployed, first: Process, logs: &Path) -> Result<()> {
    fleet.hub_mut().kill();
    deployed.exec_as_told("flotilla-agent pause --for 2h").await?;
    deployed.says(&["paused here", "INC-7"]).await;
    deployed.edit().await?;
    deployed.says(&["OutOfSync"]).await;
    deployed.exec(&["resume"]).await?;
    deployed.is("v8", &first).await;
    deployed.do_as_told("flotilla.dev/pause=INC-7", "").await?;
    deployed.says(&["annotation on Namespace flotilla-agent until", "INC-7"]).await;
    deployed.edit().await?;
    deployed.says(&["OutOfSync"]).await;
    deployed.do_as_told("flotilla.dev/pause- ", "").await?;
    deployed.is("v8", &first).await;
    let history = deployed.exec(&["history", APP]).await?;
    let orders: Vec<&str> = history.lines().skip(1).collect();
    ensure!(orders.len() == 5, "{history}");
    deployed.exec(&["rollback", APP]).await?;
    deployed.is("v7", &first).await;
    deployed.exec(&["unpin", APP]).await?;
    deployed.is("v8", &first).await;

    let second = deployed.agent("second", logs)?;
    eventually(SOON, "the second waits", async || {
        ensure!(second.log().contains("holds lease flotilla-agent/flotilla-agent"), "{}", second.tail());
        Ok(())
    })
    .await;
    first.freeze()?;
    deployed.edit().await?;
    deployed.is("v8", &second).await;
    first.thaw()?;
    first.wait(SOON).await?;
    ensure!(first.log().contains("the journal was lost to another agent"), "{}", first.tail());
    second.terminate()?;
    ensure!(second.wait(SOON).await?.success(), "{}", second.tail());
    Ok(())
}
