//! Reading the configuration of notifications.

use crate::{
    Event,
    body::example,
    sink::{Format, Header, Match, SecretRef, Sink, Text, Written},
};
use jiff::Timestamp;
use serde_json::{Map, Value};
use shared_manifest::yaml;
use shared_model::{LabelSelector, nearest, parse_duration};
use shared_project::{matches_glob, settings::NOTIFICATIONS};
use shared_template::Template;
use std::{collections::BTreeSet, time::Duration};

/// How many sinks there are at most.
pub const MOST: usize = 20;
/// How long a template may be, in bytes.
const LONGEST: usize = 16 << 10;
/// How long a request may take, unless a sink says otherwise; and at most.
const TIMEOUT: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(60));
/// How long a sink waits for more to come before it tells the first, unless it says otherwise; and at most.
const GROUP: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(600));
/// How long a message is tried, unless a sink says otherwise; and at most.
const RETRY_FOR: (Duration, Duration) = (Duration::from_secs(24 * 3600), Duration::from_secs(7 * 24 * 3600));

const FIELDS: [&str; 13] = [
    "name", "type", "url", "urlFrom", "headers", "caFrom", "on", "match", "template", "body", "timeout",
    "group", "retryFor",
];

/// Whom the hub tells what happens.
#[derive(Debug, Clone, Default)]
pub struct Config {
    /// The receivers, by their order.
    pub sinks: Vec<Sink>,
    /// What cannot be read, each with its path and remedy. With any, no sink is in force.
    pub problems: Vec<String>,
}

impl Config {
    /// Reads the settings' ConfigMap; without the key nobody is told anything. Templates are tried on examples of what
    /// they will be given, at the time `now`.
    pub fn read(config_map: &Value, now: Timestamp) -> Self {
        let Some(text) = config_map["data"][NOTIFICATIONS].as_str() else { return Self::default() };
        let path = format!("data[{NOTIFICATIONS}]");
        let value = match yaml::parse(text) {
            Ok(value) => value,
            Err(error) => return Self::broken(format!("{path}: {error}")),
        };
        let mut reader = Reader { problems: Vec::new(), now };
        let sinks = reader.sinks(&value, &path);
        if reader.problems.is_empty() {
            Self { sinks, problems: Vec::new() }
        } else {
            Self { sinks: Vec::new(), problems: reader.problems }
        }
    }

    fn broken(problem: String) -> Self {
        Self { sinks: Vec::new(), problems: vec![problem] }
    }
}

struct Reader {
    problems: Vec<String>,
    now: Timestamp,
}

impl Reader {
    fn problem(&mut self, path: &str, what: impl std::fmt::Display) {
        self.problems.push(format!("{path}: {what}"));
    }

    fn sinks(&mut self, value: &Value, path: &str) -> Vec<Sink> {
        if value.is_null() {
            return Vec::new();
        }
        let Some(fields) = self.fields(value, path, &["sinks"]) else { return Vec::new() };
        let list = fields.get("sinks").cloned().unwrap_or_default();
        let path = format!("{path}.sinks");
        let entries = match list {
            Value::Null => return Vec::new(),
            Value::Array(entries) if entries.len() <= MOST => entries,
            Value::Array(entries) => {
                self.problem(&path, format!("there are {}; there may be {MOST}", entries.len()));
                return Vec::new();
            }
            Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {
                self.problem(&path, "write a list: - name: oncall");
                return Vec::new();
            }
        };
        let mut known = BTreeSet::new();
        let mut sinks = Vec::new();
        for (index, entry) in entries.iter().enumerate() {
            let at = format!("{path}[{index}]");
            let Some(sink) = self.sink(entry, &at) else { continue };
            if !known.insert(sink.name.clone()) {
                self.problem(&format!("{at}.name"), format!("there is another sink `{}`", sink.name));
            }
            sinks.push(sink);
        }
        sinks
    }

