//! Charts in overlays, as they are prepared.

use super::Case;
use crate::{Capabilities, Kind, Tool, View, Work, request::Told};
use bytes::Bytes;
use std::sync::Arc;

const CONFIG: &str = "kind: ConfigMap\ndata: {a: {{ .Values.a }}}\n";

/// An overlay and its base, of which one has charts.
fn case(overlay: &str, base: &str, template: &str) -> Case {
    let mut case = Case::of(
        "app",
        &[
            ("app/kustomization.yaml", overlay),
            ("base/kustomization.yaml", base),
            ("base/charts/web/Chart.yaml", "name: web\nversion: 1.0.0\n"),
            ("base/charts/web/values.yaml", "a: 1\n"),
            ("base/charts/web/templates/config.yaml", template),
            ("base/charts/web/README.md", "nothing"),
            ("base/values.yaml", "b: 1\n"),
        ],
    );
    case.settings.kustomize_options = vec!["--enable-helm".to_owned()];
    case
}

fn of_base(base: &str, template: &str) -> Case {
    case("resources: [../base]\n", base, template)
}

/// What helm is told for the only chart, and the files that it sees.
fn told(case: &Case) -> (String, Vec<String>) {
    let job = case.prepare().unwrap_or_else(|failure| panic!("{failure}"));
    let [chart] = job.charts.as_slice() else { panic!("{:?}", job.charts) };
    let Work::Run { tool, arguments, folder } = &chart.job.work else { panic!("{chart:?}") };
    assert_eq!((tool.kind, folder.as_str()), (Kind::Helm, ""));
    (arguments.join(" "), chart.job.view.paths().map(str::to_owned).collect())
}

#[tokio::test]
async fn a_kustomization_names_what_its_charts_come_to() {
    let base = "resources: []\ncomponents: [../other]\nhelmCharts: [{name: web, releaseName: a}]\n";
    let mut case = of_base(base, CONFIG);
    case.files.put("other/kustomization.yaml", "kind: Component\n");
    let (_, made) = std::thread::spawn(move || case.shown()).join().unwrap();
    assert_eq!(
        made["base/kustomization.yaml"],
        "components:\n- .flotilla-charts\n- ../other\nresources: []\n"
    );
    let component = &made["base/.flotilla-charts/kustomization.yaml"];
    assert!(
        component.contains("kind: Component\n") && component.contains("resources:\n- objects\n"),
        "{component}"
    );
    let objects = &made["base/.flotilla-charts/objects/kustomization.yaml"];
    assert!(objects.contains("resources:\n- 0.yaml\n"), "{objects}");
}

#[test]
fn a_chart_is_told_what_it_can_see_and_nothing_else() {
    let blind = of_base("helmCharts: [{name: web, releaseName: a, namespace: b}]\n", CONFIG);
    let (words, files) = told(&blind);
    assert_eq!(words, "template release chart --values=values/0.yaml");
    assert_eq!(
        files.join(" "),
        "chart/Chart.yaml chart/templates/config.yaml chart/values.yaml values/0.yaml"
    );
    let all = "{{ .Release.Name }} {{ .Release.Namespace }} {{ .Capabilities }} {{ .Files }}";
    let mut sees = of_base(
        "helmCharts: [{name: web, releaseName: a, namespace: b, valuesFile: values.yaml, includeCRDs: true}]\n",
        all,
    );
    sees.capabilities = Capabilities {
        kube_version: "v1.33.1-x".to_owned(),
        api_versions: Arc::new(["a/v1".to_owned()]),
        ..Capabilities::default()
    };
    let (words, files) = told(&sees);
    assert_eq!(
        words,
        "template a chart --values=values/0.yaml --namespace=b --kube-version=1.33.1 --api-versions=a/v1 --include-crds"
    );
    assert_eq!(files[1], "chart/README.md");
}

