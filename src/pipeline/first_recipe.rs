//! A first recipe for an archive: what is there is listed, a few files are opened, groupings are tried, and the one that holds is written down.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use std::time::{Duration, Instant};

use schemars::JsonSchema;
use serde::Serialize;

use tried::{Tried, judge, needs};

use super::inspect::index_url;
use super::{PipelineError, Progress, WorkspaceError};
use crate::model::{FileIndex, ItemError, SourcePlace, SourceUrl};
use crate::scan::{Listing, first_look};
use crate::suggest::{
    About, Archive, FileFacts, Grouping, Groups, Need, READABLE, Suggestion, about, groupings, write,
};

mod tried;

/// How many files are listed, and for how long.
const LISTED: usize = 100_000;
const LISTING: Duration = Duration::from_secs(20);
/// How many files are opened, and for how long.
const OPENED: usize = 400;
const OPENING: Duration = Duration::from_secs(30);
/// How many files are asked what things are called.
const ASKED: usize = 12;
/// Of larger archives: how many items are tried, and how many files of each.
const TRIED_ITEMS: usize = 50;
const TRIED_FILES: usize = 8;
/// How many files are left out by name.
const LEFT_OUT: usize = 50;
/// How many examples are named.
const EXAMPLES: usize = 5;

/// What `altostac new` answers.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct FirstRecipe {
    /// The file that the recipe was written to; absent if it was printed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recipe: Option<String>,
    /// The id of the collection.
    pub collection: String,
    /// How files become items, in words.
    pub grouping: String,
    /// The text of `item.pattern` or `item.regex`.
    pub pattern: String,
    /// The template of ids.
    pub id: String,
    /// How many files were found that altostac may read.
    pub files: usize,
    /// Whether these are all.
    pub complete: bool,
    /// How many items they become.
    pub items: usize,
    /// How many files were opened.
    pub files_opened: usize,
    /// How many items were tried.
    pub items_tried: usize,
    /// What has to be decided: these items will fail until it is.
    pub needs: Vec<Need>,
    /// Files that the recipe excludes.
    pub left_out: Vec<LeftOut>,
    /// What else one should know.
    pub notes: Vec<String>,
    /// The recipe.
    pub text: String,
}

/// A file that the recipe excludes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct LeftOut {
    /// Its path below the root.
    pub path: String,
    /// Why.
    pub reason: String,
}

/// Writes a first recipe for what is in a place. `written` is how the recipe names it, `recipe` where the recipe will stand.
///
/// # Errors
/// [`PipelineError::NothingToRead`] if there is no file that altostac reads, or no way to name its items.
pub fn first_recipe(
    place: &SourcePlace,
    above: Vec<String>,
    written: &str,
    recipe: &Path,
    progress: &dyn Progress,
) -> Result<FirstRecipe, PipelineError> {
    progress.begin("looking at the archive", 0);
    let begun = Instant::now();
    let output = recipe.parent().unwrap_or(recipe).join("published");
    let listing = first_look(place, &output, &|count| count >= LISTED || begun.elapsed() > LISTING);
    progress.end();
    let nothing = |found: String| PipelineError::NothingToRead { place: place.to_string(), found };
    let listing = listing.map_err(|error| nothing(error.to_string()))?;
    let mut look = Look::new(listing, above);
    if look.archive.paths.is_empty() {
        return Err(nothing(look.found_instead()));
    }
    progress.begin("looking into files", 0);
    let asked = evenly(look.archive.paths.len(), ASKED);
    let facts: Vec<FileFacts> = asked.into_iter().filter_map(|number| look.facts(number)).collect();
    let candidates = groupings(&look.archive, &facts);
    let tried = choose(&mut look, candidates);
    progress.end();
    let tried = tried.ok_or_else(|| {
        nothing(format!("{} files, whose paths give no ids that are unique ignoring case", look.archive.paths.len()))
    })?;
    let report = look.report(&tried, written);
    crate::recipe::parse(&report.text, recipe).map_err(WorkspaceError::from)?;
    Ok(report)
}

