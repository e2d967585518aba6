//! What is slow delays nobody else: a tool that does not end until the test says so.

use super::*;
use hub_render::{Confine, Tooling, confine::Limits, tools::Places};

const CHART: &str = "apiVersion: v2\nname: slow\nversion: 1.0.0\n";
const TEMPLATE: &str = "kind: ConfigMap\nmetadata: {name: \"{{ .Release.Name }}\"}\n";

/// A tool that says its version, and prints a ConfigMap with what it was told, once a file is there. It stands for the
/// program that confines and for what that runs.
pub(super) fn tooling(folder: &Path) -> Tooling {
    use std::os::unix::fs::PermissionsExt as _;
    let tool = folder.join("tool");
    let script = format!(
        "#!/bin/sh\ncase \"$2\" in *Probe*) echo '{{}}'; exit;; esac\nif [ \"$3\" = version ]; then echo v4.0.0; exit; fi\nshift 2\n\
         while [ ! -e '{}' ]; do sleep 0.02; done\nprintf 'apiVersion: v1\\nkind: ConfigMap\\nmetadata: {{name: slow}}\\ndata: {{told: \"%s\"}}\\n' \"$*\"\n",
        folder.join("released").display()
    );
    std::fs::write(&tool, script).unwrap();
    std::fs::set_permissions(&tool, std::fs::Permissions::from_mode(0o755)).unwrap();
    let places = Places { helm: std::env::current_exe().ok(), ..Places::default() };
    let (confine, scratch) = (Confine::new(tool), folder.join("scratch"));
    Tooling { confine, scratch, places, limits: Limits::default() }
}

fn chart(loops: &Loops, name: &str, path: &str, project: &str) -> Value {
    let mut object = application(name, "eu-1", &[]);
    object["spec"]["project"] = json!(project);
    object["spec"]["source"] = json!({"repoURL": loops.repository().to_str(), "path": path});
    object
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_slow_charts_of_one_project_delay_no_other() {
    let mut loops = Loops::idle();
    loops.commit("web/config.yaml", CONFIG_MAP);
    loops.commit("slow/Chart.yaml", CHART);
    loops.commit("slow/templates/map.yaml", TEMPLATE);
    loops.tooling = Some(tooling(loops.folder.path()));
    let loops = loops.again().await;
    let (records, now) = (&loops.records, Timestamp::UNIX_EPOCH);
    records.create(Kind::Cluster, cluster("eu-1", &json!({})), now).await.unwrap();
    let project = json!({
        "metadata": {"name": "slow", "namespace": "argocd"},
        "spec": {"sourceRepos": ["*"], "destinations": [{"server": "*", "namespace": "*"}]},
    });
    records.create(Kind::AppProject, project, now).await.unwrap();
    let rolls = async |records: &Records, name: &str| {
        records.get(Kind::FleetRollout, "argocd", &format!("{name}.app.1")).await.unwrap().is_some()
    };
    // Then what the folder comes to is known, and takes no slot of the renderer's.
    records.create(Kind::Application, chart(&loops, "first", "web", "default"), now).await.unwrap();
    loops.until("the first", async |records| rolls(records, "first").await).await;
    let slow: Vec<String> = (0..100).map(|number| format!("slow-{number}")).collect();
    for name in &slow {
        records.create(Kind::Application, chart(&loops, name, "slow", "slow"), now).await.unwrap();
    }
    for number in 0..20 {
        let name = format!("quick-{number}");
        records.create(Kind::Application, chart(&loops, &name, "web", "default"), now).await.unwrap();
        loops.until(&name, async |records| rolls(records, &name).await).await;
    }
    assert!(!loops.folder.path().join("released").exists());
    std::fs::write(loops.folder.path().join("released"), "").unwrap();
    for name in &slow {
        loops.until(name, async |records| rolls(records, name).await).await;
    }
    assert!(loops.tasks.drain(Duration::from_secs(5)).await);
}
