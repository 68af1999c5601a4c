//! Where a key of the limits file stands, for errors that are found after it was read.

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;
use std::fmt;

/// YAML of any shape, with places. Keys that are no text are left out.
enum Node {
    Map(Vec<(String, Spanned<Node>)>),
    List(Vec<Spanned<Node>>),
    Value,
}

/// ` at line 3, column 8`: the place of the value of `key` (`soft.ttl`, `when.windows.0.from`), or of the nearest
/// above it; empty if there is none.
pub(super) fn of(text: &str, key: &str) -> String {
    let Ok(Spanned { value: mut node, .. }) = serde_saphyr::from_str::<Spanned<Node>>(text) else {
        return String::new();
    };
    let mut place = String::new();
    for part in key.split('.') {
        let next = match node {
            Node::Map(keys) => keys.into_iter().find(|(name, _)| name == part).map(|(_, next)| next),
            Node::List(list) => part.parse().ok().and_then(|index| list.into_iter().nth(index)),
            Node::Value => None,
        };
        let Some(next) = next else { break };
        place = format!(" at line {}, column {}", next.referenced.line(), next.referenced.column());
        node = next.value;
    }
    place
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Shape)
    }
}

struct Shape;

impl<'de> Visitor<'de> for Shape {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any YAML")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let mut keys = Vec::new();
        while let Some(entry) = map.next_entry()? {
            keys.push(entry);
        }
        Ok(Node::Map(keys))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Node, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = list.next_element()? {
            entries.push(entry);
        }
        Ok(Node::List(entries))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Node, E> {
        Ok(Node::Value)
    }
    fn visit_i64<E>(self, _: i64) -> Result<Node, E> {
        Ok(Node::Value)
    }
    fn visit_u64<E>(self, _: u64) -> Result<Node, E> {
        Ok(Node::Value)
    }
    fn visit_f64<E>(self, _: f64) -> Result<Node, E> {
        Ok(Node::Value)
    }
    fn visit_str<E>(self, _: &str) -> Result<Node, E> {
        Ok(Node::Value)
    }
    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Value)
    }
    fn visit_none<E>(self) -> Result<Node, E> {
        Ok(Node::Value)
    }
    fn visit_some<D: Deserializer<'de>>(self, inner: D) -> Result<Node, D::Error> {
        IgnoredAny::deserialize(inner).map(|_| Node::Value)
    }
}
