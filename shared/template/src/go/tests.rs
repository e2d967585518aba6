use serde_json::json;

use super::{Limits, Options, Template};
use crate::functions::{Functions, Signature, Type};
use crate::{Error, Exceeded, Value};

fn data() -> Value {
    Value::from(json!({
        "name": "orders",
        "count": 3,
        "nothing": null,
        "path": {"basename": "orders", "segments": ["apps", "orders"]},
        "labels": {"env": "prod", "region": "eu"},
    }))
}

fn render(text: &str, options: &[&str], limits: &Limits) -> Result<String, Error> {
    Template::parse("t", text)?.render(&data(), &Options::parse(options)?, limits)
}

fn check(text: &str, expect: &str) {
    let got = render(text, &[], &Limits::default()).unwrap_or_else(|error| error.to_string());
    assert_eq!(got, expect, "{text}");
}

fn check_limit(text: &str, limits: Limits, expect: Exceeded) {
    match render(text, &[], &limits) {
        Err(Error::Limit { exceeded, .. }) => assert_eq!(exceeded, expect, "{text}"),
        other => panic!("{text}: {:?}", other.map(|text| text.len())),
    }
}

#[test]
fn renders_what_application_sets_use() {
    check("{{.name}}-{{.path.basename}}", "orders-orders");
    check("{{ range $k, $v := .labels }}{{ $k }}={{ $v }};{{ end }}", "env=prod;region=eu;");
    check("{{ .missing.deeper }}", "<no value>");
    check("{{ index .path.segments 1 | upper }}", "ORDERS");
    check(
        "{{ .nothing.x }}",
        "template: t:1:11: executing \"t\" at <.nothing.x>: nil pointer evaluating interface {}.x",
    );
}

#[test]
fn missing_keys_fail_when_asked_to() {
    let got = render("\n{{.nope}}", &["missingkey=error"], &Limits::default()).unwrap_err().to_string();
    assert_eq!(got, "template: t:2:2: executing \"t\" at <.nope>: map has no entry for key \"nope\"");
    assert!(
        Options::parse(&["missingkey=warn"])
            .unwrap_err()
            .to_string()
            .starts_with("unrecognized option: missingkey=warn")
    );
}

#[test]
fn no_template_loops_recurses_or_grows_without_end() {
    let limits = Limits { steps: 300_000, memory_bytes: 8 << 20, ..Limits::default() };
    check_limit("{{range 1000000000000}}{{end}}", limits, Exceeded::Steps(limits.steps));
    check_limit(
        "{{define \"x\"}}{{template \"x\"}}{{end}}{{template \"x\"}}",
        limits,
        Exceeded::Depth(limits.depth),
    );
    check_limit("{{repeat 2000000000 \"x\"}}", limits, Exceeded::Memory(limits.memory_bytes));
    check_limit(
        "{{$x := \"x\"}}{{range 100}}{{$x = print $x $x}}{{end}}",
        limits,
        Exceeded::Memory(limits.memory_bytes),
    );
    check_limit(
        "{{$x := repeat 1000000 \"x\"}}{{range 100}}{{$x}}{{end}}",
        limits,
        Exceeded::Output(limits.output_bytes),
    );
    check_limit(
        "{{$x := list 1}}{{range 100}}{{$x = list $x $x}}{{end}}{{toJson $x}}",
        limits,
        Exceeded::Steps(limits.steps),
    );
    check_limit("{{$x := list 1}}{{range 10000}}{{$x = list $x}}{{end}}{{$x}}", limits, Exceeded::Depth(200));
    check_limit(
        "{{$x := dict}}{{range 10000}}{{$x = dict \"a\" $x}}{{end}}{{deepCopy $x}}",
        limits,
        Exceeded::Depth(200),
    );
    check_limit("{{until 2000000000}}", limits, Exceeded::Steps(limits.steps));
    check_limit(
        "{{$x := repeat 100000 \"ab\"}}{{$x | replace \"a\" $x}}",
        limits,
        Exceeded::Memory(limits.memory_bytes),
    );
    check_limit(
        "{{$x := repeat 10000 \"a\"}}{{regexReplaceAll \"a\" $x $x}}",
        limits,
        Exceeded::Memory(limits.memory_bytes),
    );
    check_limit("{{repeat 1000000 \"a\\n\" | indent 1000}}", limits, Exceeded::Memory(limits.memory_bytes));
    check_limit(
        "{{$x := repeat 1000000 \"x\"}}{{range 100000}}{{$y := contains \"y\" $x}}{{end}}",
        limits,
        Exceeded::Steps(limits.steps),
    );
    check_limit(
        "{{range $i := 1000}}{{$y := regexMatch (print $i) \"x\"}}{{end}}",
        limits,
        Exceeded::Steps(limits.steps),
    );
    check_limit("{{splitList \"\" (repeat 1000000 \"x\")}}", limits, Exceeded::Steps(limits.steps));
    check_limit("{{printf \"%1000000d\" 1 | repeat 300}}", limits, Exceeded::Memory(limits.memory_bytes));
}

