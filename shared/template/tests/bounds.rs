//! Templates that ask for much: every function of the table with arguments as odd and as large as they come, and every bomb that was ever
//! found (`corpus/bombs.jsonl`, a JSON string per line). Each ends in its limits, in a memory that is measured.
//!
//! A fixed number of calls, always the same ones; `FUZZ_ROUNDS` and `FUZZ_SEED` at compile time ask for more and for others.

#[path = "support/chance.rs"]
mod chance;
#[path = "support/measure.rs"]
mod measure;

use chance::{Chance, rounds};
use serde_json::{Map, json};
use shared_template::{Error, Functions, Limits, Options, Present, Template, Type, Value};

/// Calls of each function, in one run of as many rounds as `rounds` gives by default.
const CALLS: usize = 8;
/// What one rendering may use.
const LIMITS: Limits = Limits { steps: 400_000, output_bytes: 256 << 10, memory_bytes: 4 << 20, depth: 60 };
/// How much memory a rendering holds at most, as a multiple of what its limit counts: a text that grows is there three times when it
/// moves (as long as it was, and twice that), and an error repeats what it is about.
const SLACK: usize = 4;
/// Bytes held whatever the template: patterns of our own that are compiled when first used, tables of functions.
const FIXED: usize = 4 << 20;
/// Bytes that a byte of a template may take when it is parsed.
const PARSED: usize = 256;

/// Odd arguments of each type.
fn arguments(wanted: Type) -> &'static [&'static str] {
    match wanted {
        Type::Str => &[
            "\"\"",
            "\"a\"",
            "\"b\"",
            ".lines",
            ".long",
            "(repeat 100000 \"a\")",
            "(repeat 100000 \"b\")",
            "(repeat 50000 \"a \")",
            "(repeat 50000 \"A1\")",
            "(repeat 50000 \"日\")",
            "(repeat 50000 \"\\xff\")",
            "(repeat 50000 \"\\x01\")",
            "(repeat 50000 \"<\")",
            "(repeat 20000 \"$x\")",
            "(repeat 20000 \"${x}$1\")",
            "(repeat 4000 \"(a)\")",
            "(repeat 1500 \"(?P<x>a)\")",
            "(repeat 1500 \"(a)?\")",
            "\"[ab]*a[ab]{300}[^ab]|[ab]\"",
            "\".*[^a-z]|[a-z]\"",
            "\"(\\\\pL{2,80})*\"",
            "(repeat 20000 \"%d\")",
            "(repeat 20000 \"%x%q%v\")",
            "\"%1000000d%-999999s%.1000000f%.1000000x%+.999999q%#v%[9]*d\"",
            "\"2006-01-02T15:04:05.999999999Z07:00 MST\"",
            "(repeat 10000 \"January \")",
            "(repeat 20000 \"[]\")",
            "(repeat 100 \"[\")",
            "(print \"[\" (repeat 20000 \"{},\") \"0]\")",
            "(print \"[\" (repeat 10000 \"{\\\"a\\\":0},\") \"0]\")",
            "(repeat 20000 \"- \")",
            "(repeat 20000 \"- a: 1\\n\")",
            "(print \"a: &a [1,2,3,4,5,6,7,8,9,0]\\nb:\\n\" (repeat 10000 \"- *a\\n\"))",
            "(repeat 20000 \"a/../\")",
            "(print \"http://u:p@h:1/\" (repeat 20000 \"%20\"))",
            "\"1.2.3\"",
            "(print \"1.2.3-\" (repeat 20000 \"a.\") \"b\")",
            "(repeat 5000 \">1.2 \")",
            "(repeat 5000 \">1.2 || \")",
            "(repeat 5000 \"{{.}}{{if .}}(.){{end}}\")",
            "(repeat 20000 \"1h\")",
            "(repeat 2000 \"-----BEGIN \")",
            "(b64enc (repeat 20000 \"a\"))",
            "\"long\"",
            "\"ed25519\"",
            "\"rsa\"",
        ],
        Type::Int => &[
            "0",
            "1",
            "-1",
            "2",
            "7",
            "100",
            "65536",
            "1000000",
            "1000000000",
            "9223372036854775807",
            "-9223372036854775808",
        ],
        Type::Unsigned => &["0", "1", "4294967295"],
        Type::Float => &["0.0", "-1.5", "1e300"],
        Type::Bool => &["true", "false"],
        Type::Map => {
            &["(dict)", "(dict \"a\" (dict \"b\" 1) \"path\" .long)", ".map", ".deep", "(deepCopy .map)"]
        }
        Type::List => &["(list)", "(list \"a\" \"1.2.3.4\" .long)", ".list"],
        Type::Time => &["now", "(toDate \"2006\" \"2024\")"],
        Type::Certificate => &["(genCAWithKey \"a\" 1 (genPrivateKey \"ed25519\"))"],
        Type::Any | Type::Reflect => &[
            "nil",
            "1",
            "-1",
            "1e300",
            "9223372036854775807",
            "\"a\"",
            ".missing",
            ".list",
            ".map",
            ".deep",
            ".lines",
            "(list .list .list .map)",
            "(until 20000)",
            "(splitList \"\" (repeat 10000 \"a\"))",
            "(list (repeat 50000 \"<\") (repeat 50000 \"\\x01\"))",
            "now",
            "(semver \"1.2.3\")",
            "(dict \"a\" (list (dict \"b\" nil)))",
        ],
    }
}

