//! The outer JSON: keys and references, read in one pass; URLs that occur a million times are kept once.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::inline_bytes;
use crate::read::Reference;

/// What is done with each key and its reference; an error ends the reading.
pub(super) type Sink<'a> = &'a mut dyn FnMut(Cow<'_, str>, Reference) -> Result<(), String>;

/// Reads the references of a product one after the other.
pub(super) fn read<'de, R: serde_json::de::Read<'de>>(json: R, sink: Sink<'_>) -> Result<(), serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::new(json);
    deserializer.deserialize_map(Document(sink))?;
    deserializer.end()
}

/// The outermost object.
struct Document<'a>(Sink<'a>);

impl<'de> Visitor<'de> for Document<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with version 1 and refs")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut urls = Urls::default();
        let (mut nested, mut is_empty) = (false, true);
        while let Some(key) = map.next_key_seed(Text)? {
            match &*key {
                "version" => {
                    let version = map.next_value::<serde_json::Value>()?;
                    if version.as_u64() != Some(1) {
                        return Err(A::Error::custom(format!("version {version} is not supported; expected 1")));
                    }
                }
                "refs" if !nested && is_empty => {
                    nested = true;
                    map.next_value_seed(Refs { sink: &mut *self.0, urls: &mut urls })?;
                }
                "templates" | "gen" => {
                    let value = map.next_value::<serde_json::Value>()?;
                    let empty = value.as_object().is_some_and(serde_json::Map::is_empty)
                        || value.as_array().is_some_and(Vec::is_empty);
                    if !empty {
                        return Err(A::Error::custom(format!("{key} is not supported; expected plain references")));
                    }
                }
                _ if nested => return Err(A::Error::custom(format!("the key {key:?} is not known beside refs"))),
                _ => {
                    let reference = map.next_value_seed(OneReference(&mut urls))?;
                    is_empty = false;
                    (self.0)(key, reference).map_err(A::Error::custom)?;
                }
            }
        }
        Ok(())
    }
}

/// A text, as it stands in the document if it can be had so.
struct Text;

impl<'de> DeserializeSeed<'de> for Text {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Text {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(text.to_owned()))
    }
}

struct Refs<'a> {
    sink: Sink<'a>,
    urls: &'a mut Urls,
}

impl<'de> DeserializeSeed<'de> for Refs<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Refs<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of references")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key_seed(Text)? {
            let reference = map.next_value_seed(OneReference(self.urls))?;
            (self.sink)(key, reference).map_err(A::Error::custom)?;
        }
        Ok(())
    }
}

/// Each URL once.
#[derive(Default)]
pub(in crate::read) struct Urls {
    known: HashSet<Arc<str>>,
    /// The one that was met last: most often it is met again.
    last: Option<Arc<str>>,
}

impl Urls {
    pub(in crate::read) fn share(&mut self, url: &str) -> Arc<str> {
        if let Some(last) = self.last.as_ref().filter(|last| ***last == *url) {
            return Arc::clone(last);
        }
        let shared = self.known.get(url).cloned().unwrap_or_else(|| url.into());
        self.known.insert(Arc::clone(&shared));
        self.last = Some(Arc::clone(&shared));
        shared
    }
}

struct OneReference<'a>(&'a mut Urls);

impl<'de> DeserializeSeed<'de> for OneReference<'_> {
    type Value = Reference;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Reference, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for OneReference<'_> {
    type Value = Reference;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, an object, [url] or [url, offset, length]")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Reference, E> {
        inline_bytes(text).map(Reference::Inline).ok_or_else(|| E::custom("the text after base64: is not base64"))
    }

    /// fsspec takes an object for the text of its JSON.
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Reference, A::Error> {
        let mut object = serde_json::Map::new();
        while let Some((key, value)) = map.next_entry()? {
            object.insert(key, value);
        }
        Ok(Reference::Inline(serde_json::Value::Object(object).to_string().into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Reference, A::Error> {
        let wrong = |_| A::Error::custom("a reference is not [url] or [url, offset, length]");
        let missing = || A::Error::custom("a reference is not [url] or [url, offset, length]");
        let url = sequence.next_element_seed(Text).map_err(wrong)?.ok_or_else(missing)?;
        let url = self.0.share(&url);
        let Some(offset) = sequence.next_element::<u64>().map_err(wrong)? else { return Ok(Reference::Whole(url)) };
        let length = sequence.next_element::<u64>().map_err(wrong)?.ok_or_else(missing)?;
        if sequence.next_element::<IgnoredAny>()?.is_some() {
            return Err(missing());
        }
        Ok(Reference::Part { url, offset, length })
    }
}