    fn sink(&mut self, value: &Value, path: &str) -> Option<Sink> {
        let mut value = value.clone();
        // YAML 1.1 takes the word `on` for true, and so does whoever reads Kubernetes' YAML.
        if let Some(fields) = value.as_object_mut()
            && !fields.contains_key("on")
            && let Some(events) = fields.remove("true")
        {
            fields.insert("on".to_owned(), events);
        }
        let fields = self.fields(&value, path, &FIELDS)?;
        let name = self.text(fields, "name", path).unwrap_or_default();
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if name.is_empty() || name.len() > 63 || !name.chars().all(plain) {
            self.problem(
                &format!("{path}.name"),
                "a name of lower-case letters, digits and `-` is required, e.g. oncall",
            );
        }
        let format = match self.text(fields, "type", path).as_deref() {
            None | Some("generic") => Format::Generic,
            Some("slack") => Format::Slack,
            Some(other) => {
                self.problem(
                    &format!("{path}.type"),
                    format!("`{other}` is no type; there are generic and slack"),
                );
                Format::Generic
            }
        };
        let url = self.url(fields, path);
        let authority = fields.get("caFrom").and_then(|from| self.secret(from, &format!("{path}.caFrom")));
        let template = self.template(fields, "template", path);
        let body = self.template(fields, "body", path);
        let sink = Sink {
            name,
            format,
            url: url.unwrap_or_else(|| Text::Plain(String::new())),
            headers: self.headers(fields.get("headers"), &format!("{path}.headers")),
            authority: authority.map(Text::Secret),
            on: self.events(fields.get("on"), &format!("{path}.on")),
            matches: self.matches(fields.get("match"), &format!("{path}.match")),
            template,
            body,
            timeout: self.duration(fields, "timeout", path, TIMEOUT),
            group: self.duration(fields, "group", path, GROUP),
            retry_for: self.duration(fields, "retryFor", path, RETRY_FOR),
            written: Written::of(&value),
        };
        self.try_templates(&sink, path);
        Some(sink)
    }

