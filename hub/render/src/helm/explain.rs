//! What helm complains of, in words that people can act on, without values.
//!
//! Decides from the texts of helm's errors, which quote values here and there: a value that does not meet the schema, a text
//! that is no template, a name that YAML takes for something else. Whatever stands where helm quotes a value is left out; what
//! a chart says itself (`fail`, `required`) is its author's and is shown.

use regex::Regex;
use shared_manifest::Problem;
use std::sync::LazyLock;

/// The most of a complaint that is shown, in characters.
const LONGEST: usize = 1000;
/// Stands for what is left out.
const LEFT_OUT: &str = "…";

struct Patterns {
    execution: Regex,
    parse: Regex,
    frame: Regex,
    yaml: Regex,
    values: Regex,
    chart_values: Regex,
    line: Regex,
    kube_version: Regex,
    set: Regex,
    chart: Regex,
    schema: Regex,
    number: Regex,
    quoted: Regex,
    named: Regex,
    folder: Regex,
}

static PATTERNS: LazyLock<Patterns> = LazyLock::new(|| {
    let regex = |pattern: &str| Regex::new(pattern).expect("a pattern of ours");
    Patterns {
        execution: regex(r"(?s)^execution error at \((.+?):(\d+):\d+\): (.*)$"),
        parse: regex(r"(?s)^parse error at \((.+?):(\d+)\): (.*)$"),
        frame: regex(r#"(?:template: )?([^\s:"]+):(\d+):\d+:?\s+executing "[^"]*" at <(.*?)>:\s*"#),
        yaml: regex(r"(?s)^YAML parse error on (.+?): (.*)$"),
        values: regex(r"(?s)^failed to parse \.\./(.+?): (.*)$"),
        chart_values: regex(r"(?s)^cannot load (values\.yaml|Chart\.lock|requirements\.\w+): (.*)$"),
        line: regex(r"^yaml: line (\d+): "),
        kube_version: regex(r"^chart requires kubeVersion: (.*) which is incompatible with Kubernetes (.*)$"),
        set: regex(r"(?s)^failed parsing --(set[a-z-]*) data: (.*)$"),
        chart: regex(r"(?s)^validation: chart\.metadata\.?(.*)$"),
        schema: regex(r"^\s*- at '(.*?)': (.*)$"),
        number: regex(r"^(minimum|maximum|exclusiveMinimum|exclusiveMaximum|multipleOf): got \S+, "),
        quoted: regex(r#""(?:[^"\\]|\\.)*"|`[^`]*`|'[^']*'"#),
        named: regex(r#"(?:^|no |with )template $|(?:function|field|for key) $"#),
        folder: regex(r"/[^\s:'\x22]*/(chart|values|references|web)/"),
    }
});

/// The problems that helm names on its standard error.
pub fn explain(complaint: &str) -> Vec<Problem> {
    // Before it come notes, each on a line of its own.
    let text = match complaint.rfind("\nError: ") {
        Some(at) => &complaint[at + 1..],
        None => complaint,
    };
    let text = text.trim().trim_start_matches("Error: ");
    let text = text.split("\n\nUse --debug flag").next().unwrap_or(text).trim();
    if let Some(rest) = text.strip_prefix("values don't meet the specifications of the schema(s)") {
        return schema(rest);
    }
    vec![one(text)]
}

fn one(text: &str) -> Problem {
    let patterns = &*PATTERNS;
    let groups = |regex: &Regex| {
        let found = regex.captures(text)?;
        Some(
            found
                .iter()
                .skip(1)
                .map(|group| group.map_or("", |group| group.as_str()).to_owned())
                .collect::<Vec<_>>(),
        )
    };
    if let Some([template, line, message]) = groups(&patterns.execution).as_deref() {
        return Problem::new("", short(message), "").at(at_line(template, line));
    }
    if let Some([template, line, message]) = groups(&patterns.parse).as_deref() {
        let message = format!("is not a template that can be read: {}", masked(message));
        return Problem::new("", message, "").at(at_line(template, line));
    }
    if let Some(problem) = frames(text) {
        return problem;
    }
    if let Some([template, message]) = groups(&patterns.yaml).as_deref() {
        return not_yaml(message, template, " of its output", "what it gives");
    }
    if let Some([path, message]) = groups(&patterns.values).as_deref() {
        return match path.as_str() {
            super::INLINE => inline(message),
            path => not_yaml(message, &place(path), "", "the file"),
        };
    }
    if let Some([file, message]) = groups(&patterns.chart_values).as_deref() {
        return not_yaml(message, &format!("{file} of the chart"), "", "the file");
    }
    if let Some([wanted, there]) = groups(&patterns.kube_version).as_deref() {
        let message = format!("the chart is for Kubernetes {wanted}, and the cluster has {there}");
        return Problem::new(
            "",
            message,
            "take another version of the chart, or say which version to render for in `helm.kubeVersion`",
        )
        .at("Chart.yaml");
    }
    if let Some([option, message]) = groups(&patterns.set).as_deref() {
        let message = format!("helm cannot read it as `--{option}`: {}", masked(message));
        let remedy = "write `\\` before `.`, `,`, `[`, `{` and `=` that belong to a name or a value";
        return Problem::new("spec.source.helm.parameters", message, remedy);
    }
    if let Some([what]) = groups(&patterns.chart).as_deref() {
        return Problem::new(
            "",
            format!("`{}`", what.replacen(' ', "` ", 1)).trim_end_matches('`').to_owned(),
            "",
        )
        .at("Chart.yaml");
    }
    if text == "library charts are not installable" {
        let remedy = "name it among the dependencies of another chart, or set `directory: {}` to apply the files as they are";
        return Problem::new("", "the chart is a library, which cannot be rendered by itself", remedy)
            .at("Chart.yaml");
    }
    Problem::new("", format!("helm: {}", masked(text)), "")
}

/// Errors of templates: from the outermost to the one that failed.
fn frames(text: &str) -> Option<Problem> {
    let patterns = &*PATTERNS;
    let frames: Vec<_> = patterns.frame.captures_iter(text).collect();
    let group =
        |frame: &regex::Captures<'_>, at: usize| frame.get(at).map_or("", |group| group.as_str()).to_owned();
    let end = frames.last()?.get(0)?.end();
    let message = text[end..].trim().replace('\n', " ");
    // A text of the values that is a template has no file; what it says is a value.
    let in_file = frames.iter().rfind(|frame| group(frame, 1) != "gotpl")?;
    let in_value = frames.last().is_some_and(|frame| group(frame, 1) == "gotpl");
    let template = group(in_file, 1);
    let mut said = format!("`{}`: {}", group(in_file, 3), masked(&message));
    if in_value {
        said.push_str(" (in a value that is a template)");
    }
    let outer = frames.first().filter(|outer| group(outer, 1) != template);
    if let Some(outer) = outer {
        said.push_str(&format!(" (reached from {})", at_line(&group(outer, 1), &group(outer, 2))));
    }
    Some(Problem::new("", short(&said), "").at(at_line(&template, &group(in_file, 2))))
}

fn at_line(file: &str, line: &str) -> String {
    format!("{file}, line {line}")
}

/// A file of the view as people know it.
fn place(path: &str) -> String {
    let known = path.strip_prefix("references/").map(|rest| format!("${rest}"));
    known.unwrap_or_else(|| path.strip_prefix("values/").unwrap_or(path).to_owned())
}

fn not_yaml(message: &str, place: &str, whose: &str, what: &str) -> Problem {
    let bare = bare(message);
    if bare.starts_with("json: cannot unmarshal") {
        return Problem::new("", format!("{what} is not a mapping"), "write `key: value`, one a line")
            .at(place);
    }
    let found =
        PATTERNS.line.captures(bare).and_then(|found| Some((found.get(0)?.end(), found.get(1)?.as_str())));
    let (place, bare) = match found {
        Some((end, line)) => (format!("{}{whose}", at_line(place, line)), &bare[end..]),
        None => (place.to_owned(), bare.trim_start_matches("yaml: ")),
    };
    Problem::new("", format!("{what} is not YAML: {}", masked(bare)), "").at(place)
}

/// Without what helm and its libraries put before.
fn bare(message: &str) -> &str {
    const BEFORE: [&str; 4] = [
        "cannot unmarshal yaml document: ",
        "error converting YAML to JSON: ",
        "error unmarshaling JSON: ",
        "while decoding JSON: ",
    ];
    let mut message = message.trim();
    while let Some(rest) = BEFORE.iter().find_map(|before| message.strip_prefix(before)) {
        message = rest;
    }
    message
}

/// The values that the source itself holds.
fn inline(message: &str) -> Problem {
    let mut problem = not_yaml(message, "", "", "it");
    let place = std::mem::take(&mut problem.place);
    problem.field = "spec.source.helm.values".to_owned();
    if let Some(line) = place.strip_prefix(", ") {
        problem.message = format!("{line}: {}", problem.message);
    }
    problem
}

/// What does not meet a schema: one problem each.
fn schema(text: &str) -> Vec<Problem> {
    const REMEDY: &str = "correct the value, or set `helm.skipSchemaValidation: true`";
    let (mut problems, mut chart) = (Vec::new(), String::new());
    let lines = text.lines().skip(1).map(str::trim_end).filter(|line| !line.is_empty());
    for line in lines {
        let place = format!("{chart}/values.schema.json");
        if let Some(found) = PATTERNS.schema.captures(line) {
            let (path, message) = (&found[1], &found[2]);
            let field = format!("values{}", path.replace('/', "."));
            problems.push(Problem::new(field, unmet(message), REMEDY).at(place));
        } else if let Some(name) = line.strip_suffix(':').filter(|name| !name.contains(' ')) {
            name.clone_into(&mut chart);
        } else {
            problems.push(
                Problem::new("", format!("the schema cannot be used: {}", masked(line)), "correct it")
                    .at(place),
            );
        }
    }
    if problems.is_empty() {
        problems.push(Problem::new("", "the values do not meet the chart's values.schema.json", REMEDY));
    }
    problems
}

/// A rule that is not met, without the value that does not meet it.
fn unmet(message: &str) -> String {
    if let Some(found) = PATTERNS.number.captures(message) {
        let rest = &message[found.get(0).map_or(0, |all| all.end())..];
        return format!("{}: {rest}", &found[1]);
    }
    // The value stands first, in quotes that it may hold itself.
    for rule in ["' does not match pattern ", "' is not valid "] {
        if let Some(at) = message.find(rule).filter(|_| message.starts_with('\'')) {
            let rule = &message[at + 2..];
            // Of a format it says why, which may quote the value again.
            let rule =
                if rule.starts_with("is not valid") { rule.split(':').next().unwrap_or(rule) } else { rule };
            return short(rule);
        }
    }
    short(message)
}

/// Without what may be a value.
fn masked(text: &str) -> String {
    let text = match text.find("range can't iterate over ") {
        Some(at) => format!("{}range can't iterate over {LEFT_OUT}", &text[..at]),
        None => text.to_owned(),
    };
    let text = PATTERNS.folder.replace_all(&text, "$1/");
    let mut shown = String::new();
    let mut end = 0;
    for quoted in PATTERNS.quoted.find_iter(&text) {
        let before = &text[end..quoted.start()];
        shown.push_str(before);
        // Names of templates and functions are the chart's.
        shown.push_str(if PATTERNS.named.is_match(before) && quoted.as_str().starts_with('"') {
            quoted.as_str()
        } else {
            LEFT_OUT
        });
        end = quoted.end();
    }
    shown.push_str(&text[end..]);
    short(&shown)
}

fn short(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}{LEFT_OUT}", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests;