/// So many numbers below a count, spread evenly, the first and the last among them.
fn evenly(count: usize, wanted: usize) -> Vec<usize> {
    match (count, wanted) {
        (0, _) | (_, 0) => Vec::new(),
        _ if count <= wanted => (0..count).collect(),
        (_, 1) => vec![0],
        _ => (0..wanted).map(|number| number * (count - 1) / (wanted - 1)).collect(),
    }
}

/// A grouping, and what came of it.
struct Choice {
    grouping: Grouping,
    groups: Groups,
    tried: Vec<Tried>,
}

impl Choice {
    /// How many items are no dataset, in a hundred.
    fn conflicts(&self) -> usize {
        let conflicts = self.tried.iter().filter(|tried| tried.conflict.is_some()).count();
        conflicts.saturating_mul(100) / self.tried.len().max(1)
    }

    /// In a layout that is known, what fails is more likely in the files than in the grouping.
    fn holds(&self) -> bool {
        self.conflicts() <= if self.grouping.layout.is_some() { 50 } else { 20 }
    }
}

/// The first grouping that holds; if none does the one with the fewest conflicts.
fn choose(look: &mut Look, candidates: Vec<Grouping>) -> Option<Choice> {
    let mut best: Option<Choice> = None;
    for grouping in candidates {
        let groups = grouping.groups(&look.archive.paths);
        if !groups.are_usable() {
            continue;
        }
        let tried = look.try_items(&groups);
        let choice = Choice { grouping, groups, tried };
        if choice.holds() {
            return Some(choice);
        }
        if best.as_ref().is_none_or(|best| choice.conflicts() < best.conflicts()) {
            best = Some(choice);
        }
    }
    best
}

/// A look at an archive.
struct Look {
    archive: Archive,
    places: Vec<SourceUrl>,
    indexes: HashMap<usize, Result<FileIndex, ItemError>>,
    /// How long files have been opened and tried.
    spent: Duration,
    notes: Vec<String>,
    /// Files with other endings: how many, and one of them.
    others: BTreeMap<String, (usize, String)>,
}

fn ending(path: &str) -> String {
    let name = path.rsplit('/').next().unwrap_or_default();
    name.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase()).unwrap_or_default()
}

impl Look {
    fn new(listing: Listing, above: Vec<String>) -> Self {
        let mut notes: Vec<String> = listing.problems.iter().take(EXAMPLES).map(ToString::to_string).collect();
        if listing.problems.len() > EXAMPLES {
            notes.push(format!("and {} more places could not be looked at", listing.problems.len() - EXAMPLES));
        }
        if !listing.complete {
            notes.push(format!(
                "only the first {} files were listed (at most {LISTED}, for at most {} s): the recipe is made for what they show",
                listing.files.len(),
                LISTING.as_secs()
            ));
        }
        let mut others: BTreeMap<String, (usize, String)> = BTreeMap::new();
        let mut unknown: BTreeMap<String, SourceUrl> = BTreeMap::new();
        for (path, url) in &listing.files {
            let ending = ending(path);
            if !READABLE.contains(&ending.as_str()) {
                unknown.entry(ending.clone()).or_insert_with(|| url.clone());
                others.entry(ending).or_insert_with(|| (0, path.clone())).0 += 1;
            }
        }
        // Whatever it is called: one file of each other ending is tried.
        for (ending, url) in unknown.into_iter().take(ASKED) {
            if index_url(&url).is_ok() {
                others.remove(&ending);
            }
        }
        let files = listing.files.into_iter().filter(|(path, _)| !others.contains_key(&ending(path)));
        let (paths, places) = files.unzip();
        let archive = Archive { above, paths, complete: listing.complete };
        Self { archive, places, indexes: HashMap::new(), spent: Duration::ZERO, notes, others }
    }

