//! Makes recipes of other programs' descriptions. Pure.
//!
//! In: the text of another program's recipe.
//! Out: the text of a recipe, with comments, and what could not be carried over ([`Converted`]). Nothing is dropped silently: what a recipe
//! cannot say stands in it as a comment and in [`Converted::notes`].
//!
//! | file | does |
//! | --- | --- |
//! | `stac_generator` | CEDA's stac-generator, version 2: a list of extraction methods becomes `item.facets` |
//! | `yaml` | how the recipe is written |

mod stac_generator;
mod yaml;

pub use stac_generator::convert as convert_stac_generator;

/// A recipe, and what it does not say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Converted {
    /// The text of the recipe.
    pub recipe: String,
    /// What could not be carried over or differs, each with the place that it stands at.
    pub notes: Vec<String>,
}

/// Why there is nothing to convert.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConvertError {
    /// The text is not YAML.
    #[error("{name} is not YAML: {reason}")]
    Yaml {
        /// The file.
        name: String,
        /// Why not.
        reason: String,
    },
    /// It is YAML, but not what was expected.
    #[error("{name} is no recipe of {program}: {found}")]
    Shape {
        /// The file.
        name: String,
        /// The program.
        program: &'static str,
        /// What was found.
        found: String,
    },
}
