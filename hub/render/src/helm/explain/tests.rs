use super::explain;

/// What is said of a complaint; `hunter2` is a value and must never be in it.
fn check(complaint: &str, expected: &[&str]) {
    let said: Vec<String> = explain(complaint).iter().map(ToString::to_string).collect();
    assert_eq!(said, expected, "{complaint}");
    assert!(!said.join("\n").contains("hunter2"), "{said:?}");
}

#[test]
fn errors_of_templates_name_the_line_and_the_action() {
    check(
        "Error: execution error at (web/templates/a.yaml:3:20): set image.tag\n\nUse --debug flag to render out invalid YAML\n",
        &["web/templates/a.yaml, line 3: set image.tag"],
    );
    check(
        "Error: parse error at (web/templates/a.yaml:2): function \"nope\" not defined",
        &["web/templates/a.yaml, line 2: is not a template that can be read: function \"nope\" not defined"],
    );
    check(
        "Error: web/templates/a.yaml:3:27\n  executing \"web/templates/a.yaml\" at <.Values.image.tag>:\n    nil pointer evaluating interface {}.tag",
        &["web/templates/a.yaml, line 3: `.Values.image.tag`: nil pointer evaluating interface {}.tag"],
    );
    check(
        "Error: template: web/templates/a.yaml:1:3: executing \"web/templates/a.yaml\" at <include \"x\" .>: error calling include: template: web/templates/_h.tpl:4:19: executing \"y\" at <index .Values.a 7>: error calling index: reflect: string index out of range",
        &[
            "web/templates/_h.tpl, line 4: `index .Values.a 7`: error calling index: reflect: string index out of range (reached from web/templates/a.yaml, line 1)",
        ],
    );
    check(
        "Error: web/templates/a.yaml:1:3\n  executing \"web/templates/a.yaml\" at <include \"none\" .>:\n    error calling include:\ntemplate: no template \"none\" associated with template \"gotpl\"",
        &[
            "web/templates/a.yaml, line 1: `include \"none\" .`: error calling include: template: no template \"none\" associated with template \"gotpl\"",
        ],
    );
}

#[test]
fn values_are_left_out_of_errors_of_templates() {
    check(
        "Error: web/templates/a.yaml:1:16\n  executing \"web/templates/a.yaml\" at <.Values.a>:\n    range can't iterate over hunter2",
        &["web/templates/a.yaml, line 1: `.Values.a`: range can't iterate over …"],
    );
    check(
        "Error: template: web/templates/a.yaml:1:44: executing \"web/templates/a.yaml\" at <mustToDate \"2006\" .Values.a>: error calling mustToDate: parsing time \"hunter2\" as \"2006\": cannot parse \"hunter2\" as \"2006\"",
        &[
            "web/templates/a.yaml, line 1: `mustToDate \"2006\" .Values.a`: error calling mustToDate: parsing time … as …: cannot parse … as …",
        ],
    );
    check(
        "Error: template: web/templates/a.yaml:1:3: executing \"web/templates/a.yaml\" at <tpl .Values.a .>: error calling tpl: cannot parse template \"hunter2 \\\"{{ if }}\": template: gotpl:1: missing value for if",
        &[
            "web/templates/a.yaml, line 1: `tpl .Values.a .`: error calling tpl: cannot parse template …: template: gotpl:1: missing value for if",
        ],
    );
    check(
        "Error: template: web/templates/a.yaml:1:3: executing \"web/templates/a.yaml\" at <tpl .Values.a .>: error calling tpl: error during tpl function execution for \"hunter2 {{ .Values.b.c }}\": template: gotpl:1:17: executing \"gotpl\" at <hunter2.c>: nil pointer evaluating interface {}.c",
        &[
            "web/templates/a.yaml, line 1: `tpl .Values.a .`: nil pointer evaluating interface {}.c (in a value that is a template)",
        ],
    );
    check(
        "Error: template: web/templates/a.yaml:1:3: executing \"web/templates/a.yaml\" at <urlParse .Values.a>: error calling urlParse: unable to parse url: parse \":hunter2\": missing protocol scheme",
        &[
            "web/templates/a.yaml, line 1: `urlParse .Values.a`: error calling urlParse: unable to parse url: parse …: missing protocol scheme",
        ],
    );
}

