use crate::{SourceType, detect, plain, select};
use serde_json::json;
use shared_model::{Directory, Source};

fn check_selection(options: &Directory, expected: &[&str]) {
    let paths = ["app.yaml", "app.yml", "notes.md", "values.json", "sub/deep.yaml", "sub/skip.yaml"];
    assert_eq!(select(paths, options).unwrap(), expected, "{options:?}");
}

#[test]
fn manifests_are_chosen_as_the_directory_block_says() {
    check_selection(&Directory::default(), &["app.yaml", "app.yml", "values.json"]);
    let recurse = Directory { recurse: true, ..Directory::default() };
    check_selection(&recurse, &["app.yaml", "app.yml", "values.json", "sub/deep.yaml", "sub/skip.yaml"]);
    check_selection(
        &Directory { exclude: "{*skip*,*.json}".into(), ..recurse.clone() },
        &["app.yaml", "app.yml", "sub/deep.yaml"],
    );
    check_selection(&Directory { include: "sub/*".into(), ..recurse }, &["sub/deep.yaml", "sub/skip.yaml"]);
    let broken = Directory { include: "{*.yaml".into(), ..Directory::default() };
    let problem = select(["a.yaml"], &broken).unwrap_err().to_string();
    assert!(
        problem.contains("spec.source.directory.include") && problem.contains("is not closed"),
        "{problem}"
    );
}

#[test]
fn files_become_a_bundle_whatever_their_order() {
    let namespace = b"apiVersion: v1\nkind: Namespace\nmetadata: {name: web}\n";
    let config = b"{\"apiVersion\": \"v1\", \"kind\": \"ConfigMap\", \"metadata\": {\"name\": \"web\"}}";
    let values = b"replicas: 3\n";
    let one = plain(&[
        ("a.yaml".into(), &namespace[..]),
        ("b.json".into(), config),
        ("values.yaml".into(), values),
    ]);
    let other = plain(&[("b.json".into(), &config[..]), ("a.yaml".into(), namespace)]);
    assert_eq!(one.as_ref().unwrap().bundle.objects().len(), 2);
    assert_eq!(one.unwrap().bundle.digest(), other.unwrap().bundle.digest());
}

#[test]
fn every_problem_names_its_file_and_line() {
    let check = |text: &str, parts: &[&str]| {
        let problems = plain(&[("apps/web.yaml".into(), text.as_bytes())]).unwrap_err();
        let shown: Vec<String> = problems.iter().map(ToString::to_string).collect();
        for part in parts {
            assert!(shown.join("\n").contains(part), "{part} in {shown:?}");
        }
    };
    check("apiVersion: v1\nkind: ConfigMap\nmetadata:\n\tname: x\n", &["apps/web.yaml", "line 4"]);
    check("apiVersion: v1\nkind: ConfigMap\nmetadata: {}\n", &["apps/web.yaml", "metadata.name"]);
    check("apiVersion: v1\n---\nkind: ConfigMap\nmetadata: {name: x}\n", &["apps/web.yaml", "apiVersion"]);
    check("a: [1, 2\n", &["apps/web.yaml"]);
}

#[test]
fn the_source_type_follows_argo_cd() {
    let check = |source: serde_json::Value, names: &[&str], expected: SourceType| {
        let read = serde_json::from_value::<Source>(source.clone()).unwrap();
        assert_eq!(detect(&read, names.iter().copied()), Ok(expected), "{source}");
    };
    let plain = || json!({"repoURL": "x", "path": "web"});
    check(plain(), &["a.yaml"], SourceType::Directory);
    check(plain(), &["a.yaml", "Chart.yaml"], SourceType::Helm);
    check(plain(), &["kustomization.yaml", "Chart.yaml"], SourceType::Kustomize);
    check(plain(), &["Kustomization"], SourceType::Kustomize);
    let with = |block: &str, value: serde_json::Value| {
        let mut source = plain();
        source[block] = value;
        source
    };
    check(with("directory", json!({"recurse": true})), &["Chart.yaml"], SourceType::Directory);
    check(with("directory", json!({})), &["Chart.yaml"], SourceType::Helm);
    check(with("helm", json!({"releaseName": "web"})), &["kustomization.yaml"], SourceType::Helm);
    check(with("kustomize", json!({"namePrefix": "a-"})), &["Chart.yaml"], SourceType::Kustomize);
    check(with("plugin", json!({})), &["Chart.yaml"], SourceType::Plugin);
    check(with("chart", json!("nginx")), &[], SourceType::Helm);
    let mut both = with("helm", json!({"releaseName": "web"}));
    both["kustomize"] = json!({"namePrefix": "a-"});
    let problem = detect(&serde_json::from_value(both).unwrap(), []).unwrap_err().to_string();
    assert!(problem.contains("multiple application sources defined: Kustomize,Helm"), "{problem}");
}