#[test]
fn what_a_chart_can_see_names_the_rendering() {
    let inputs = |case: &Case| case.prepare().unwrap_or_else(|failure| panic!("{failure}")).inputs();
    let of_version = |template: &str, version: &str| {
        let mut case = of_base("helmCharts: [{name: web}]\n", template);
        case.capabilities.kube_version = version.to_owned();
        inputs(&case)
    };
    assert_eq!(of_version(CONFIG, "v1.33.1"), of_version(CONFIG, "v1.34.0"));
    let sees = "v: {{ .Capabilities.KubeVersion }}";
    assert_ne!(of_version(sees, "v1.33.1"), of_version(sees, "v1.34.0"));
    let case = of_base("helmCharts: [{name: web}]\n", CONFIG);
    let mut job = case.prepare().unwrap();
    let before = job.inputs();
    let Work::Run { tool, .. } = &mut job.charts[0].job.work else { panic!("nothing is run") };
    *tool = Tool { version: "v4.4.0".to_owned(), ..tool.clone() };
    assert_ne!(job.inputs(), before);
    // One that may come out differently is for one Application only, and so is its overlay.
    let varies = of_base("helmCharts: [{name: web}]\n", "a: {{ randAlpha 3 }}").prepare().unwrap();
    assert!(varies.charts[0].job.may_vary && !varies.may_vary);
    assert_eq!(varies.own, "//web");
}

#[test]
fn a_chart_waits_for_a_cluster_that_it_sees() {
    let unknown = |template: &str, chart: &str| {
        let mut case = of_base(&format!("helmCharts: [{chart}]\n"), template);
        case.capabilities.told = Told::Nothing { cluster: "eu-1".to_owned() };
        case
    };
    let sees = "v: {{ .Capabilities.KubeVersion }}";
    let wrong = unknown(sees, "{name: web}").wrong();
    assert!(
        wrong.contains("waits for the first report of eu-1") && wrong.contains("spec.source.kustomize"),
        "{wrong}"
    );
    assert!(unknown(CONFIG, "{name: web}").prepare().is_ok());
    assert!(unknown(sees, "{name: web, kubeVersion: 1.33.0}").prepare().is_ok());
}

#[test]
fn a_chart_of_several_namespaces_needs_one_of_its_own() {
    let overlay = "resources: [one, two]\n";
    let with = |chart: &str, template: &str| {
        let mut case = case(overlay, &format!("helmCharts: [{chart}]\n"), template);
        case.files.put("app/one/kustomization.yaml", "namespace: one\nresources: [../../base]\n");
        case.files.put("app/two/kustomization.yaml", "namespace: two\nresources: [../../base]\n");
        case
    };
    let sees = "a: {{ .Release.Namespace }}";
    assert_eq!(
        with("{name: web}", sees).wrong(),
        "base/kustomization.yaml: helmCharts[0].namespace: the chart is in a base that overlays of several namespaces use: give the chart a namespace of its own\n"
    );
    assert!(told(&with("{name: web, namespace: own}", sees)).0.ends_with("--namespace=own"));
    assert!(!told(&with("{name: web}", CONFIG)).0.contains("namespace"));
}

