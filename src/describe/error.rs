use crate::cftime::TimeError;

/// Why a record cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum DescribeError {
    /// The dataset has no latitude or no longitude.
    #[error("no place: expected {expected}, found {found}")]
    NoPlace {
        /// The coordinates that were looked for.
        expected: &'static str,
        /// What there is instead.
        found: String,
    },
    /// The dataset has no time coordinate.
    #[error("no time: expected a time coordinate (standard_name time, or units UNIT since DATE), found {found}")]
    NoTime {
        /// What there is instead.
        found: String,
    },
    /// A coordinate's values are not what they should be.
    #[error("{variable}: expected {expected}, found {found}")]
    Coordinate {
        /// The variable.
        variable: String,
        /// What its values should be.
        expected: &'static str,
        /// What was found.
        found: String,
    },
    /// Latitudes and longitudes are not where the projection beside them puts their cells.
    #[error("{0}")]
    Disagreement(Box<Disagreement>),
    /// A time coordinate cannot be read.
    #[error("{variable}: the time cannot be read")]
    Time {
        /// The variable.
        variable: String,
        /// Why.
        source: TimeError,
    },
    /// What a file states of its time cannot be read.
    #[error("{what} of {file}: expected {expected}, found {found}")]
    Stated {
        /// The attribute or facet.
        what: String,
        /// The file.
        file: String,
        /// What it should say.
        expected: String,
        /// What it says.
        found: String,
    },
    /// The recipe's geometry is none.
    #[error("item.geometry: expected {expected}, found {found}")]
    Geometry {
        /// What should stand there.
        expected: &'static str,
        /// What stands there.
        found: String,
    },
    /// There is no such profile.
    #[error("unknown profile {found:?}: expected one of {}", known.join(", "))]
    UnknownProfile {
        /// What the recipe says.
        found: String,
        /// Those there are.
        known: Vec<&'static str>,
    },
    /// A recipe overrides a template that there is not.
    #[error("unknown template {found:?}: expected one of {}", known.join(", "))]
    UnknownTemplate {
        /// The file beside the recipe.
        found: String,
        /// Those there are.
        known: Vec<&'static str>,
    },
    /// A template cannot be read or rendered.
    #[error("template {template}{}: it cannot be rendered", at_line(*line))]
    Template {
        /// Its name.
        template: String,
        /// The line, if known.
        line: Option<usize>,
        /// Why.
        source: minijinja::Error,
    },
    /// What a template yields is not a JSON object.
    #[error("template {template}: line {line} of what it yields is not the JSON object that was expected: {reason}")]
    NotJson {
        /// Its name.
        template: String,
        /// The line of the rendered text.
        line: usize,
        /// What is wrong there.
        reason: String,
    },
    /// A template changes something that was computed.
    #[error("template {template} changes {field}: expected {expected}, found {found}")]
    Untrue {
        /// Its name.
        template: String,
        /// The field.
        field: String,
        /// What was computed.
        expected: String,
        /// What the template made of it.
        found: String,
    },
    /// A profile asks for what the dataset does not have.
    #[error("template {template} cannot say {field}: expected {expected}, found {found}")]
    Profile {
        /// Its name.
        template: String,
        /// The field of the record.
        field: String,
        /// What the profile asks for.
        expected: String,
        /// What there is.
        found: String,
    },
    /// A collection without items has no extent.
    #[error("collection {collection} has no items, so it has no extent")]
    EmptyCollection {
        /// The collection.
        collection: String,
    },
    /// An Item's JSON lacks what its collection needs of it.
    #[error("item {item}: expected {expected} in {field}, found {found}")]
    Item {
        /// The Item's id.
        item: String,
        /// The field.
        field: &'static str,
        /// What should stand there.
        expected: &'static str,
        /// What stands there.
        found: String,
    },
}

/// Where latitudes and longitudes say that a cell is, and where the projection beside them.
#[derive(Debug, thiserror::Error)]
#[error(
    "{coordinates}: expected {expected} at index {index:?} as the grid mapping {mapping} says, found {found}, {distance:.1} km away \
     where the next cell is {cell:.1} km away"
)]
pub struct Disagreement {
    /// The latitude and the longitude.
    pub coordinates: String,
    /// The grid mapping.
    pub mapping: String,
    /// The row and the column of the cell that is furthest off.
    pub index: [usize; 2],
    /// Where the grid mapping puts it.
    pub expected: String,
    /// What the latitude and the longitude say.
    pub found: String,
    /// How far these are apart, in kilometres.
    pub distance: f64,
    /// How far the next cell is, in kilometres.
    pub cell: f64,
}

fn at_line(line: Option<usize>) -> String {
    line.map(|line| format!(", line {line}")).unwrap_or_default()
}

impl DescribeError {
    /// A word for machines: `no_place`, `no_time`, `coordinate`, `time`, `template`, `profile`; `describe` for all that is not the files' own.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::NoPlace { .. } => "no_place",
            Self::NoTime { .. } => "no_time",
            Self::Coordinate { .. } | Self::Disagreement(_) => "coordinate",
            Self::Time { .. } | Self::Stated { .. } => "time",
            Self::UnknownProfile { .. } | Self::UnknownTemplate { .. } | Self::Template { .. } => "template",
            Self::NotJson { .. } | Self::Untrue { .. } => "template",
            Self::Profile { .. } => "profile",
            Self::Geometry { .. } | Self::EmptyCollection { .. } | Self::Item { .. } => "describe",
        }
    }

    /// What a person may do about it, where there is something to say.
    pub fn remedy(&self) -> Option<&'static str> {
        match self {
            Self::NoPlace { .. } => Some("give item.geometry in the recipe"),
            Self::NoTime { .. } => Some("give item.datetime in the recipe"),
            Self::Coordinate { .. } => Some("correct the file, or give item.geometry or item.datetime in the recipe"),
            Self::Stated { .. } => Some("correct item.time in the recipe, or give item.datetime"),
            Self::Disagreement(_) => Some("correct the file, or give item.geometry in the recipe"),
            Self::Time { source, .. } => source.remedy().or(Some("give item.datetime in the recipe")),
            Self::Geometry { .. } => Some("write a GeoJSON geometry in degrees, longitude before latitude"),
            Self::Untrue { .. } => Some("leave computed fields as the template receives them"),
            Self::Profile { .. } => Some(
                "give it in the recipe (item.properties, a facet of item.pattern or item.facets, item.id, collection.id), or choose another stac.profile",
            ),
            Self::EmptyCollection { .. } => Some("build at least one item first"),
            _ => None,
        }
    }
}
