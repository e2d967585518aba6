//! One node: an alias, a scalar or the start of a collection, with its anchor and tag.

use std::borrow::Cow;

use super::{Answer, Event, Kind, Mark, Parser, Place, Problem, State, Tag, Text, Token};

/// What stands before a node.
struct Properties<'a> {
    start: Mark,
    anchor: Option<&'a str>,
    /// [`Tag::None`] where none is written.
    tag: Tag,
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
            return Ok((Event::Scalar(text(token, anchor, tag)), start));
        }
        if let Some((state, event)) = collection(&token.kind, place, anchor) {
            self.state = state;
            return Ok((event, start));
        }
        if anchor.is_some() || tag != Tag::None {
            self.back();
            let implicit = tag == Tag::None;
            let text = Text { value: Cow::Borrowed(""), anchor, tag, implicit };
            return Ok((Event::Scalar(text), start));
        }
        let text = "did not find expected node content";
        Err(Problem { text, at: token.start, since: start, scanning: false })
    }

    /// An anchor and a tag in any order.
    fn properties(&mut self) -> Result<Properties<'a>, Problem> {
        let start = self.scanner.peek()?.start;
        let mut found = Properties { start, anchor: None, tag: Tag::None };
        loop {
            let kind = &self.scanner.peek()?.kind;
            if let Kind::Anchor(name) = *kind
                && found.anchor.is_none()
            {
                self.scanner.take()?;
                found.anchor = Some(name);
            } else if matches!(kind, Kind::Tag { .. }) && found.tag == Tag::None {
                let token = self.scanner.take()?;
                found.tag = self.full_tag(&token, start)?;
            } else {
                return Ok(found);
            }
        }
    }

    fn full_tag(&self, token: &Token<'a>, since: Mark) -> Result<Tag, Problem> {
        let Kind::Tag { handle, suffix } = &token.kind else { return Ok(Tag::None) };
        if handle.is_empty() {
            return Ok(Tag::from_parts("", suffix));
        }
        let undefined =
            Problem { text: "found undefined tag handle", at: token.start, since, scanning: false };
        self.tags.get(handle).map(|prefix| Tag::from_parts(prefix, suffix)).ok_or(undefined)
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

fn text<'a>(token: Token<'a>, anchor: Option<&'a str>, tag: Tag) -> Text<'a> {
    let (value, plain) =
        if let Kind::Scalar { text, plain } = token.kind { (text, plain) } else { (Cow::Borrowed(""), true) };
    let implicit = (plain && tag == Tag::None) || tag == Tag::Unspecific;
    Text { value, anchor, tag, implicit }
}
