//! A few files of a large archive, seen as a whole scan sees them; or a word why that cannot be told without one.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::{FoundFile, LinkTargets, Scan, ScanError, UnmatchedFile, explain, group, walk};
use crate::model::facets::{AskedAttributes, FileAttributes};
use crate::model::recipe::{Globs, Recipe, SourceFiles};
use crate::model::{Fingerprint, SourceFile, SourcePlace, SourceUrl};

/// Why a few files cannot be looked at alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsure(pub String);

impl Unsure {
    /// For this reason.
    pub fn because(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }
}

fn unread(files: &[SourceFile], _: &AskedAttributes) -> Vec<Result<FileAttributes, String>> {
    files.iter().map(|_| Err("files are not opened here".into())).collect()
}

/// A local root with globs.
struct Root<'a> {
    path: &'a Path,
    include: &'a Globs,
    exclude: &'a Globs,
}

/// The roots, if every file of the recipe is in exactly one of them.
fn roots(recipe: &Recipe) -> Result<Vec<Root<'_>>, Unsure> {
    let mut roots: Vec<Root<'_>> = Vec::new();
    for source in &recipe.sources {
        match (&source.root, &source.files) {
            (SourcePlace::Local(path), SourceFiles::Matching { include, exclude }) => {
                if roots.iter().any(|root| root.path.starts_with(path) || path.starts_with(root.path)) {
                    return Err(Unsure::because("roots of the recipe overlap"));
                }
                roots.push(Root { path, include, exclude });
            }
            _ => return Err(Unsure::because("the recipe has sources that are no local folders")),
        }
    }
    Ok(roots)
}

/// The local roots of a recipe, whatever else it has.
pub fn local_roots(recipe: &Recipe) -> Vec<PathBuf> {
    let matching = recipe.sources.iter().filter(|source| matches!(source.files, SourceFiles::Matching { .. }));
    matching.filter_map(|source| source.root.local().map(Path::to_owned)).collect()
}

/// A path as the walk would name it, its folders resolved; `None` if it lies below no local root of the recipe, or in what altostac writes.
///
/// A folder below the root that is a link out of it keeps its name: so the walk shows it.
pub fn place_in_archive(recipe: &Recipe, path: &Path) -> Option<PathBuf> {
    let roots = local_roots(recipe);
    let is_below = |path: &Path| roots.iter().any(|root| path.starts_with(root));
    let resolved = resolved_folder(path);
    let place = match is_below(&resolved) {
        true => resolved,
        false if is_below(path) => path.to_owned(),
        false => return None,
    };
    let is_ours = recipe.output.local().is_some_and(|output| place.starts_with(output))
        || place.components().any(|component| component.as_os_str() == walk::STATE);
    (!is_ours).then_some(place)
}

/// The path with the links in its folders resolved, as far as these exist.
fn resolved_folder(path: &Path) -> PathBuf {
    let Some(folder) = path.parent() else { return path.to_owned() };
    for above in folder.ancestors() {
        if let (Ok(real), Ok(rest)) = (above.canonicalize(), path.strip_prefix(above)) {
            return real.join(rest);
        }
    }
    path.to_owned()
}

/// The ids that paths have by the pattern, whether the files are there or not. Paths that have none are left out.
///
/// # Errors
/// [`ScanError::Template`] if a template of the recipe does not compile.
pub fn items_of(recipe: &Recipe, paths: &[PathBuf]) -> Result<BTreeMap<PathBuf, String>, ScanError> {
    let mut named = Vec::new();
    for path in paths {
        for source in &recipe.sources {
            let SourceFiles::Matching { include, exclude } = &source.files else { continue };
            let Some(below) = source.root.local().and_then(|root| path.strip_prefix(root).ok()) else { continue };
            let (Some(text), Some(url)) = (below.to_str(), SourceUrl::from_path(path)) else { continue };
            if include.matches(below) && !exclude.matches(below) {
                let fingerprint = Fingerprint::ModifiedAndSize { modified_ns: 0, size: 0 };
                named.push(FoundFile { path: text.to_owned(), file: SourceFile { url, size: 0, fingerprint } });
                break;
            }
        }
    }
    let grouped = group::group(&recipe.item, &recipe.aggregate.along, named, &unread)?;
    let items = grouped.items.into_iter().map(|item| (item.id.to_string(), item.files));
    let failed = grouped.failed.into_iter().map(|item| (item.id, item.files));
    let each = |(id, files): (String, Vec<SourceFile>)| {
        files.into_iter().filter_map(move |file| Some((file.url.local_path()?, id.clone())))
    };
    Ok(items.chain(failed).flat_map(each).collect())
}