    fn found_instead(&self) -> String {
        let kinds =
            self.others.iter().map(|(ending, (count, example))| format!("{count} files *.{ending} such as {example}"));
        let kinds: Vec<String> = kinds.collect();
        let found = if kinds.is_empty() { "no file".to_owned() } else { kinds.join(", ") };
        if self.notes.is_empty() { found } else { format!("{found} ({})", self.notes.join("; ")) }
    }

    /// What a file holds; `None` once enough was opened.
    fn index(&mut self, number: usize) -> Option<&Result<FileIndex, ItemError>> {
        if !self.indexes.contains_key(&number) {
            let is_enough = self.indexes.len() >= OPENED || self.spent > OPENING;
            if is_enough && !self.indexes.is_empty() {
                return None;
            }
            let begun = Instant::now();
            let index = index_url(self.places.get(number)?);
            self.spent += begun.elapsed();
            self.indexes.insert(number, index);
        }
        self.indexes.get(&number)
    }

    fn facts(&mut self, number: usize) -> Option<FileFacts> {
        let path = self.archive.paths.get(number)?.clone();
        let index = self.index(number)?.as_ref().ok()?;
        Some(file_facts(path, index))
    }

    /// Tries all items of a small archive, and some of a large one.
    fn try_items(&mut self, groups: &Groups) -> Vec<Tried> {
        let is_small = self.archive.paths.len() <= OPENED;
        let all: Vec<(&String, &Vec<usize>)> = groups.items.iter().collect();
        let chosen = evenly(all.len(), if is_small { all.len() } else { TRIED_ITEMS });
        let mut tried = Vec::new();
        for (id, members) in chosen.into_iter().filter_map(|number| all.get(number)) {
            let files = evenly(members.len(), if is_small { members.len() } else { TRIED_FILES });
            let files: Vec<usize> = files.into_iter().filter_map(|number| members.get(number).copied()).collect();
            match self.try_item(id, &files) {
                Some(found) => tried.push(found),
                None => break,
            }
        }
        tried
    }

    /// `None` once enough was opened.
    fn try_item(&mut self, id: &str, files: &[usize]) -> Option<Tried> {
        let mut tried = Tried { id: id.to_owned(), ..Tried::default() };
        let mut indexes = Vec::new();
        for number in files {
            match self.index(*number)? {
                Ok(index) => indexes.push(index.clone()),
                Err(error) => tried.unreadable.push((*number, error.clone())),
            }
        }
        let begun = Instant::now();
        if !indexes.is_empty() {
            judge(&indexes, &mut tried);
        }
        self.spent += begun.elapsed();
        Some(tried)
    }

    fn report(mut self, choice: &Choice, written: &str) -> FirstRecipe {
        let mut facts: Vec<FileFacts> = Vec::new();
        for (number, path) in self.archive.paths.iter().enumerate() {
            if let Some(Ok(index)) = self.indexes.get(&number) {
                facts.push(file_facts(path.clone(), index));
            }
        }
        let about = about(&self.archive, &facts, choice.grouping.layout);
        let left_out = self.left_out(choice);
        let needs = needs(&choice.tried);
        self.note(choice);
        let looked_at = self.sentences(choice);
        let include = self.include();
        let pairs: Vec<(String, String)> =
            left_out.iter().map(|left| (left.path.clone(), left.reason.clone())).collect();
        let text = write(&Suggestion {
            root: written,
            about: &about,
            grouping: &choice.grouping,
            include: &include,
            left_out: &pairs,
            needs: &needs,
            looked_at: &looked_at,
        });
        self.finish(choice, about, needs, left_out, text)
    }

    fn finish(
        self,
        choice: &Choice,
        about: About,
        needs: Vec<Need>,
        left_out: Vec<LeftOut>,
        text: String,
    ) -> FirstRecipe {
        FirstRecipe {
            recipe: None,
            collection: about.id,
            grouping: choice.grouping.words.clone(),
            pattern: choice.grouping.pattern().to_owned(),
            id: choice.grouping.id.clone(),
            files: self.archive.paths.len(),
            complete: self.archive.complete,
            items: choice.groups.items.len(),
            files_opened: self.indexes.len(),
            items_tried: choice.tried.len(),
            needs,
            left_out,
            notes: self.notes,
            text,
        }
    }

