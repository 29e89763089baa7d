//! The bytes of sources against digests taken earlier.
//!
//! References and sampled values are read from the same bytes on both sides: where a source was changed in place, and its size and time
//! were put back, both are wrong together. A checksum of the format (deflate's, fletcher32) tells some of these changes; digests of the
//! bytes tell all.

use std::collections::HashMap;

use rayon::prelude::*;
use sha2::{Digest as _, Sha256};

use super::sample::{SplitMix, strata};
use super::{Difference, DifferenceKind, Differences, OpenSource};
use crate::model::{ContentReport, FileContent, FileIndex, ItemId, SourceFile};
use crate::storage::{ByteSource, StorageError};

/// Bytes that are digested without being asked for: of an item whose sources are no larger, and of a sample of larger ones.
pub const SMALL: u64 = 8 << 20;
/// The most blocks of one file.
const BLOCKS: u64 = 64;
/// The shortest block.
const SHORTEST: u64 = 512;
/// Bytes that are read at once.
const PIECE: u64 = 1 << 20;

/// How much is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reach {
    /// All bytes of files that have digests, not a sample.
    pub every: bool,
    /// Digests are taken of files that have none.
    pub take: bool,
    /// What the sample follows from.
    pub seed: u64,
}

/// What came of it.
#[derive(Debug, Clone)]
pub struct ContentOutcome {
    /// Files whose bytes are not what they were.
    pub differences: Differences,
    /// What was looked at.
    pub report: ContentReport,
    /// The digests of every file that has some now, sorted by URL.
    pub contents: Vec<FileContent>,
}

/// Compares bytes of sources with digests taken earlier, and takes those that there are none of.
///
/// A digest counts for the very state of the file that it was taken of: `known` of other sizes, times or tags are passed over. Each byte
/// is read once; a file is read by several threads, a megabyte at a time.
///
/// A file that cannot be read is a difference.
pub fn check_content(
    item: &ItemId,
    indexes: &[FileIndex],
    known: &[FileContent],
    open: OpenSource<'_>,
    reach: Reach,
) -> ContentOutcome {
    let by_file: HashMap<&SourceFile, &FileContent> = known.iter().map(|content| (&content.file, content)).collect();
    let of_files: Vec<Option<&FileContent>> =
        indexes.iter().map(|index| by_file.get(&index.source).copied().filter(|content| is_whole(content))).collect();
    let chosen = choose(&of_files, reach);
    let looked: Vec<Looked> = (indexes, of_files, chosen)
        .into_par_iter()
        .map(|(index, known, chosen)| match known {
            Some(known) => compare(index, known, &chosen, open),
            None if reach.take => taken(index, open),
            None => {
                Looked { report: ContentReport { without_digests: 1, ..ContentReport::default() }, ..Looked::default() }
            }
        })
        .collect();
    let mut outcome =
        ContentOutcome { differences: Differences::new(item), report: ContentReport::default(), contents: Vec::new() };
    for one in looked {
        one.differences.into_iter().for_each(|difference| outcome.differences.add(difference));
        outcome.contents.extend(one.content);
        outcome.report.files += one.report.files;
        outcome.report.bytes += one.report.bytes;
        outcome.report.taken += one.report.taken;
        outcome.report.without_digests += one.report.without_digests;
    }
    outcome.contents.sort_by(|a, b| a.file.url.cmp(&b.file.url));
    outcome
}

/// What came of one file.
#[derive(Default)]
struct Looked {
    differences: Vec<Difference>,
    content: Option<FileContent>,
    report: ContentReport,
}

