use super::*;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use shared_manifest::{Bundle, object};

const SECRET: &str = include_str!("../../../../shared/sops/src/tests/vectors/secret.enc.yaml");
const MULTI: &str = include_str!("../../../../shared/sops/src/tests/vectors/multi.enc.yaml");
const ENV: &str = include_str!("../../../../shared/sops/src/tests/vectors/app.enc.env");

/// Which files each of the objects gets.
fn check(objects: &[Value], files: &[(&str, &str)], expect: &[&[&str]]) {
    let manifests: Vec<Manifest> =
        objects.iter().map(|object| Manifest::new(object.clone()).unwrap()).collect();
    let contents =
        files.iter().map(|(path, text)| ((*path).to_owned(), Bytes::copy_from_slice(text.as_bytes())));
    let attached = attach(manifests, &contents.collect());
    let paths = |manifest: &Manifest| -> Vec<String> {
        let Some(text) = manifest.annotation(ANNOTATION) else { return Vec::new() };
        let originals: Vec<Value> = serde_json::from_str(text).unwrap();
        for original in &originals {
            let (path, text) = (original["path"].as_str().unwrap(), original["text"].as_str().unwrap());
            assert!(files.contains(&(path, text)), "{path} is not the file as it is");
        }
        originals.iter().map(|original| original["path"].as_str().unwrap().to_owned()).collect()
    };
    let found: Vec<Vec<String>> = attached.iter().map(paths).collect();
    assert_eq!(found, expect);
}

/// The encrypted value at a key of the first document.
fn token<'a>(text: &'a str, key: &str) -> &'a str {
    let line = text.lines().find(|line| line.trim_start().starts_with(&format!("{key}: "))).unwrap();
    line.trim_start().strip_prefix(key).unwrap().trim_start_matches(": ")
}

fn map(data: impl Into<Value>) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}, "data": data.into()})
}

#[test]
fn objects_get_the_files_that_their_values_come_from() {
    let files = [("a/secret.yaml", SECRET), ("b/multi.yaml", MULTI), ("readme.md", "ENC[AES256_GCM,no")];
    let (password, a) = (token(SECRET, "password"), token(MULTI, "a"));
    check(&[map(json!({"k": "open"}))], &files, &[&[]]);
    check(
        &[map(json!({"k": password})), map(json!({"k": a}))],
        &files,
        &[&["a/secret.yaml"], &["b/multi.yaml"]],
    );
    let both = map(json!({"k": format!("u:{password}@{a}"), "l": {"deep": [a]}}));
    check(&[both], &files, &[&["a/secret.yaml", "b/multi.yaml"]]);
    let mut secret = map(json!({"k": STANDARD.encode(password)}));
    secret["kind"] = json!("Secret");
    check(&[secret], &files, &[&["a/secret.yaml"]]);
    check(&[map(json!({"k": password}))], &[("other.yaml", MULTI)], &[&[]]);
}

#[test]
fn of_copies_of_a_file_the_one_with_more_of_the_values_is_taken() {
    let (user, password) = (token(SECRET, "user"), token(SECRET, "password"));
    let part = SECRET.replace(user, "\"open now\"");
    let files = [("a.yaml", part.as_str()), ("b.yaml", SECRET), ("c.yaml", SECRET)];
    check(&[map(json!({"u": user, "p": password}))], &files, &[&["b.yaml"]]);
}

#[test]
fn whole_files_in_an_object_need_no_other() {
    let files = [("app.env", ENV)];
    let manifest = Manifest::new(map(json!({"app.env": ENV, "open": "x"}))).unwrap();
    let contents = BTreeMap::from([(files[0].0.to_owned(), Bytes::from_static(ENV.as_bytes()))]);
    let attached = attach(vec![manifest], &contents);
    assert_eq!(attached[0].annotation(ANNOTATION), Some("[]"));
}

#[test]
fn a_plain_directory_gives_the_same_bundle_again_and_again() {
    let render = || {
        let (manifests, problems) = object::read(MULTI, "multi.yaml");
        assert_eq!((manifests.len(), problems.len()), (2, 0));
        let contents = BTreeMap::from([("multi.yaml".to_owned(), Bytes::from_static(MULTI.as_bytes()))]);
        let (bundle, _) = Bundle::new(attach(manifests, &contents));
        bundle
    };
    let bundle = render();
    assert_eq!(bundle.digest(), render().digest());
    assert_eq!(Bundle::from_bytes(&bundle.to_bytes()).unwrap(), bundle);
    assert!(!String::from_utf8(bundle.to_bytes()).unwrap().contains("two-value"));
}

/// A packed chart.
fn chart(files: &[(&str, &[u8])]) -> Vec<u8> {
    let gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let mut archive = tar::Builder::new(gz);
    for (path, bytes) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, format!("orders/{path}"), *bytes).unwrap();
    }
    archive.into_inner().unwrap().finish().unwrap()
}

#[test]
fn files_of_packed_charts_are_found() {
    let library = chart(&[("values.enc.yaml", SECRET.as_bytes())]);
    let packed = chart(&[
        ("Chart.yaml", b"name: orders"),
        ("files/app.env", ENV.as_bytes()),
        ("charts/library-1.0.0.tgz", &library),
    ]);
    let line = ENV.lines().find_map(|line| line.strip_prefix("PASSWORD=")).unwrap();
    let object = map(json!({"one": token(SECRET, "password"), "two": line}));
    let contents = BTreeMap::from([("chart/charts/orders-1.0.0.tgz".to_owned(), Bytes::from(packed))]);
    let attached = attach(vec![Manifest::new(object).unwrap()], &contents);
    let text = attached[0].annotation(ANNOTATION).unwrap();
    let originals: Vec<Value> = serde_json::from_str(text).unwrap();
    let paths: Vec<&str> = originals.iter().map(|original| original["path"].as_str().unwrap()).collect();
    let top = "chart/charts/orders-1.0.0.tgz";
    assert_eq!(
        paths,
        [format!("{top}/charts/library-1.0.0.tgz/values.enc.yaml"), format!("{top}/files/app.env")]
    );
    assert_eq!(originals[1]["text"], ENV);
}

#[test]
fn what_a_manifest_says_of_its_files_is_not_believed() {
    let forged = |data: Value| {
        let mut object = map(data);
        object["metadata"]["annotations"] =
            json!({"flotilla.dev/sops": json!([{"path": "x", "text": SECRET}]).to_string(), "kept": "x"});
        Manifest::new(object).unwrap()
    };
    for contents in
        [BTreeMap::new(), BTreeMap::from([("b.yaml".to_owned(), Bytes::from_static(MULTI.as_bytes()))])]
    {
        let manifests = vec![forged(json!({"k": "open"})), forged(json!({"k": token(SECRET, "password")}))];
        for manifest in attach(manifests, &contents) {
            let said = manifest.annotation(ANNOTATION).unwrap_or("[]");
            assert!(!said.contains("ENC["), "{said}");
            assert_eq!(manifest.annotation("kept"), Some("x"));
        }
    }
}
