//! What a product says of its sources, for readers to notice a change, is what was recorded of them.

use super::{Difference, DifferenceKind, Differences};
use crate::model::{FileChecksum, PublicUrls, SourceFile};
use crate::read::ProductStore;

/// Each file that an Icechunk product refers to has its checksum there, if readers can compare one.
pub(super) fn check(store: &ProductStore, recorded: &[SourceFile], urls: &PublicUrls, differences: &mut Differences) {
    let Some(checksums) = &store.checksums else { return };
    for file in recorded {
        let Some(found) = checksums.get(urls.reference(&file.url).as_str()) else { continue };
        let expected = FileChecksum::of(file, urls);
        if *found != expected {
            let shown = |checksum: &Option<FileChecksum>| {
                checksum.as_ref().map_or_else(|| "no checksum".into(), ToString::to_string)
            };
            let difference = Difference::new(DifferenceKind::Reference, shown(&expected), shown(found));
            differences.add(difference.file(&file.url));
        }
    }
}