#[test]
fn a_dict_may_not_contain_itself() {
    check(
        "{{$d := dict}}{{$e := dict \"d\" (list $d)}}{{set $d \"self\" $e}}",
        "template: t:1:44: executing \"t\" at <set $d \"self\" $e>: error calling set: key \"self\" would make the dict contain itself",
    );
}

#[test]
fn deep_text_is_refused_or_fits_the_stack() {
    for text in ["{{if 1}}", "{{range 1}}", "{{with 1}}", "{{define \"a\"}}"] {
        assert!(Template::parse("t", &text.repeat(100_000)).is_err());
    }
    assert!(Template::parse("t", &format!("{{{{{}", "(".repeat(100_000))).is_err());
    let nested = format!("{}x{}", "{{if 1}}".repeat(99), "{{end}}".repeat(99));
    check(&nested, "x");
    let parens = format!("{{{{{}1{}}}}}", "(".repeat(99), ")".repeat(99));
    check(&parens, "1");
    let chain = format!("{{{{if 0}}}}{}{{{{else}}}}x{{{{end}}}}", "{{else if 0}}".repeat(10_000));
    check(&chain, "x");
}

#[test]
fn the_deepest_run_fits_the_stack() {
    let parens = format!("{}.{}", "(and 1 ".repeat(60), ")".repeat(60));
    let blocks =
        format!("{}{{{{template \"x\" (list .)}}}}{}", "{{with .}}".repeat(30), "{{end}}".repeat(30));
    let deep_data = "{{$d := 1}}{{range 190}}{{$d = list (dict \"a\" $d)}}{{end}}";
    let text = format!(
        "{{{{define \"x\"}}}}{{{{if false}}}}{{{{end}}}}{{{{$y := toJson .}}}}{{{{$z := print . (deepCopy .)}}}}{blocks}{{{{end}}}}{deep_data}{{{{template \"x\" {parens}}}}}{{{{template \"x\" 1}}}}"
    );
    check_limit(&text, Limits::default(), Exceeded::Depth(100));
}

#[test]
fn functions_can_be_added() {
    let functions = Functions::standard()
        .with("include", Signature::of(&[Type::Str, Type::Any]), |scope, arguments| {
            let name = arguments[0].as_str().map(|name| name.text().into_owned()).unwrap_or_default();
            Ok(scope.include(&name, &arguments[1])?.into())
        })
        .with("tpl", Signature::of(&[Type::Str, Type::Any]), |scope, arguments| {
            let text = arguments[0].as_str().map(|text| text.text().into_owned()).unwrap_or_default();
            Ok(scope.render_text("tpl", &text, &arguments[1])?.into())
        });
    let template = Template::parse_with(
        "t",
        "{{include \"greet\" . | upper}} {{tpl \"{{.count}}{{template \\\"greet\\\" .}}\" .}}",
        &functions,
    )
    .unwrap()
    .with("helpers", "{{define \"greet\"}}hi {{.name}}{{end}}")
    .unwrap();
    assert_eq!(
        template.render(&data(), &Options::default(), &Limits::default()).unwrap(),
        "HI ORDERS 3hi orders"
    );
    let endless = Template::parse_with(
        "t",
        "{{define \"x\"}}{{include \"x\" .}}{{end}}{{include \"x\" .}}",
        &functions,
    )
    .unwrap();
    assert!(matches!(
        endless.render(&data(), &Options::default(), &Limits::default()),
        Err(Error::Limit { .. })
    ));
}

#[test]
fn time_is_passed_in() {
    let template = Template::parse("t", "{{now | date \"2006-01-02 15:04\"}}").unwrap();
    let now = "2026-03-04T05:06:07Z".parse().unwrap();
    assert_eq!(
        template.render_at(&data(), &Options::default(), &Limits::default(), now).unwrap(),
        "2026-03-04 05:06"
    );
    let error = template.render(&data(), &Options::default(), &Limits::default()).unwrap_err().to_string();
    assert!(error.contains("error calling now: no time is given here"), "{error}");
}

#[test]
fn templates_are_shared_between_threads() {
    fn shared<T: Send + Sync + Clone>() {}
    shared::<Template>();
    shared::<Functions>();
}
