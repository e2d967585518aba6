//! Answers to templates made of all functions and values, of broken and of random ones (`vectors/made.jsonl`, recorded by
//! `tests/compat/template-recorder`): ours are Go's, errors and all, but for those listed here.

use jiff::Timestamp;
use serde::Deserialize;
use shared_template::{Limits, Options, Template, Value};

#[derive(Deserialize)]
struct Data {
    data: serde_json::Value,
    /// When it was recorded, in seconds since 1970.
    now: i64,
}

#[derive(Deserialize)]
struct Line {
    #[serde(rename = "t")]
    template: String,
    #[serde(rename = "o")]
    output: Option<String>,
    #[serde(rename = "e")]
    error: Option<String>,
    #[serde(rename = "k", default)]
    key: String,
}

/// Templates whose answer differs, and why. None today.
const DEVIATIONS: &[(&str, &str)] = &[];

fn ours(line: &Line, data: &serde_json::Value, now: Timestamp) -> Result<String, String> {
    let option = format!("missingkey={}", line.key);
    let options = if line.key.is_empty() { vec![] } else { vec![option.as_str()] };
    let render = || {
        let template = Template::parse("t", &line.template)?;
        template.render_at(&Value::from(data.clone()), &Options::parse(&options)?, &Limits::default(), now)
    };
    render().map_err(|error| error.to_string())
}

#[test]
fn what_go_answers_we_answer() {
    let mut lines = include_str!("vectors/made.jsonl").lines();
    let data: Data = serde_json::from_str(lines.next().expect("the data comes first")).unwrap();
    let now = Timestamp::from_second(data.now).unwrap();
    let mut differ = Vec::new();
    let mut count = 0;
    for line in lines {
        let line: Line = serde_json::from_str(line).unwrap();
        count += 1;
        let ours = ours(&line, &data.data, now);
        let same = match (&ours, &line.output, &line.error) {
            (Ok(ours), Some(output), _) => ours == output,
            (Err(ours), None, Some(error)) => ours == error,
            _ => false,
        };
        if !same && !DEVIATIONS.iter().any(|(template, _)| *template == line.template) {
            let go = line.output.clone().ok_or_else(|| line.error.clone().unwrap_or_default());
            differ.push(format!("{:?}\n  go:   {go:?}\n  ours: {ours:?}", line.template));
        }
    }
    assert!(count > 9_000, "{count} vectors");
    assert!(differ.is_empty(), "{} of {count} differ:\n{}", differ.len(), differ.join("\n"));
}
