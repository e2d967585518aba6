//! Every answer that Go gave (`vectors/*.json`, recorded by `tests/compat/template-recorder`) is ours too, but for the deviations listed here.

use std::collections::BTreeMap;

use serde::Deserialize;
use shared_template::{Limits, Options, Template, Value, fast};

#[derive(Deserialize)]
struct Recording {
    data: serde_json::Value,
    vectors: Vec<Vector>,
}

#[derive(Deserialize)]
struct Vector {
    group: String,
    template: String,
    #[serde(default)]
    options: Vec<String>,
    output: Option<String>,
    error: Option<String>,
}

/// Templates whose answer differs, and why. None today.
const DEVIATIONS: &[(&str, &str)] = &[];

fn ours(vector: &Vector, data: &serde_json::Value) -> Result<String, String> {
    if vector.group == "flat" {
        let parameters: BTreeMap<String, serde_json::Value> =
            serde_json::from_value(data.clone()).expect("the data is an object");
        return fast::render(&vector.template, &parameters).map_err(|error| error.to_string());
    }
    let render = || {
        let template = Template::parse("t", &vector.template)?;
        template.render(&Value::from(data.clone()), &Options::parse(&vector.options)?, &Limits::default())
    };
    render().map_err(|error| error.to_string())
}

#[test]
fn go_and_we_answer_alike() {
    let recording: Recording = serde_json::from_str(include_str!("vectors/go.json")).unwrap();
    let mut differ = Vec::new();
    let mut unneeded: Vec<&str> = DEVIATIONS.iter().map(|(template, _)| *template).collect();
    for vector in &recording.vectors {
        let ours = ours(vector, &recording.data);
        let same = match (&ours, &vector.output, &vector.error) {
            (Ok(ours), Some(output), _) => ours == output,
            (Err(_), None, Some(_)) if vector.group == "flat" => true,
            (Err(ours), None, Some(error)) => ours == error,
            _ => false,
        };
        let listed = DEVIATIONS.iter().any(|(template, _)| *template == vector.template);
        if !same && !listed {
            let go = vector.output.clone().ok_or_else(|| vector.error.clone().unwrap_or_default());
            differ.push(format!("{} {:?}\n  go:   {go:?}\n  ours: {ours:?}", vector.group, vector.template));
        }
        if !same {
            unneeded.retain(|template| *template != vector.template);
        }
    }
    assert!(recording.vectors.len() > 1000, "{} vectors", recording.vectors.len());
    assert!(
        differ.is_empty(),
        "{} of {} differ:\n{}",
        differ.len(),
        recording.vectors.len(),
        differ.join("\n")
    );
    assert!(unneeded.is_empty(), "listed as deviations, but equal: {unneeded:?}");
}
