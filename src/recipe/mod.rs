//! In: a recipe file.
//! Out: a [`Recipe`], or every mistake in it at once, each with its line and the nearest right spelling.
//!
//! ```text
//! text ─▶ tree with places ─▶ shape (against the JSON Schema) ─▶ RawRecipe ─▶ meaning ─▶ Recipe + digests
//!          yaml.rs              check.rs                          raw.rs       resolve.rs   digest.rs
//! ```
//!
//! A key is accepted only when it works. The shape is checked against the same schema that editors use ([`schema`]).

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::model::recipe::Recipe;

mod auth;
mod check;
mod digest;
mod facets;
mod facts;
mod mistake;
mod publishing;
mod raw;
mod resolve;
mod surroundings;
mod templates;
mod thumbnail;
mod urls;
mod watch;
mod yaml;
mod zarr;

pub use mistake::Mistake;
use surroundings::{Imagined, OnDisk, Surroundings};

/// The profiles that `stac.profile` can name: the folders of templates that altostac carries.
pub const PROFILES: [&str; 3] = ["default", "ceda", "esgf"];

/// The largest recipe that is read, in bytes.
const SIZE_LIMIT: u64 = 4 * 1024 * 1024;

/// Why there is no recipe.
#[derive(Debug, thiserror::Error)]
pub enum RecipeError {
    /// A file cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The recipe says what it cannot mean. One line a mistake, in the order of the text.
    #[error("{}", lines(path, mistakes))]
    Mistakes {
        /// The recipe.
        path: PathBuf,
        /// The mistakes; at least one.
        mistakes: Vec<Mistake>,
    },
}

fn lines(path: &Path, mistakes: &[Mistake]) -> String {
    let lines: Vec<_> = mistakes.iter().map(|mistake| format!("{}:{mistake}", path.display())).collect();
    lines.join("\n")
}

/// Reads a recipe and the templates beside it; finds its folders.
///
/// # Errors
/// [`RecipeError::Read`] if a file cannot be read, [`RecipeError::Mistakes`] for what is wrong in the recipe's text, a root
/// that is no folder included.
pub fn load(path: &Path) -> Result<Recipe, RecipeError> {
    let failed = |source| RecipeError::Read { path: path.to_owned(), source };
    let metadata = std::fs::metadata(path).map_err(failed)?;
    if metadata.len() > SIZE_LIMIT {
        let reason = format!("{} bytes are too many for a recipe; at most {SIZE_LIMIT} are read", metadata.len());
        return Err(failed(std::io::Error::other(reason)));
    }
    let text = std::fs::read_to_string(path).map_err(failed)?;
    parse_within(&text, path, &OnDisk)
}

/// Resolves a recipe from its text without a look at any file: folders are taken as they are written, no template is overridden.
///
/// ```
/// let text = r#"
/// collection: {id: cmip6, description: A sample.}
/// sources: [{root: /archive/data}]
/// item: {pattern: "{model}/{file}", id: "{{ modle }}"}
/// "#;
/// let error = altostac::recipe::parse(text, "recipe.yaml".as_ref()).unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "recipe.yaml:4:35: item.id uses modle, which is not a facet of the pattern; did you mean model?"
/// );
/// ```
///
/// # Errors
/// [`RecipeError::Mistakes`] for what is wrong in the text.
pub fn parse(text: &str, path: &Path) -> Result<Recipe, RecipeError> {
    parse_within(text, path, &Imagined)
}

fn parse_within(text: &str, path: &Path, surroundings: &dyn Surroundings) -> Result<Recipe, RecipeError> {
    let mistaken = |mistakes| RecipeError::Mistakes { path: path.to_owned(), mistakes };
    let tree = yaml::parse(text)
        .map_err(|(place, reason)| mistaken(vec![Mistake::new(place, "", format!("this is not YAML: {reason}"))]))?;
    // First, and alone: no other message may repeat a secret.
    let mut secrets = urls::find_credentials(&tree);
    secrets.extend(auth::find_secrets(&tree));
    if !secrets.is_empty() {
        return Err(mistaken(secrets));
    }
    let checked = check::check(&tree, &schema());
    if !checked.mistakes.is_empty() {
        return Err(mistaken(checked.mistakes));
    }
    let raw: raw::RawRecipe = serde_json::from_value(tree.to_json())
        .map_err(|error| mistaken(vec![Mistake::new(tree.place, "", error.to_string())]))?;
    let absolute = std::path::absolute(path).map_err(|source| RecipeError::Read { path: path.to_owned(), source })?;
    resolve::resolve(raw, &checked.places, &absolute, surroundings).map_err(mistaken)
}

/// The JSON Schema of a recipe (draft 2020-12), generated from the types; committed as `schemas/recipe.json`.
pub fn schema() -> Value {
    schemars::schema_for!(raw::RawRecipe).to_value()
}

#[cfg(test)]
mod tests;
