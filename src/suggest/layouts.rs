//! Data reference syntaxes that are known by name.

use regex::Regex;

use super::Archive;
use super::grouping::Grouping;

/// A data reference syntax: what the folders below the project's own are.
#[derive(Debug, PartialEq, Eq)]
pub struct Layout {
    /// Its name.
    pub name: &'static str,
    /// The folders, in lower case, below which it begins.
    anchors: &'static [&'static str],
    /// The folders below, one facet each; a file lies in the last.
    facets: &'static [&'static str],
    /// What its properties begin with.
    prefix: &'static str,
    /// The id of the collection.
    pub collection: &'static str,
    /// The title of the collection.
    pub title: &'static str,
    /// Keywords.
    pub keywords: &'static [&'static str],
}

/// What the three syntaxes of CMIP5 have in common: CEDA, and the data stores that took it over, differ in their folders.
const CMIP5: Layout = Layout {
    name: "CMIP5",
    anchors: &["cmip5", "c3s-cmip5", "c3scmip5"],
    facets: &[
        "product",
        "institute",
        "model",
        "experiment",
        "frequency",
        "realm",
        "table",
        "ensemble",
        "variable",
        "version",
    ],
    prefix: "cmip5",
    collection: "cmip5",
    title: "Coupled Model Intercomparison Project Phase 5 (CMIP5)",
    keywords: &["CMIP5", "WCRP", "climate", "model"],
};

/// obs4MIPs, in the syntax it has now.
const OBS4MIPS: Layout = Layout {
    name: "obs4MIPs",
    anchors: &["obs4mips"],
    facets: &["institution_id", "source_id", "frequency", "variable_id", "grid_label", "version"],
    prefix: "obs4mips",
    collection: "obs4mips",
    title: "Observations for Model Intercomparison Projects (obs4MIPs)",
    keywords: &["obs4MIPs", "WCRP", "climate", "observations"],
};

/// The known ones; of two that fit, the first.
static LAYOUTS: [Layout; 9] = [
    Layout {
        name: "CMIP6",
        anchors: &["cmip6", "c3s-cmip6", "cmip6plus"],
        facets: &[
            "activity_id",
            "institution_id",
            "source_id",
            "experiment_id",
            "variant_label",
            "table_id",
            "variable_id",
            "grid_label",
            "version",
        ],
        prefix: "cmip6",
        collection: "cmip6",
        title: "Coupled Model Intercomparison Project Phase 6 (CMIP6)",
        keywords: &["CMIP6", "WCRP", "climate", "model"],
    },
    Layout {
        name: "CMIP5 as CEDA lays it out",
        anchors: &["cmip5"],
        facets: &[
            "product",
            "institute",
            "model",
            "experiment",
            "frequency",
            "realm",
            "table",
            "ensemble",
            "version",
            "variable",
        ],
        ..CMIP5
    },
    CMIP5,
    Layout {
        name: "CMIP5 without products",
        facets: &["institute", "model", "experiment", "frequency", "realm", "table", "ensemble", "variable", "version"],
        ..CMIP5
    },
    Layout {
        name: "CORDEX",
        anchors: &["cordex", "c3s-cordex", "cordex-reklies", "cordex-adjust"],
        facets: &[
            "product",
            "domain",
            "institute",
            "driving_model",
            "experiment",
            "ensemble",
            "rcm_name",
            "rcm_version",
            "frequency",
            "variable",
            "version",
        ],
        prefix: "cordex",
        collection: "cordex",
        title: "Coordinated Regional Climate Downscaling Experiment (CORDEX)",
        keywords: &["CORDEX", "WCRP", "climate", "regional", "model"],
    },
    Layout {
        name: "CORDEX-CMIP6",
        anchors: &["cordex-cmip6", "cordex"],
        facets: &[
            "activity_id",
            "domain_id",
            "institution_id",
            "driving_source_id",
            "driving_experiment_id",
            "driving_variant_label",
            "source_id",
            "version_realization",
            "frequency",
            "variable_id",
            "version",
        ],
        prefix: "cordex",
        collection: "cordex-cmip6",
        title: "Coordinated Regional Climate Downscaling Experiment, CMIP6 driven (CORDEX-CMIP6)",
        keywords: &["CORDEX", "CMIP6", "WCRP", "climate", "regional", "model"],
    },
    OBS4MIPS,
    Layout {
        name: "obs4MIPs of the first kind",
        facets: &["product", "institute", "source_id", "realm", "variable", "frequency", "version"],
        ..OBS4MIPS
    },
    Layout {
        name: "input4MIPs",
        anchors: &["input4mips"],
        facets: &[
            "mip_era",
            "target_mip",
            "institution_id",
            "source_id",
            "realm",
            "frequency",
            "variable_id",
            "grid_label",
            "version",
        ],
        prefix: "input4mips",
        collection: "input4mips",
        title: "Forcings for Model Intercomparison Projects (input4MIPs)",
        keywords: &["input4MIPs", "WCRP", "climate", "forcing"],
    },
];

/// Where a layout begins, counted in folders from the root: negative above it.
type Start = isize;

