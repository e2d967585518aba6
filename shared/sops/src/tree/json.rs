//! JSON with its keys in their order (sops `stores/json`).

use super::{Leaf, MAX_DEPTH, MAX_NODES, Node, TOO_MUCH};
use serde::{
    Deserializer,
    de::{DeserializeSeed, MapAccess, SeqAccess, Visitor},
};
use std::fmt;

pub(super) fn read(text: &str) -> Result<Node, String> {
    let mut nodes = 0;
    let mut text = serde_json::Deserializer::from_str(text);
    let read = Values { nodes: &mut nodes, depth: 0 }.deserialize(&mut text);
    let read = read.and_then(|node| text.end().map(|()| node));
    // Where, not what: the text may be a secret.
    read.map_err(|error| match error.to_string().starts_with(TOO_MUCH) {
        true => TOO_MUCH.to_owned(),
        false => format!("its JSON cannot be read at line {}, column {}", error.line(), error.column()),
    })
}

/// Reads one value, and counts it among all of the text.
struct Values<'a> {
    nodes: &'a mut usize,
    depth: usize,
}

impl Values<'_> {
    const fn inner(&mut self) -> Values<'_> {
        Values { nodes: self.nodes, depth: self.depth + 1 }
    }

    /// One more, and whether there may be.
    fn count<E: serde::de::Error>(&mut self) -> Result<(), E> {
        *self.nodes += 1;
        if *self.nodes > MAX_NODES || self.depth > MAX_DEPTH { Err(E::custom(TOO_MUCH)) } else { Ok(()) }
    }
}

impl<'de> DeserializeSeed<'de> for Values<'_> {
    type Value = Node;

    fn deserialize<D: Deserializer<'de>>(mut self, deserializer: D) -> Result<Node, D::Error> {
        self.count::<D::Error>()?;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Values<'_> {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Leaf::boolean(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Leaf::other(value.to_string()))
    }

    #[expect(clippy::cast_precision_loss, reason = "as sops reads what does not fit its integers")]
    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(i64::try_from(value)
            .map_or_else(|_| Leaf::float(value as f64), |value| Leaf::other(value.to_string())))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        Ok(Leaf::float(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Leaf::text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<Node, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element_seed(self.inner())? {
            items.push(item);
        }
        Ok(Node::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Node, A::Error> {
        let mut entries = Vec::new();
        while let Some(key) = map.next_key::<String>()? {
            // As in YAML, where a key is a scalar of its own.
            self.count::<A::Error>()?;
            entries.push((key, map.next_value_seed(self.inner())?));
        }
        Ok(Node::Map(entries))
    }
}
