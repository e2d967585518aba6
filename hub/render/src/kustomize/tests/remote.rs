use super::{Case, Files};
use crate::Unfetched;
use bytes::Bytes;

const BASE: &str = "https://git.example.com/platform/base.git";

fn case() -> Case {
    let mut case = Case::of(
        "app",
        &[
            (
                "app/kustomization.yaml",
                "resources:\n- https://git.example.com/platform/base.git//web?ref=v1\n- https://example.com/crds/all.yaml\n- own.yaml\n\
                 configMapGenerator:\n- name: c\n  files: [https://example.com/conf.txt]\n",
            ),
            ("app/own.yaml", ""),
        ],
    );
    case.settings.remote_bases = true;
    let base = Files::of(&[
        (
            "web/kustomization.yaml",
            "resources: [../common, web.yaml, \"git@git.example.com:platform/other//x?ref=v2\"]\n",
        ),
        ("web/web.yaml", "web"),
        ("web/unnamed.yaml", "no"),
        ("common/kustomization.yaml", "resources: [one.yaml]\n"),
        ("common/one.yaml", "one"),
    ]);
    let other = Files::of(&[("x/kustomization.yaml", "namePrefix: x-\n")]);
    let elsewhere = &mut case.elsewhere;
    elsewhere.repositories.insert((BASE.into(), "v1".into()), base.tree());
    elsewhere.repositories.insert(("git@git.example.com:platform/other".into(), "v2".into()), other.tree());
    let crds = "apiVersion: v1\nkind: ConfigMap\n";
    elsewhere.files.insert("https://example.com/crds/all.yaml".into(), Ok(Bytes::from(crds)));
    elsewhere.files.insert("https://example.com/conf.txt".into(), Ok(Bytes::from("conf")));
    case
}

#[test]
fn remote_bases_are_refused_unless_they_are_allowed() {
    let mut case = case();
    case.settings.remote_bases = false;
    let remedy = "copy what it needs into this repository, or allow remote bases in the hub's settings";
    let expected = [
        ("configMapGenerator[0].files[0]", "https://example.com/conf.txt"),
        ("resources[0]", "https://git.example.com/platform/base.git//web?ref=v1"),
        ("resources[1]", "https://example.com/crds/all.yaml"),
    ]
    .map(|(field, text)| {
        format!("app/kustomization.yaml: {field}: `{text}` is elsewhere, and remote bases are not allowed: {remedy}\n")
    })
    .concat();
    assert_eq!(case.wrong(), expected);
}

#[test]
fn remote_bases_are_put_into_the_view_and_named_there() {
    let case = case();
    let (paths, made) = case.shown();
    let base = ".flotilla-remote/";
    let own: Vec<&String> = paths.iter().filter(|path| !path.starts_with(base)).collect();
    assert_eq!(own.len(), 4, "{paths:?}");
    let mut theirs: Vec<&str> = paths
        .iter()
        .filter_map(|path| path.strip_prefix(base)?.split_once('/').map(|(_, path)| path))
        .collect();
    theirs.sort_unstable();
    assert_eq!(
        theirs,
        [
            "common/kustomization.yaml",
            "common/one.yaml",
            "web/kustomization.yaml",
            "web/web.yaml",
            "x/kustomization.yaml"
        ]
    );
    for (path, text) in made.iter().filter(|(path, _)| path.ends_with("kustomization.yaml")) {
        assert!(!text.contains("example.com"), "{path}: {text}");
    }
    assert!(made["app/kustomization.yaml"].contains("- conf.txt=.flotilla-remote/"), "{made:?}");
    let job = case.prepare().unwrap();
    let mut fetched: Vec<String> =
        job.fetched.iter().map(|(url, revision)| format!("{} {revision}", url.as_str())).collect();
    fetched.sort();
    assert_eq!(
        fetched,
        [
            "file+https://example.com/conf.txt ",
            "file+https://example.com/crds/all.yaml ",
            "git@git.example.com:platform/other v2",
            "https://git.example.com/platform/base.git v1",
        ]
    );
}

#[test]
fn only_what_is_read_of_a_remote_base_names_the_rendering() {
    let mut case = case();
    let before = case.prepare().unwrap().inputs();
    let mut base = Files::of(&[
        (
            "web/kustomization.yaml",
            "resources: [../common, web.yaml, \"git@git.example.com:platform/other//x?ref=v2\"]\n",
        ),
        ("web/web.yaml", "web"),
        ("common/kustomization.yaml", "resources: [one.yaml]\n"),
        ("common/one.yaml", "one"),
    ]);
    case.elsewhere.repositories.insert((BASE.into(), "v1".into()), base.tree());
    assert_eq!(case.prepare().unwrap().inputs(), before);
    base.put("common/one.yaml", "changed");
    case.elsewhere.repositories.insert((BASE.into(), "v1".into()), base.tree());
    assert_ne!(case.prepare().unwrap().inputs(), before);
}

fn check_wrong(top: &str, base: &[(&str, &str)], expected: &str) {
    let mut case = Case::of("app", &[("app/kustomization.yaml", top), ("secret.yaml", "")]);
    case.settings.remote_bases = true;
    case.settings.kustomize_options = vec!["--load-restrictor=LoadRestrictionsNone".into()];
    case.elsewhere.repositories.insert((BASE.into(), String::new()), Files::of(base).tree());
    case.elsewhere
        .files
        .insert("https://example.com/busy.yaml".into(), Err(Unfetched::Now("it took too long".into())));
    assert_eq!(case.wrong().trim_end(), expected);
}

#[test]
fn a_remote_base_reads_only_what_is_its_own() {
    let top = format!("resources: [\"{BASE}\"]\n");
    check_wrong(
        &top,
        &[("kustomization.yaml", "resources: [../../secret.yaml]\n")],
        "https://git.example.com/platform/base.git: kustomization.yaml: resources[0]: `../../secret.yaml` leads out of the repository (by its `..` or leading `/`): keep what is rendered inside it",
    );
    let deeper = format!("resources: [\"{BASE}//a\"]\n");
    check_wrong(
        &deeper,
        &[("a/kustomization.yaml", "resources: [../b.yaml]\n"), ("b.yaml", "")],
        "https://git.example.com/platform/base.git: a/kustomization.yaml: resources[0]: `../b.yaml` is outside of its kustomization's folder: a remote base may only read what is below it",
    );
}

#[test]
fn what_cannot_be_fetched_is_told_with_its_address_and_without_its_password() {
    check_wrong(
        "resources: [\"https://me:hunter2@git.example.com/a/b.git//c\"]\n",
        &[],
        "app/kustomization.yaml: resources[0]: https://git.example.com/a/b.git: there is no such repository",
    );
    check_wrong(
        "resources: [\"https://example.com/gone.yaml\"]\n",
        &[],
        "app/kustomization.yaml: resources[0]: https://example.com/gone.yaml: 404 Not Found",
    );
    check_wrong(
        "resources: [\"https://example.com/busy.yaml\"]\n",
        &[],
        "later: https://example.com/busy.yaml: it took too long",
    );
    check_wrong(
        "resources: [\"file:///srv/git/repo\"]\n",
        &[],
        "app/kustomization.yaml: resources[0]: `file:///srv/git/repo` is on the machine that builds: name a folder of this repository",
    );
}