/// The grouping by the layout that most paths follow.
pub(super) fn grouping(archive: &Archive) -> Option<Grouping> {
    let version = Regex::new(r"\A(?:v?\d{1,8}|v\d+[\w.-]*|latest)\z").ok()?;
    let mut best: Option<(usize, &'static Layout, Start)> = None;
    for layout in &LAYOUTS {
        for start in starts(layout, archive) {
            let count = archive.paths.iter().filter(|path| layout.fits(path, archive, start, &version)).count();
            if count > best.map_or(0, |(most, ..)| most) {
                best = Some((count, layout, start));
            }
        }
    }
    let (_, layout, start) = best?;
    layout.grouping(archive, start, &version)
}

/// Where the folder of the project stands in the first paths, or above the root.
fn starts(layout: &Layout, archive: &Archive) -> Vec<Start> {
    let is_anchor = |folder: &str| layout.anchors.contains(&folder.to_lowercase().as_str());
    let mut found: Vec<Start> = Vec::new();
    for (number, folder) in (1..).zip(archive.above.iter().rev()) {
        if is_anchor(folder) {
            found.push(-number);
        }
    }
    for path in &archive.paths {
        for (number, folder) in (0..).zip(path.split('/')) {
            if is_anchor(folder) && !found.contains(&number) {
                found.push(number);
            }
        }
    }
    found
}

fn folders(path: &str) -> Vec<&str> {
    let mut pieces: Vec<&str> = path.split('/').collect();
    pieces.pop();
    pieces
}

impl Layout {
    fn fits(&self, path: &str, archive: &Archive, start: Start, version: &Regex) -> bool {
        let folders = folders(path);
        let Ok(depth) = isize::try_from(folders.len()) else { return false };
        let Ok(count) = isize::try_from(self.facets.len()) else { return false };
        if depth - (start + 1) != count {
            return false;
        }
        let is_anchored = usize::try_from(start).map_or(true, |start| {
            folders.get(start).is_some_and(|folder| self.anchors.contains(&folder.to_lowercase().as_str()))
        });
        let versions = self.facets.iter().position(|facet| *facet == "version");
        let value = |number: usize| {
            let at = isize::try_from(number).ok()? + start + 1;
            match usize::try_from(at) {
                Ok(at) => folders.get(at).copied(),
                Err(_) => archive.above.get(archive.above.len().checked_sub(at.unsigned_abs())?).map(String::as_str),
            }
        };
        let has_version = versions.and_then(value).is_none_or(|value| version.is_match(value));
        is_anchored && has_version
    }

    fn grouping(&'static self, archive: &Archive, start: Start, version: &Regex) -> Option<Grouping> {
        let first = archive.paths.iter().find(|path| self.fits(path, archive, start, version))?;
        let fitting: Vec<Vec<&str>> = archive
            .paths
            .iter()
            .filter(|path| self.fits(path, archive, start, version))
            .map(|path| folders(path))
            .collect();
        let (mut pattern, mut id, mut properties) = (String::new(), Vec::new(), Vec::new());
        let mut take = |name: &str, value: String| {
            id.push(value.clone());
            let key = if name == "version" { name.to_owned() } else { format!("{}:{name}", self.prefix) };
            // Which project it is the collection says.
            if name != "project" {
                properties.push((key, value));
            }
        };
        if start < 0 {
            let anchor = archive.above.get(archive.above.len().checked_sub(start.unsigned_abs())?)?;
            take("project", anchor.clone());
        }
        for (number, name) in (start + 1..0).zip(self.facets) {
            take(name, archive.above.get(archive.above.len().checked_sub(number.unsigned_abs())?)?.clone());
        }
        let below = usize::try_from(start + 1).unwrap_or(0);
        let skipped = usize::try_from(-(start + 1)).unwrap_or(0);
        for (number, folder) in folders(first).into_iter().enumerate() {
            let is_constant = fitting.iter().all(|folders| folders.get(number) == Some(&folder));
            let name = match number.checked_sub(below) {
                Some(facet) => self.facets.get(facet + skipped).map(|name| (*name).to_owned())?,
                None if number + 1 == below => "project".to_owned(),
                None => format!("folder{}", number + 1),
            };
            let is_literal = number < below && is_constant && !folder.contains(['{', '}']);
            if is_literal {
                pattern.push_str(folder);
                if name == "project" {
                    take(&name, folder.to_owned());
                }
            } else {
                pattern.push_str(&format!("{{{name}}}"));
                take(&name, format!("{{{{ {name} }}}}"));
            }
            pattern.push('/');
        }
        pattern.push_str("{filename}");
        let words = format!("{}: one item for each version of a dataset", self.name);
        let mut grouping = Grouping::braces(&words, pattern, id.join("."));
        // Another place of files that the folders of versions link to.
        if archive.paths.iter().any(|path| folders(path).contains(&"files")) {
            grouping.exclude.push("**/files/**".into());
        }
        grouping.layout = Some(self);
        grouping.properties = properties;
        Some(grouping)
    }
}
