use super::*;
use expect_test::expect;

const LIST: &str = "[{list: {elements: [{cluster: eu-1, env: prod}, {cluster: us-1}]}}]";
const CLUSTERS: &str = "[{clusters: {values: {size: big}}}]";

fn flat(generators: &str, name: &str) -> String {
    set(generators, &named(name), "").replace("  goTemplate: true\n", "")
}

#[test]
fn unknown_key() {
    check(
        Rule::UnknownKey,
        &set(LIST, &named("{{.clutser}}"), ""),
        &expect![[r#"
        error spec.template.metadata.name: `.clutser` is not given by spec.generators[0].list, it prints `<no value>`: did you mean .cluster; this generator gives: .cluster, .env
    "#]],
    );
    check(
        Rule::UnknownKey,
        &flat(LIST, "{{clutser}}"),
        &expect![[r#"
        error spec.template.metadata.name: `clutser` is not given by spec.generators[0].list, the tag stays as it is written: did you mean cluster; this generator gives: cluster, env
    "#]],
    );
    // The form tells as much without clusters and Git.
    check(
        Rule::UnknownKey,
        &set(CLUSTERS, &named("{{.nmae}}-{{.values.siez}}"), ""),
        &expect![[r#"
        error spec.template.metadata.name: `.nmae` is not given by spec.generators[0].clusters, it prints `<no value>`: did you mean .name; this generator gives: .metadata.labels.env, .metadata.labels.team, .name, .nameNormalized, .project, .server, .values.size, index .metadata.labels "argocd.argoproj.io/secret-type"
        error spec.template.metadata.name: `.values.siez` is not given by spec.generators[0].clusters, it prints `<no value>`: did you mean .values.size; this generator gives: .metadata.labels.env, .metadata.labels.team, .name, .nameNormalized, .project, .server, .values.size, index .metadata.labels "argocd.argoproj.io/secret-type"
    "#]],
    );
    // One that is asked for and never there.
    check(
        Rule::UnknownKey,
        &set(LIST, &named("{{.cluster}}{{ if .tier }}-{{ .tier }}{{ end }}"), ""),
        &expect![[r#"
            warning spec.template.metadata.name: `.tier` is not given by spec.generators[0].list, so that what asks for it never finds it: this generator gives: .cluster, .env
        "#]],
    );
    silent(Rule::UnknownKey, &set(LIST, &named("{{.cluster}}"), ""));
    silent(Rule::UnknownKey, &flat(LIST, "{{cluster}}"));
    silent(Rule::UnknownKey, &set(CLUSTERS, &named("{{.nameNormalized}}-{{.values.size}}"), ""));
    silent(
        Rule::UnknownKey,
        &set(
            "[{git: {repoURL: r, directories: [{path: apps/*}]}}]",
            &named("{{.path.basename}}-{{index .path.segments 0}}"),
            "",
        ),
    );
    // In a patch, and in a generator's own template.
    check(
        Rule::UnknownKey,
        &set(LIST, &named("{{.cluster}}"), "  templatePatch: '{metadata: {labels: {a: \"{{.b}}\"}}}'\n"),
        &expect![[r#"
            error spec.templatePatch: `.b` is not given by spec.generators[0].list, it prints `<no value>`: this generator gives: .cluster, .env
        "#]],
    );
    check(
        Rule::UnknownKey,
        &set(
            "[{list: {elements: [{a: x}], template: {metadata: {labels: {l: '{{.b}}'}}, spec: {destination: {}}}}}]",
            &named("{{.a}}"),
            "",
        ),
        &expect![[r#"
            error spec.generators[0].list.template.metadata.labels.l: `.b` is not given by spec.generators[0].list, it prints `<no value>`: this generator gives: .a
        "#]],
    );
}

#[test]
fn unknown_key_within_generators() {
    let matrix = |second: &str| {
        format!("[{{matrix: {{generators: [{{list: {{elements: [{{a: x}}]}}}}, {second}]}}}}]")
    };
    check(
        Rule::UnknownKey,
        &set(&matrix("{list: {elements: [{c: '{{.b}}'}]}}"), &named("{{.a}}-{{.c}}"), ""),
        &expect![[r#"
            error spec.generators[0].matrix.generators[1].list.elements[0].c: `.b` is not given by the generator before it, it prints `<no value>`: this generator gives: .a
        "#]],
    );
    silent(
        Rule::UnknownKey,
        &set(&matrix("{list: {elements: [{c: '{{.a}}'}]}}"), &named("{{.a}}-{{.c}}"), ""),
    );
    check(
        Rule::UnknownKey,
        &set("[{clusters: {values: {v: '{{.nmae}}'}}}]", &named("{{.name}}-{{.values.v}}"), ""),
        &expect![[r#"
            error spec.generators[0].clusters.values.v: `.nmae` is not given by this generator, it prints `<no value>`: did you mean .name; this generator gives: .name, .nameNormalized, .project, .server
        "#]],
    );
    silent(
        Rule::UnknownKey,
        &set("[{clusters: {values: {v: '{{.name}}'}}}]", &named("{{.name}}-{{.values.v}}"), ""),
    );
}

#[test]
fn missing_key() {
    check(
        Rule::MissingKey,
        &set(LIST, &named("{{.cluster}}-{{.env}}"), ""),
        &expect![[r#"
        warning spec.template.metadata.name: `.env` is not given by 1 of the 2 parameter sets of spec.generators[0].list, such as us-1, and it prints `<no value>`: write {{ if }} or `default` around it, e.g. {{ .env | default "x" }}, or give it everywhere
    "#]],
    );
    check(
        Rule::MissingKey,
        &set(LIST, &named("{{.cluster}}-{{.env}}"), "  goTemplateOptions: [missingkey=error]\n"),
        &expect![[r#"
            error spec.template.metadata.name: `.env` is not given by 1 of the 2 parameter sets of spec.generators[0].list, such as us-1, and the whole set fails (missingkey=error): write {{ index . "env" | default "x" }}, or give it everywhere
        "#]],
    );
    check(
        Rule::MissingKey,
        &flat(LIST, "{{cluster}}-{{env}}"),
        &expect![[r#"
        warning spec.template.metadata.name: `env` is not given by 1 of the 2 parameter sets of spec.generators[0].list, such as us-1, and the tag stays as it is written: give it everywhere, or set goTemplate: true and write a default
    "#]],
    );
    check(
        Rule::MissingKey,
        &set(CLUSTERS, &named("{{.name}}-{{.metadata.labels.team}}"), ""),
        &expect![[r#"
        warning spec.template.metadata.name: `.metadata.labels.team` is not given by 2 of the 3 parameter sets of spec.generators[0].clusters, such as us-1, and it prints `<no value>`: write {{ if }} or `default` around it, e.g. {{ .metadata.labels.team | default "x" }}, or give it everywhere
    "#]],
    );
    let two = "[{list: {elements: [{a: x, b: y}]}}, {list: {elements: [{a: z}]}}]";
    check(
        Rule::MissingKey,
        &set(two, &named("{{.a}}-{{.b}}"), ""),
        &expect![[r#"
        warning spec.template.metadata.name: `.b` is not given by spec.generators[1].list, and it prints `<no value>`: write {{ if }} or `default` around it, e.g. {{ .b | default "x" }}, or give it everywhere
    "#]],
    );
    for name in ["{{.cluster}}{{ if .env }}-{{ .env }}{{ end }}", "{{.cluster}}-{{ .env | default \"x\" }}"] {
        silent(Rule::MissingKey, &set(LIST, &named(name), ""));
    }
    silent(Rule::MissingKey, &set(CLUSTERS, &named("{{.name}}"), ""));
}

#[test]
fn unused_value() {
    check(
        Rule::UnusedValue,
        &set(CLUSTERS, &named("{{.name}}"), ""),
        &expect![[r#"
        warning spec.generators[0].clusters.values.size: nothing reads `.values.size`: remove it, or use it in the template: {{.values.size}}
    "#]],
    );
    check(
        Rule::UnusedValue,
        &flat("[{clusters: {values: {a: x, b: y}}}]", "{{name}}-{{values.a}}"),
        &expect![[r#"
            warning spec.generators[0].clusters.values.b: nothing reads `values.b`: remove it, or use it in the template: {{values.b}}
        "#]],
    );
    silent(Rule::UnusedValue, &set(CLUSTERS, &named("{{.name}}-{{.values.size}}"), ""));
    silent(Rule::UnusedValue, &set(CLUSTERS, &named("{{.name}}-{{ toJson .values | sha256sum }}"), ""));
    // A selector and a merge key read it too.
    silent(
        Rule::UnusedValue,
        &set(
            "[{clusters: {values: {size: big}}, selector: {matchLabels: {values.size: big}}}]",
            &named("{{.name}}"),
            "",
        ),
    );
    silent(
        Rule::UnusedValue,
        &flat(
            "[{merge: {mergeKeys: [values.k], generators: [{clusters: {values: {k: '{{name}}'}}}, {list: {elements: [{values: {k: eu-1}, x: y}]}}]}}]",
            "{{name}}",
        ),
    );
}

#[test]
fn template_not_rendered() {
    check(
        Rule::NotRendered,
        &set("[{list: {elements: [{a: '{{.name}}'}]}}]", &named("x"), ""),
        &expect![[r#"
            error spec.generators[0].list.elements[0].a: no template is rendered here: the text stays as it is written: write the value, or put the tag into the template
        "#]],
    );
    check(
        Rule::NotRendered,
        &set(
            "[{matrix: {generators: [{clusters: {selector: {matchLabels: {env: '{{.env}}'}}}}, {list: {elements: [{env: prod}]}}]}}]",
            &named("{{.name}}"),
            "",
        ),
        &expect![[r#"
            error spec.generators[0].matrix.generators[0].clusters.selector.matchLabels.env: no template is rendered here: the text stays as it is written: put this generator second in a matrix, after the one that gives the parameter
        "#]],
    );
    silent(
        Rule::NotRendered,
        &set(
            "[{matrix: {generators: [{list: {elements: [{env: prod}]}}, {clusters: {selector: {matchLabels: {env: '{{.env}}'}}}}]}}]",
            &named("{{.name}}"),
            "",
        ),
    );
}
