//! The sets and what they are expanded from.

use crate::{Generator, Mode};
use serde_json::{Value, json};
use shared_generate::{ClusterInput, GitAnswer, GitRequest, Inputs};
use std::{collections::BTreeMap, sync::Arc};

const REPO: &str = "https://git.example.com/platform/fleet.git";
const ENVS: [&str; 3] = ["prod", "staging", "dev"];
const REGIONS: [&str; 4] = ["eu-west", "eu-north", "us-east", "ap-south"];

/// A set and its inputs.
#[derive(Debug, Clone)]
pub(crate) struct Ground {
    pub(crate) set: Arc<Value>,
    pub(crate) inputs: Inputs,
    generator: Generator,
}

/// The names of the parameters that the template uses, as Go templates write them without the leading dot.
struct Words {
    name: &'static str,
    server: &'static str,
    env: &'static str,
    region: &'static str,
    team: &'static str,
}

pub(crate) fn ground(generator: Generator, mode: Mode, applications: usize) -> Ground {
    let (config, words) = match generator {
        Generator::List => (json!({"list": {"elements": elements(applications)}}), Words::plain()),
        Generator::Clusters => (clusters_config(), Words::of_cluster()),
        Generator::Directories => (
            json!({"git": {"repoURL": REPO, "revision": "main", "directories": [{"path": "apps/*/*/*"}]}}),
            Words {
                name: "path.basename",
                server: "path.basenameNormalized",
                env: "path[1]",
                region: "path[2]",
                team: "path",
            },
        ),
        Generator::Files => (
            json!({"git": {"repoURL": REPO, "revision": "main", "files": [{"path": "fleet/**/config.yaml"}]}}),
            Words {
                name: "cluster.name",
                server: "cluster.server",
                env: "cluster.env",
                region: "region",
                team: "team",
            },
        ),
        Generator::Matrix => {
            let list = json!({"list": {"elements": apps(applications)}});
            (json!({"matrix": {"generators": [list, clusters_config()]}}), Words::of_cluster())
        }
    };
    let app = if generator == Generator::Matrix { Some("app") } else { None };
    let set = Arc::new(set(&config, &words, app, mode));
    let mut inputs = Inputs::default();
    match generator {
        Generator::List => {}
        Generator::Clusters => inputs.clusters = clusters(applications),
        Generator::Matrix => inputs.clusters = clusters(applications / of_matrix(applications)),
        Generator::Directories => {
            let paths = (0..applications).map(directory).collect();
            inputs.git.insert(directories(), GitAnswer::Directories(Arc::new(paths)));
        }
        Generator::Files => {
            let files = (0..applications).map(|n| (path(n), text(n, "payments")));
            let files: BTreeMap<String, String> = files.collect();
            inputs.git.insert(listing(), GitAnswer::Paths(Arc::new(files.keys().cloned().collect())));
            inputs
                .git
                .extend(files.into_iter().map(|(path, text)| (file(path), GitAnswer::File(text.into()))));
        }
    }
    Ground { set, inputs, generator }
}

impl Ground {
    /// One cluster, file, directory or element is another one; each round changes another.
    pub(crate) fn change(&mut self, round: usize) {
        let team = format!("changed-{round}");
        match self.generator {
            Generator::List => {
                let mut set = Value::clone(&self.set);
                let elements = set.pointer_mut("/spec/generators/0/list/elements");
                if let Some(Value::Array(elements)) = elements {
                    let at = round * 37 % elements.len();
                    elements[at]["team"] = json!(team);
                }
                self.set = Arc::new(set);
            }
            Generator::Clusters | Generator::Matrix => {
                let at = round * 37 % self.inputs.clusters.len();
                let mut changed = ClusterInput::clone(&self.inputs.clusters[at]);
                changed.labels.insert("team".to_owned(), team);
                self.inputs.clusters[at] = Arc::new(changed);
            }
            Generator::Directories => {
                if let Some(GitAnswer::Directories(paths)) = self.inputs.git.get_mut(&directories()) {
                    let mut now = paths.to_vec();
                    now.push(format!("apps/prod/eu-west/added-{round}"));
                    now.sort_unstable();
                    *paths = Arc::new(now);
                }
            }
            Generator::Files => {
                let at = round * 37 % (self.inputs.git.len() - 1);
                self.inputs.git.insert(file(path(at)), GitAnswer::File(text(at, &team).into()));
            }
        }
    }
}

impl Words {
    fn plain() -> Self {
        Self { name: "name", server: "server", env: "env", region: "region", team: "team" }
    }

    fn of_cluster() -> Self {
        Self {
            name: "nameNormalized",
            server: "server",
            env: "metadata.labels.env",
            region: "metadata.labels.region",
            team: "metadata.labels.team",
        }
    }
}

