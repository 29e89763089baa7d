//! Who holds the lock of an output.

use std::io;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use super::products::sha256;
use crate::storage::Owner;

/// The file of the state that tells it from all others.
const IDENTITY: &str = "owner";

/// The owner that this run is. A state is used by one run at a time, so that whatever an earlier run of it holds is free; a copy of a state
/// on another machine is another owner.
pub(super) fn of(state: &Path) -> io::Result<Owner> {
    let (machine, process) = (machine(), std::process::id());
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    let path = state.join(IDENTITY);
    let known = std::fs::read_to_string(&path).ok().filter(|text| text.len() == 64);
    let identity = match known {
        Some(known) => known,
        None => {
            let new = sha256(format!("{machine} {process} {now} {}", state.display()).as_bytes());
            std::fs::write(&path, &new)?;
            new
        }
    };
    let place = std::fs::canonicalize(state)?;
    let id = sha256(format!("{identity} {machine} {}", place.display()).as_bytes());
    Ok(Owner { id, run: format!("{process} {now}"), shown: format!("process {process} on {machine}") })
}

/// The name of this machine.
fn machine() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    if name.trim().is_empty() { "an unnamed machine".into() } else { name.trim().to_owned() }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    #[test]
    fn a_state_is_one_owner_and_a_copy_another() {
        let folder = tempfile::tempdir().unwrap();
        let (state, copy) = (folder.path().join("a"), folder.path().join("b"));
        std::fs::create_dir(&state).unwrap();
        let first = super::of(&state).unwrap();
        let second = super::of(&state).unwrap();
        assert_eq!(first.id, second.id);
        assert_ne!(first.run, second.run);
        std::fs::create_dir(&copy).unwrap();
        std::fs::copy(state.join("owner"), copy.join("owner")).unwrap();
        assert_ne!(super::of(&copy).unwrap().id, first.id);
    }
}
