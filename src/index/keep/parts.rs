//! The parts of an index as bytes.

use super::bytes::{In, Out, Stored};
use crate::model::{
    Array, ArrayValues, AttributeValue, Attributes, ByteOrder, ChunkGrid, ChunkLocation, ChunkManifest, Codec,
    CodecChain, DataType, Digest, Dimension, DimensionName, Dimensions, FileGroup, FileIndex, FileVariable,
    Fingerprint, Layout, Note, Numbers, Primitive, SmallValues, SourceFile, SourceUrl, VariableName, VariableSchema,
};

/// An alternative: its number, then its fields.
macro_rules! put_kind {
    ($out:ident, $number:literal $(, $field:expr)*) => {{
        $out.byte($number);
        $($field.put($out)?;)*
        Some(())
    }};
}

impl Stored for FileIndex {
    fn put(&self, out: &mut Out) -> Option<()> {
        self.source.put(out)?;
        self.format.put(out)?;
        self.root.put(out)?;
        self.notes.put(out)
    }

    fn take(from: &mut In<'_>) -> Option<Self> {
        let (source, format) = (SourceFile::take(from)?, from.one_text()?);
        Some(Self { source, format, root: FileGroup::take(from)?, notes: Vec::take(from)? })
    }
}

impl Stored for Note {
    fn put(&self, out: &mut Out) -> Option<()> {
        self.kind.put(out)?;
        self.subject.put(out)?;
        self.message.put(out)
    }

    fn take(from: &mut In<'_>) -> Option<Self> {
        Some(Self { kind: String::take(from)?, subject: Stored::take(from)?, message: String::take(from)? })
    }
}

impl Stored for SourceFile {
    fn put(&self, out: &mut Out) -> Option<()> {
        out.raw(self.url.as_str().as_bytes());
        self.size.put(out)?;
        match &self.fingerprint {
            Fingerprint::ModifiedAndSize { modified_ns, size } => put_kind!(out, 0, modified_ns, size),
            Fingerprint::ETag { tag } => put_kind!(out, 1, tag),
            Fingerprint::Sha256 { digest } => put_kind!(out, 2, digest),
        }
    }

    fn take(from: &mut In<'_>) -> Option<Self> {
        let (url, size) = (SourceUrl::new(url::Url::parse(from.text()?).ok()?), u64::take(from)?);
        let fingerprint = match from.byte()? {
            0 => Fingerprint::ModifiedAndSize { modified_ns: i64::take(from)?, size: u64::take(from)? },
            1 => Fingerprint::ETag { tag: String::take(from)? },
            2 => Fingerprint::Sha256 { digest: String::take(from)? },
            _ => return None,
        };
        Some(Self { url, size, fingerprint })
    }
}

impl Stored for FileGroup {
    fn put(&self, out: &mut Out) -> Option<()> {
        self.path.put(out)?;
        out.shared(&self.dimensions)?;
        out.shared(&self.attributes)?;
        out.number(self.variables.len() as u64);
        self.variables.values().try_for_each(|variable| variable.put(out))?;
        out.number(self.groups.len() as u64);
        out.deeper(|out| {
            self.groups.iter().try_for_each(|(name, group)| {
                name.put(out)?;
                group.put(out)
            })
        })
    }

    fn take(from: &mut In<'_>) -> Option<Self> {
        let (path, dimensions, attributes) = (from.one_text()?, from.shared()?, from.shared()?);
        let variable = |from: &mut In<'_>| {
            let variable = FileVariable::take(from)?;
            Some((variable.name.clone(), variable))
        };
        let variables = (0..from.length()?).map(|_| variable(from)).collect::<Option<_>>()?;
        let count = from.length()?;
        let groups = from
            .deeper(|from| (0..count).map(|_| Some((String::take(from)?, Self::take(from)?))).collect::<Option<_>>())?;
        Some(Self { path, dimensions, attributes, variables, groups })
    }
}

impl Stored for Dimensions {
    fn put(&self, out: &mut Out) -> Option<()> {
        out.number(self.len() as u64);
        self.iter().try_for_each(|(name, dimension)| {
            out.raw(name.as_str().as_bytes());
            dimension.length.put(out)?;
            dimension.unlimited.put(out)
        })
    }

