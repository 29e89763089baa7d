//! The schemas of what `--json` prints, made from the types.

use schemars::schema_for;
use serde_json::Value;

use super::new::NewReport;
use super::new_from_stac_generator::FromStacGenerator;
use super::publish::Publications;
use super::sync::SyncReport;
use super::templates::TemplatesReport;
use super::validate::ValidateReport;
use super::watch::WatchReport;
use crate::pipeline::{
    BuildReport, ExportReport, InspectReport, PlanReport, RebuildReport, SourcesReport, StatusReport, VerifyReport,
};

/// The schema of each command's document, by the command's name: what `schemas/output/` holds.
pub fn output_schemas() -> Vec<(&'static str, Value)> {
    vec![
        ("build", schema_for!(BuildReport).to_value()),
        ("export", schema_for!(ExportReport).to_value()),
        ("inspect", schema_for!(InspectReport).to_value()),
        ("new", schema_for!(NewReport).to_value()),
        ("new-from-stac-generator", schema_for!(FromStacGenerator).to_value()),
        ("plan", schema_for!(PlanReport).to_value()),
        ("publish", schema_for!(Publications).to_value()),
        ("status", schema_for!(StatusReport).to_value()),
        ("status-rebuild", schema_for!(RebuildReport).to_value()),
        ("sync", schema_for!(SyncReport).to_value()),
        ("templates", schema_for!(TemplatesReport).to_value()),
        ("validate", schema_for!(ValidateReport).to_value()),
        ("verify", schema_for!(VerifyReport).to_value()),
        ("verify-sources", schema_for!(SourcesReport).to_value()),
        ("watch", schema_for!(WatchReport).to_value()),
    ]
}
