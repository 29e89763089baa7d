//! The attributes of an object, and what their values are.

use std::rc::Rc;

use super::btree_v2::{self, Records};
use super::bytes::{Cursor, decode_text};
use super::fault::{Found, Stop, each};
use super::fractal_heap::{self, FractalHeap};
use super::global_heap::{self, HeapReference};
use super::message::attribute::{self, RawAttribute};
use super::message::dataspace::Dataspace;
use super::message::datatype::{Datatype, Padding};
use super::message::link::{self, Dense};
use super::message::{resolve, shared_heap};
use super::object_header::{Message, SHARED, kind};
use super::store::View;
use crate::model::{AttributeValue, Attributes, Numbers};

/// Records of attribute names: a heap ID, flags, the order of creation, a hash.
const NAMES_OF_ATTRIBUTES: u8 = 8;

/// The only attribute whose object references netCDF needs: which dimension scale each dimension has.
pub(super) const DIMENSION_LIST: &str = "DIMENSION_LIST";

/// Attributes of the netCDF-4 and dimension-scale libraries' own book-keeping.
const BOOK_KEEPING: [&str; 9] = [
    "CLASS",
    "NAME",
    DIMENSION_LIST,
    "DIMENSION_LABELS",
    "REFERENCE_LIST",
    "_Netcdf4Dimid",
    "_Netcdf4Coordinates",
    "_NCProperties",
    "_nc3_strict",
];

/// An attribute of an object.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Attribute {
    pub(super) name: String,
    pub(super) value: Value,
}

/// The value of an attribute.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Plain(AttributeValue),
    /// The addresses of the objects that each element refers to.
    References(Vec<Vec<u64>>),
}

/// An attribute with its order, where that is known.
type Ordered = (Option<u32>, Attribute);

/// Reads the attributes of an object one by one: what was read is not read again when bytes are missing.
#[derive(Debug, Default)]
pub(super) struct AttributeWalk {
    /// As many as there are messages; `None`: not yet read, or about something else.
    parts: Vec<Option<Ordered>>,
    /// The heap that holds many attributes; an object has at most one.
    dense: Option<DenseWalk>,
}

/// The attributes of a heap.
#[derive(Debug)]
struct DenseWalk {
    at: Dense,
    heap: Rc<FractalHeap>,
    records: Records,
    /// As many as there are records; `None`: not yet read.
    found: Vec<Option<Ordered>>,
}

impl AttributeWalk {
    /// Reads as far as the bytes at hand allow.
    pub(super) fn run(&mut self, view: &View, messages: &[Message]) -> Found<()> {
        self.parts.resize_with(messages.len(), || None);
        let Self { parts, dense } = self;
        let waiting = parts.iter_mut().zip(messages).filter(|(part, _)| part.is_none());
        each(waiting, |(part, message)| {
            match message.kind {
                kind::ATTRIBUTE => {
                    let (body, address) =
                        resolve(view, kind::ATTRIBUTE, message.flags, &message.body, message.address)?;
                    let attribute = decode(view, attribute::read(view, &body, address)?)?;
                    *part = Some((message.order.map(u32::from), attribute));
                }
                kind::ATTRIBUTE_INFO => {
                    if let Some(at) = link::read_attribute_info(message.cursor("attribute info", view))? {
                        match dense {
                            Some(walk) => walk.run(view)?,
                            None => dense.insert(DenseWalk::open(view, at)?).run(view)?,
                        }
                    }
                }
                _ => {}
            }
            Ok(())
        })?;
        Ok(())
    }

    /// The attributes of libraries' book-keeping, and all others, in the order in which they were made where that is known, else
    /// in the file's, those of a heap by their names.
    pub(super) fn into_attributes(self) -> (Vec<Attribute>, Attributes) {
        let mut found: Vec<Ordered> = self.dense.into_iter().flat_map(|dense| dense.found).flatten().collect();
        let in_heap = found.len();
        found.extend(self.parts.into_iter().flatten());
        if found.iter().all(|(order, _)| order.is_some()) {
            found.sort_by_key(|(order, _)| *order);
        } else {
            found[..in_heap].sort_by(|a, b| a.1.name.cmp(&b.1.name));
        }
        let (mut book_keeping, mut others) = (Vec::new(), Attributes::with_capacity(found.len()));
        for (_, attribute) in found {
            match attribute.value {
                Value::Plain(value) if !BOOK_KEEPING.contains(&attribute.name.as_str()) => {
                    others.insert(attribute.name, value);
                }
                _ => book_keeping.push(attribute),
            }
        }
        (book_keeping, others)
    }
}

impl DenseWalk {
    fn open(view: &View, at: Dense) -> Found<Self> {
        let heap = fractal_heap::open(view, at.heap);
        let records = btree_v2::records(view, at.names, &[NAMES_OF_ATTRIBUTES]);
        if let (Ok(heap), Err(Stop::Need)) = (&heap, &records) {
            heap.expect(view);
        }
        let (heap, records) = (heap?, records?);
        let count = records.iter().len();
        view.spend_memory(count.saturating_mul(size_of::<Option<Ordered>>()))?;
        let found = std::iter::repeat_with(|| None).take(count).collect();
        Ok(Self { at, heap, records, found })
    }

