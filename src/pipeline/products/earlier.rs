//! What an earlier revision holds of a copy: a store need not be sent it again.

use std::collections::BTreeMap;

use crate::model::KnownItem;
use crate::pipeline::Workspace;
use crate::pipeline::item::product_folder;
use crate::read::Digests;
use crate::storage::{OutputStore, StagedFolder};

/// Tells a folder that will be in a store what the revision before holds: chunks with their digests, if it holds a copy.
pub(in crate::pipeline) fn reuse(workspace: &Workspace, known: Option<&KnownItem>, staged: &mut StagedFolder) {
    if workspace.output.objects().is_none() {
        return;
    }
    let copies = known.into_iter().flat_map(|known| &known.products).filter(|product| product.format.is_copy());
    for product in copies {
        let folder = product_folder(workspace, &product.item, product.revision);
        let name = product.format.file_name();
        // Without them all is sent.
        let Ok(Some(text)) = workspace.output.get(&format!("{folder}/{name}.digests")) else { continue };
        let digests = Digests::parse(&String::from_utf8_lossy(&text)).0.into_iter();
        let digests: BTreeMap<String, String> =
            digests.map(|(key, digest)| (format!("{name}/{key}"), digest.sha256)).collect();
        staged.reuse(&folder, digests);
    }
}
