//! fasttemplate as Argo CD uses it: `{{ name }}` is replaced by a string parameter, and nothing else happens.
//!
//! Decides the text of a template field without `goTemplate: true`, quirks included, since users' sets depend on them
//! (`applicationset/utils`, `valyala/fasttemplate`):
//! - a text with no tag that closes on the same line stays as it is, even if a tag spans lines;
//! - white space around the name does not count;
//! - an unknown or empty name, or a parameter that is not a string, leaves the tag as written;
//! - `{{` without an end is an error when another tag is complete, and text otherwise.
//!
//! Refuses to know: nested parameters. Callers flatten them to dotted names first.

use std::collections::BTreeMap;

use crate::{Error, Exceeded};

/// Bytes that a text may come to.
const MOST: usize = 8 << 20;

/// Parameters by name. Only strings are substituted.
pub trait Parameters {
    /// The string named `name`; `None` when it is absent or not a string.
    fn string(&self, name: &str) -> Option<&str>;
}

impl Parameters for BTreeMap<String, String> {
    fn string(&self, name: &str) -> Option<&str> {
        self.get(name).map(String::as_str)
    }
}

impl Parameters for BTreeMap<String, serde_json::Value> {
    fn string(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(serde_json::Value::as_str)
    }
}

impl Parameters for serde_json::Map<String, serde_json::Value> {
    fn string(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(serde_json::Value::as_str)
    }
}

/// A text with its tags found, to be rendered often.
#[derive(Clone, Debug)]
pub struct Template {
    pieces: Vec<Piece>,
    /// How the tag starts that never ends.
    unclosed: Option<String>,
}

#[derive(Clone, Debug)]
enum Piece {
    Text(String),
    Tag { name: String, written: String },
}

impl Template {
    /// Finds the tags.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut template = Self { pieces: Vec::new(), unclosed: None };
        let mut rest = text;
        let has_tags = has_tag_on_one_line(text);
        while let Some((before, after)) = cut(rest, b'{').filter(|_| has_tags) {
            template.add_text(before);
            let Some((tag, after)) = cut(after, b'}') else {
                template.unclosed = Some(after.chars().take(80).collect());
                return template;
            };
            let written = format!("{{{{{tag}}}}}");
            template.pieces.push(match tag.trim() {
                "" => Piece::Text(written),
                name => Piece::Tag { name: name.to_owned(), written },
            });
            rest = after;
        }
        template.add_text(rest);
        template
    }

    fn add_text(&mut self, text: &str) {
        if !text.is_empty() {
            self.pieces.push(Piece::Text(text.to_owned()));
        }
    }

    /// Appends the text with its tags replaced to `out`.
    ///
    /// # Errors
    /// [`Error::UnclosedTag`] when one tag is complete and another never ends; [`Error::Limit`] when it would be more than 8 MiB, as much as
    /// the other engine prints by default. What was appended before the error stays.
    pub fn render_into(&self, parameters: &impl Parameters, out: &mut String) -> Result<(), Error> {
        if let Some(start) = &self.unclosed {
            return Err(Error::UnclosedTag(start.clone()));
        }
        let most = out.len().saturating_add(MOST);
        for piece in &self.pieces {
            let text = match piece {
                Piece::Text(text) => text,
                Piece::Tag { name, written } => parameters.string(name).unwrap_or(written),
            };
            if out.len().saturating_add(text.len()) > most {
                return Err(Error::Limit {
                    name: "fasttemplate".to_owned(),
                    exceeded: Exceeded::Output(MOST),
                });
            }
            out.push_str(text);
        }
        Ok(())
    }
}

/// Replaces the tags of `template`.
///
/// # Errors
/// As [`Template::render_into`].
pub fn render(template: &str, parameters: &impl Parameters) -> Result<String, Error> {
    let mut out = String::with_capacity(template.len());
    Template::parse(template).render_into(parameters, &mut out)?;
    Ok(out)
}

/// The tags of `template` that `parameters` do not replace, trimmed: what stays in the output as written.
#[must_use]
pub fn unresolved(template: &str, parameters: &impl Parameters) -> Vec<String> {
    if !has_tag_on_one_line(template) {
        return Vec::new();
    }
    let tags =
        template.split("{{").skip(1).filter_map(|rest| rest.split_once("}}")).map(|(tag, _)| tag.trim());
    tags.filter(|tag| parameters.string(tag).is_none()).map(str::to_owned).collect()
}

/// What stands before and after the first two of `brace`.
fn cut(text: &str, brace: u8) -> Option<(&str, &str)> {
    let bytes = text.as_bytes();
    let at = memchr::memchr_iter(brace, bytes).find(|at| bytes.get(at + 1) == Some(&brace))?;
    Some((&text[..at], &text[at + 2..]))
}

/// Argo CD asks for `{{.*?}}`, where a dot is anything but a line's end.
fn has_tag_on_one_line(template: &str) -> bool {
    let mut rest = template;
    while let Some((_, after)) = cut(rest, b'{') {
        let line = memchr::memchr(b'\n', after.as_bytes()).map_or(after, |end| &after[..end]);
        if cut(line, b'}').is_some() {
            return true;
        }
        rest = &after[line.len()..];
    }
    false
}

#[cfg(test)]
mod tests;
