use super::apply;
use crate::{
    Environment,
    kustomize::file::Kustomization,
    tree::{Entry, Mode},
};
use serde_json::json;
use shared_manifest::yaml;
use shared_model::Kustomize;

/// Applies overrides (YAML of `spec.source.kustomize`) to a kustomization; what comes out, or what is wrong.
fn edited(file: &str, asked: &str) -> String {
    let asked: Kustomize = serde_json::from_value(yaml::parse(asked).unwrap()).unwrap();
    let entry = Entry { path: String::new(), mode: Mode::File, id: String::new() };
    let mut kustomization = Kustomization::read("kustomization.yaml", entry, file.as_bytes()).unwrap();
    let problems = apply(&mut kustomization, &asked, &asked.components.clone(), &Environment::default());
    assert_eq!(kustomization.changed, yaml::parse(file).unwrap() != json!(kustomization.fields), "{asked:?}");
    if problems.is_empty() {
        kustomization.text()
    } else {
        problems.iter().map(|problem| format!("! {problem}\n")).collect()
    }
}

fn check(file: &str, asked: &str, expected: &str) {
    assert_eq!(edited(file, asked), expected, "{file}{asked}");
}

#[test]
fn names_are_set_whatever_the_case_of_the_field() {
    check(
        "nameprefix: a-\n",
        "{namePrefix: b-, nameSuffix: -c, namespace: shop}",
        "namePrefix: b-\nnameSuffix: -c\nnamespace: shop\n",
    );
    check("namePrefix: a-\n", "{}", "namePrefix: a-\n");
}

#[test]
fn images_replace_those_of_their_name() {
    check(
        "imageTags: [{name: old, newTag: '1'}]\nimages: [{name: web, newName: x/web, newTag: v1}, {name: same, newTag: a}, {name: same, newTag: b}]\n",
        "{images: ['web=*:v2', 'db@sha256:00', 'host:5000/a/b:v3', 'c=host:5000/c:v4@sha256:11']}",
        "images:\n- digest: sha256:11\n  name: c\n  newName: host:5000/c\n  newTag: v4\n- digest: sha256:00\n  name: db\n- name: host:5000/a/b\n  newTag: v3\n- name: old\n  newTag: \"1\"\n- name: same\n  newTag: a\n- name: web\n  newName: x/web\n  newTag: v2\n",
    );
    check(
        "{}\n",
        "{images: [web]}",
        "! kustomize.images[0]: `web` does not say what to change about an image: write `name:tag`, `name@digest` or `name=new-name`, with `:tag` and `@digest` as needed\n",
    );
}

#[test]
fn replicas_are_numbers_or_texts_of_them() {
    check(
        "replicas: [{name: web, count: 1}, {name: db, count: 2}]\n",
        "{replicas: [{name: web, count: '5'}, {name: api, count: 0}]}",
        "replicas:\n- count: 0\n  name: api\n- count: 2\n  name: db\n- count: 5\n  name: web\n",
    );
    check(
        "{}\n",
        "{replicas: [{name: web, count: many}]}",
        "! kustomize.replicas[0].count: \"many\" is not a whole number: write how many are wanted: `count: 3`\n",
    );
}

#[test]
fn labels_and_annotations_are_added_or_forced() {
    check(
        "commonLabels: {a: '1'}\n",
        "{commonLabels: {b: '\"2\"'}}",
        "commonLabels:\n  a: \"1\"\n  b: \"2\"\n",
    );
    check(
        "commonLabels: {a: '1'}\ncommonAnnotations: {a: '1'}\n",
        "{commonLabels: {a: '2'}, commonAnnotations: {a: '2'}}",
        "! kustomize.commonLabels.a: the overlay sets it already: set `forceCommonLabels: true` to replace it, or leave it to the overlay\n\
         ! kustomize.commonAnnotations.a: the overlay sets it already: set `forceCommonAnnotations: true` to replace it, or leave it to the overlay\n",
    );
    check(
        "commonLabels: {a: '1'}\ncommonAnnotations: {a: '1'}\n",
        "{commonLabels: {a: '2'}, commonAnnotations: {a: '2'}, forceCommonLabels: true, forceCommonAnnotations: true}",
        "commonAnnotations:\n  a: \"2\"\ncommonLabels:\n  a: \"2\"\n",
    );
}

#[test]
fn labels_without_selectors_join_the_first_of_their_kind() {
    check(
        "labels: [{pairs: {a: '1'}, includeSelectors: true}, {pairs: {b: '2'}}, {pairs: {c: '3'}, includeTemplates: true}]\n",
        "{commonLabels: {x: '9', b: '4'}, labelWithoutSelector: true, forceCommonLabels: true}",
        "labels:\n- includeSelectors: true\n  pairs:\n    a: \"1\"\n- pairs:\n    b: \"4\"\n    x: \"9\"\n- includeTemplates: true\n  pairs:\n    c: \"3\"\n",
    );
    check(
        "{}\n",
        "{commonLabels: {x: '9', z: '8'}, labelWithoutSelector: true, labelIncludeTemplates: true}",
        "labels:\n- includeTemplates: true\n  pairs:\n    x: \"9\"\n    z: \"8\"\n",
    );
    check(
        "{}\n",
        "{commonLabels: {x: '9'}, labelIncludeTemplates: true}",
        "! kustomize.labelIncludeTemplates: labels go into templates anyway when they go into selectors: set `labelWithoutSelector: true` as well, or leave it out\n",
    );
}

#[test]
fn patches_and_components_come_after_those_of_the_overlay() {
    check(
        "patches: [{path: a.yaml}]\ncomponents: [../x]\n",
        "{patches: [{path: b.yaml, target: {kind: Deployment}}], components: [../x, ../y]}",
        "components:\n- ../x\n- ../y\npatches:\n- path: a.yaml\n- path: b.yaml\n  target:\n    kind: Deployment\n",
    );
    check(
        "patches: {path: a.yaml}\n",
        "{patches: [{path: b.yaml}]}",
        "! patches: the overlay's `patches` is not a list, so nothing can be added to it: write `patches` of the kustomization as a list\n",
    );
}
