//! What the bytes of a shard or chunk follow from: where two copies agree in it, they agree in the bytes.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

use super::field::Field;
use super::part::FilePart;
use crate::read::Region;

/// What holds for all units of a variable.
pub(super) struct Origin {
    base: Sha256,
}

impl Origin {
    pub(super) fn of(field: &Field<'_>, level: i32) -> Self {
        let cut = &field.cut;
        let base = format!(
            "altostac {} {} {:?} {:?} {:?} {level} {:?} {}",
            env!("CARGO_PKG_VERSION"),
            field.key,
            cut.version,
            cut.grid.chunk_shape,
            cut.shard,
            field.background,
            field.is_background_readable
        );
        Self { base: Sha256::new_with_prefix(base) }
    }

    /// That of the unit in a box, of which some may lie beyond the array: the parts of files that reach into it, as they lie in it.
    pub(super) fn of_unit<'a>(
        &self,
        field: &Field<'_>,
        region: &Region,
        parts: impl Iterator<Item = &'a FilePart<'a>>,
    ) -> String {
        let mut digest = self.base.clone();
        let mut text = String::new();
        for (axis, length) in field.cut.grid.shape.iter().enumerate() {
            let end = region.start[axis].saturating_add(region.count[axis]).min(*length);
            let _ = write!(text, " {}", end.saturating_sub(region.start[axis]));
        }
        digest.update(&text);
        for part in parts.filter(|part| part.target().intersection(region).is_some()) {
            text.clear();
            let file = &part.index.source;
            let _ = write!(text, "\n{} {} {} {}", file.url.as_str(), file.size, file.fingerprint, part.told());
            for (own, unit) in part.part.origin.iter().zip(&region.start) {
                let _ = write!(text, " {}", i128::from(*own) - i128::from(*unit));
            }
            digest.update(&text);
        }
        short(&digest.finalize())
    }
}

/// That of bytes that follow from nothing else.
pub(super) fn of_bytes(bytes: &[u8]) -> String {
    short(&Sha256::digest(bytes))
}

fn short(digest: &[u8]) -> String {
    digest.iter().take(16).fold(String::with_capacity(32), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
