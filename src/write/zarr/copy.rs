//! The copying of one variable: slabs of it are put together from decoded pieces of the sources, and their chunks encoded.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rayon::prelude::*;

use super::encode::{self, Encoders};
use super::field::Field;
use super::origin::Origin;
use super::part::{Decoded, Failed, FilePart};
use super::strided::{self, Strided, strides};
use super::{CopyError, Open, StoreSink};
use crate::read::Region;
use crate::storage::ByteSource;

/// Slabs are put together in one go until they come to so many bytes for each thread: enough for all to do, and little enough to stay in
/// a processor's cache until it is encoded.
const AT_ONCE: u64 = 16 << 20;
/// Waves that are held while one is encoded and the next gathered: both, and what the first is encoded to.
const OVERLAPPING: u64 = 3;

/// What copying is done with.
#[derive(Clone, Copy)]
pub(super) struct Tools<'a> {
    pub(super) open: Open<'a>,
    pub(super) sink: &'a dyn StoreSink,
    pub(super) level: i32,
    /// The most bytes that are held at once.
    pub(super) memory: u64,
}

/// What came of copying a variable.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Copied {
    /// Chunks written, now or by an earlier run.
    pub(super) chunks: u64,
    /// How often a piece of a source was decoded, on average.
    pub(super) amplification: f64,
}

/// How the memory is divided.
struct Division {
    /// For slabs, if decoding and encoding take turns.
    slabs: u64,
    /// For slabs, if both are done at the same time.
    overlapping: u64,
    /// How many pieces are decoded at the same time.
    decoders: usize,
}

impl Division {
    fn of(field: &Field<'_>, memory: u64) -> Result<Self, CopyError> {
        let threads = rayon::current_num_threads() as u64;
        // A piece is held as stored, as unpacked and as unshuffled; what a chunk may be encoded to comes beside it.
        let piece = field.piece_bytes().saturating_mul(3).max(1);
        let chunk = field.chunk_bytes();
        let unit = field.unit_bytes();
        let least = unit.saturating_add(piece.max(chunk.saturating_mul(threads)));
        if least > memory {
            return Err(CopyError::Memory { variable: field.key.clone(), found: memory, expected: least });
        }
        // As many decoders as there are threads, unless a slab would have no room beside them.
        let decoders = ((memory - unit) / piece).clamp(1, threads);
        let (decoding, encoding) = (piece.saturating_mul(decoders), chunk.saturating_mul(threads));
        let slabs = (memory - decoding.max(encoding).min(memory - unit)).max(unit);
        let overlapping = if decoders < threads { 0 } else { memory.saturating_sub(decoding.saturating_add(encoding)) };
        Ok(Self { slabs, overlapping, decoders: usize::try_from(decoders).unwrap_or(1) })
    }
}

/// Copies a variable: while one wave of its slabs is encoded and stored, the next is read and decoded, if there is memory for both.
pub(super) fn copy(field: &Field<'_>, tools: Tools<'_>) -> Result<Copied, CopyError> {
    let division = Division::of(field, tools.memory)?;
    let slabs = field.slabs(division.slabs);
    let slab_bytes = field.bytes(&slabs.slab).max(1);
    let is_overlapping = slab_bytes.saturating_mul(OVERLAPPING) <= division.overlapping;
    let room = if is_overlapping { division.overlapping / OVERLAPPING } else { division.slabs };
    let together = (room.min(AT_ONCE.saturating_mul(rayon::current_num_threads() as u64)) / slab_bytes).max(1);
    let means = Means {
        tools,
        decoders: division.decoders,
        encoders: Encoders::new(tools.level),
        buffers: Buffers { idle: Mutex::default(), are_kept: is_overlapping },
    };
    let origin = Origin::of(field, tools.level);
    let mut copied = Copied { chunks: 0, amplification: slabs.amplification };
    let mut files = OpenFiles::default();
    let mut gathered: Option<Wave<'_, '_>> = None;
    let mut number = 0;
    while number < slabs.count() {
        let end = slabs.count().min(number.saturating_add(together));
        let regions: Vec<Region> = (number..end).map(|number| slabs.region(number)).collect();
        let wave = Wave::new(field, regions, (&origin, tools.sink));
        copied.chunks += wave.known;
        let store = |wave: Option<Wave<'_, '_>>| wave.map_or(Ok(0), |wave| wave.store(&means));
        let mut gather = || wave.gather(&means, &mut files);
        let (stored, outcome) = if is_overlapping {
            let before = gathered.take();
            rayon::join(|| store(before), gather)
        } else {
            let stored = store(gathered.take());
            means.encoders.rest();
            (stored, gather())
        };
        copied.chunks += stored?;
        outcome?;
        gathered = Some(wave);
        number = end;
    }
    copied.chunks += gathered.map_or(Ok(0), |wave| wave.store(&means))?;
    Ok(copied)
}