#[test]
fn what_cannot_be_done_is_said() {
    for (base, expect) in [
        (
            "helmGlobals: {chartHome: /charts}\nhelmCharts: [{name: web}]\n",
            "base/kustomization.yaml: helmCharts[0].chartHome: the folder of charts is not in the repository: name one from the kustomization's folder\n",
        ),
        (
            "helmCharts: [{name: other, repo: 'file:///charts'}]\n",
            "base/kustomization.yaml: helmCharts[0].repo: `file:///charts` is not the address of charts: write `https://…` or `oci://…`\n",
        ),
        (
            "helmCharts: [{name: other, repo: 'https://x.example'}]\n",
            "base/kustomization.yaml: helmCharts[0]: no chart other\n",
        ),
        (
            "helmCharts: [{name: web, valuesMerge: both}]\n",
            "base/kustomization.yaml: helmCharts[0].valuesMerge: `both` is no way to merge values: write `override`, `merge` or `replace`\n",
        ),
        (
            "helmCharts: [{name: web, releaseName: A_b}]\n",
            "base/kustomization.yaml: helmCharts[0].releaseName: `A_b` cannot be the name of a release: set one of at most 53 lower case letters, digits, `-` and `.`, with a letter or digit at both ends\n",
        ),
        (
            "helmCharts: [{name: web, kubeVersion: new}]\n",
            "base/kustomization.yaml: helmCharts[0].kubeVersion: `new` is not a Kubernetes version: write e.g. `1.34.3`\n",
        ),
        (
            "helmCharts: [{name: web, additionalValuesFiles: ['https://x.example/v.yaml']}]\n",
            "base/kustomization.yaml: helmCharts[0].additionalValuesFiles[0]: `https://x.example/v.yaml` is on the web: name a file of the repository\n",
        ),
        (
            "helmCharts: [{name: templates, repo: ''}]\nhelmGlobals: {chartHome: charts/web}\n",
            "base/kustomization.yaml: helmCharts[0].name: there is no Chart.yaml in `base/charts/web/templates` of files: name the folder of the chart\n",
        ),
        (
            "generators: [folder]\n",
            "base/folder/one.yaml: the generator of a chart is not in a file that `generators` names: name its file there, not a folder or an address, or write the chart into `helmCharts`\n",
        ),
    ] {
        let mut case = of_base(base, CONFIG);
        case.files.put("base/folder/kustomization.yaml", "resources: [one.yaml]\n");
        let generator =
            "apiVersion: builtin\nkind: HelmChartInflationGenerator\nmetadata: {name: a}\nname: web\n";
        case.files.put("base/folder/one.yaml", generator);
        case.files.put("base/charts/web/templates/values.yaml", "");
        assert_eq!(case.wrong(), expect, "{base}");
    }
    let origin = case(
        "buildMetadata: [originAnnotations]\nresources: [../base]\n",
        "helmCharts: [{name: web}]\n",
        CONFIG,
    );
    assert!(origin.wrong().contains("`originAnnotations` cannot be told where the overlay has charts"));
    let mut there = of_base("helmCharts: [{name: web}]\n", CONFIG);
    there.files.put("base/.flotilla-charts/a", "");
    assert!(there.wrong().contains("there is a folder `.flotilla-charts`"));
}

#[tokio::test]
async fn a_place_of_charts_is_fetched_once() {
    let mut case = of_base(
        "helmCharts:\n- {name: a, repo: 'oci://x.example/charts/', version: 1.0.0}\n- {name: a, repo: 'oci://x.example/charts/', version: 1.0.0, releaseName: b}\n\
         - {name: b, repo: 'https://x.example', devel: true}\n",
        CONFIG,
    );
    let archive = |name: &str| {
        let tree =
            super::Files::of(&[("Chart.yaml", "name: a\nversion: 1.0.0\n"), ("values.yaml", "")]).tree();
        let files = tree.under("").into_iter().map(|entry| (entry.path.clone(), entry)).collect();
        let mut view = View::new();
        view.pack("chart.tgz", &tree, name, files);
        view
    };
    for (repository, name) in [("oci://x.example/charts", "a"), ("https://x.example", "b")] {
        let packed: Bytes = archive(name).contents().await.unwrap().remove("chart.tgz").unwrap();
        case.elsewhere.charts.insert((repository.to_owned(), name.to_owned()), packed);
    }
    std::thread::spawn(move || {
        let job = case.prepare().unwrap_or_else(|failure| panic!("{failure}"));
        assert_eq!(job.charts.len(), 3);
        let asked = case.elsewhere.asked.lock().join("\n");
        assert_eq!(asked, "oci://x.example/charts a 1.0.0\nhttps://x.example b >0.0.0-0");
        assert_eq!(job.fetched.len(), 2);
        let files: Vec<&str> = job.charts[0].job.view.paths().collect();
        assert_eq!(files, ["chart.tgz", "values/0.yaml"]);
    })
    .join()
    .unwrap();
}

#[test]
fn encrypted_values_go_along_when_they_are_merged() {
    const SECRET: &str = include_str!("../../../../../shared/sops/src/tests/vectors/secret.enc.yaml");
    let base = "helmCharts: [{name: web, valuesFile: values.yaml, valuesInline: {c: 1}}]\n";
    let mut case = of_base(base, CONFIG);
    assert!(!told(&case).1.iter().any(|path| path.starts_with("beside/")));
    case.files.put("base/values.yaml", SECRET);
    assert!(told(&case).1.contains(&"beside/0.yaml".to_owned()));
}
