use super::{Memo, prepare};
use crate::{
    job::{Job, Kind, Tool, Work},
    request::{App, Capabilities, Chart, Failure, Fetch, Request, Settings, Told, Unfetched},
    tree::{Entry, Memory, Tree},
};
use async_trait::async_trait;
use bytes::Bytes;
use serde_json::{Value, json};
use shared_model::Source;
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

const CHART: &str = "apiVersion: v2\nname: web\nversion: 1.0.0\n";
const SEES_ALL: &str = "{{ .Release.Name }} {{ .Release.Namespace }} {{ .Capabilities.KubeVersion }} {{ .Capabilities.APIVersions }}";

/// A tree that counts how often it is read.
#[derive(Debug)]
struct Counted(Memory, AtomicUsize);

#[async_trait]
impl Tree for Counted {
    fn name(&self) -> String {
        self.0.name()
    }

    fn get(&self, path: &str) -> Option<Entry> {
        self.0.get(path)
    }

    fn under(&self, folder: &str) -> Vec<Entry> {
        self.0.under(folder)
    }

    async fn read(&self, entries: &[Entry]) -> Result<Vec<Bytes>, String> {
        self.1.fetch_add(entries.len(), Ordering::Relaxed);
        self.0.read(entries).await
    }
}

/// Nothing is elsewhere.
#[derive(Debug)]
struct Nowhere;

#[async_trait]
impl Fetch for Nowhere {
    async fn chart(&self, _: &str, name: &str, _: &str) -> Result<Chart, Unfetched> {
        Err(Unfetched::Now(format!("{name} is away")))
    }

    async fn repository(&self, url: &str, _: &str) -> Result<Arc<dyn Tree>, Unfetched> {
        Err(Unfetched::Now(format!("{url} is away")))
    }

    async fn file(&self, url: &str) -> Result<Bytes, Unfetched> {
        Err(Unfetched::Now(format!("{url} is away")))
    }
}

