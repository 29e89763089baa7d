//! A few files of a large archive, seen as a whole scan sees them; or a word why that cannot be told without one.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::{FoundFile, Scan, ScanError, UnmatchedFile, explain, group, walk};
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
///
/// # Errors
/// [`Unsure`] if a whole scan might see something else; the outer one is of [`ScanError`].
pub fn scan_paths(recipe: &Recipe, paths: &[PathBuf]) -> Result<Result<Scan, Unsure>, ScanError> {
    let (mut found, mut problems) = (Vec::new(), Vec::new());
    if let Err(unsure) = look_at(recipe, paths, &mut found, &mut problems) {
        return Ok(Err(unsure));
    }
    let mut seen = HashSet::with_capacity(found.len());
    found.retain(|found: &FoundFile| seen.insert(found.file.url.clone()));
    found.sort_by(|a, b| a.path.cmp(&b.path));
    problems.sort_by(|a: &super::ScanProblem, b| a.place.cmp(&b.place));
    let grouped = group::group(&recipe.item, &recipe.aggregate.along, found, &unread)?;
    let unmatched = grouped.unmatched.into_iter().map(|path| UnmatchedFile { reason: explain(recipe, &path), path });
    let (items, failed, warnings) = (grouped.items, grouped.failed, grouped.warnings);
    Ok(Ok(Scan { items, failed, unmatched: unmatched.collect(), problems, warnings }))
}

fn look_at(
    recipe: &Recipe,
    paths: &[PathBuf],
    found: &mut Vec<FoundFile>,
    problems: &mut Vec<super::ScanProblem>,
) -> Result<(), Unsure> {
    if !recipe.item.facets.asked_attributes().is_empty() {
        return Err(Unsure::because("facets are taken from attributes of all files"));
    }
    let roots = roots(recipe)?;
    for root in &roots {
        // A root that is not mounted would look like one that was emptied.
        if !fs::read_dir(root.path).is_ok_and(|mut entries| entries.next().is_some()) {
            return Err(Unsure::because(format!("{} cannot be read, or is empty", root.path.display())));
        }
        let globs = (root.include, root.exclude);
        let below = paths.iter().filter(|path| path.starts_with(root.path));
        let below = below.map(|path| way_to(root, recipe.output.local(), path).map(|open| open.then_some(path)));
        let below: Vec<&PathBuf> = below.filter_map(Result::transpose).collect::<Result<_, _>>()?;
        walk::walk_parts(root.path, globs, recipe.output.local(), &below, found, problems)?;
    }
    Ok(())
}

/// Whether a walk comes to this path: no, if a folder on the way is left out or gone.
fn way_to(root: &Root<'_>, output: Option<&Path>, path: &Path) -> Result<bool, Unsure> {
    let Ok(below) = path.strip_prefix(root.path) else { return Ok(false) };
    let mut folder = PathBuf::new();
    for component in below.parent().into_iter().flat_map(Path::components) {
        folder.push(component);
        let real = root.path.join(&folder);
        if Some(real.as_path()) == output || component.as_os_str() == walk::STATE {
            return Ok(false);
        }
        if root.exclude.matches_all_below(&folder) {
            // Links may lead there: to the file, or to what was in a folder that is gone.
            return if root.include.matches(below) || !path.is_file() { Err(left_out(below)) } else { Ok(false) };
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
    if root.exclude.matches(below) || root.exclude.matches_all_below(below) {
        return if root.include.matches(below) { Err(left_out(below)) } else { Ok(false) };
    }
    Ok(true)
}

fn left_out(below: &Path) -> Unsure {
    Unsure::because(format!("links may lead to {}, which the globs leave out", below.display()))
}