    fn take(from: &mut In<'_>) -> Option<Self> {
        let one = |from: &mut In<'_>| {
            let name = DimensionName::take(from)?;
            Some((name, Dimension { length: u64::take(from)?, unlimited: bool::take(from)? }))
        };
        (0..from.length()?).map(|_| one(from)).collect()
    }
}

impl Stored for DimensionName {
    fn put(&self, out: &mut Out) -> Option<()> {
        out.raw(self.as_str().as_bytes());
        Some(())
    }

    fn take(from: &mut In<'_>) -> Option<Self> {
        Self::new(from.text()?).ok()
    }
}

impl Stored for Attributes {
    fn put(&self, out: &mut Out) -> Option<()> {
        out.number(self.len() as u64);
        self.iter().try_for_each(|(name, value)| {
            name.put(out)?;
            value.put(out)
        })
    }

    fn take(from: &mut In<'_>) -> Option<Self> {
        (0..from.length()?).map(|_| Some((String::take(from)?, AttributeValue::take(from)?))).collect()
    }
}

impl Stored for AttributeValue {
    fn put(&self, out: &mut Out) -> Option<()> {
        match self {
            Self::Text(text) => put_kind!(out, 0, text),
            Self::Texts(texts) => put_kind!(out, 1, texts),
            Self::Numbers(numbers) => put_kind!(out, 2, numbers),
            Self::Unsupported(class) => put_kind!(out, 3, class),
        }
    }

    fn take(from: &mut In<'_>) -> Option<Self> {
        Some(match from.byte()? {
            0 => Self::Text(String::take(from)?),
            1 => Self::Texts(Vec::take(from)?),
            2 => Self::Numbers(Numbers::take(from)?),
            3 => Self::Unsupported(String::take(from)?),
            _ => return None,
        })
    }
}

/// The numbers that there are, in an order that stays.
const PRIMITIVES: [Primitive; 10] = [
    Primitive::I8,
    Primitive::U8,
    Primitive::I16,
    Primitive::U16,
    Primitive::I32,
    Primitive::U32,
    Primitive::I64,
    Primitive::U64,
    Primitive::F32,
    Primitive::F64,
];

impl Stored for Primitive {
    fn put(&self, out: &mut Out) -> Option<()> {
        let at = PRIMITIVES.iter().position(|one| one == self)?;
        out.byte(u8::try_from(at).ok()?);
        Some(())
    }

    fn take(from: &mut In<'_>) -> Option<Self> {
        PRIMITIVES.get(usize::from(from.byte()?)).copied()
    }
}

impl Stored for ByteOrder {
    fn put(&self, out: &mut Out) -> Option<()> {
        (*self == Self::Big).put(out)
    }

    fn take(from: &mut In<'_>) -> Option<Self> {
        Some(if bool::take(from)? { Self::Big } else { Self::Little })
    }
}

impl Stored for Numbers {
    fn put(&self, out: &mut Out) -> Option<()> {
        self.primitive().put(out)?;
        out.raw(&self.to_bytes(ByteOrder::Little));
        Some(())
    }

    fn take(from: &mut In<'_>) -> Option<Self> {
        let primitive = Primitive::take(from)?;
        Some(Self::from_bytes(primitive, ByteOrder::Little, from.raw()?))
    }
}

impl Stored for FileVariable {
    fn put(&self, out: &mut Out) -> Option<()> {
        out.shared(&self.schema)?;
        out.shared(&self.manifest)?;
        match &self.values {
            SmallValues::NotRead => out.byte(0),
            SmallValues::Decoded(array) => {
                out.byte(1);
                out.shared(array)?;
            }
            SmallValues::Digest(digest) => {
                out.byte(2);
                out.shared(digest)?;
            }
        }
        Some(())
    }

    fn take(from: &mut In<'_>) -> Option<Self> {
        let (schema, manifest) = (from.shared()?, from.shared()?);
        let values = match from.byte()? {
            0 => SmallValues::NotRead,
            1 => SmallValues::Decoded(from.shared()?),
            2 => SmallValues::Digest(from.shared()?),
            _ => return None,
        };
        Some(Self { schema, manifest, values })
    }
}

