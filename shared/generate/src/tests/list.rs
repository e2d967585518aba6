use super::{World, check, spec};
use expect_test::expect;

#[test]
fn elements_with_legacy_braces() {
    let generators = "- list: {elements: [{cluster: eu, url: 'https://eu', values: {dir: a}}, {cluster: us, url: 'https://us', values: {dir: b}}]}";
    check(
        &spec(generators, "{{cluster}}-web", "{{ values.dir }}", "{{url}}"),
        &World::default(),
        expect![[r#"
            eu-web a -> https://eu/web [spec.generators[0].list]
            us-web b -> https://us/web [spec.generators[0].list]
        "#]],
    );
}

#[test]
fn elements_yaml_comes_after_and_is_not_checked() {
    let generators = "- list:\n    elements: [{cluster: eu, num: 'x'}]\n    elementsYaml: |\n      - {cluster: us, num: 7}\n      - {cluster: ap, num: y}\n";
    check(
        &spec(generators, "{{cluster}}", "p{{num}}", "https://a"),
        &World::default(),
        expect![[r#"
        ap p{{num}} -> https://a/web [spec.generators[0].list]
        eu px -> https://a/web [spec.generators[0].list]
        us p{{num}} -> https://a/web [spec.generators[0].list]
    "#]],
    );
}

#[test]
fn go_elements_are_taken_as_they_are() {
    let generators = "- list: {elements: [{cluster: eu, num: 1000000, deep: {a: [x, y]}}]}";
    check(
        &format!(
            "goTemplate: true\n{}",
            spec(generators, "{{.cluster}}-{{index .deep.a 1}}", "{{.num}}", "https://a")
        ),
        &World::default(),
        expect![[r#"
            eu-true 1e+06 -> https://a/web [spec.generators[0].list]
        "#]],
    );
}

#[test]
fn flat_elements_are_strings() {
    let generators = "- list: {elements: [{cluster: eu, num: 7}]}";
    check(
        &spec(generators, "{{cluster}}", "p", "https://a"),
        &World::default(),
        expect![[r#"
        problem: spec.generators[0].list.elements[0].num: must be a string: put the value in quotes, or set goTemplate: true
    "#]],
    );
}

#[test]
fn elements_yaml_that_is_no_list() {
    let generators =
        "- list: {elementsYaml: 'a: b'}\n- list: {elementsYaml: \"- {a: b\"}\n- list: {elementsYaml: '- 7'}";
    check(
        &spec(generators, "a", "p", "https://a"),
        &World::default(),
        expect![[r#"
        problem: spec.generators[0].list.elementsYaml: error unmarshling decoded ElementsYaml: it is not a list: write a list of maps: `- name: a`
        problem: spec.generators[1].list.elementsYaml: error unmarshling decoded ElementsYaml: line 2, column 1: a `{` is not closed or a comma is missing: close it with `}`, separate entries by `,`, and quote templates such as "{{ name }}"
        problem: spec.generators[2].list.elementsYaml: error unmarshling decoded ElementsYaml: item 0 is not a map: write `- name: a`
    "#]],
    );
}

#[test]
fn post_selectors_choose_parameter_sets() {
    let generators = "- list: {elements: [{cluster: eu, env: prod}, {cluster: us, env: dev}, {cluster: ap}]}\n  selector: {matchExpressions: [{key: env, operator: NotIn, values: [dev]}]}";
    check(
        &spec(generators, "{{cluster}}", "p", "https://a"),
        &World::default(),
        expect![[r#"
        ap p -> https://a/web [spec.generators[0].list]
        eu p -> https://a/web [spec.generators[0].list]
    "#]],
    );
}

#[test]
fn post_selector_keys_are_label_keys() {
    let generators = "- list: {elements: []}\n  selector: {matchLabels: {'path[0]': a}}";
    check(
        &spec(generators, "a", "p", "https://a"),
        &World::default(),
        expect![[r#"
        problem: spec.generators[0].selector.matchLabels: error parsing label selector: `path[0]` is not a valid label key: use letters, digits, `-`, `_` and `.`, at most 63, with an optional DNS prefix and `/`
    "#]],
    );
}