    /// Files that are not what they should be; said by name, for a build would fail with them every time. What could not be fetched may be right.
    fn left_out(&self, choice: &Choice) -> Vec<LeftOut> {
        let unreadable =
            choice.tried.iter().flat_map(|tried| &tried.unreadable).filter(|(_, error)| error.kind != "io");
        let left = unreadable.filter_map(|(number, error)| {
            Some(LeftOut { path: self.archive.paths.get(*number)?.clone(), reason: error.message.clone() })
        });
        left.take(LEFT_OUT).collect()
    }

    fn include(&self) -> Vec<String> {
        // As they are written: globs look at upper and lower case.
        let of = |path: &String| path.rsplit('/').next()?.rsplit_once('.').map(|(_, ending)| format!("**/*.{ending}"));
        let found: BTreeSet<String> =
            self.archive.paths.iter().map(|path| of(path).unwrap_or_else(|| "**/*".into())).collect();
        found.into_iter().collect()
    }

    fn note(&mut self, choice: &Choice) {
        for (ending, (count, example)) in self.others.iter().take(EXAMPLES) {
            self.notes.push(format!("{count} files *.{ending} are not read, such as {example}"));
        }
        if let Some(first) = choice.groups.unmatched.first().and_then(|number| self.archive.paths.get(*number)) {
            let count = choice.groups.unmatched.len();
            self.notes.push(format!("{count} files do not fit item.pattern and become no item, such as {first}"));
        }
        if let Some(first) = choice.groups.excluded.first().and_then(|number| self.archive.paths.get(*number)) {
            let count = choice.groups.excluded.len();
            self.notes.push(format!("{count} files are left out by sources.exclude, such as {first}"));
        }
        let copied = choice.tried.iter().filter(|tried| tried.is_copied).count();
        if copied > 0 {
            self.notes.push(format!(
                "{copied} of {} items can only be copied (to Zarr): no reference to their files carries them",
                choice.tried.len()
            ));
        }
    }

    fn sentences(&self, choice: &Choice) -> Vec<String> {
        let is_all = choice.tried.len() == choice.groups.items.len() && self.archive.complete;
        let tried = if is_all { "all".to_owned() } else { format!("{} items", choice.tried.len()) };
        let mut told = vec![format!(
            "{} files were found, which become {} items; {} files were opened, {tried} tried.",
            self.archive.paths.len(),
            choice.groups.items.len(),
            self.indexes.len()
        )];
        told.extend(self.notes.iter().map(|note| format!("Note: {note}.")));
        told
    }
}

fn file_facts(path: String, index: &FileIndex) -> FileFacts {
    let text =
        |(name, value): (&String, &crate::model::AttributeValue)| Some((name.clone(), value.text()?.trim().to_owned()));
    let attributes = index.root.attributes.iter().filter_map(text).collect();
    let variables = index.root.all_variables();
    let mut helpers: BTreeSet<String> = index.root.dimensions.keys().map(ToString::to_string).collect();
    for (_, variable) in &variables {
        for name in ["bounds", "coordinates", "grid_mapping", "climatology", "cell_measures"] {
            helpers.extend(variable.text(name).unwrap_or_default().split_whitespace().map(str::to_owned));
        }
    }
    let is_data = |name: &str, dimensions: usize| dimensions > 0 && !helpers.contains(name);
    let data = variables.iter().filter(|(_, variable)| is_data(variable.name.as_str(), variable.dimensions.len()));
    FileFacts { path, attributes, variables: data.map(|(path, _)| path.key().to_owned()).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_spread_evenly() {
        assert_eq!(evenly(3, 5), [0, 1, 2]);
        assert_eq!(evenly(100, 3), [0, 49, 99]);
        assert_eq!(evenly(10, 1), [0]);
        assert!(evenly(0, 3).is_empty() && evenly(3, 0).is_empty());
    }
}