/// Whether a file has the bytes that its digests were taken of.
///
/// # Errors
/// [`StorageError`] if it cannot be read.
pub fn has_bytes(source: &dyn ByteSource, content: &FileContent) -> Result<bool, StorageError> {
    if !is_whole(content) || source.file().size != content.file.size {
        return Ok(false);
    }
    let is_same = |(number, then): (u64, &String)| block_digest(source, content.block, number).map(|now| now == *then);
    for block in (0..).zip(&content.blocks) {
        if !is_same(block)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn is_whole(content: &FileContent) -> bool {
    content.block > 0 && content.file.size.div_ceil(content.block) == content.blocks.len() as u64
}

/// The blocks of each file that are compared.
fn choose(of_files: &[Option<&FileContent>], reach: Reach) -> Vec<Vec<u64>> {
    let counts = || of_files.iter().map(|known| known.map_or(0, |known| known.blocks.len() as u64));
    let bytes: u64 = of_files.iter().flatten().map(|known| known.file.size).fold(0, u64::saturating_add);
    if reach.every || bytes <= SMALL {
        return counts().map(|count| (0..count).collect()).collect();
    }
    let all: u64 = counts().sum();
    let wanted = u64::try_from(u128::from(all) * u128::from(SMALL) / u128::from(bytes)).unwrap_or(all).max(1);
    let mut sample = strata(all, wanted, &mut SplitMix::new(reach.seed, "content")).into_iter().peekable();
    let mut start = 0;
    let of_file = |count| {
        let end = start + count;
        let own = std::iter::from_fn(|| sample.next_if(|number| *number < end)).map(|number| number - start).collect();
        start = end;
        own
    };
    counts().map(of_file).collect()
}

fn block_length(size: u64) -> u64 {
    size.div_ceil(BLOCKS).max(SHORTEST).checked_next_power_of_two().unwrap_or(u64::MAX)
}

fn taken(index: &FileIndex, open: OpenSource<'_>) -> Looked {
    let file = index.source.clone();
    let block = block_length(file.size);
    let blocks = opened(&file, open).and_then(|source| {
        (0..file.size.div_ceil(block)).into_par_iter().map(|number| digest(source.as_ref(), block, number)).collect()
    });
    match blocks {
        Ok(blocks) => Looked {
            content: Some(FileContent { file, block, blocks }),
            report: ContentReport { taken: 1, ..ContentReport::default() },
            ..Looked::default()
        },
        Err(difference) => Looked { differences: vec![*difference], ..Looked::default() },
    }
}

fn compare(index: &FileIndex, known: &FileContent, chosen: &[u64], open: OpenSource<'_>) -> Looked {
    let mut looked = Looked { content: Some(known.clone()), ..Looked::default() };
    if chosen.is_empty() {
        return looked;
    }
    let differing: Result<Vec<u64>, _> = opened(&index.source, open).and_then(|source| {
        let is_other = |number: &u64| -> Result<Option<u64>, Box<Difference>> {
            let found = digest(source.as_ref(), known.block, *number)?;
            let then = usize::try_from(*number).ok().and_then(|number| known.blocks.get(number));
            Ok((then != Some(&found)).then_some(*number))
        };
        let all: Result<Vec<Option<u64>>, _> = chosen.par_iter().map(is_other).collect();
        Ok(all?.into_iter().flatten().collect())
    });
    looked.report.files = 1;
    looked.report.bytes =
        chosen.iter().map(|number| within(known, *number).map_or(0, |range| range.end - range.start)).sum();
    match differing {
        Ok(differing) => looked.differences = told(index, known, &differing),
        Err(difference) => looked.differences.push(*difference),
    }
    looked
}

/// The source, if it still is what the index says.
fn opened(file: &SourceFile, open: OpenSource<'_>) -> Result<Box<dyn ByteSource>, Box<Difference>> {
    let source = open(&file.url).map_err(|error| unreadable(file, &error))?;
    if source.file() == file {
        return Ok(source);
    }
    let shown = |file: &SourceFile| format!("{} bytes, fingerprint {}", file.size, file.fingerprint);
    let difference = Difference::new(DifferenceKind::SourceChanged, shown(file), shown(source.file()));
    Err(Box::new(difference.file(&file.url)))
}

fn unreadable(file: &SourceFile, error: &StorageError) -> Box<Difference> {
    Box::new(Difference::unreadable(error).file(&file.url))
}

fn digest(source: &dyn ByteSource, block: u64, number: u64) -> Result<String, Box<Difference>> {
    block_digest(source, block, number).map_err(|error| unreadable(source.file(), &error))
}

fn block_digest(source: &dyn ByteSource, block: u64, number: u64) -> Result<String, StorageError> {
    let start = block.saturating_mul(number);
    let end = start.saturating_add(block).min(source.file().size);
    let mut digest = Sha256::new();
    let mut at = start;
    while at < end {
        let next = at.saturating_add(PIECE).min(end);
        digest.update(source.read_one(at..next)?);
        at = next;
    }
    Ok(digest.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect())
}

fn within(content: &FileContent, number: u64) -> Option<std::ops::Range<u64>> {
    let start = content.block.checked_mul(number)?;
    (start < content.file.size).then(|| start..start.saturating_add(content.block).min(content.file.size))
}

/// A difference for each variable that has bytes in blocks that differ; or one, if none has.
fn told(index: &FileIndex, known: &FileContent, differing: &[u64]) -> Vec<Difference> {
    let Some(range) = differing.first().and_then(|number| within(known, *number)) else { return Vec::new() };
    let more = match differing.len() {
        1 => String::new(),
        count => format!(" and {} more blocks", count - 1),
    };
    let found = format!("others in bytes {}+{}{more}", range.start, range.end - range.start);
    let expected = "the bytes that were there when their digests were taken; size and time are the same";
    let difference = || Difference::new(DifferenceKind::SourceChanged, expected, found.clone()).file(&index.source.url);
    let touches = |start: u64, end: u64| {
        let first = differing.partition_point(|number| within(known, *number).is_none_or(|range| range.end <= start));
        differing.get(first).and_then(|number| within(known, *number)).is_some_and(|range| range.start < end)
    };
    let has_bytes = |variable: &crate::model::FileVariable| {
        let count = usize::try_from(variable.grid.chunk_count()).unwrap_or(usize::MAX).min(variable.manifest.len());
        (0..count)
            .filter_map(|number| variable.manifest.get(number))
            .any(|chunk| touches(chunk.offset, chunk.offset.saturating_add(chunk.length)))
    };
    let of_variables: Vec<Difference> = index
        .root
        .all_variables()
        .into_iter()
        .filter(|(_, variable)| has_bytes(variable))
        .map(|(path, _)| difference().variable(path.to_string().trim_start_matches('/')))
        .collect();
    if of_variables.is_empty() { vec![difference()] } else { of_variables }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::model::{FileGroup, SourceUrl};
    use crate::storage::MemoryFile;

    const ALL: Reach = Reach { every: true, take: true, seed: 1 };

    fn check(bytes: &[u8], known: &[FileContent], reach: Reach) -> ContentOutcome {
        let file = MemoryFile::new(SourceUrl::from_path("/a.nc").unwrap(), bytes.to_vec());
        let root = FileGroup { path: "/".into(), ..FileGroup::default() };
        let index = FileIndex { source: file.file().clone(), format: "HDF5".into(), root, notes: vec![] };
        // A change that the fingerprint does not show.
        let known: Vec<FileContent> =
            known.iter().map(|one| FileContent { file: index.source.clone(), ..one.clone() }).collect();
        check_content(&ItemId::new("a").unwrap(), &[index], &known, &|_| Ok(Box::new(file.clone())), reach)
    }

    #[test]
    fn any_byte_that_is_flipped_is_found() {
        let bytes: Vec<u8> = (0..100_003u32).map(|number| (number * 7).to_le_bytes()[0]).collect();
        let first = check(&bytes, &[], ALL);
        assert_eq!((first.report.taken, first.contents.len(), first.differences.total), (1, 1, 0));
        assert_eq!(first.contents[0].block, 2048);
        let again = check(&bytes, &first.contents, ALL);
        assert_eq!((again.report.files, again.report.bytes, again.report.taken), (1, 100_003, 0));
        assert!(again.differences.is_empty() && again.contents == first.contents);
        for at in [0, 1, 2047, 2048, 50_000, 100_002] {
            let mut other = bytes.clone();
            other[at] ^= 0x10;
            let found = check(&other, &first.contents, Reach { take: false, every: false, seed: 3 }).differences;
            assert_eq!(found.total, 1);
            assert!(found.listed[0].found.contains(&format!("{}+", at / 2048 * 2048)), "{:?}", found.listed);
        }
    }

    #[test]
    fn nothing_is_read_of_files_without_digests_unless_asked() {
        let asked = check(b"0123", &[], Reach { take: false, ..ALL });
        assert_eq!((asked.report.without_digests, asked.report.taken), (1, 0));
        assert!(check(b"", &[], ALL).contents[0].blocks.is_empty());
        // Digests that cannot be of this file are as none.
        let odd = FileContent { block: 0, ..check(b"0123", &[], ALL).contents.remove(0) };
        assert_eq!(check(b"0123", &[odd], ALL).report.taken, 1);
    }

    #[test]
    fn samples_of_large_files_have_a_budget() {
        let file = check(b"", &[], ALL).contents.remove(0).file;
        let blocks = vec![String::new(); 64];
        let large = FileContent { file: SourceFile { size: 64 << 20, ..file }, block: 1 << 20, blocks };
        let chosen = choose(&[Some(&large), None, Some(&large)], Reach { every: false, take: false, seed: 9 });
        assert_eq!(chosen.iter().map(Vec::len).sum::<usize>(), 8);
        assert!(chosen[1].is_empty() && chosen.iter().flatten().all(|number| *number < 64));
        assert_eq!(choose(&[Some(&large)], ALL)[0].len(), 64);
    }
}
