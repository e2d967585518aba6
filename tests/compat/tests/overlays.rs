//! Overlays, built as the hub does it and by kustomize as a person would call it.

#[path = "overlays/overrides.rs"]
mod overrides;

use bytes::Bytes;
use hub_render::{
    Config, Confine, Failure, Fetch, Happened, Job, Kind, Renderer, Shelf, Tell, Tool, Tooling, Whose, Work,
    confine::Limits, output, tools::Places,
};
use shared_manifest::Bundle;
use shared_model::Digest;
use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    path::Path,
    sync::{Arc, LazyLock, mpsc},
};
use tests_compat::{
    disk,
    overlay::{self, Overlay},
    run,
};

fn tool() -> Option<Tool> {
    let path = tests_e2e::Tool::Kustomize.path()?;
    Some(Tool { kind: Kind::Kustomize, path: path.to_owned(), version: "v5.8.1".to_owned() })
}

/// The tool that renders the charts of overlays.
fn helm() -> Tool {
    let path = tests_e2e::Tool::Helm.path().map_or_else(|| "helm".into(), Path::to_owned);
    Tool { kind: Kind::Helm, path, version: "v4.3.1".to_owned() }
}

fn overlays() -> Vec<Overlay> {
    overlay::all(&disk::folder("overlays")).expect("the overlays")
}

static CONFINE: LazyLock<Confine> = LazyLock::new(|| Confine::new(env!("CARGO_BIN_EXE_tests-compat").into()));

/// What the confined tool prints when it is shown these files.
fn built(job: &Job, files: &BTreeMap<String, Bytes>) -> anyhow::Result<String> {
    let Work::Run { tool, arguments, folder } = &job.work else { panic!("nothing is run: {job:?}") };
    run::confined(&CONFINE, &tool.path, arguments, files, folder)
}

/// The files that the tool is shown, with what the charts come to.
fn shown(overlay: &Overlay, job: &Job) -> anyhow::Result<BTreeMap<String, Bytes>> {
    let mut files = overlay.shown(job)?;
    for chart in &job.charts {
        let printed = built(&chart.job, &overlay.shown(&chart.job)?)?;
        files.insert(chart.at.clone(), Bytes::from(printed));
    }
    Ok(files)
}

/// What a person gets.
fn by_hand(overlay: &Overlay, tool: &Path) -> anyhow::Result<String> {
    let home = tempfile::tempdir()?;
    overlay.write(home.path())?;
    let folder = home.path().join(&overlay.source.path);
    let mut printed = String::new();
    for arguments in &overlay.run {
        let helm = helm().path.to_string_lossy().into_owned();
        let word = |word: &String| if word == "HELM" { helm.clone() } else { word.clone() };
        let arguments: Vec<String> = arguments.iter().map(word).collect();
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        printed = run::directly(tool, &arguments, &folder)?;
    }
    Ok(printed)
}

#[test]
fn there_are_forty_overlays() {
    let overlays = overlays();
    assert!(overlays.len() >= 40, "{}", overlays.len());
}