fn data() -> Value {
    let deep = (0..90).fold(json!(1), |inner, _| json!({ "a": inner }));
    let map: Map<_, _> = (0..5_000).map(|number| (format!("k{number}"), json!(number))).collect();
    let list: Vec<_> = (0..5_000).collect();
    json!({"long": "x".repeat(100_000), "lines": "x\n".repeat(50_000), "list": list, "map": map, "deep": deep}).into()
}

fn functions() -> Functions {
    Functions::standard().with_chart(|_, _| Ok(Value::Nil))
}

/// Parses and renders; whether it rendered.
fn check(text: &str, functions: &Functions, data: &Value) -> bool {
    let (parsed, held) = measure::held(text, || Template::parse_with("t", text, functions));
    assert!(held <= text.len() * PARSED + FIXED, "parsing held {held} bytes: {text}");
    let Ok(parsed) = parsed else { return false };
    let present = Present { now: "2026-01-01T00:00:00Z".parse().ok(), seed: None };
    let render = || parsed.render_with(data, &Options::default(), &LIMITS, &present);
    let (rendered, held): (Result<String, Error>, usize) = measure::held(text, render);
    assert!(
        held <= LIMITS.memory_bytes * SLACK + LIMITS.output_bytes * 3 + FIXED,
        "held {held} bytes: {text}"
    );
    rendered.is_ok()
}

#[test]
fn what_asked_for_too_much_once_ends_in_bounds() {
    let (functions, mut rendered) = (functions(), 0);
    let bombs = include_str!("corpus/bombs.jsonl").lines();
    for bomb in bombs.clone() {
        // They may change what they are given.
        rendered += usize::from(check(&serde_json::from_str::<String>(bomb).unwrap(), &functions, &data()));
    }
    // Or the limits are so small that nothing runs.
    assert!(rendered > bombs.count() / 12, "{rendered} rendered");
}

#[test]
fn every_function_with_any_arguments_ends_in_bounds() {
    let (functions, mut chance, mut rendered) = (functions(), Chance::default(), 0);
    let calls = rounds(CALLS);
    let names: Vec<String> = functions.names().map(str::to_owned).collect();
    for name in &names {
        let signature = functions.signature(name).expect("it is in the table").clone();
        let data = data();
        for _ in 0..calls {
            let more =
                signature.rest.into_iter().flat_map(|rest| vec![rest; chance.below(4)]).collect::<Vec<_>>();
            let call = signature.fixed.iter().chain(&more).fold(name.clone(), |call, wanted| {
                let offered = arguments(*wanted);
                format!("{call} {}", offered[chance.below(offered.len())])
            });
            let text = match chance.below(4) {
                0 => format!("{{{{{call}}}}}"),
                1 => format!("{{{{range ({call})}}}}{{{{.}}}}{{{{end}}}}"),
                2 => format!(
                    "{{{{$x := list}}}}{{{{range until 30}}}}{{{{$x = append $x ({call})}}}}{{{{end}}}}"
                ),
                _ => format!("{{{{$_ := {call}}}}}"),
            };
            rendered += usize::from(check(&text, &functions, &data));
        }
    }
    assert!(rendered > names.len() * calls / 8, "{rendered} of {} rendered", names.len() * calls);
}
