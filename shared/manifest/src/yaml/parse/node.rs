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
        if matches!(token.kind, Kind::Scalar { .. }) {
            let token = self.scanner.take()?;
            self.back();
            return Ok((Event::Scalar(text(token, anchor, tag.as_deref())), start));
        }
        if let Some((state, event)) = collection(&token.kind, place, anchor) {
            self.state = state;
            return Ok((event, start));
        }
        if anchor.is_some() || tag.is_some() {
            self.back();
            let (implicit, tag) = (tag.is_none(), resolved(tag.as_deref()));
            let text = Text { value: Cow::Borrowed(""), anchor, tag, implicit };
            return Ok((Event::Scalar(text), start));
        }
        let text = "did not find expected node content";
        Err(Problem { text, at: token.start, since: start, scanning: false })
    }

    /// An anchor and a tag in any order.
    fn properties(&mut self) -> Result<Properties<'a>, Problem> {
        let start = self.scanner.peek()?.start;
        let mut found = Properties { start, anchor: None, tag: None };
        loop {
            let kind = &self.scanner.peek()?.kind;
            if let Kind::Anchor(name) = *kind
                && found.anchor.is_none()
            {
                self.scanner.take()?;
                found.anchor = Some(name);
            } else if matches!(kind, Kind::Tag { .. }) && found.tag.is_none() {
                let token = self.scanner.take()?;
                found.tag = Some(self.full_tag(token, start)?);
            } else {
                return Ok(found);
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

/// What a token opens where a node is expected.
fn collection<'a>(kind: &Kind<'a>, place: Place, anchor: Option<&'a str>) -> Option<(State, Event<'a>)> {
    let (sequence, mapping) = (Event::SequenceStart(anchor), Event::MappingStart(anchor));
    if *kind == Kind::FlowSequenceStart {
        return Some((State::FlowSequenceEntry { first: true }, sequence));
    }
    if *kind == Kind::FlowMappingStart {
        return Some((State::FlowMappingKey { first: true }, mapping));
    }
    if *kind == Kind::BlockEntry && place == Place::BlockOrIndentless {
        return Some((State::IndentlessSequenceEntry, sequence));
    }
    if *kind == Kind::BlockSequenceStart && place != Place::Flow {
        return Some((State::BlockSequenceEntry { first: true }, sequence));
    }
    let block = *kind == Kind::BlockMappingStart && place != Place::Flow;
    block.then_some((State::BlockMappingKey { first: true }, mapping))
}

fn text<'a>(token: Token<'a>, anchor: Option<&'a str>, tag: Option<&str>) -> Text<'a> {
    let (value, plain) =
        if let Kind::Scalar { text, plain } = token.kind { (text, plain) } else { (Cow::Borrowed(""), true) };
    let implicit = tag.map_or(plain, |tag| tag == "!");
    Text { value, anchor, tag: resolved(tag), implicit }
}

fn resolved(tag: Option<&str>) -> Tag {
    tag.map_or(Tag::None, Tag::from_full)
}