/// Ten expressions, of them four in a block of Helm values; in a matrix one more, which tells the pairs apart.
fn set(generator: &Value, words: &Words, app: Option<&str>, mode: Mode) -> Value {
    let tag = |word: &str| match (mode, word.split_once('[')) {
        (Mode::Flat, _) => format!("{{{{{word}}}}}"),
        (Mode::Go, None) if word == "path" => "{{ .path.path }}".to_owned(),
        (Mode::Go, None) => format!("{{{{ .{word} }}}}"),
        (Mode::Go, Some((path, index))) => {
            format!("{{{{ index .{path}.segments {} }}}}", index.trim_end_matches(']'))
        }
    };
    let Words { name, server, env, region, team } = words;
    let (name, server, env, region, team) = (tag(name), tag(server), tag(env), tag(region), tag(team));
    let app = app.map(|app| format!("{}-", tag(app))).unwrap_or_default();
    let values = format!(
        "global:\n  cluster: {name}\n  environment: {env}\n  region: {region}\nimage:\n  repository: registry.example.com/payments/api\n  tag: 1.27.4\n  pullPolicy: IfNotPresent\nreplicaCount: 3\nresources:\n  requests: {{cpu: 100m, memory: 256Mi}}\n  limits: {{memory: 512Mi}}\ningress:\n  enabled: true\n  className: nginx\n  host: api.{name}.example.com\n"
    );
    json!({
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "ApplicationSet",
        "metadata": {"name": "payments", "namespace": "argocd", "uid": "2b0c1a7e"},
        "spec": {
            "goTemplate": mode == Mode::Go,
            "goTemplateOptions": ["missingkey=error"],
            "generators": [generator],
            "template": {
                "metadata": {
                    "name": format!("{app}{name}-payments"),
                    "labels": {"env": env, "team": team, "app.kubernetes.io/part-of": "payments"},
                    "annotations": {"notifications.argoproj.io/subscribe.on-sync-failed.slack": "payments-alerts"},
                },
                "spec": {
                    "project": "payments",
                    "source": {
                        "repoURL": "https://git.example.com/payments/deploy.git",
                        "path": format!("charts/api/{region}"),
                        "targetRevision": "main",
                        "helm": {"releaseName": "api", "values": values},
                    },
                    "destination": {"server": server, "namespace": "payments"},
                    "syncPolicy": {
                        "automated": {"prune": true, "selfHeal": true},
                        "syncOptions": ["CreateNamespace=true", "ServerSideApply=true"],
                        "retry": {"limit": 5, "backoff": {"duration": "5s", "factor": 2, "maxDuration": "3m"}},
                    },
                },
            },
        },
    })
}

/// How many elements the list of a matrix has.
fn of_matrix(applications: usize) -> usize {
    if applications >= 10_000 { 100 } else { 10 }
}

fn apps(applications: usize) -> Vec<Value> {
    (0..of_matrix(applications)).map(|n| json!({"app": format!("app-{n:03}")})).collect()
}

fn elements(count: usize) -> Vec<Value> {
    let element = |n: usize| {
        json!({
            "name": format!("cluster-{n:06}"),
            "server": format!("https://cluster-{n:06}.example.com:6443"),
            "env": ENVS[n % 3],
            "region": REGIONS[n % 4],
            "team": format!("team-{}", n % 50),
        })
    };
    (0..count).map(element).collect()
}

fn clusters_config() -> Value {
    json!({"clusters": {"selector": {"matchExpressions": [{"key": "env", "operator": "In", "values": ENVS}]}}})
}

fn clusters(count: usize) -> Vec<Arc<ClusterInput>> {
    let cluster = |n: usize| {
        let labels = [
            ("env", ENVS[n % 3].to_owned()),
            ("region", REGIONS[n % 4].to_owned()),
            ("team", format!("team-{}", n % 50)),
            ("argocd.argoproj.io/kubernetes-version", "v1.34.2".to_owned()),
        ];
        Arc::new(ClusterInput {
            name: format!("cluster-{n:06}"),
            server: format!("https://cluster-{n:06}.example.com:6443"),
            labels: labels.into_iter().map(|(key, value)| (key.to_owned(), value)).collect(),
            ..ClusterInput::default()
        })
    };
    (0..count).map(cluster).collect()
}

fn directory(n: usize) -> String {
    format!("apps/{}/{}/service-{n:06}", ENVS[n % 3], REGIONS[n % 4])
}

fn path(n: usize) -> String {
    format!("fleet/{}/cluster-{n:06}/config.yaml", REGIONS[n % 4])
}

fn text(n: usize, team: &str) -> String {
    format!(
        "# generated by the platform team\ncluster:\n  name: cluster-{n:06}\n  server: https://cluster-{n:06}.example.com:6443\n  env: {}\nregion: {}\nteam: {team}\nfeatures:\n- ingress\n- metrics\nreplicas: 3\n",
        ENVS[n % 3],
        REGIONS[n % 4],
    )
}

fn directories() -> GitRequest {
    GitRequest::Directories { repo_url: REPO.to_owned(), revision: "main".to_owned() }
}

fn listing() -> GitRequest {
    GitRequest::Paths { repo_url: REPO.to_owned(), revision: "main".to_owned() }
}

fn file(path: String) -> GitRequest {
    GitRequest::File { repo_url: REPO.to_owned(), revision: "main".to_owned(), path }
}
