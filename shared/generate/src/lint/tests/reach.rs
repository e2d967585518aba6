//! Keys that are read through variables, loops and functions, and keys that nothing reads.

use super::*;
use expect_test::expect;

const APPS: &str = "[{list: {elements: [{cluster: eu-1, apps: [{name: web, port: 80}, {name: api}], helm: {values: {size: big}}}]}}]";
const STRICT: &str = "  goTemplateOptions: [missingkey=error]\n";

/// A set whose patch has this as an annotation; its elements have `cluster`, `apps` and `helm`.
fn patched(text: &str, more: &str) -> String {
    let text = text.replace('\'', "''");
    set(
        APPS,
        &named("{{.cluster}}{{ len .apps }}{{ len .helm }}"),
        &format!("  templatePatch: 'metadata: {{annotations: {{a: `{text}`}}}}'\n{more}"),
    )
}

#[test]
fn unknown_key_behind_loops_and_variables() {
    check(
        Rule::UnknownKey,
        &patched("{{ range .apps }}{{ .nmae }}{{ $.clutser }}{{ end }}", ""),
        &expect![[r#"
            error spec.templatePatch: `.apps[].nmae` is not given by spec.generators[0].list, it prints `<no value>`: did you mean .apps[].name; this generator gives: .apps[].name, .apps[].port
            error spec.templatePatch: `.clutser` is not given by spec.generators[0].list, it prints `<no value>`: did you mean .cluster; this generator gives: .apps, .cluster, .helm.values.size
        "#]],
    );
    check(
        Rule::UnknownKey,
        &patched("{{ $v := .helm.values }}{{ $v.siez }}{{ with .helm }}{{ .vlaues }}{{ end }}", ""),
        &expect![[r#"
            error spec.templatePatch: `.helm.values.siez` is not given by spec.generators[0].list, it prints `<no value>`: did you mean .helm.values.size; this generator gives: .apps, .cluster, .helm.values.size
            error spec.templatePatch: `.helm.vlaues` is not given by spec.generators[0].list, it prints `<no value>`: this generator gives: .apps, .cluster, .helm.values.size
        "#]],
    );
    check(
        Rule::UnknownKey,
        &patched("{{ get . \"clutser\" }}{{ dig \"helm\" \"vlaues\" \"x\" . }}", ""),
        &expect![[r#"
            warning spec.templatePatch: `.clutser` is not given by spec.generators[0].list, so that what asks for it never finds it: did you mean .cluster; this generator gives: .apps, .cluster, .helm.values.size
            warning spec.templatePatch: `.helm.vlaues` is not given by spec.generators[0].list, so that what asks for it never finds it: this generator gives: .apps, .cluster, .helm.values.size
        "#]],
    );
    check(
        Rule::UnknownKey,
        &set(
            "[{clusters: {flatList: true}}]",
            &named(
                "{{ range .clusters }}{{ .name }}{{ .metadata.lables.env }}{{ index .metadata.labels \"env\" }}{{ end }}",
            ),
            "",
        ),
        &expect![[r#"
            error spec.template.metadata.name: `.clusters[].metadata.lables.env` is not given by spec.generators[0].clusters, it prints `<no value>`: did you mean .clusters[].metadata.labels; this generator gives: .clusters[].metadata.labels
        "#]],
    );
    check(
        Rule::MissingKey,
        &patched("{{ range $i, $app := .apps }}{{ $app.name }}{{ $app.port }}{{ end }}", ""),
        &expect![[r#"
            warning spec.templatePatch: `.apps[].port` is not given by 1 of the 2 items in parameter sets of spec.generators[0].list, such as eu-1, and it prints `<no value>`: write {{ if }} or `default` around it, e.g. {{ .port | default "x" }}, or give it everywhere
        "#]],
    );
    for text in [
        "{{ range .apps }}{{ .name }}{{ with .port }}{{ . }}{{ end }}{{ end }}",
        "{{ range $k, $v := .helm.values }}{{ $k }}{{ $v }}{{ end }}",
        "{{ range $app := .apps }}{{ get $app \"port\" }}{{ $.cluster }}{{ end }}",
        "{{ $root := . }}{{ range .apps }}{{ $root.cluster }}{{ .name }}{{ end }}",
        "{{ (index .apps 0).name }}{{ (first .apps).nmae }}{{ index .apps 0 \"name\" }}",
        "{{ range until 3 }}{{ . }}{{ end }}{{ range (.apps | reverse) }}{{ .anything }}{{ end }}",
        "{{ define \"app\" }}{{ .name }}{{ end }}{{ range .apps }}{{ template \"app\" . }}{{ end }}",
        "{{ dig \"helm\" \"values\" \"size\" \"x\" . }}{{ if hasKey .helm \"values\" }}{{ .helm.values.size }}{{ end }}",
        "{{ range .helm.none }}{{ .x }}{{ end }}",
    ] {
        silent(Rule::MissingKey, &patched(text, ""));
        if !text.contains("none") {
            silent(Rule::UnknownKey, &patched(text, ""));
        }
    }
}

#[test]
fn missing_key_under_missingkey_error() {
    let two = "[{list: {elements: [{a: x, b: w}, {a: z}]}}]";
    let with = |name: &str| set(two, &named(name), STRICT);
    // The name itself fails, whatever is done with what it gives.
    for name in ["{{.a}}{{ if .b }}b{{ end }}", "{{.a}}{{ .b | default \"x\" }}"] {
        let failing = yaml::parse(&with(name)).expect("YAML");
        assert!(!expanded(&failing, &mut Inputs::default()).problems.is_empty(), "{name}");
    }
    check(
        Rule::MissingKey,
        &with("{{.a}}{{ .b | default \"x\" }}"),
        &expect![[r#"
        error spec.template.metadata.name: `.b` is not given by 1 of the 2 parameter sets of spec.generators[0].list, such as z, and the whole set fails (missingkey=error): `if` and `default` come too late for a name: write {{ index . "b" | default "x" }}, or give it everywhere
    "#]],
    );
    for name in [
        "{{.a}}{{ index . \"b\" | default \"x\" }}",
        "{{.a}}{{ if hasKey . \"b\" }}{{ .b }}{{ end }}",
        "{{.a}}{{ get . \"b\" }}",
        "{{.a}}{{ dig \"b\" \"x\" . }}",
        "{{.a}}{{ if and (hasKey . \"b\") (eq .b \"w\") }}{{ .b }}{{ end }}",
    ] {
        silent(Rule::MissingKey, &with(name));
        let working = yaml::parse(&with(name)).expect("YAML");
        assert_eq!(expanded(&working, &mut Inputs::default()).problems, [], "{name}");
    }
}

#[test]
fn unused_key() {
    let elements = |elements: &str| format!("[{{list: {{elements: [{elements}]}}}}]");
    check(
        Rule::UnusedKey,
        &set(
            &elements("{a: x, regoin: eu, values: {tier: gold, size: big}}, {a: y, regoin: us, note: n}"),
            &named("{{.a}}-{{.values.tier}}"),
            "",
        ),
        &expect![[r#"
            warning spec.generators[0].list.elements[0].regoin: nothing reads `.regoin`: remove it, or use it in the template: {{.regoin}}
            warning spec.generators[0].list.elements[0].values.size: nothing reads `.values.size`: remove it, or use it in the template: {{.values.size}}
            warning spec.generators[0].list.elements[1].note: nothing reads `.note`: remove it, or use it in the template: {{.note}}
        "#]],
    );
    check(
        Rule::UnusedKey,
        &set(&elements("{a: x, b: w}"), &named("{{a}}"), "").replace("  goTemplate: true\n", ""),
        &expect![[r#"
            warning spec.generators[0].list.elements[0].b: nothing reads `b`: remove it, or use it in the template: {{b}}
        "#]],
    );
    let matrix = |second: &str| {
        format!(
            "[{{matrix: {{generators: [{{list: {{elements: [{{a: x, envs: [{{e: dev}}], label: prod}}]}}}}, {second}]}}}}]"
        )
    };
    let merge = "[{merge: {mergeKeys: [k], generators: [{list: {elements: [{k: a, v: x}]}}, {list: {elements: [{k: a, v: w}]}}]}}]";
    for used in [
        // All of it, or what it is in.
        set(&elements("{a: x, b: w}"), &named("{{ .a }}-{{ toJson . | sha256sum | trunc 5 }}"), ""),
        set(&elements("{a: x, b: {c: d}}"), &named("{{ .a }}-{{ range $k, $v := .b }}{{ $v }}{{ end }}"), ""),
        set(&elements("{a: x, b: w}"), &named("{{ $all := . }}{{ .a }}-{{ $all.b }}"), ""),
        set(&elements("{a: x, b: w}"), &named("{{ .a }}-{{ get . \"b\" }}"), ""),
        // A patch, a generator's own template, a selector, a merge key.
        set(
            &elements("{a: x, b: w}"),
            &named("{{ .a }}"),
            "  templatePatch: '{metadata: {labels: {b: \"{{ .b }}\"}}}'\n",
        ),
        set(
            "[{list: {elements: [{a: x, b: w}], template: {metadata: {labels: {b: '{{ .b }}'}}, spec: {destination: {}}}}}]",
            &named("{{ .a }}"),
            "",
        ),
        set(
            "[{list: {elements: [{a: x, b: {c: w}}]}, selector: {matchLabels: {b.c: w}}}]",
            &named("{{ .a }}"),
            "",
        ),
        set(merge, &named("{{ .v }}"), ""),
        // The generator after it.
        set(
            &matrix("{list: {elementsYaml: '{{ toJson .envs }}'}}").replace(", label: prod", ""),
            &named("{{ .a }}-{{ .e }}"),
            "",
        ),
        set(
            &matrix(
                "{clusters: {selector: {matchLabels: {env: '{{ .label }}'}}, values: {e: '{{ len .envs }}'}}}",
            ),
            &named("{{ .a }}-{{ .name }}-{{ .values.e }}"),
            "",
        ),
        // Nobody knows what texts read that do not parse, or that are in the other language.
        set(&elements("{a: x, b: w}"), &named("{{ .a }}{{ if }}"), ""),
        set(&elements("{a: x, b: w}"), &named("{{ .a }}"), "").replace("  goTemplate: true\n", ""),
    ] {
        silent(Rule::UnusedKey, &used);
    }
}

#[test]
fn texts_for_those_who_read_later_are_no_mistakes() {
    let list = "[{list: {elements: [{a: x}]}}]";
    let flat = |text: &str| {
        let more = format!("  templatePatch: '{{metadata: {{annotations: {{a: \"{text}\"}}}}}}'\n");
        set(list, &named("{{a}}"), &more).replace("  goTemplate: true\n", "")
    };
    for text in
        ["{{ .Values.size }}", "{{ $labels.pod }} is {{ $value }}", "{{- include `x` .Release.Name -}}"]
    {
        for rule in [Rule::GoSyntax, Rule::UnknownKey, Rule::UnusedKey] {
            silent(rule, &flat(text));
        }
    }
    check(
        Rule::GoSyntax,
        &flat("{{ .a }}"),
        &expect![[r#"
        error spec.templatePatch: `{{ .a }}` is Go template syntax, and without goTemplate it stays as it is written: set goTemplate: true, or write {{a}}
    "#]],
    );
    silent(
        Rule::NotRendered,
        &set("[{list: {elements: [{a: x, b: '{{ .Release.Name }}'}]}}]", &named("{{.a}}{{.b}}"), ""),
    );
}

#[test]
fn labels_that_are_to_be_absent_are_no_mistakes() {
    let select = |expressions: &str| {
        set(
            &format!("[{{clusters: {{selector: {{matchExpressions: [{expressions}]}}}}}}]"),
            &named("{{.name}}"),
            "",
        )
    };
    silent(
        Rule::UnknownLabel,
        &select("{key: decommissioned, operator: DoesNotExist}, {key: zone, operator: NotIn, values: [x]}"),
    );
    silent(Rule::UnknownLabel, &select("{key: env, operator: In, values: [prod, qa]}"));
    check(
        Rule::UnknownLabel,
        &select("{key: tema, operator: DoesNotExist}"),
        &expect![[r#"
        warning spec.generators[0].clusters.selector.matchExpressions[0]: no given cluster has the label tema: did you mean `team`
    "#]],
    );
    check(
        Rule::UnknownLabel,
        &select("{key: env, operator: In, values: [prod, dve]}"),
        &expect![[r#"
        warning spec.generators[0].clusters.selector.matchExpressions[0]: no given cluster has the label env with the value `dve`: did you mean `dev`; the clusters have dev, prod
    "#]],
    );
    check(
        Rule::UnknownLabel,
        &select("{key: env, operator: In, values: [qa]}"),
        &expect![[r#"
        warning spec.generators[0].clusters.selector.matchExpressions[0]: no given cluster has the label env with the value `qa`: the clusters have dev, prod
    "#]],
    );
}