/// All elements of a variable whose one chunk is all of it.
pub(super) fn whole(field: &Field<'_>, tools: Tools<'_>) -> Result<Vec<u8>, CopyError> {
    let division = Division::of(field, tools.memory)?;
    let all = Region { start: vec![0; field.cut.grid.shape.len()], count: field.cut.grid.shape.clone() };
    let wave = Wave::new(field, vec![all], (&Origin::of(field, tools.level), &Forgetting));
    let (encoders, buffers) = (Encoders::new(tools.level), Buffers::default());
    wave.gather(&Means { tools, decoders: division.decoders, encoders, buffers }, &mut OpenFiles::default())?;
    let chunk =
        wave.chunks.into_values().next().map(|chunk| chunk.into_inner().unwrap_or_else(PoisonError::into_inner));
    Ok(chunk.filter(|bytes| !bytes.is_empty()).unwrap_or_else(|| field.background_chunk()))
}

/// What all waves of a variable are put together and stored with.
struct Means<'a> {
    tools: Tools<'a>,
    /// How many pieces are decoded at the same time.
    decoders: usize,
    encoders: Encoders,
    buffers: Buffers,
}

/// Chunks that are encoded give their memory to later ones: to ask the system for it takes longer than to fill it.
#[derive(Default)]
struct Buffers {
    idle: Mutex<Vec<Vec<u8>>>,
    /// Otherwise it is let go of at once.
    are_kept: bool,
}

impl Buffers {
    /// A buffer with whatever is in it.
    fn take(&self) -> Vec<u8> {
        lock(&self.idle).pop().unwrap_or_default()
    }

    fn give(&self, buffer: Vec<u8>) {
        if self.are_kept {
            lock(&self.idle).push(buffer);
        }
    }
}

/// A sink that has nothing and takes nothing.
struct Forgetting;

impl StoreSink for Forgetting {
    fn has(&self, _key: &str, _origin: &str) -> Option<u64> {
        None
    }

    fn put(&self, _key: &str, _pieces: &[&[u8]], _chunks: u64) -> std::io::Result<()> {
        Ok(())
    }

    fn advance(&self, _bytes: u64) {}
}

/// The sources that are open.
#[derive(Default)]
struct OpenFiles {
    known: HashMap<usize, Arc<dyn ByteSource>>,
}

/// The most files that are open at once.
const OPEN_FILES: usize = 128;

impl OpenFiles {
    fn open(&mut self, field: &Field<'_>, part: usize, open: Open<'_>) -> Result<Arc<dyn ByteSource>, CopyError> {
        let part = &field.parts[part];
        if let Some(source) = self.known.get(&part.part.file) {
            return Ok(Arc::clone(source));
        }
        let file = &part.index.source;
        let name = || (field.key.clone(), file.url.to_string());
        let source: Arc<dyn ByteSource> = match open(&file.url) {
            Ok(source) => source.into(),
            Err(source) => {
                let (variable, file) = name();
                return Err(CopyError::Open { variable, file, source });
            }
        };
        if source.file() != file {
            let (variable, file) = name();
            return Err(CopyError::Changed { variable, file });
        }
        if self.known.len() >= OPEN_FILES {
            self.known.clear();
        }
        self.known.insert(part.part.file, Arc::clone(&source));
        Ok(source)
    }
}

/// A shard, or a chunk that is none's.
struct Unit {
    key: String,
    region: Region,
    /// The numbers of its chunks; `None` for those beyond the array.
    chunks: Vec<Option<u64>>,
}

