//! The index of a Helm repository (`index.yaml`): which charts there are, in which versions, and where.
//!
//! Of each version its number, its first address and its digest are kept, the rest is skipped while it is read: an
//! index of 20 MB becomes some 3 MB.

use saphyr_parser::{Event, Parser, ScanError, StrInput};
use std::{borrow::Cow, collections::BTreeMap};

/// No index is nested deeper: what is, is not one.
const DEEPEST: usize = 64;
/// Bytes that the charts of one index may take.
const MOST: usize = 64 << 20;
/// What a version takes besides its texts.
const AROUND: usize = 80;

/// The charts of a repository.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Index {
    charts: BTreeMap<Box<str>, Vec<Entry>>,
    weight: usize,
}

/// One version of a chart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) version: Box<str>,
    /// Where the archive is: an address, or a path below the repository's.
    pub(super) url: Box<str>,
    /// The SHA-256 of the archive, where the index tells it.
    pub(super) digest: Option<[u8; 32]>,
}

/// Why something is no index.
#[derive(Debug, thiserror::Error)]
pub(super) enum Invalid {
    /// It is no YAML.
    #[error("line {}: {}", .0.marker().line(), .0.info())]
    Yaml(#[from] ScanError),
    /// It is YAML, and another thing.
    #[error("it has no `entries`: is this the address of a Helm repository?")]
    NoEntries,
    /// It is nested too deep.
    #[error("it is nested more than {DEEPEST} deep")]
    Deep,
    /// It has too many charts.
    #[error("its charts take more than {} MiB", MOST >> 20)]
    Large,
}

impl Index {
    /// Reads an index. Versions without a number or an address are left out, as Helm does.
    pub(super) fn parse(text: &str) -> Result<Self, Invalid> {
        let mut reader = Reader { parser: Parser::new_from_str(text.trim_start_matches('\u{feff}')) };
        let mut index = Self::default();
        let mut found = false;
        let begin = reader.begin()?;
        reader.mapping(begin, &mut |reader, key, value| {
            if key != "entries" {
                return reader.skip(value);
            }
            found = true;
            reader.mapping(value, &mut |reader, name, value| {
                let mut versions = Vec::new();
                reader.sequence(value, &mut |reader, value| {
                    if let Some(entry) = reader.entry(value)? {
                        index.weight += AROUND + entry.version.len() + entry.url.len();
                        versions.push(entry);
                    }
                    Ok(())
                })?;
                index.weight += AROUND + name.len();
                if index.weight > MOST {
                    return Err(Invalid::Large);
                }
                versions.shrink_to_fit();
                index.charts.entry(name.into()).or_default().extend(versions);
                Ok(())
            })
        })?;
        // The index of an empty repository has `entries: {}`.
        if found { Ok(index) } else { Err(Invalid::NoEntries) }
    }

    /// The versions of a chart, as they are listed.
    pub(super) fn versions(&self, chart: &str) -> Option<&[Entry]> {
        self.charts.get(chart).map(Vec::as_slice)
    }

    /// The names of all charts, in order.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.charts.keys().map(|name| &**name)
    }

    /// About how many bytes it takes.
    pub(super) fn weight(&self) -> usize {
        self.weight
    }
}

/// Reads nodes from events, each from the event that it begins with.
struct Reader<'t> {
    parser: Parser<'t, StrInput<'t>>,
}

impl<'t> Reader<'t> {
    fn next(&mut self) -> Result<Event<'t>, Invalid> {
        match self.parser.next_event() {
            Some(event) => Ok(event?.0),
            None => Ok(Event::StreamEnd),
        }
    }

    /// The first event of the first document's node.
    fn begin(&mut self) -> Result<Event<'t>, Invalid> {
        loop {
            let event = self.next()?;
            if !matches!(event, Event::Nothing | Event::StreamStart | Event::DocumentStart(_)) {
                return Ok(event);
            }
        }
    }

    /// Passes over the node.
    fn skip(&mut self, begin: Event<'t>) -> Result<(), Invalid> {
        let mut depth = 0_usize;
        let mut event = begin;
        loop {
            if matches!(event, Event::MappingStart(..) | Event::SequenceStart(..)) {
                depth += 1;
            } else if matches!(event, Event::MappingEnd | Event::SequenceEnd) {
                depth = depth.saturating_sub(1);
            } else if event == Event::StreamEnd {
                return Ok(());
            }
            if depth > DEEPEST {
                return Err(Invalid::Deep);
            }
            if depth == 0 {
                return Ok(());
            }
            event = self.next()?;
        }
    }

    /// Hands over the pairs of the node; another node than a mapping has none.
    fn mapping(
        &mut self,
        begin: Event<'t>,
        take: &mut dyn FnMut(&mut Self, &str, Event<'t>) -> Result<(), Invalid>,
    ) -> Result<(), Invalid> {
        if !matches!(begin, Event::MappingStart(..)) {
            return self.skip(begin);
        }
        loop {
            let key = self.next()?;
            if matches!(key, Event::MappingEnd | Event::StreamEnd) {
                return Ok(());
            }
            if let Event::Scalar(name, ..) = key {
                let value = self.next()?;
                take(self, &name, value)?;
            } else {
                self.skip(key)?;
                let value = self.next()?;
                self.skip(value)?;
            }
        }
    }

    /// Hands over the elements of the node; another node than a sequence has none.
    fn sequence(
        &mut self,
        begin: Event<'t>,
        take: &mut dyn FnMut(&mut Self, Event<'t>) -> Result<(), Invalid>,
    ) -> Result<(), Invalid> {
        if !matches!(begin, Event::SequenceStart(..)) {
            return self.skip(begin);
        }
        loop {
            let element = self.next()?;
            if matches!(element, Event::SequenceEnd | Event::StreamEnd) {
                return Ok(());
            }
            take(self, element)?;
        }
    }

    fn text(&mut self, begin: Event<'t>) -> Result<Cow<'t, str>, Invalid> {
        if let Event::Scalar(text, ..) = begin {
            return Ok(text);
        }
        self.skip(begin)?;
        Ok(Cow::Borrowed(""))
    }

    fn entry(&mut self, begin: Event<'t>) -> Result<Option<Entry>, Invalid> {
        let (mut version, mut url, mut digest) = (Cow::Borrowed(""), None, None);
        self.mapping(begin, &mut |reader, key, value| {
            match key {
                "version" => version = reader.text(value)?,
                "digest" => digest = sha256(&reader.text(value)?),
                "urls" => reader.sequence(value, &mut |reader, value| {
                    let text = reader.text(value)?;
                    url.get_or_insert(text);
                    Ok(())
                })?,
                _ => reader.skip(value)?,
            }
            Ok(())
        })?;
        let url = url.unwrap_or_default();
        let whole = !version.is_empty() && !url.is_empty();
        Ok(whole.then(|| Entry { version: version.as_ref().into(), url: url.as_ref().into(), digest }))
    }
}

/// The digest that a text is, with or without the algorithm's name.
fn sha256(text: &str) -> Option<[u8; 32]> {
    let digits = text.strip_prefix("sha256:").unwrap_or(text);
    let mut digest = [0; 32];
    hex::decode_to_slice(digits, &mut digest).ok().map(|()| digest)
}

#[cfg(test)]
mod tests;
