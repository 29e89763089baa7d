//! What the header of a dataset says.

use std::sync::Arc;

use super::bytes::Cursor;
use super::chunks::{ChunkWalk, MOST_CHUNKS};
use super::fault::{Fault, Found};
use super::global_heap::{self, HeapReference};
use super::message::dataspace::{self, Dataspace};
use super::message::datatype::{self, Datatype};
use super::message::layout::{self, Storage};
use super::message::{external, fill_value, filters, resolve};
use super::object_header::{Message, kind};
use super::placer::Placer;
use super::store::View;
use crate::model::{ChunkGrid, ChunkManifest, CodecChain, Layout};

/// A dataset.
#[derive(Debug)]
pub(super) struct Dataset {
    pub(super) space: Dataspace,
    pub(super) datatype: Datatype,
    /// The fill value, as many bytes as an element has; for texts of any length: the text.
    pub(super) fill_value: Option<Vec<u8>>,
    pub(super) layout: Layout,
    pub(super) codecs: CodecChain,
    pub(super) grid: ChunkGrid,
    pub(super) unfiltered_edges: bool,
    pub(super) manifest: Arc<ChunkManifest>,
}

impl Dataset {
    /// The greatest length of each dimension; `None`: unlimited.
    pub(super) fn limits(&self) -> &[Option<u64>] {
        match &self.space {
            Dataspace::Null => &[],
            Dataspace::Simple { limits, .. } => limits,
        }
    }
}

/// Whether these are the messages of a dataset.
pub(super) fn is_dataset(messages: &[Message]) -> bool {
    [kind::DATATYPE, kind::DATASPACE].iter().all(|kind| messages.iter().any(|message| message.kind == *kind))
}

/// Reads one kind of message, wherever it is kept; `None` if the object has none.
fn find<T>(
    view: &View,
    messages: &[Message],
    kind: u16,
    name: &'static str,
    read: impl FnOnce(Cursor) -> Found<T>,
) -> Found<Option<T>> {
    let Some(message) = messages.iter().find(|message| message.kind == kind) else { return Ok(None) };
    let (body, address) = resolve(view, kind, message.flags, &message.body, message.address)?;
    read(view.cursor(name, &body, address)).map(Some)
}

/// Reads a dataset, and begins the walk over its chunks if it has any.
pub(super) fn read(view: &View, address: u64, messages: &[Message]) -> Found<(Dataset, Option<ChunkWalk>)> {
    let missing = |what: &str| Fault::corrupt("object header of a dataset", view.absolute(address), what, "none");
    let space = find(view, messages, kind::DATASPACE, "dataspace", dataspace::read)?;
    let datatype = find(view, messages, kind::DATATYPE, "datatype", datatype::read)?;
    let layout = find(view, messages, kind::LAYOUT, "data layout", layout::read)?;
    let fill_value = find(view, messages, kind::FILL_VALUE, "fill value", fill_value::read)?.flatten();
    let old_fill_value = find(view, messages, kind::OLD_FILL_VALUE, "fill value", fill_value::read_old)?.flatten();
    let codecs = find(view, messages, kind::FILTERS, "filter pipeline", filters::read)?.unwrap_or_default();
    let space = space.ok_or_else(|| missing("a dataspace"))?;
    let datatype = datatype.ok_or_else(|| missing("a datatype"))?;
    let element = u64::from(datatype.size());
    let fill_value = fill_value.or(old_fill_value).filter(|bytes| bytes.len() as u64 == element);
    let fill_value = match (fill_value, &datatype) {
        (Some(bytes), Datatype::VariableString { .. }) => {
            let reference = HeapReference::read(&mut view.cursor("fill value", &bytes, address))?;
            Some(global_heap::text(view, reference)?.into_bytes()).filter(|text| !text.is_empty())
        }
        (fill_value, _) => fill_value,
    };
    let shape = match &space {
        Dataspace::Null => Vec::new(),
        Dataspace::Simple { shape, .. } => shape.clone(),
    };
    let whole: Vec<u64> = shape.iter().map(|length| (*length).max(1)).collect();
    let grid = ChunkGrid::new(shape, whole).ok_or_else(|| missing("a countable number of elements"))?;
    let dataset = Dataset {
        space,
        datatype,
        fill_value,
        layout: Layout::Contiguous,
        codecs,
        grid,
        unfiltered_edges: false,
        manifest: Arc::default(),
    };
    let layout = layout.ok_or_else(|| missing("a data layout"))?;
    place(view, address, messages, dataset, layout)
}

