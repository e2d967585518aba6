//! Whatever is written in a template, neither parsing nor rendering panics, and the same input gives the same answer.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::json;
use shared_template::{Functions, Limits, Options, Template, Value, fast};

fn data() -> serde_json::Value {
    json!({
        "name": "orders", "n": 3, "f": 2.5, "neg": -1, "big": 1e300, "yes": true, "nul": null, "empty": "", "uni": "日本😀é",
        "list": [3, "x", null, [1]], "map": {"a": {"b": "c"}, "k": 1}, "none": [], "nodict": {},
    })
}

fn limits() -> Limits {
    Limits { steps: 20_000, output_bytes: 1 << 16, memory_bytes: 1 << 20, ..Limits::default() }
}

fn answer(text: &str) -> Result<String, String> {
    let render = || Template::parse("t", text)?.render(&Value::from(data()), &Options::default(), &limits());
    render().map_err(|error| error.to_string())
}

/// Arguments that are as odd as they come.
fn argument() -> impl Strategy<Value = String> {
    let fixed = [
        ".",
        ".name",
        ".n",
        ".f",
        ".neg",
        ".big",
        ".yes",
        ".nul",
        ".missing",
        ".empty",
        ".uni",
        ".list",
        ".map",
        ".map.a.b",
        ".none",
        ".nodict",
        "nil",
        "true",
        "0",
        "-1",
        "1",
        "2",
        "7",
        "1.5",
        "1e300",
        "9223372036854775807",
        "-9223372036854775808",
        "'x'",
        "\"\"",
        "\"a\"",
        "\"%v %d %5.2f %[9]q %*d\"",
        "\"[a-z\"",
        "\"(a*)*b\"",
        "\",\"",
        "\"2006-01-02\"",
        "\"-1h\"",
        "\">=1.2 <2 || ~3\"",
        "\"a: [1, 2]\"",
        "\"{\\\"a\\\":1}\"",
        "\"http://u@h:1/p%20?q#f\"",
        "(list 1 \"a\" nil)",
        "(dict \"a\" 1)",
        "(until 3)",
        "(add 1 2)",
        "(splitList \",\" \"a,b\")",
        "(semver \"1.2.3\")",
        "(toDate \"2006\" \"2024\")",
        "(trunc 1 .uni)",
    ];
    prop::sample::select(fixed.to_vec()).prop_map(str::to_owned)
}

fn call() -> impl Strategy<Value = String> {
    let functions = Functions::standard();
    let names: Vec<String> = functions.names().map(str::to_owned).collect();
    (prop::sample::select(names), prop::collection::vec(argument(), 0..4))
        .prop_map(|(name, arguments)| format!("{name} {}", arguments.join(" ")))
}

fn fragment() -> impl Strategy<Value = String> {
    let fixed = [
        "{{",
        "}}",
        "{{-",
        "-}}",
        "{{if .yes}}",
        "{{else}}",
        "{{else if .nul}}",
        "{{end}}",
        "{{range .list}}",
        "{{range $k, $v := .map}}",
        "{{break}}",
        "{{continue}}",
        "{{with .map}}",
        "{{define \"x\"}}",
        "{{template \"x\" .}}",
        "{{block \"y\" .}}",
        "{{$x := .n}}",
        "{{$x = 1}}",
        "{{$x}}",
        "{{/* c */}}",
        "{{.",
        ".name",
        "(",
        ")",
        "|",
        " ",
        "\n",
        "\"",
        "`",
        "'",
        "$",
        ":=",
        "1e",
        "0x",
        "é",
        "\\",
    ];
    prop_oneof![
        3 => prop::sample::select(fixed.to_vec()).prop_map(str::to_owned),
        2 => call().prop_map(|call| format!("{{{{{call}}}}}")),
        1 => any::<String>(),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_call_answers_or_fails(call in call(), next in call()) {
        let text = format!("{{{{{call}}}}}{{{{{call} | {next}}}}}{{{{range ({call})}}}}{{{{.}}}}{{{{end}}}}");
        prop_assert_eq!(answer(&text), answer(&text));
        let single = format!("{{{{{call}}}}}");
        prop_assert_eq!(answer(&single), answer(&single));
    }

    #[test]
    fn any_text_answers_or_fails(fragments in prop::collection::vec(fragment(), 0..12)) {
        let text = fragments.concat();
        prop_assert_eq!(answer(&text), answer(&text));
        // Without parameters, fasttemplate changes nothing.
        let nothing: BTreeMap<String, String> = BTreeMap::new();
        if let Ok(rendered) = fast::render(&text, &nothing) {
            prop_assert_eq!(rendered, text);
        }
    }

    #[test]
    fn text_without_actions_is_itself(text in "[^{]*") {
        prop_assert_eq!(answer(&text), Ok(text.clone()));
    }
}