impl Stored for VariableSchema {
    fn put(&self, out: &mut Out) -> Option<()> {
        out.raw(self.name.as_str().as_bytes());
        self.data_type.put(out)?;
        self.dimensions.put(out)?;
        out.shared(&self.attributes)?;
        self.fill_value.is_some().put(out)?;
        self.fill_value.iter().for_each(|bytes| out.raw(bytes));
        self.layout.put(out)?;
        self.codecs.0.put(out)?;
        self.grid.shape.put(out)?;
        self.grid.chunk_shape.put(out)?;
        self.unfiltered_edges.put(out)
    }

    fn take(from: &mut In<'_>) -> Option<Self> {
        Some(Self {
            name: VariableName::new(from.text()?).ok()?,
            data_type: DataType::take(from)?,
            dimensions: Vec::take(from)?,
            attributes: from.shared()?,
            fill_value: if bool::take(from)? { Some(from.raw()?.to_vec()) } else { None },
            layout: Layout::take(from)?,
            codecs: CodecChain(Vec::take(from)?),
            grid: ChunkGrid::new(Vec::take(from)?, Vec::take(from)?)?,
            unfiltered_edges: bool::take(from)?,
        })
    }
}

impl Stored for DataType {
    fn put(&self, out: &mut Out) -> Option<()> {
        match self {
            Self::Number { primitive, order } => put_kind!(out, 0, primitive, order),
            Self::FixedString { length } => put_kind!(out, 1, length),
            Self::VariableString => put_kind!(out, 2),
            Self::FixedUnicode { length } => put_kind!(out, 3, length),
            Self::Enumeration { primitive, order, members } => {
                put_kind!(out, 4, primitive, order, members.to_vec())
            }
            Self::Unsupported { class, size } => put_kind!(out, 5, class, size),
        }
    }

    fn take(from: &mut In<'_>) -> Option<Self> {
        Some(match from.byte()? {
            0 => Self::Number { primitive: Primitive::take(from)?, order: ByteOrder::take(from)? },
            1 => Self::FixedString { length: u32::take(from)? },
            2 => Self::VariableString,
            3 => Self::FixedUnicode { length: u32::take(from)? },
            4 => Self::Enumeration {
                primitive: Primitive::take(from)?,
                order: ByteOrder::take(from)?,
                members: Vec::<(String, i64)>::take(from)?.into(),
            },
            5 => Self::Unsupported { class: String::take(from)?, size: u32::take(from)? },
            _ => return None,
        })
    }
}

impl Stored for Layout {
    fn put(&self, out: &mut Out) -> Option<()> {
        match self {
            Self::Contiguous => put_kind!(out, 0),
            Self::Compact => put_kind!(out, 1),
            Self::Chunked => put_kind!(out, 2),
            Self::Virtual(reason) => put_kind!(out, 3, reason),
            Self::External(reason) => put_kind!(out, 4, reason),
            Self::Unknown(reason) => put_kind!(out, 5, reason),
        }
    }

    fn take(from: &mut In<'_>) -> Option<Self> {
        Some(match from.byte()? {
            0 => Self::Contiguous,
            1 => Self::Compact,
            2 => Self::Chunked,
            3 => Self::Virtual(from.one_text()?),
            4 => Self::External(from.one_text()?),
            5 => Self::Unknown(from.one_text()?),
            _ => return None,
        })
    }
}

impl Stored for Codec {
    fn put(&self, out: &mut Out) -> Option<()> {
        match self {
            Self::Deflate { level } => put_kind!(out, 0, u32::from(*level)),
            Self::Shuffle { element_size } => put_kind!(out, 1, element_size),
            Self::Fletcher32 => put_kind!(out, 2),
            Self::Zstd { level } => put_kind!(out, 3, i64::from(*level)),
            Self::Other { id, name, parameters } => put_kind!(out, 4, u32::from(*id), name, parameters),
        }
    }

    fn take(from: &mut In<'_>) -> Option<Self> {
        Some(match from.byte()? {
            0 => Self::Deflate { level: u8::try_from(u32::take(from)?).ok()? },
            1 => Self::Shuffle { element_size: u32::take(from)? },
            2 => Self::Fletcher32,
            3 => Self::Zstd { level: i32::try_from(i64::take(from)?).ok()? },
            4 => Self::Other {
                id: u16::try_from(u32::take(from)?).ok()?,
                name: String::take(from)?,
                parameters: Vec::take(from)?,
            },
            _ => return None,
        })
    }
}