/// Looks at these files, and at what lies below these folders, as a whole scan would see them. What is not there any more is not in the answer.
/// `links` is what all scans found until now.
///
/// # Errors
/// [`Unsure`] if a whole scan might see something else; the outer one is of [`ScanError`].
pub fn scan_paths(recipe: &Recipe, paths: &[PathBuf], links: &LinkTargets) -> Result<Result<Scan, Unsure>, ScanError> {
    let mut seen = walk::Seen::default();
    if let Err(unsure) = look_at(recipe, paths, links, &mut seen) {
        return Ok(Err(unsure));
    }
    let walk::Seen { mut found, mut problems, links } = seen;
    let mut seen = HashSet::with_capacity(found.len());
    found.retain(|found: &FoundFile| seen.insert(found.file.url.clone()));
    found.sort_by(|a, b| a.path.cmp(&b.path));
    problems.sort_by(|a, b| a.place.cmp(&b.place));
    let grouped = group::group(&recipe.item, &recipe.aggregate.along, found, &unread)?;
    let unmatched = grouped.unmatched.into_iter().map(|path| UnmatchedFile { reason: explain(recipe, &path), path });
    let (items, failed, warnings) = (grouped.items, grouped.failed, grouped.warnings);
    Ok(Ok(Scan { items, failed, unmatched: unmatched.collect(), problems, warnings, links }))
}

fn look_at(recipe: &Recipe, paths: &[PathBuf], links: &LinkTargets, seen: &mut walk::Seen) -> Result<(), Unsure> {
    if !recipe.item.facets.asked_attributes().is_empty() {
        return Err(Unsure::because("facets are taken from attributes of all files"));
    }
    for path in paths {
        if links.lead_to(path) {
            return Err(Unsure::because(format!("links lead to {}", path.display())));
        }
    }
    for root in &roots(recipe)? {
        // A root that is not mounted would look like one that was emptied.
        if !fs::read_dir(root.path).is_ok_and(|mut entries| entries.next().is_some()) {
            return Err(Unsure::because(format!("{} cannot be read, or is empty", root.path.display())));
        }
        let (globs, output) = ((root.include, root.exclude), recipe.output.local());
        let mut ways = Ways { root, output, open: HashMap::new() };
        let below = paths.iter().filter(|path| path.starts_with(root.path));
        let below = below.map(|path| ways.lead_to(path).map(|is_open| is_open.then_some(path)));
        let below: Vec<&PathBuf> = below.filter_map(Result::transpose).collect::<Result<_, _>>()?;
        walk::walk_parts(root.path, globs, output, &below, seen)?;
    }
    Ok(())
}

/// The ways from a root: files lie many in a folder.
struct Ways<'a> {
    root: &'a Root<'a>,
    output: Option<&'a Path>,
    /// The folders that were asked for: whether a walk comes to what lies in them.
    open: HashMap<PathBuf, bool>,
}

impl Ways<'_> {
    /// Whether a walk comes to this path: no, if it or a folder on the way is left out, or such a folder gone.
    fn lead_to(&mut self, path: &Path) -> Result<bool, Unsure> {
        let Ok(below) = path.strip_prefix(self.root.path) else { return Ok(false) };
        let folder = below.parent().unwrap_or(below);
        let is_open = match self.open.get(folder) {
            Some(is_open) => *is_open,
            None => {
                let is_open = self.is_open(folder)?;
                self.open.insert(folder.to_owned(), is_open);
                is_open
            }
        };
        let exclude = self.root.exclude;
        Ok(is_open && !exclude.matches(below) && !exclude.matches_all_below(below))
    }

    fn is_open(&self, below: &Path) -> Result<bool, Unsure> {
        let mut folder = PathBuf::new();
        for component in below.components() {
            folder.push(component);
            let real = self.root.path.join(&folder);
            let is_ours = Some(real.as_path()) == self.output || component.as_os_str() == walk::STATE;
            if is_ours || self.root.exclude.matches_all_below(&folder) {
                return Ok(false);
            }
            match fs::symlink_metadata(&real) {
                Ok(metadata) if metadata.is_dir() => {}
                Ok(metadata) if metadata.is_symlink() => {
                    return Err(Unsure::because(format!("{} is a link to a folder", real.display())));
                }
                Ok(_) => return Ok(false),
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
                Err(error) => return Err(Unsure::because(format!("{} cannot be looked at: {error}", real.display()))),
            }
        }
        Ok(true)
    }
}
