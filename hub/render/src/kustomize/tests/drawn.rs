//! Kustomizations drawn at random: nothing panics, and nothing leaves its place.

use super::{Case, Files};
use crate::Failure;
use proptest::{prelude::*, sample::select};

fn reference() -> impl Strategy<Value = String> {
    let parts = vec![
        "..",
        ".",
        "a",
        "b.yaml",
        "base",
        "link",
        "",
        "/",
        "~",
        "=",
        "key=",
        "https://",
        "http://",
        "git::",
        "git@",
        "github.com",
        "host:5000",
        "ssh://",
        "file://",
        "?ref=",
        "%2e%2e",
        "//",
        ".git",
        "_git",
        "ä",
        "*",
        "kind: A",
        "\n",
        "{",
        "🦀",
    ];
    let between = select(vec!["/", "", ":"]);
    prop::collection::vec((select(parts), between), 1..6)
        .prop_map(|parts| parts.into_iter().flat_map(|(part, between)| [part, between]).collect())
}

fn kustomization() -> impl Strategy<Value = String> {
    let fields = vec![
        "resources",
        "Bases",
        "components",
        "crds",
        "configurations",
        "openapi",
        "patches",
        "patchesJson6902",
        "patchesStrategicMerge",
        "replacements",
        "configMapGenerator",
        "secretGenerator",
        "generators",
        "transformers",
        "validators",
        "helmCharts",
        "helmGlobals",
        "helmChartInflationGenerator",
        "images",
        "labels",
    ];
    let shapes = select(vec![
        "[X]",
        "[{path: X}]",
        "[{files: [X], envs: [X], env: X}]",
        "{path: X}",
        "X",
        "[[X]]",
        "[{name: X, valuesFile: X}]",
        "[{name: a, chartName: X, version: X, repo: X}]",
        "[{name: a, additionalValuesFiles: [X], valuesInline: {a: X}, namespace: X, kubeVersion: X}]",
        "{chartHome: X}",
        "[null, 1]",
    ]);
    let plugin = "[\"apiVersion: builtin\\nkind: SecretGenerator\\nfiles: [X]\\npaths: [X]\"]";
    let shape = prop_oneof![4 => shapes.boxed(), 1 => Just(plugin).boxed()];
    prop::collection::vec((select(fields), shape, reference()), 0..5).prop_map(|lines| {
        let quoted = |text: &str| serde_json::to_string(text).expect("a text");
        let line = |(field, shape, reference): (&str, &str, String)| {
            let inside = if shape.contains('"') {
                reference.replace(['"', '\\', '\n'], "")
            } else {
                quoted(&reference)
            };
            format!("{field}: {}\n", shape.replace('X', &inside))
        };
        lines.into_iter().map(line).collect()
    })
}

proptest! {
    #[test]
    fn whatever_is_named_stays_in_its_place(
        top in kustomization(),
        base in kustomization(),
        remote in kustomization(),
        allowed in any::<bool>(),
        free in any::<bool>(),
    ) {
        let mut case = Case::of("app/a", &[
            ("app/a/kustomization.yaml", top.as_str()),
            ("app/base/kustomization.yaml", base.as_str()),
            ("app/a/b.yaml", "kind: A"),
            ("app/a/link", "-> ../base"),
            ("app/base/b.yaml", "-> ../../../b.yaml"),
            ("b.yaml", ""),
            ("app/a/charts/a/Chart.yaml", "name: a"),
            ("app/a/charts/a/values.yaml", "a: {b: 1}"),
        ]);
        case.settings.remote_bases = allowed;
        if free {
            case.settings.kustomize_options = vec!["--load-restrictor=LoadRestrictionsNone".into(), "--enable-helm".into()];
        }
        let elsewhere = Files::of(&[("kustomization.yaml", remote.as_str()), ("a/b.yaml", "remote")]);
        case.elsewhere.anything = Some(elsewhere.tree());
        match case.prepare() {
            Ok(job) => {
                for path in job.view.paths() {
                    let in_place = path.split('/').all(|part| !matches!(part, "" | "." | ".."));
                    prop_assert!(in_place, "{path}");
                    let local = case.files.0.contains_key(path);
                    let of_charts = path.contains(".flotilla-charts/");
                    prop_assert!(local || of_charts || path.contains(".flotilla-remote/"), "{path}");
                    prop_assert!(allowed || local || of_charts, "{path}");
                }
            }
            Err(Failure::Inputs(problems)) => prop_assert!(!problems.is_empty()),
            Err(Failure::Circumstance(cause)) => prop_assert!(false, "{cause}"),
        }
    }

    #[test]
    fn no_text_of_a_kustomization_makes_it_panic(text in "(?s).{0,200}") {
        let _ = Case::of("", &[("kustomization.yaml", text.as_str())]).prepare();
    }
}

#[test]
fn what_is_anywhere_is_found_there() {
    let mut case = Case::of("", &[("kustomization.yaml", "resources: [github.com/a/b//a]\n")]);
    case.settings.remote_bases = true;
    let files = Files::of(&[("a/kustomization.yaml", "namePrefix: x-\n")]);
    case.elsewhere.anything = Some(files.tree());
    assert_eq!(case.prepare().unwrap().view.len(), 2);
}
