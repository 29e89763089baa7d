//! Collections that name very many items.

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// Reads a JSON document without its links to items: a Collection names each of its own, and of 100,000 nobody needs them all in memory who asks for what the
/// Collection says itself.
///
/// ```
/// let text = br#"{"id": "c", "links": [{"rel": "item", "href": "./items/a.json"}, {"rel": "root", "href": "../catalog.json"}]}"#;
/// let collection = altostac::model::without_item_links(text)?;
/// assert_eq!(collection["links"].as_array().unwrap().len(), 1);
/// # Ok::<(), serde_json::Error>(())
/// ```
///
/// # Errors
/// If the text is no JSON object.
pub fn without_item_links(text: &[u8]) -> serde_json::Result<Value> {
    let mut reader = serde_json::Deserializer::from_slice(text);
    let members = reader.deserialize_map(Document)?;
    reader.end()?;
    Ok(Value::Object(members))
}

struct Document;

impl<'de> Visitor<'de> for Document {
    type Value = Map<String, Value>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let mut found = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            let value = if name == "links" { members.next_value_seed(Links)? } else { members.next_value()? };
            found.insert(name, value);
        }
        Ok(found)
    }
}

struct Links;

impl<'de> DeserializeSeed<'de> for Links {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Value, D::Error> {
        reader.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Links {
    type Value = Value;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a list of links")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut links: A) -> Result<Value, A::Error> {
        let mut others = Vec::new();
        while let Some(link) = links.next_element::<Value>()? {
            if link.get("rel").and_then(Value::as_str) != Some("item") {
                others.push(link);
            }
        }
        Ok(Value::Array(others))
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn nothing_but_links_to_items_is_left_out() {
        for text in ["[]", "1", "", "{", "{} x", r#"{"links": 1}"#] {
            assert!(without_item_links(text.as_bytes()).is_err(), "{text}");
        }
        let odd = json!({"links": [1, {"rel": 2}, {"rel": "items"}, null], "assets": {"links": [{"rel": "item"}]}});
        assert_eq!(without_item_links(odd.to_string().as_bytes()).unwrap(), odd);
    }

    proptest! {
        #[test]
        fn it_is_the_document_filtered(rels in prop::collection::vec(prop_oneof!["item", "child", "[a-z]{0,5}"], 0..20), title in ".*") {
            let links: Vec<Value> = rels.iter().map(|rel| json!({"rel": rel, "href": "x"})).collect();
            let text = json!({"links": links, "title": title}).to_string();
            let others: Vec<Value> = links.into_iter().filter(|link| link["rel"] != "item").collect();
            prop_assert_eq!(without_item_links(text.as_bytes()).unwrap(), json!({"links": others, "title": title}));
        }

        #[test]
        fn any_bytes_are_taken(text in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = without_item_links(&text);
        }
    }
}