/// Finds the data.
fn place(
    view: &View,
    address: u64,
    messages: &[Message],
    mut dataset: Dataset,
    storage: Storage,
) -> Found<(Dataset, Option<ChunkWalk>)> {
    let at = view.absolute(address);
    let bytes = dataset.space.elements().and_then(|count| count.checked_mul(u64::from(dataset.datatype.size())));
    let bytes = bytes.ok_or_else(|| Fault::corrupt("dataspace", at, "at most 2^64 bytes", "more"))?;
    let location = match storage {
        Storage::Compact { position, length } => {
            dataset.layout = Layout::Compact;
            if (length as u64) < bytes {
                return Err(Fault::corrupt("data layout", at, format!("{bytes} bytes of data"), format!("{length}")));
            }
            let message = messages.iter().find(|message| message.kind == kind::LAYOUT);
            let address = message.map(|message| message.address.saturating_add(position as u64));
            let is_stale = |address: u64| view.facts.cache_image.touches(view.absolute(address), bytes);
            if address.is_some_and(is_stale) {
                dataset.layout =
                    Layout::Unknown("kept in the metadata cache image of the file (`h5repack` ends that)".into());
            }
            address.filter(|address| !is_stale(*address))
        }
        Storage::Contiguous { address } => match messages.iter().find(|message| message.kind == kind::EXTERNAL_FILES) {
            Some(message) => {
                dataset.layout = Layout::External(external::read(view, message)?);
                None
            }
            None => address,
        },
        Storage::Virtual { list } => {
            let sources = external::read_virtual(view, list)?;
            let grows = dataset.limits().iter().any(Option::is_none);
            dataset.layout =
                Layout::Virtual(if grows { format!("{sources}, and as long as they are").into() } else { sources });
            None
        }
        chunked @ Storage::Chunked { .. } => return place_chunks(view, at, dataset, chunked),
    };
    dataset.manifest = match location {
        Some(address) if bytes > 0 => Arc::new(ChunkManifest::single(view.location("data", address, bytes)?)),
        _ => Arc::new(ChunkManifest::missing(usize::try_from(dataset.grid.chunk_count()).unwrap_or(1))),
    };
    Ok((dataset, None))
}

/// Begins the walk over the chunks of a dataset, if one was written.
fn place_chunks(view: &View, at: u64, mut dataset: Dataset, storage: Storage) -> Found<(Dataset, Option<ChunkWalk>)> {
    let Storage::Chunked { mut chunk, index, address, unfiltered_edges } = storage else { return Ok((dataset, None)) };
    let element = u64::from(dataset.datatype.size());
    let stored_element = chunk.pop();
    let bytes = chunk.iter().try_fold(element, |product, length| product.checked_mul(*length));
    let grid = ChunkGrid::new(dataset.grid.shape.clone(), chunk).filter(|_| stored_element == Some(element));
    let (Some(grid), Some(bytes)) = (grid, bytes) else {
        let rank = dataset.space.shape().len();
        let expected = format!("chunks of {rank} dimensions and elements of {element} bytes");
        return Err(Fault::corrupt("data layout", at, expected, "others"));
    };
    let count = grid.chunk_count();
    if count > MOST_CHUNKS {
        let what = format!("{count} chunks in one variable; at most {MOST_CHUNKS} are supported");
        return Err(Fault::Limit { what }.into());
    }
    dataset.layout = Layout::Chunked;
    dataset.unfiltered_edges = unfiltered_edges;
    let number = usize::try_from(count).unwrap_or(0);
    let Some(address) = address.filter(|_| count > 0) else {
        dataset.manifest = Arc::new(ChunkManifest::missing(number));
        dataset.grid = grid;
        return Ok((dataset, None));
    };
    let in_columns = view.spend_chunks(count)?;
    let manifest = if in_columns { ChunkManifest::missing(number) } else { ChunkManifest::sparse(number) };
    let placer = Placer::new(manifest, &grid, dataset.limits(), bytes, !dataset.codecs.is_empty());
    dataset.grid = grid;
    Ok((dataset, Some(ChunkWalk::new(view, placer, index, address)?)))
}