/// Chunks that are put together at the same time.
struct Wave<'a, 'f> {
    field: &'a Field<'f>,
    /// Its slabs.
    regions: Vec<Region>,
    /// The units (shards, or chunks) that are to be written.
    units: Vec<Unit>,
    /// The chunks by number; empty until something of them is known.
    chunks: HashMap<u64, Mutex<Vec<u8>>>,
    /// Chunks of units that stand already.
    known: u64,
}

impl<'a, 'f> Wave<'a, 'f> {
    fn new(field: &'a Field<'f>, regions: Vec<Region>, (origin, sink): (&Origin, &dyn StoreSink)) -> Self {
        let places: Vec<Vec<u64>> = regions.iter().flat_map(|region| field.cut.units_in(region)).collect();
        let boxes: Vec<Region> = places.iter().map(|place| field.cut.unit_region(place)).collect();
        let all = hull(&boxes.iter().collect::<Vec<_>>());
        let is_near = |part: &&FilePart<'f>| all.as_ref().is_some_and(|all| part.target().intersection(all).is_some());
        let near: Vec<&FilePart<'f>> = field.parts.iter().filter(is_near).collect();
        let mut wave = Self { field, regions, units: Vec::new(), chunks: HashMap::new(), known: 0 };
        for (place, region) in places.into_iter().zip(boxes) {
            let key = field.cut.unit_key(&field.key, &place);
            if let Some(chunks) = sink.has(&key, &origin.of_unit(field, &region, near.iter().copied())) {
                wave.known += chunks;
                continue;
            }
            let chunks = field.cut.chunks_of(&place);
            wave.chunks.extend(chunks.iter().flatten().map(|number| (*number, Mutex::default())));
            wave.units.push(Unit { key, region, chunks });
        }
        wave
    }

    /// Decodes every piece of the sources that lies in a unit of the wave, each once.
    fn gather(&self, means: &Means<'_>, files: &mut OpenFiles) -> Result<(), CopyError> {
        let regions: Vec<&Region> = self.units.iter().map(|unit| &unit.region).collect();
        let Some(all) = hull(&regions) else { return Ok(()) };
        let mut tasks: Vec<(usize, u64)> = Vec::new();
        for (at, part) in self.field.parts.iter().enumerate() {
            if part.target().intersection(&all).is_some() {
                let pieces: BTreeSet<u64> = regions.iter().flat_map(|region| part.pieces(region)).collect();
                tasks.extend(pieces.into_iter().map(|piece| (at, piece)));
            }
        }
        // Files one after the other, as many as may be open; pieces of each in their order.
        for some in tasks.chunk_by(|a, b| a.0 / OPEN_FILES == b.0 / OPEN_FILES) {
            let mut open: HashMap<usize, Arc<dyn ByteSource>> = HashMap::new();
            for (at, _) in some {
                if !open.contains_key(at) {
                    open.insert(*at, files.open(self.field, *at, means.tools.open)?);
                }
            }
            let piece = |(at, piece): &(usize, u64)| match open.get(at) {
                Some(source) => self.piece(*at, *piece, source.as_ref(), &means.buffers),
                None => Ok(()),
            };
            if means.decoders >= rayon::current_num_threads() {
                some.par_iter().try_for_each(piece)?;
            } else {
                some.chunks(means.decoders).try_for_each(|few| few.par_iter().try_for_each(piece))?;
            }
        }
        Ok(())
    }

    fn piece(&self, at: usize, number: u64, source: &dyn ByteSource, buffers: &Buffers) -> Result<(), CopyError> {
        let part = &self.field.parts[at];
        if let Some(region) = part.missing(number) {
            if part.fill != self.field.background {
                self.scatter(&Decoded::repeated(&part.fill, region), buffers)?;
            }
            return Ok(());
        }
        let name = || (self.field.key.clone(), part.index.source.url.to_string());
        match part.read(number, source) {
            Ok(Some(decoded)) => self.scatter(&decoded, buffers),
            Ok(None) => Ok(()),
            Err(Failed::Read(source)) => {
                let (variable, file) = name();
                Err(CopyError::Read { variable, file, source: source.into() })
            }
            Err(Failed::Converted) => {
                let (variable, file) = name();
                Err(CopyError::Converted { variable, file })
            }
        }
    }