    fn run(&mut self, view: &View) -> Found<()> {
        let Self { at, heap, records, found } = self;
        let mut waits = false;
        for (found, record) in found.iter_mut().zip(records.iter()).filter(|(found, _)| found.is_none()) {
            match read_dense(view, *at, heap, record) {
                Ok(attribute) => *found = Some(attribute),
                Err(Stop::Need) => waits = true,
                Err(fault) => return Err(fault),
            }
        }
        if waits { Err(Stop::Need) } else { Ok(()) }
    }
}

fn read_dense(view: &View, at: Dense, heap: &FractalHeap, record: &[u8]) -> Found<Ordered> {
    let mut cursor = view.cursor("record of an attribute", record, at.names);
    let (id, flags, order) = (cursor.take(8)?, cursor.u8()?, cursor.u32()?);
    let body = if flags & SHARED == 0 {
        heap.object(view, id)?
    } else {
        fractal_heap::open(view, shared_heap(view, kind::ATTRIBUTE, at.names)?)?.object(view, id)?
    };
    let attribute = decode(view, attribute::read(view, &body, at.heap)?)?;
    Ok((if at.ordered { Some(order) } else { None }, attribute))
}

fn decode(view: &View, raw: RawAttribute) -> Found<Attribute> {
    // Any number of objects may share one.
    view.spend_memory(raw.name.len() + raw.data.len())?;
    let value = if raw.name == DIMENSION_LIST { references(view, &raw)? } else { Value::Plain(plain(view, &raw)?) };
    Ok(Attribute { name: raw.name, value })
}

fn cursor<'a>(view: &View, raw: &RawAttribute<'a>) -> Cursor<'a> {
    view.cursor("attribute", raw.data, raw.address)
}

fn count(raw: &RawAttribute) -> usize {
    raw.data.len() / (raw.datatype.size() as usize).max(1)
}

/// One text stays a text, whether it is a scalar or an array of one.
fn texts(mut texts: Vec<String>) -> AttributeValue {
    match texts.len() {
        0 => AttributeValue::Text(String::new()),
        1 => AttributeValue::Text(texts.pop().unwrap_or_default()),
        _ => AttributeValue::Texts(texts),
    }
}

fn plain(view: &View, raw: &RawAttribute) -> Found<AttributeValue> {
    match &raw.datatype {
        Datatype::Number(_) if raw.space == Dataspace::Null => Ok(AttributeValue::Text(String::new())),
        Datatype::Number(data_type) => Ok(match data_type.number() {
            Some((primitive, order)) => AttributeValue::Numbers(Numbers::from_bytes(primitive, order, raw.data)),
            None => AttributeValue::Unsupported(data_type.to_string()),
        }),
        Datatype::FixedString { length, padding } if raw.data.len() == *length as usize => {
            Ok(AttributeValue::Text(decode_text(unpadded(raw.data, *padding))))
        }
        Datatype::FixedString { length, padding } => {
            let pieces = raw.data.chunks_exact(*length as usize);
            Ok(texts(pieces.map(|piece| decode_text(unpadded(piece, *padding))).collect()))
        }
        Datatype::VariableString { .. } => {
            let mut cursor = cursor(view, raw);
            let references = (0..count(raw)).map(|_| HeapReference::read(&mut cursor)).collect::<Found<Vec<_>>>()?;
            Ok(texts(each(references, |reference| global_heap::text(view, reference))?))
        }
        other => Ok(AttributeValue::Unsupported(other.class())),
    }
}

/// The text without what fills it up.
pub(super) fn unpadded(bytes: &[u8], padding: Padding) -> &[u8] {
    let end = match padding {
        Padding::NulTerminated => bytes.iter().position(|byte| *byte == 0),
        Padding::Nul => Some(bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1)),
        Padding::Space => Some(bytes.iter().rposition(|byte| !matches!(byte, b' ' | 0)).map_or(0, |last| last + 1)),
    };
    &bytes[..end.unwrap_or(bytes.len())]
}

/// Lists of object references, one for each dimension.
fn references(view: &View, raw: &RawAttribute) -> Found<Value> {
    let reference_size = match &raw.datatype {
        Datatype::Sequence { base, .. } => match **base {
            Datatype::ObjectReference { size } => size as usize,
            _ => return Ok(Value::Plain(AttributeValue::Unsupported(raw.datatype.class()))),
        },
        other => return Ok(Value::Plain(AttributeValue::Unsupported(other.class()))),
    };
    let mut cursor = cursor(view, raw);
    let lists = (0..count(raw)).map(|_| HeapReference::read(&mut cursor)).collect::<Found<Vec<_>>>()?;
    let lists = each(lists, |list| {
        global_heap::resolve(view, list, reference_size, |bytes| {
            bytes.chunks_exact(reference_size.clamp(1, 8)).map(address).collect()
        })
    })?;
    Ok(Value::References(lists))
}

fn address(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |address, byte| address << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_is_no_part_of_a_text() {
        assert_eq!(unpadded(b"ab\0c", Padding::NulTerminated), b"ab");
        assert_eq!(unpadded(b"abcd", Padding::NulTerminated), b"abcd");
        assert_eq!(unpadded(b"ab\0c\0\0", Padding::Nul), b"ab\0c");
        assert_eq!(unpadded(b"ab  ", Padding::Space), b"ab");
        assert_eq!(unpadded(b"    ", Padding::Space), b"");
    }
}