#[test]
fn what_is_no_yaml_is_named() {
    check(
        "Error: YAML parse error on web/templates/a.yaml: error converting YAML to JSON: yaml: line 6: mapping values are not allowed in this context\n\nUse --debug flag to render out invalid YAML",
        &[
            "web/templates/a.yaml, line 6 of its output: what it gives is not YAML: mapping values are not allowed in this context",
        ],
    );
    check(
        "Error: YAML parse error on web/templates/a.yaml: error converting YAML to JSON: yaml: unknown anchor 'hunter2' referenced",
        &["web/templates/a.yaml: what it gives is not YAML: unknown anchor … referenced"],
    );
    check(
        "Error: YAML parse error on web/templates/a.yaml: error unmarshaling JSON: while decoding JSON: json: cannot unmarshal string into Go value of type util.SimpleHead",
        &["web/templates/a.yaml: what it gives is not a mapping: write `key: value`, one a line"],
    );
    check(
        "Error: failed to parse ../values/envs/prod.yaml: cannot unmarshal yaml document: error converting YAML to JSON: yaml: line 2: did not find expected ',' or ']'",
        &["envs/prod.yaml, line 2: the file is not YAML: did not find expected … or …"],
    );
    check(
        "Error: failed to parse ../references/values/a.yaml: cannot unmarshal yaml document: error unmarshaling JSON: while decoding JSON: json: cannot unmarshal array into Go value of type map[string]interface {}",
        &["$values/a.yaml: the file is not a mapping: write `key: value`, one a line"],
    );
    check(
        "Error: failed to parse ../inline.yaml: cannot unmarshal yaml document: error converting YAML to JSON: yaml: line 3: could not find expected ':'",
        &["spec.source.helm.values: line 3: it is not YAML: could not find expected …"],
    );
    check(
        "Error: cannot load values.yaml: cannot unmarshal yaml document: error converting YAML to JSON: yaml: mapping values are not allowed in this context",
        &["values.yaml of the chart: the file is not YAML: mapping values are not allowed in this context"],
    );
}

#[test]
fn schemas_are_told_without_the_values() {
    check(
        "Error: values don't meet the specifications of the schema(s) in the following chart(s):\nweb:\n- at '': missing property 'z'\n- at '/d': got string, want integer\n- at '/size': maximum: got 9, want 5\n- at '/pin/0': 'hunter2' does not match pattern '^[a-z]$'\n- at '/mail': 'hunter2: 'a'' is not valid email: hunter2\n  - at '/f': minLength: got 7, want 9\nsub:\n- at '/c': value must be 5\n\n",
        &[
            "web/values.schema.json: values: missing property 'z': correct the value, or set `helm.skipSchemaValidation: true`",
            "web/values.schema.json: values.d: got string, want integer: correct the value, or set `helm.skipSchemaValidation: true`",
            "web/values.schema.json: values.size: maximum: want 5: correct the value, or set `helm.skipSchemaValidation: true`",
            "web/values.schema.json: values.pin.0: does not match pattern '^[a-z]$': correct the value, or set `helm.skipSchemaValidation: true`",
            "web/values.schema.json: values.mail: is not valid email: correct the value, or set `helm.skipSchemaValidation: true`",
            "web/values.schema.json: values.f: minLength: got 7, want 9: correct the value, or set `helm.skipSchemaValidation: true`",
            "sub/values.schema.json: values.c: value must be 5: correct the value, or set `helm.skipSchemaValidation: true`",
        ],
    );
    check(
        "Error: values don't meet the specifications of the schema(s) in the following chart(s):\nweb:\nunexpected EOF\n",
        &["web/values.schema.json: the schema cannot be used: unexpected EOF: correct it"],
    );
}

#[test]
fn notes_before_the_error_are_left_out_and_the_rest_is_shown() {
    check(
        "level=WARN msg=\"this chart is deprecated\"\nError: library charts are not installable\n",
        &[
            "Chart.yaml: the chart is a library, which cannot be rendered by itself: name it among the dependencies of another chart, or set `directory: {}` to apply the files as they are",
        ],
    );
    check(
        "Error: chart requires kubeVersion: >=1.34.2-0 which is incompatible with Kubernetes v1.29.7",
        &[
            "Chart.yaml: the chart is for Kubernetes >=1.34.2-0, and the cluster has v1.29.7: take another version of the chart, or say which version to render for in `helm.kubeVersion`",
        ],
    );
    check("Error: validation: chart.metadata.version is required", &["Chart.yaml: `version` is required"]);
    check(
        "Error: failed parsing --set data: error parsing index: strconv.Atoi: parsing \"hunter2\": invalid syntax",
        &[
            "spec.source.helm.parameters: helm cannot read it as `--set`: error parsing index: strconv.Atoi: parsing …: invalid syntax: write `\\` before `.`, `,`, `[`, `{` and `=` that belong to a name or a value",
        ],
    );
    check(
        "Error: open /tmp/room/x/chart/values.yaml: permission denied",
        &["helm: open chart/values.yaml: permission denied"],
    );
    check("", &["helm: "]);
}