    /// Copies decoded elements into the chunks that they belong to.
    fn scatter(&self, decoded: &Decoded, buffers: &Buffers) -> Result<(), CopyError> {
        let (field, size) = (self.field, self.field.size);
        let rank = decoded.target.start.len();
        let new = rank - decoded.shape.len().min(rank);
        let mut from = vec![0; new];
        from.extend(strides(&decoded.shape, size));
        let begin: usize = decoded.start.iter().zip(&from[new..]).map(|(at, stride)| bytes_at(*at, *stride)).sum();
        let chunk_strides = strides(&field.cut.grid.chunk_shape, size);
        for number in field.cut.chunks_in(&decoded.target) {
            let Some(chunk) = self.chunks.get(&number) else { continue };
            let region = field.chunk_region(number);
            let Some(common) = region.intersection(&decoded.target) else { continue };
            let at = |origin: &[u64], strides: &[usize]| -> usize {
                common.start.iter().zip(origin).zip(strides).map(|((at, from), s)| bytes_at(at - from, *s)).sum()
            };
            let source = Strided { offset: begin + at(&decoded.target.start, &from), strides: from.clone() };
            let target = Strided { offset: at(&region.start, &chunk_strides), strides: chunk_strides.clone() };
            let mut buffer = lock(chunk);
            if buffer.is_empty() {
                *buffer = field.empty_chunk(&region, buffers.take());
            }
            if !strided::copy(&decoded.bytes, &source, &mut buffer, &target, &common.count, size) {
                let found = format!("{} bytes for {:?}", decoded.bytes.len(), decoded.shape);
                return Err(CopyError::Shape { variable: field.key.clone(), found });
            }
        }
        Ok(())
    }

    /// Encodes and stores the chunks; returns how many there are.
    fn store(&self, means: &Means<'_>) -> Result<u64, CopyError> {
        let sink = means.tools.sink;
        let one = |Unit { key, chunks, .. }: &Unit| -> Result<u64, CopyError> {
            let encode = |number: &Option<u64>| self.encode(*number, means);
            let chunks: Vec<Option<Vec<u8>>> = chunks.par_iter().map(encode).collect::<Result<_, _>>()?;
            let count = chunks.iter().flatten().count() as u64;
            let mut pieces: Vec<&[u8]> = chunks.iter().flatten().map(Vec::as_slice).collect();
            let index = match self.field.cut.shard {
                Some(_) if count > 0 => encode::shard_index(&chunks).map_err(|error| self.uncoded(&error))?,
                _ => Vec::new(),
            };
            pieces.push(&index);
            let failed = |source| CopyError::Sink { key: key.clone(), source };
            sink.put(key, &pieces, count).map_err(failed)?;
            Ok(count)
        };
        let count = self.units.par_iter().map(one).try_reduce(|| 0, |a, b| Ok(a + b))?;
        sink.advance(self.regions.iter().map(|region| self.field.bytes(&region.count)).sum());
        Ok(count)
    }

    fn encode(&self, number: Option<u64>, means: &Means<'_>) -> Result<Option<Vec<u8>>, CopyError> {
        let Some(buffer) = number.and_then(|number| self.chunks.get(&number)) else {
            return Ok(None);
        };
        let mut raw = std::mem::take(&mut *lock(buffer));
        if raw.is_empty() {
            if self.field.is_background_readable {
                return Ok(None);
            }
            raw = self.field.background_chunk();
        }
        let encoded = means.encoders.chunk(&raw).map_err(|error| self.uncoded(&error))?;
        means.buffers.give(raw);
        Ok(Some(encoded))
    }

    fn uncoded(&self, error: &dyn std::fmt::Display) -> CopyError {
        CopyError::Encode { variable: self.field.key.clone(), reason: error.to_string() }
    }
}

fn bytes_at(at: u64, stride: usize) -> usize {
    usize::try_from(at).unwrap_or(usize::MAX).saturating_mul(stride)
}

/// The smallest box that holds all of these.
fn hull(regions: &[&Region]) -> Option<Region> {
    let first = regions.first()?;
    let axis = |axis: usize| {
        let start = regions.iter().map(|region| region.start[axis]).min().unwrap_or(0);
        let end = regions.iter().map(|region| region.start[axis] + region.count[axis]).max().unwrap_or(0);
        (start, end - start)
    };
    let (start, count) = (0..first.start.len()).map(axis).unzip();
    Some(Region { start, count })
}

/// What is guarded here is whole after every statement.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