    /// The fields of an object; names the first that nobody knows.
    fn fields<'v>(&mut self, value: &'v Value, path: &str, known: &[&str]) -> Option<&'v Map<String, Value>> {
        let Some(fields) = value.as_object() else {
            self.problem(path, format!("write a map with {}", known.join(", ")));
            return None;
        };
        for field in fields.keys().filter(|field| !known.contains(&field.as_str())) {
            let hint = match nearest(field, known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("there are {}", known.join(", ")),
            };
            self.problem(&format!("{path}.{field}"), format!("there is no such field; {hint}"));
        }
        Some(fields)
    }

    fn text(&mut self, fields: &Map<String, Value>, field: &str, path: &str) -> Option<String> {
        match fields.get(field) {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) => Some(text.clone()),
            Some(_) => {
                self.problem(&format!("{path}.{field}"), "must be a text: put it in quotes");
                None
            }
        }
    }

    fn url(&mut self, fields: &Map<String, Value>, path: &str) -> Option<Text> {
        match (self.text(fields, "url", path), fields.get("urlFrom")) {
            (Some(url), None) => {
                if let Err(problem) = check_url(&url) {
                    self.problem(&format!("{path}.url"), problem);
                }
                Some(Text::Plain(url))
            }
            (None, Some(from)) => self.secret(from, &format!("{path}.urlFrom")).map(Text::Secret),
            (Some(_), Some(_)) => {
                self.problem(
                    path,
                    "url and urlFrom exclude one another; keep urlFrom when the address is a secret",
                );
                None
            }
            (None, None) => {
                self.problem(
                    path,
                    "url or urlFrom is required, e.g. urlFrom: {secret: flotilla-notifications, key: slack}",
                );
                None
            }
        }
    }

    fn secret(&mut self, value: &Value, path: &str) -> Option<SecretRef> {
        let fields = self.fields(value, path, &["secret", "key"])?;
        let (secret, key) = (self.text(fields, "secret", path), self.text(fields, "key", path));
        match (secret, key) {
            (Some(secret), Some(key)) if !secret.is_empty() && !key.is_empty() => {
                Some(SecretRef { secret, key })
            }
            (_, _) => {
                self.problem(
                    path,
                    "secret and key are required: the name of a Secret of namespace argocd, and a key in it",
                );
                None
            }
        }
    }

    fn headers(&mut self, value: Option<&Value>, path: &str) -> Vec<Header> {
        let mut headers = Vec::new();
        for (index, entry) in self.list(value, path, "- {name: X-Team, value: shop}").iter().enumerate() {
            let at = format!("{path}[{index}]");
            let Some(fields) = self.fields(entry, &at, &["name", "value", "valueFrom"]) else { continue };
            let name = self.text(fields, "name", &at).unwrap_or_default();
            let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
            if name.is_empty() || !name.chars().all(token) {
                self.problem(&format!("{at}.name"), "the name of a header is required, e.g. Authorization");
            }
            let value = match (self.text(fields, "value", &at), fields.get("valueFrom")) {
                (Some(value), None)
                    if value.chars().all(|c| c == '\t' || (!c.is_control() && c.is_ascii())) =>
                {
                    Some(Text::Plain(value))
                }
                (Some(_), None) => {
                    self.problem(&format!("{at}.value"), "must be ASCII in one line");
                    None
                }
                (None, Some(from)) => self.secret(from, &format!("{at}.valueFrom")).map(Text::Secret),
                (_, _) => {
                    self.problem(&at, "one of value and valueFrom is required");
                    None
                }
            };
            headers.extend(value.map(|value| Header { name, value }));
        }
        headers
    }

    fn list(&mut self, value: Option<&Value>, path: &str, example: &str) -> Vec<Value> {
        match value {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Array(entries)) => entries.clone(),
            Some(_) => {
                self.problem(path, format!("write a list: {example}"));
                Vec::new()
            }
        }
    }

    fn events(&mut self, value: Option<&Value>, path: &str) -> BTreeSet<Event> {
        let words = self.list(value, path, "[halted, clusterLost]");
        let mut events = BTreeSet::new();
        for (index, word) in words.iter().enumerate() {
            match word.as_str().unwrap_or_default().parse() {
                Ok(event) => drop(events.insert(event)),
                Err(problem) => self.problem(&format!("{path}[{index}]"), problem),
            }
        }
        if words.is_empty() {
            let all: Vec<&str> = Event::ALL.iter().map(|event| event.word()).collect();
            self.problem(path, format!("name what it wants to hear: some of {}", all.join(", ")));
        }
        events
    }

    fn matches(&mut self, value: Option<&Value>, path: &str) -> Match {
        let Some(value) = value.filter(|value| !value.is_null()) else { return Match::default() };
        let known = ["sets", "applications", "projects", "clusters"];
        let Some(fields) = self.fields(value, path, &known) else { return Match::default() };
        let fields = fields.clone();
        let mut globs = |field: &str| {
            let at = format!("{path}.{field}");
            let mut patterns = Vec::new();
            for (index, pattern) in self.list(fields.get(field), &at, "[shop-*]").iter().enumerate() {
                match pattern.as_str().filter(|pattern| matches_glob(pattern, "").is_some()) {
                    Some(pattern) => patterns.push(pattern.to_owned()),
                    None => self.problem(&format!("{at}[{index}]"), "is no pattern; write e.g. shop-*"),
                }
            }
            patterns
        };
        let (sets, applications, projects) = (globs("sets"), globs("applications"), globs("projects"));
        let clusters = fields.get("clusters").and_then(|value| {
            let at = format!("{path}.clusters");
            self.fields(value, &at, &["matchLabels", "matchExpressions"])?;
            match serde_json::from_value::<LabelSelector>(value.clone()) {
                Ok(selector) => {
                    if let Some(problem) = selector.problem() {
                        self.problem(&at, problem);
                    }
                    Some(selector)
                }
                Err(error) => {
                    self.problem(&at, error);
                    None
                }
            }
        });
        Match { sets, applications, projects, clusters }
    }

    fn template(&mut self, fields: &Map<String, Value>, field: &str, path: &str) -> Option<Template> {
        let text = self.text(fields, field, path)?;
        let at = format!("{path}.{field}");
        if text.len() > LONGEST {
            self.problem(&at, format!("is longer than {LONGEST} bytes"));
            return None;
        }
        match Template::parse(field, &text) {
            Ok(template) => Some(template),
            Err(error) => {
                self.problem(&at, error);
                None
            }
        }
    }

    /// What fails on an example would fail at night.
    fn try_templates(&mut self, sink: &Sink, path: &str) {
        if sink.template.is_none() && sink.body.is_none() {
            return;
        }
        for event in sink.on.iter().copied() {
            if let Err(problem) = example(sink, event, self.now).body(sink, self.now) {
                self.problem(&format!("{path}.{}", problem.field), format!("on {event}: {}", problem.why));
                return;
            }
        }
    }

    fn duration(
        &mut self,
        fields: &Map<String, Value>,
        field: &str,
        path: &str,
        (normal, most): (Duration, Duration),
    ) -> Duration {
        let at = format!("{path}.{field}");
        let Some(text) = self.text(fields, field, path) else { return normal };
        match parse_duration(&text) {
            Ok(given) if given > most => {
                self.problem(
                    &at,
                    format!("`{text}` is too long; write at most {}", shared_model::duration(most)),
                );
                normal
            }
            Ok(given) if given.is_zero() && field != "group" => {
                self.problem(&at, "must be longer than nothing, e.g. 10s");
                normal
            }
            Ok(given) => given,
            Err(error) => {
                self.problem(&at, error);
                normal
            }
        }
    }
}

/// Whether a text can be the address of a sink. Says nothing of what is in it: it may be a secret.
fn check_url(url: &str) -> Result<(), &'static str> {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let host = rest.and_then(|rest| rest.split(['/', '?', '#']).next()).unwrap_or_default();
    if host.is_empty() || url.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err("must be an address as in https://hooks.example.com/flotilla");
    }
    Ok(())
}

impl Text {
    /// Whether an address that was read from a Secret can be one.
    ///
    /// # Errors
    /// What is wrong, without the address.
    pub fn check_url(url: &str) -> Result<(), &'static str> {
        check_url(url)
    }
}
