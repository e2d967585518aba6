//! The paths of jq that say which fields to leave alone.
//!
//! Decides which fields of an object an expression such as `.spec.sources[] | select(.ref == "values") | .targetRevision` means. Known are keys
//! (`.a`, `."a"`, `["a"]`), places (`[0]`, `[-1]`), all of a list or map (`[]`), `?`, pipes, and `select` with `==` or `!=` of a path and a
//! text, number, boolean or null.
//!
//! Refuses to know: the rest of jq. An expression that uses it is none of ours, and the set says so.

use serde_json::Value;

/// A path expression.
#[derive(Debug, PartialEq)]
pub(super) struct Path(Vec<Step>);

#[derive(Debug, PartialEq)]
enum Step {
    Key(String),
    Place(i64),
    Each,
    Select { path: Path, is: bool, value: Value },
}

impl Path {
    /// Reads an expression; none when it is more than a path.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut reader = Reader(text.trim());
        let path = reader.path()?;
        (reader.0.is_empty() && !path.0.is_empty()).then_some(path)
    }

    /// The JSON pointers of what it means in `value`, in order.
    pub(super) fn pointers(&self, value: &Value) -> Vec<String> {
        let mut at = vec![(String::new(), Some(value))];
        for step in &self.0 {
            at = at.into_iter().flat_map(|(pointer, value)| next(step, &pointer, value)).collect();
        }
        at.into_iter().map(|(pointer, _)| pointer).collect()
    }
}

type At<'v> = (String, Option<&'v Value>);

fn next<'v>(step: &Step, pointer: &str, value: Option<&'v Value>) -> Vec<At<'v>> {
    let below = |key: &str| format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1"));
    match (step, value) {
        (Step::Key(key), Some(Value::Object(map))) => vec![(below(key), map.get(key))],
        (Step::Key(key), None | Some(Value::Null)) => vec![(below(key), None)],
        (Step::Place(place), Some(Value::Array(items))) => {
            let from_end =
                || usize::try_from(place.unsigned_abs()).ok().and_then(|back| items.len().checked_sub(back));
            let place = usize::try_from(*place).ok().or_else(from_end);
            let found = place.and_then(|place| Some((below(&place.to_string()), Some(items.get(place)?))));
            found.into_iter().collect()
        }
        (Step::Each, Some(Value::Array(items))) => {
            items.iter().enumerate().map(|(place, item)| (below(&place.to_string()), Some(item))).collect()
        }
        (Step::Each, Some(Value::Object(map))) => {
            map.iter().map(|(key, item)| (below(key), Some(item))).collect()
        }
        (Step::Select { path, is, value: wanted }, Some(value)) => {
            let found = path.pointers(value);
            let equal = found.iter().any(|pointer| value.pointer(pointer).unwrap_or(&Value::Null) == wanted);
            if equal == *is { vec![(pointer.to_owned(), Some(value))] } else { Vec::new() }
        }
        _ => Vec::new(),
    }
}

struct Reader<'t>(&'t str);

impl<'t> Reader<'t> {
    fn takes(&mut self, token: &str) -> bool {
        let rest = self.0.trim_start();
        match rest.strip_prefix(token) {
            Some(rest) => {
                self.0 = rest.trim_start();
                true
            }
            None => false,
        }
    }

    fn path(&mut self) -> Option<Path> {
        let mut steps = Vec::new();
        loop {
            if self.takes("select") {
                steps.push(self.select()?);
                if self.0.starts_with(['.', '[']) {
                    self.dotted(&mut steps)?;
                }
            } else {
                self.dotted(&mut steps)?;
            }
            if !self.takes("|") {
                return Some(Path(steps));
            }
        }
    }

    /// `.a.b[0]["c"][]?`, or `.` alone.
    fn dotted(&mut self, steps: &mut Vec<Step>) -> Option<()> {
        if !self.takes(".") {
            return None;
        }
        let mut after_dot = true;
        loop {
            if self.takes("[") {
                steps.push(self.bracket()?);
            } else if after_dot && self.0.starts_with('"') {
                steps.push(Step::Key(self.text()?));
            } else if let Some(name) = self.name().filter(|_| after_dot) {
                steps.push(Step::Key(name.to_owned()));
            } else if after_dot && !steps.is_empty() && self.0.starts_with('.') {
                return None;
            }
            self.takes("?");
            after_dot = self.takes(".");
            if !after_dot && !self.0.starts_with('[') {
                return Some(());
            }
        }
    }

    fn bracket(&mut self) -> Option<Step> {
        if self.takes("]") {
            return Some(Step::Each);
        }
        let step = if self.0.starts_with('"') {
            Step::Key(self.text()?)
        } else {
            let end = self.0.find(']')?;
            let (digits, rest) = self.0.split_at(end);
            self.0 = rest;
            Step::Place(digits.trim().parse().ok()?)
        };
        self.takes("]").then_some(step)
    }

    fn select(&mut self) -> Option<Step> {
        if !self.takes("(") {
            return None;
        }
        let path = self.path()?;
        let is = if self.takes("==") {
            true
        } else if self.takes("!=") {
            false
        } else {
            return None;
        };
        let value = self.value()?;
        self.takes(")").then_some(Step::Select { path, is, value })
    }

    fn value(&mut self) -> Option<Value> {
        if !self.0.starts_with('"') {
            let end = self.0.find(|c: char| c == ')' || c.is_whitespace()).unwrap_or(self.0.len());
            let (literal, rest) = self.0.split_at(end);
            self.0 = rest.trim_start();
            let value: Value = serde_json::from_str(literal).ok()?;
            return (!value.is_array() && !value.is_object()).then_some(value);
        }
        let mut texts = serde_json::Deserializer::from_str(self.0).into_iter::<Value>();
        let text = texts.next()?.ok()?;
        self.0 = self.0[texts.byte_offset()..].trim_start();
        Some(text)
    }

    fn text(&mut self) -> Option<String> {
        self.value()?.as_str().map(str::to_owned)
    }

    fn name(&mut self) -> Option<&'t str> {
        let end = self.0.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(self.0.len());
        let (name, rest) = self.0.split_at(end);
        if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
            return None;
        }
        self.0 = rest;
        Some(name)
    }
}

#[cfg(test)]
mod tests;