#[test]
fn overlays_are_built_as_by_hand() {
    let Some(tool) = tool() else { return };
    let mut different = Vec::new();
    for overlay in overlays() {
        let ours = overlay
            .prepare(&tool, &helm())
            .map_err(|failure: Failure| anyhow::anyhow!("{failure}"))
            .and_then(|job| built(&job, &shown(&overlay, &job)?))
            .map_err(|error| format!("{error:#}"));
        let theirs = by_hand(&overlay, &tool.path).map_err(|error| format!("{error:#}"));
        let alike = match (&ours, &theirs, &overlay.fails) {
            (Ok(ours), Ok(theirs), None) => ours == theirs && !ours.is_empty(),
            (Err(said), Err(_), Some(expected)) => said.contains(expected.as_str()),
            _ => false,
        };
        if !alike {
            different.push(format!("{}\nours: {ours:#?}\nby hand: {theirs:#?}", overlay.name));
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n\n").replace("\\n", "\n"));
}

#[test]
fn a_build_is_shown_nothing_that_it_does_not_need() {
    let Some(tool) = tool() else { return };
    for overlay in overlays().into_iter().filter(|overlay| overlay.fails.is_none()) {
        let job =
            overlay.prepare(&tool, &helm()).unwrap_or_else(|failure| panic!("{}: {failure}", overlay.name));
        let files = shown(&overlay, &job).expect("its files");
        let whole = built(&job, &files).expect("a build");
        for path in files.keys() {
            let mut fewer = files.clone();
            fewer.remove(path);
            let without = built(&job, &fewer);
            assert!(without.ok().as_ref() != Some(&whole), "{} does without {path}", overlay.name);
        }
    }
}

/// Answers with the first of `files` that a request names, one connection after the other.
fn served(listener: &TcpListener, files: &[(&str, Bytes)]) {
    for stream in listener.incoming() {
        let mut stream = stream.expect("a connection");
        let mut lines =
            BufReader::new(stream.try_clone().expect("a connection")).lines().map_while(Result::ok);
        let asked = lines.next().unwrap_or_default();
        lines.find(String::is_empty);
        let (status, body) = match files.iter().find(|(path, _)| asked.contains(path)) {
            Some((_, body)) => ("200 OK", &body[..]),
            None => ("404 Not Found", &b""[..]),
        };
        let head =
            format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
        // Who asked may be gone.
        drop(stream.write_all(&[head.as_bytes(), body].concat()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_kustomize_pulls_is_what_the_hub_fetches() {
    const REPOSITORY: &str = "https://charts.example.com/stable";
    let Some(tool) = tool() else { return };
    let of_repository = |overlay: &Overlay| overlay.name == "chart-of-a-repository";
    let mut overlay = overlays().into_iter().find(of_repository).expect("it is there");
    let chart = overlay.elsewhere.chart(REPOSITORY, "web", "1.0.0").await.expect("it is in the repository");
    let ours = tokio::task::block_in_place(|| {
        let job = overlay.prepare(&tool, &helm()).expect("it can be prepared");
        built(&job, &shown(&overlay, &job).expect("its files")).expect("a build")
    });
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("its port"));
    let index = format!(
        "apiVersion: v1\nentries:\n  web:\n  - {{apiVersion: v2, name: web, version: 1.0.0, urls: [\"{address}/web.tgz\"]}}\n"
    );
    let files = [("/index.yaml", Bytes::from(index)), ("/web.tgz", chart.archive)];
    std::thread::spawn(move || served(&listener, &files));
    overlay.pulled.clear();
    for text in overlay.files.files.values_mut() {
        *text = String::from_utf8_lossy(text).replace(REPOSITORY, &address).into();
    }
    assert_eq!(by_hand(&overlay, &tool.path).expect("kustomize pulls the chart"), ours);
}

/// Bundles that nobody keeps.
#[derive(Debug)]
struct Nowhere;

impl Shelf for Nowhere {
    fn put(&self, bytes: &[u8]) -> Result<Digest, String> {
        Ok(Digest::of(bytes))
    }

    fn renew(&self, _: &Digest) -> bool {
        true
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chart_of_many_overlays_is_rendered_once() {
    let Some(tool) = tool() else { return };
    let overlay = |name: &str| {
        let text = |path: &str, text: &str| format!("== {path}\n{text}\n");
        let files = [
            text("app", "path: overlays/prod\noptions: [--enable-helm]"),
            text("run", "build . --enable-helm --helm-command HELM"),
            text(
                "overlays/prod/kustomization.yaml",
                &format!("namePrefix: {name}-\nresources: [../../base]"),
            ),
            text("base/kustomization.yaml", "helmCharts: [{name: web, releaseName: front}]"),
            text("base/charts/web/Chart.yaml", "apiVersion: v2\nname: web\nversion: 1.0.0"),
            text("base/charts/web/values.yaml", "color: red"),
            text(
                "base/charts/web/templates/config.yaml",
                "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web}\ndata: {color: {{ .Values.color }}}",
            ),
        ];
        Overlay::read(name, &format!("One of many.\n{}", files.concat())).expect("an overlay")
    };
    let overlays: Vec<Overlay> = ["a", "b", "c", "d", "e", "f"].map(overlay).into();
    let scratch = tempfile::tempdir().expect("a folder");
    let (note, runs) = mpsc::channel();
    let tell: Tell = Arc::new(move |happened| {
        if let Happened::Rendered { by, failed: false, .. } = happened {
            note.send(by).expect("somebody listens");
        }
    });
    let places = Places { helm: Some(helm().path), kustomize: Some(tool.path.clone()), search: None };
    let tooling = Tooling {
        confine: CONFINE.clone(),
        scratch: scratch.path().to_owned(),
        places,
        limits: Limits::default(),
    };
    // One slot: who held it and waited for another would wait for ever.
    let renderer = Renderer::new(Config { tell, tooling: Some(tooling), slots: 1, ..Config::new() });
    let shelf: Arc<dyn Shelf> = Arc::new(Nowhere);
    let whose = Whose { project: "default", place: "overlays" };
    let mut tasks = tokio::task::JoinSet::new();
    for overlay in overlays.clone() {
        let (renderer, shelf) = (renderer.clone(), Arc::clone(&shelf));
        tasks.spawn(async move {
            let job = overlay.with_renderer(&renderer).await.expect("it can be prepared");
            let rendered = renderer.render(&job, whose).await.expect("it can be rendered");
            let kept = renderer.keep(&job, whose, &shelf).await.expect("it can be kept");
            assert_eq!(kept.bundle, rendered.bundle.digest());
            (overlay.name, rendered.bundle)
        });
    }
    let made: BTreeMap<String, Bundle> = tasks.join_all().await.into_iter().collect();
    for overlay in &overlays {
        let printed = by_hand(overlay, &tool.path).expect("it can be built");
        let manifests = output::read(printed.as_bytes()).expect("manifests");
        assert_eq!(made[&overlay.name], Bundle::new(manifests).0);
    }
    let runs: Vec<&str> = runs.try_iter().collect();
    assert_eq!(runs.iter().filter(|by| **by == "helm").count(), 1, "{runs:?}");
    assert_eq!(runs.len(), 1 + 2 * overlays.len(), "{runs:?}");
}

#[test]
fn what_a_build_is_not_shown_does_not_name_its_result() {
    let Some(tool) = tool() else { return };
    let mut hidden = 0;
    for overlay in overlays().into_iter().filter(|overlay| overlay.fails.is_none()) {
        let prepare = |overlay: &Overlay| overlay.prepare(&tool, &helm()).expect("it can be prepared");
        let job = prepare(&overlay);
        let shown = overlay.shown(&job).expect("its files");
        let mut other = overlay.clone();
        for (path, bytes) in &mut other.files.files {
            let behind_a_link = shown.values().any(|shown| shown == bytes);
            // Read to see what charts are shown.
            let of_a_chart =
                ["charts/", "vendor/", "values", "generator"].iter().any(|part| path.contains(part));
            if of_a_chart && !job.charts.is_empty() {
                continue;
            }
            if !shown.contains_key(path) && !behind_a_link {
                hidden += 1;
                *bytes = Bytes::from("changed: true\n");
            }
        }
        other.files.files.insert("elsewhere/new.yaml".to_owned(), Bytes::from("new: true\n"));
        let again = prepare(&other);
        assert_eq!(again.inputs(), job.inputs(), "{}", overlay.name);
        for path in shown.keys().filter(|path| overlay.files.files.contains_key(*path)) {
            let mut other = overlay.clone();
            let bytes = other.files.files[path].clone();
            let changed = [&bytes[..], &b"\n# changed\n"[..]].concat();
            other.files.files.insert(path.clone(), Bytes::from(changed));
            let again = prepare(&other).inputs();
            // Of a kustomization that was written anew, only what it says counts.
            let edited = shown[path] != bytes;
            assert!(edited || again != job.inputs(), "{}: {path}", overlay.name);
        }
    }
    assert!(hidden > 10, "the overlays have files that are not named: {hidden}");
}
