use crate::{Cache, Inputs, SourceType, detect, plain, select};
use serde_json::json;
use shared_model::{Digest, Directory, Source};

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
    let source = |value| serde_json::from_value::<Source>(value).unwrap();
    let plain = source(json!({"repoURL": "x", "path": "web"}));
    assert_eq!(detect(&plain, ["a.yaml"]), SourceType::Directory);
    assert_eq!(detect(&plain, ["kustomization.yaml", "Chart.yaml"]), SourceType::Helm);
    assert_eq!(detect(&plain, ["Kustomization"]), SourceType::Kustomize);
    let forced = source(json!({"repoURL": "x", "directory": {"recurse": true}}));
    assert_eq!(detect(&forced, ["Chart.yaml"]), SourceType::Directory);
    assert_eq!(detect(&source(json!({"repoURL": "x", "chart": "nginx"})), []), SourceType::Helm);
    assert!(SourceType::Helm.refusal().unwrap().contains("helm template"));
}

#[test]
fn the_cache_forgets_what_was_not_used_longest() {
    let cache = Cache::new(2);
    let inputs: Vec<Inputs> = ["a", "b", "c"].map(|tree| Inputs::of(tree, &json!({}))).into();
    let result = Ok((Digest::of(b"bundle"), 6));
    cache.put(inputs[0], result.clone());
    cache.put(inputs[1], result.clone());
    assert!(cache.get(&inputs[0]).is_some());
    cache.put(inputs[2], result);
    assert!(cache.get(&inputs[1]).is_none() && cache.get(&inputs[0]).is_some());
}
