//! JSON as a STAC record that is validated.
#![no_main]

use std::sync::LazyLock;

use altostac::model::{Record, RecordKind};
use altostac::validate::Validator;

static VALIDATOR: LazyLock<Validator> = LazyLock::new(Validator::new);

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Ok(json) = serde_json::from_slice::<serde_json::Value>(data) else { return };
    let id = json["id"].as_str().unwrap_or_default().to_owned();
    for kind in [RecordKind::Item, RecordKind::Collection] {
        let _ = VALIDATOR.validate(Record { kind, id: id.clone(), json: json.clone() });
    }
});
