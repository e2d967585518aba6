//! One node: an alias, a scalar or the start of a collection, with its anchor and tag.

use std::borrow::Cow;

use super::{Answer, Event, Kind, Mark, Parser, Place, Problem, State, Tag, Text, Token};

/// What stands before a node.
struct Properties<'a> {
    start: Mark,
    anchor: Option<&'a str>,
    tag: Option<Cow<'a, str>>,
}

impl<'a> Parser<'a> {
    /// The state after it is on the stack.
    pub(super) fn node(&mut self, place: Place) -> Answer<'a> {
        if let Kind::Alias(name) = self.scanner.peek()?.kind {
            let token = self.scanner.take()?;
            self.back();
            return Ok((Event::Alias(name), token.start));
        }
        let Properties { start, anchor, tag } = self.properties()?;
        let token = self.scanner.peek()?;
        let (state, event) = match &token.kind {
            Kind::BlockEntry if place == Place::BlockOrIndentless => {
                (State::IndentlessSequenceEntry, Event::SequenceStart(anchor))
            }
            Kind::Scalar { .. } => {
                let token = self.scanner.take()?;
                self.back();
                return Ok((Event::Scalar(text(token, anchor, tag)), start));
            }
            Kind::FlowSequenceStart => {
                (State::FlowSequenceEntry { first: true }, Event::SequenceStart(anchor))
            }
            Kind::FlowMappingStart => (State::FlowMappingKey { first: true }, Event::MappingStart(anchor)),
            Kind::BlockSequenceStart if place != Place::Flow => {
                (State::BlockSequenceEntry { first: true }, Event::SequenceStart(anchor))
            }
            Kind::BlockMappingStart if place != Place::Flow => {
                (State::BlockMappingKey { first: true }, Event::MappingStart(anchor))
            }
            _ if anchor.is_some() || tag.is_some() => {
                self.back();
                let implicit = tag.is_none();
                let tag = resolved(tag.as_deref());
                let text = Text { value: Cow::Borrowed(""), anchor, tag, implicit };
                return Ok((Event::Scalar(text), start));
            }
            _ => {
                let text = "did not find expected node content";
                return Err(Problem { text, at: token.start, since: start, scanning: false });
            }
        };
        self.state = state;
        Ok((event, start))
    }

    /// An anchor and a tag in any order.
    fn properties(&mut self) -> Result<Properties<'a>, Problem> {
        let start = self.scanner.peek()?.start;
        let mut found = Properties { start, anchor: None, tag: None };
        loop {
            match self.scanner.peek()?.kind {
                Kind::Anchor(name) if found.anchor.is_none() => {
                    self.scanner.take()?;
                    found.anchor = Some(name);
                }
                Kind::Tag { .. } if found.tag.is_none() => {
                    let token = self.scanner.take()?;
                    found.tag = Some(self.full_tag(token, start)?);
                }
                _ => return Ok(found),
            }
        }
    }

    fn full_tag(&self, token: Token<'a>, since: Mark) -> Result<Cow<'a, str>, Problem> {
        let Kind::Tag { handle, suffix } = token.kind else { return Ok(Cow::Borrowed("")) };
        if handle.is_empty() {
            return Ok(suffix);
        }
        match self.tags.get(handle) {
            Some(prefix) => Ok(Cow::Owned(format!("{prefix}{suffix}"))),
            None => {
                let text = "found undefined tag handle";
                Err(Problem { text, at: token.start, since, scanning: false })
            }
        }
    }
}

fn text<'a>(token: Token<'a>, anchor: Option<&'a str>, tag: Option<Cow<'a, str>>) -> Text<'a> {
    let (value, plain) = match token.kind {
        Kind::Scalar { text, plain } => (text, plain),
        _ => (Cow::Borrowed(""), true),
    };
    let implicit = tag.as_deref().map_or(plain, |tag| tag == "!");
    Text { value, anchor, tag: resolved(tag.as_deref()), implicit }
}

fn resolved(tag: Option<&str>) -> Tag {
    tag.map_or(Tag::None, Tag::from_full)
}
