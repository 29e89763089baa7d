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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::BTreeMap;

    use super::*;
    use crate::model::{Fingerprint, ItemId, SourceUrl};

    #[test]
    fn another_checksum_or_none_is_a_difference() {
        let fingerprint = Fingerprint::ModifiedAndSize { modified_ns: 5_000_000_000, size: 1 };
        let recorded = [SourceFile { url: SourceUrl::from_path("/a b.nc").unwrap(), size: 1, fingerprint }];
        let count = |checksums: Option<BTreeMap<_, _>>| {
            let mut differences = Differences::new(&ItemId::new("a").unwrap());
            let store = ProductStore { checksums, ..ProductStore::default() };
            check(&store, &recorded, &PublicUrls::default(), &mut differences);
            differences.total
        };
        let says = |checksum| Some(BTreeMap::from([("file:///a b.nc".into(), checksum)]));
        assert_eq!(count(says(Some(FileChecksum::Modified(5)))), 0);
        assert_eq!(count(says(Some(FileChecksum::Modified(4)))), 1);
        assert_eq!(count(says(None)), 1);
        assert_eq!(count(Some(BTreeMap::new())), 0, "a file that no chunk refers to");
        assert_eq!(count(None), 0, "a format without checksums");
    }
}