/// One cluster's Application.
struct Asked {
    files: Vec<(&'static str, String)>,
    helm: Value,
    name: &'static str,
    kube_version: &'static str,
    apis: Vec<String>,
    told: Told,
}

fn asked(template: &str, helm: Value) -> Asked {
    let files = vec![
        ("chart/Chart.yaml", CHART.to_owned()),
        ("chart/values.yaml", "a: 1\n".to_owned()),
        ("chart/templates/a.yaml", template.to_owned()),
        ("chart/README.md", "read me\n".to_owned()),
        ("chart/envs/eu-1.yaml", "a: 2\n".to_owned()),
        ("chart/envs/eu-2.yaml", "a: 3\n".to_owned()),
    ];
    Asked {
        files,
        helm,
        name: "web",
        kube_version: "v1.34.3-gke.7",
        apis: vec!["a/v1".into(), "b/v1".into()],
        told: Told::All,
    }
}

async fn prepared(asked: &Asked, memo: &Memo) -> (Result<Job, Failure>, usize) {
    let files = asked.files.iter().map(|(path, text)| ((*path).to_owned(), Bytes::from(text.clone())));
    let counted = Arc::new(Counted(Memory::new("a repository", files), AtomicUsize::new(0)));
    let tree: Arc<dyn Tree> = counted.clone();
    let source: Source =
        serde_json::from_value(json!({"path": "chart", "helm": asked.helm})).expect("a source");
    let app = App { name: asked.name.into(), destination: "apps".into(), ..App::default() };
    let capabilities = Capabilities {
        kube_version: asked.kube_version.into(),
        api_versions: asked.apis.clone().into(),
        told: asked.told.clone(),
    };
    let request = Request {
        source: &source,
        app: &app,
        revision: "0123456789",
        tree: &tree,
        folder: "chart",
        references: &BTreeMap::new(),
        capabilities: &capabilities,
        fetch: &Nowhere,
        settings: &Settings::default(),
    };
    let tool = Tool { kind: Kind::Helm, path: "helm".into(), version: "v4.3.1".into() };
    let job = prepare(&request, &tool, memo).await;
    (job, counted.1.load(Ordering::Relaxed))
}

async fn job(asked: &Asked) -> Job {
    prepared(asked, &Memo::new()).await.0.expect("a job")
}

async fn check(template: &str, helm: Value, expected: &str) {
    let job = job(&asked(template, helm.clone())).await;
    let Work::Run { arguments, folder, .. } = &job.work else { panic!("nothing is run") };
    assert_eq!(folder, "chart");
    assert_eq!(arguments.join(" "), format!("template . --name-template {expected}"), "{helm}");
}

#[tokio::test]
async fn what_is_told_is_what_the_source_says() {
    let all = "--kube-version=1.34.3";
    let apis = "--api-versions=a/v1 --api-versions=b/v1";
    check(SEES_ALL, json!({}), &format!("web --namespace=apps {all} {apis} --include-crds")).await;
    check(
        SEES_ALL,
        json!({"releaseName": "x", "namespace": "y", "kubeVersion": "v1.30", "apiVersions": ["c/v1"], "skipCrds": true}),
        "x --namespace=y --kube-version=1.30 --api-versions=c/v1",
    )
    .await;
    let skip = json!({"skipTests": true, "skipSchemaValidation": true});
    check("", skip, "release --include-crds --skip-schema-validation --skip-tests").await;
    check(
        "",
        json!({
            "valueFiles": ["envs/eu-1.yaml"],
            "values": "a: 4",
            "parameters": [{"name": "b", "value": "x,y"}, {"name": "c", "value": "1", "forceString": true}],
            "fileParameters": [{"name": "d", "path": "README.md"}],
        }),
        r"release --set=b=x\,y --set-string=c=1 --set-file=d=../values/chart/README.md --values=../values/chart/envs/eu-1.yaml --values=../inline.yaml --include-crds",
    )
    .await;
}

#[tokio::test]
async fn clusters_that_differ_in_nothing_that_is_seen_share_a_rendering() {
    let same = async |template: &str| {
        let one = job(&asked(template, json!({}))).await;
        let other =
            Asked { name: "other", kube_version: "v1.29.0", apis: Vec::new(), ..asked(template, json!({})) };
        one.inputs() == job(&other).await.inputs()
    };
    assert!(same("{{ .Values.a }}").await);
    assert!(!same("{{ .Release.Name }}").await);
    assert!(!same("{{ .Capabilities.KubeVersion }}").await);
    assert!(!same("{{ .Capabilities.APIVersions.Has \"b/v1\" }}").await);
    assert!(same("{{ .Capabilities.APIVersions.Has \"c/v1\" }}").await);
    // What one Application drew is nobody else's.
    assert!(!same("{{ randAlphaNum 16 }}").await);
}

#[tokio::test]
async fn files_that_no_template_reads_are_not_shown() {
    let shown = async |template: &str| {
        let job = job(&asked(template, json!({"valueFiles": ["envs/eu-1.yaml"]}))).await;
        job.view.paths().map(str::to_owned).collect::<Vec<_>>().join(" ")
    };
    let needed = "chart/Chart.yaml chart/templates/a.yaml chart/values.yaml values/chart/envs/eu-1.yaml";
    assert_eq!(shown("{{ .Values.a }}").await, needed);
    assert!(shown("{{ .Files.Get \"README.md\" }}").await.contains("chart/README.md chart/envs/eu-1.yaml"));
    let mut changed = asked("{{ .Values.a }}", json!({"valueFiles": ["envs/eu-1.yaml"]}));
    let before = job(&changed).await.inputs();
    changed.files[5].1 = "a: 4\n".to_owned();
    assert_eq!(job(&changed).await.inputs(), before, "another cluster's values");
    changed.files[4].1 = "a: 4\n".to_owned();
    assert_ne!(job(&changed).await.inputs(), before, "its own values");
}

#[tokio::test]
async fn a_chart_is_read_once_for_all_clusters() {
    let memo = Memo::new();
    let (first, read) = prepared(&asked(SEES_ALL, json!({})), &memo).await;
    assert!(first.is_ok() && read > 0);
    let other = Asked { name: "other", ..asked(SEES_ALL, json!({"values": "a: 5"})) };
    let (second, read) = prepared(&other, &memo).await;
    assert!(second.is_ok());
    assert_eq!(read, 0);
}

#[tokio::test]
async fn what_is_away_may_come_back() {
    let mut needs = asked("", json!({}));
    needs.files[0]
        .1
        .push_str("dependencies:\n- {name: x, version: 1.x, repository: 'https://charts.example.com'}\n");
    let (failed, _) = prepared(&needs, &Memo::new()).await;
    assert_eq!(failed.expect_err("it is away"), Failure::Circumstance("x is away".into()));
}

#[tokio::test]
async fn what_no_program_takes_is_refused() {
    for value in ["x".repeat(200_000), "a\0b".to_owned()] {
        let long = asked("", json!({"parameters": [{"name": "a", "value": value}]}));
        let (failed, _) = prepared(&long, &Memo::new()).await;
        let said = failed.expect_err("it is refused").to_string();
        assert!(said.contains("spec.source.helm.parameters") && said.contains("valuesObject"), "{said}");
    }
}

#[tokio::test]
async fn files_that_become_templates_see_what_they_mention() {
    const TEMPLATED: &str = "{{ tpl (.Files.Get \"config/app.conf\") . }}";
    let told = async |template: &str, file: &str| {
        let mut asked = asked(template, json!({}));
        asked.files.push(("chart/config/app.conf", file.to_owned()));
        let job = job(&asked).await;
        let Work::Run { arguments, .. } = &job.work else { panic!("nothing is run") };
        (arguments.join(" "), job.may_vary)
    };
    let (unseen, varies) = told(TEMPLATED, "color = green").await;
    assert_eq!(unseen, "template . --name-template release --include-crds");
    assert!(!varies);
    let (seen, varies) = told(TEMPLATED, "db.{{ .Release.Namespace }}.svc {{ now }}").await;
    assert!(seen.contains("--namespace=apps") && !seen.contains("web"), "{seen}");
    assert!(varies);
    let (seen, _) = told(TEMPLATED, "{{ .Release.Name }} {{ .Capabilities.KubeVersion }}").await;
    assert!(seen.contains("web") && seen.contains("--kube-version=1.34.3"), "{seen}");
    let (unseen, _) = told("{{ .Files.Get \"config/app.conf\" }}", "{{ .Release.Name }}").await;
    assert!(!unseen.contains("web"), "it is a text only: {unseen}");
}

/// A chart with a dependency in the same repository, and a library whose helper reads files for it.
fn with_library(helper: &str, file: &str) -> Asked {
    let mut needs = asked("", json!({}));
    needs.files[0].1.push_str(
        "dependencies:\n- {name: svc, version: 1.0.0, repository: 'file://../svc'}\n- {name: common, version: 1.0.0, repository: 'file://../common'}\n",
    );
    let chart = |name: &str| format!("apiVersion: v2\nname: {name}\nversion: 1.0.0\n");
    needs.files.extend([
        ("svc/Chart.yaml", chart("svc")),
        ("svc/templates/a.yaml", "{{ include \"common.config\" . }}".to_owned()),
        ("svc/config/a.conf", file.to_owned()),
        ("common/Chart.yaml", chart("common") + "type: library\n"),
        ("common/templates/_a.tpl", format!("{{{{ define \"common.config\" }}}}{helper}{{{{ end }}}}")),
    ]);
    needs
}

#[tokio::test]
async fn files_that_a_library_reads_are_packed() {
    let differs = async |helper: &str| {
        let one = job(&with_library(helper, "a = 1")).await.inputs();
        one != job(&with_library(helper, "a = 2")).await.inputs()
    };
    assert!(differs("{{ (.Files.Glob \"config/*\").AsConfig }}").await);
    assert!(!differs("{{ .Values.a }}").await, "nobody reads it");
    let job = job(&with_library("{{ tpl (.Files.Get \"config/a.conf\") . }}", "{{ .Release.Name }}")).await;
    let Work::Run { arguments, .. } = &job.work else { panic!("nothing is run") };
    assert!(arguments.contains(&"web".to_owned()), "{arguments:?}");
}

#[tokio::test]
async fn what_a_cluster_has_not_told_yet_is_waited_for_where_it_shows() {
    let of = async |template: &str, helm: Value, told: &Told| {
        let asked = Asked { told: told.clone(), ..asked(template, helm) };
        let job = prepared(&asked, &Memo::new()).await.0;
        job.map(|job| job.warnings.join("; ")).unwrap_or_else(|failure| format!("not yet: {failure}"))
    };
    let (nothing, version) = (Told::Nothing { cluster: "eu-9".to_owned() }, Told::Version);
    let check = async |template: &str, helm: Value, told: &Told, expect: &str| {
        let said = of(template, helm, told).await;
        assert!(
            if expect.is_empty() { said.is_empty() } else { said.starts_with(expect) },
            "{template}: {said}"
        );
    };
    let (kube, apis) = ("{{ .Capabilities.KubeVersion }}", "{{ .Capabilities.APIVersions.Has \"a/v1\" }}");
    let waits = "not yet: waits for the first report of eu-9";
    check("{{ .Values.a }}", json!({}), &nothing, "").await;
    check(kube, json!({}), &nothing, waits).await;
    check(apis, json!({}), &nothing, waits).await;
    // What the source says itself is not the cluster's to tell.
    check(kube, json!({"kubeVersion": "1.30"}), &nothing, "").await;
    check(apis, json!({"apiVersions": ["a/v1"]}), &nothing, "").await;
    check(kube, json!({}), &version, "").await;
    check(apis, json!({}), &version, "the cluster's agent is old").await;
    check(apis, json!({"apiVersions": ["a/v1"]}), &version, "").await;
    check(apis, json!({}), &Told::All, "").await;
}
