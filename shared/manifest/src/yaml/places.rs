//! The line of each field of a text.

use std::collections::BTreeMap;

use super::Error;
use super::compose::{MAX_DEPTH, checked, too_deep};
use super::parse::{Event, Parser};
use super::scan::Mark;

/// Most bytes of paths that are kept of one text; what is beyond stands where its parent does.
const MAX_PATHS: usize = 64 << 20;

/// Where the fields of one document stand.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Places {
    line: usize,
    fields: BTreeMap<String, usize>,
}

impl Places {
    /// Where the document's content starts: 1-based line, as [`super::Document::line`].
    pub const fn start(&self) -> usize {
        self.line
    }

    /// The line of the field `path`, such as `spec.sources[1].path`; of its nearest parent where the text does not have it (a field that is
    /// missing, or that a merge brings in).
    pub fn line(&self, path: &str) -> usize {
        let mut path = path;
        loop {
            if let Some(line) = self.fields.get(path) {
                return *line;
            }
            match path.rfind(['.', '[']) {
                Some(end) => path = &path[..end],
                None => return self.line,
            }
        }
    }

    /// Whether the text has the field.
    pub fn has(&self, path: &str) -> bool {
        self.fields.contains_key(path)
    }
}

/// Where the fields of each document of `text` stand, those without content too.
///
/// # Errors
/// Text that is no YAML, and what is nested too deep.
pub fn places(text: &str) -> Result<Vec<Places>, Error> {
    let text = checked(text)?;
    let mut parser = Parser::new(text);
    let (mut found, mut frames, mut kept) = (Vec::new(), Vec::new(), 0);
    let mut open = Places::default();
    loop {
        let (event, at) = parser.next().map_err(|problem| Error::grammar(&problem, text))?;
        let (content, list) = match event {
            Event::StreamEnd => return Ok(found),
            Event::DocumentStart => {
                open = Places::default();
                continue;
            }
            Event::DocumentEnd => {
                found.push(std::mem::take(&mut open));
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => {
                frames.pop();
                continue;
            }
            Event::Scalar(text) => (Some(text.value.into_owned()), false),
            Event::Alias(_) => (Some(String::new()), false),
            Event::SequenceStart(_) => (None, true),
            Event::MappingStart(_) => (None, false),
        };
        let opens = content.is_none();
        let path = stand(&mut frames, &mut open, &mut kept, content, at.line + 1);
        if opens {
            frames.push(if list {
                Frame::Sequence { path, next: 0 }
            } else {
                Frame::Mapping { path, key: None }
            });
            deep(&frames, at)?;
        }
    }
}

/// The longest path that is kept; deeper fields stand where their parent does.
const MAX_PATH: usize = 4096;

/// An open collection, with its path.
enum Frame {
    Sequence { path: String, next: usize },
    Mapping { path: String, key: Option<String> },
}

fn deep(frames: &[Frame], at: Mark) -> Result<(), Error> {
    if frames.len() > MAX_DEPTH { Err(too_deep(at)) } else { Ok(()) }
}

/// The path of a node that starts here; `scalar` is its text, if it is one. Keys and items are noted.
fn stand(
    frames: &mut [Frame],
    open: &mut Places,
    kept: &mut usize,
    scalar: Option<String>,
    line: usize,
) -> String {
    if open.line == 0 {
        open.line = line;
    }
    let mut note = |path: &str| {
        *kept += path.len();
        if *kept <= MAX_PATHS {
            open.fields.entry(path.to_owned()).or_insert(line);
        }
    };
    match frames.last_mut() {
        None => String::new(),
        Some(Frame::Sequence { path, next }) => {
            let path = format!("{path}[{next}]");
            *next += 1;
            note(&path);
            path
        }
        Some(Frame::Mapping { path, key }) => match key.take() {
            Some(key) => joined(path, &key),
            None => {
                // A key that is a collection names nothing.
                let name = scalar.unwrap_or_default();
                note(&joined(path, &name));
                *key = Some(name);
                String::new()
            }
        },
    }
}

fn joined(path: &str, key: &str) -> String {
    match (path.is_empty(), path.len() + key.len() < MAX_PATH) {
        (_, false) => path.to_owned(),
        (true, true) => key.to_owned(),
        (false, true) => format!("{path}.{key}"),
    }
}
