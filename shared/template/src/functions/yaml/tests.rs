use serde_json::{Value as Json, json};

use crate::{Limits, Options, Template, Value};

fn rendered(template: &str, data: &Json, limits: &Limits) -> String {
    let template = Template::parse("t", template).unwrap();
    let text = template.render(&Value::from(data.clone()), &Options::default(), limits);
    text.unwrap_or_else(|error| error.to_string())
}

/// Whether `template` gives this text, or an error that ends in it.
fn check(template: &str, expect: &str) {
    let data = json!({"map": {"b": [1, "1", 1e6, null], "a10": "yes", "a2": {"c": "x: y"}}});
    let text = rendered(template, &data, &Limits::default());
    assert!(text.ends_with(expect), "{template}: {text}");
}

#[test]
fn values_are_written_as_go_writes_them() {
    let written = "a2:\n  c: 'x: y'\na10: \"yes\"\nb:\n- 1\n- \"1\"\n- 1000000\n- null";
    check("{{ toYaml .map }}", written);
    check("{{ fromYaml (toYaml .map) | toYaml }}", written);
}

#[test]
fn errors_have_gos_words() {
    check(
        "{{ fromYaml \"a:\\n  b: c: d\" }}",
        "error calling fromYaml: error converting YAML to JSON: yaml: line 2: mapping values are not allowed in this context",
    );
    check(
        "{{ fromYaml \"a: {{b}}\" }}",
        "error converting YAML to JSON: yaml: invalid map key: map[interface {}]interface {}{\"b\":interface {}(nil)}",
    );
    check(
        "{{ fromYaml \"- a\" }}",
        "while decoding JSON: json: cannot unmarshal array into Go value of type map[string]interface {}",
    );
}

/// A list of ones, 90 lists deep: each line of its YAML is indented by 180 columns.
#[test]
fn indentation_counts_against_the_limit() {
    let deep = (0..90).fold(json!(vec![1; 1000]), |list, _| json!([list]));
    let data = json!({"deep": deep});
    let within =
        |memory_bytes| rendered("{{ toYaml .deep }}", &data, &Limits { memory_bytes, ..Limits::default() });
    assert!(within(1 << 20).ends_with("- 1"));
    assert!(within(100_000).contains("100000"), "{}", within(100_000));
}
