//! Lists and mappings in brackets.

use super::{Answer, Event, Kind, Parser, Place, State};

impl<'a> Parser<'a> {
    pub(super) fn flow_sequence_entry(&mut self, first: bool) -> Answer<'a> {
        if first {
            self.enter()?;
        } else if self.scanner.peek()?.kind == Kind::FlowEntry {
            self.scanner.take()?;
        } else if self.scanner.peek()?.kind != Kind::FlowSequenceEnd {
            return Err(self.broken("did not find expected ',' or ']'"));
        }
        let kind = &self.scanner.peek()?.kind;
        if *kind == Kind::FlowSequenceEnd {
            return self.end(Event::SequenceEnd);
        }
        if *kind == Kind::Key {
            let key = self.scanner.take()?;
            self.state = State::FlowPairKey;
            return Ok((Event::MappingStart(None), key.start));
        }
        self.node_then(State::FlowSequenceEntry { first: false }, Place::Flow)
    }

    pub(super) fn flow_pair_key(&mut self) -> Answer<'a> {
        if matches!(self.scanner.peek()?.kind, Kind::Value | Kind::FlowEntry | Kind::FlowSequenceEnd) {
            // The indicator goes with the key that is missing, as in libyaml.
            let token = self.scanner.take()?;
            return self.nothing_then(State::FlowPairValue, token.end);
        }
        self.node_then(State::FlowPairValue, Place::Flow)
    }

    pub(super) fn flow_pair_value(&mut self) -> Answer<'a> {
        if self.scanner.peek()?.kind == Kind::Value {
            self.scanner.take()?;
            if !matches!(self.scanner.peek()?.kind, Kind::FlowEntry | Kind::FlowSequenceEnd) {
                return self.node_then(State::FlowPairEnd, Place::Flow);
            }
        }
        let at = self.scanner.peek()?.start;
        self.nothing_then(State::FlowPairEnd, at)
    }

    pub(super) fn flow_pair_end(&mut self) -> Answer<'a> {
        self.state = State::FlowSequenceEntry { first: false };
        Ok((Event::MappingEnd, self.scanner.peek()?.start))
    }

    pub(super) fn flow_mapping_key(&mut self, first: bool) -> Answer<'a> {
        if first {
            self.enter()?;
        } else if self.scanner.peek()?.kind == Kind::FlowEntry {
            self.scanner.take()?;
        } else if self.scanner.peek()?.kind != Kind::FlowMappingEnd {
            return Err(self.broken("did not find expected ',' or '}'"));
        }
        let kind = &self.scanner.peek()?.kind;
        if *kind == Kind::FlowMappingEnd {
            return self.end(Event::MappingEnd);
        }
        if *kind != Kind::Key {
            return self.node_then(State::FlowMappingValue { empty: true }, Place::Flow);
        }
        self.scanner.take()?;
        let token = self.scanner.peek()?;
        let at = token.start;
        let then = State::FlowMappingValue { empty: false };
        if matches!(token.kind, Kind::Value | Kind::FlowEntry | Kind::FlowMappingEnd) {
            return self.nothing_then(then, at);
        }
        self.node_then(then, Place::Flow)
    }

    pub(super) fn flow_mapping_value(&mut self, empty: bool) -> Answer<'a> {
        let then = State::FlowMappingKey { first: false };
        if !empty && self.scanner.peek()?.kind == Kind::Value {
            self.scanner.take()?;
            if !matches!(self.scanner.peek()?.kind, Kind::FlowEntry | Kind::FlowMappingEnd) {
                return self.node_then(then, Place::Flow);
            }
        }
        let at = self.scanner.peek()?.start;
        self.nothing_then(then, at)
    }
}