impl Stored for Array {
    fn put(&self, out: &mut Out) -> Option<()> {
        self.shape.put(out)?;
        match &self.values {
            ArrayValues::Numbers(numbers) => put_kind!(out, 0, numbers),
            ArrayValues::FixedStrings { length, bytes } => {
                put_kind!(out, 1, length)?;
                out.raw(bytes);
                Some(())
            }
            ArrayValues::Strings(texts) => put_kind!(out, 2, texts),
        }
    }

    fn take(from: &mut In<'_>) -> Option<Self> {
        let shape = Vec::take(from)?;
        let values = match from.byte()? {
            0 => ArrayValues::Numbers(Numbers::take(from)?),
            1 => ArrayValues::FixedStrings { length: u32::take(from)?, bytes: from.raw()?.to_vec() },
            2 => ArrayValues::Strings(Vec::take(from)?),
            _ => return None,
        };
        Some(Self { shape, values })
    }
}

impl Stored for Digest {
    fn put(&self, out: &mut Out) -> Option<()> {
        self.sha256.iter().for_each(|byte| out.byte(*byte));
        self.minimum.put(out)?;
        self.maximum.put(out)?;
        self.quarter_degrees.put(out)?;
        self.sample.put(out)
    }

    fn take(from: &mut In<'_>) -> Option<Self> {
        Some(Self {
            sha256: from.fixed()?,
            minimum: f64::take(from)?,
            maximum: f64::take(from)?,
            quarter_degrees: Vec::take(from)?,
            sample: Vec::take(from)?,
        })
    }
}

/// What is told of a chunk, where it is not what the one before lets expect.
mod told {
    pub(super) const SKIPPED: u8 = 1;
    pub(super) const GAP: u8 = 2;
    pub(super) const LENGTH: u8 = 4;
    pub(super) const MASK: u8 = 8;
}

/// Chunks follow each other in number and in the file, and are as long as the one before, unless it is told.
impl Stored for ChunkManifest {
    fn put(&self, out: &mut Out) -> Option<()> {
        (self.len() as u64).put(out)?;
        self.is_sparse().put(out)?;
        (self.present() as u64).put(out)?;
        let (mut next, mut end, mut length) = (0usize, 0u64, 0u64);
        for (number, location) in self.written() {
            let skipped = number.checked_sub(next)? as u64;
            let gap = location.offset.wrapping_sub(end);
            let change = location.length.wrapping_sub(length);
            let flag = |is_told: bool, flag: u8| if is_told { flag } else { 0 };
            out.byte(
                flag(skipped > 0, told::SKIPPED)
                    | flag(gap != 0, told::GAP)
                    | flag(change != 0, told::LENGTH)
                    | flag(location.filter_mask != 0, told::MASK),
            );
            if skipped > 0 {
                out.number(skipped);
            }
            if gap != 0 {
                out.difference(gap);
            }
            if change != 0 {
                out.difference(change);
            }
            if location.filter_mask != 0 {
                out.number(location.filter_mask.into());
            }
            (next, end, length) = (number + 1, location.offset.wrapping_add(location.length), location.length);
        }
        Some(())
    }

    fn take(from: &mut In<'_>) -> Option<Self> {
        let count = usize::try_from(u64::take(from)?).ok()?;
        let mut manifest = if bool::take(from)? { Self::sparse(count) } else { Self::missing(count) };
        let (mut next, mut end, mut length) = (0usize, 0u64, 0u64);
        for _ in 0..from.length()? {
            let flags = from.byte()?;
            let told = |flag: u8| flags & flag != 0;
            let skipped = if told(told::SKIPPED) { from.number()? } else { 0 };
            let gap = if told(told::GAP) { from.difference()? } else { 0 };
            let change = if told(told::LENGTH) { from.difference()? } else { 0 };
            let filter_mask = if told(told::MASK) { u32::take(from)? } else { 0 };
            let number = next.checked_add(usize::try_from(skipped).ok()?)?;
            length = length.wrapping_add(change);
            let location = ChunkLocation { offset: end.wrapping_add(gap), length, filter_mask };
            if !manifest.set(number, location) {
                return None;
            }
            (next, end) = (number + 1, location.offset.wrapping_add(length));
        }
        manifest.pack();
        Some(manifest)
    }
}
