//! A recipe with its state and its output.

use super::owner;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::describe::{DescribeError, Templates};
use crate::ledger::{Ledger, LedgerError};
use crate::model::SourcePlace;
use crate::model::recipe::Recipe;
use crate::recipe::RecipeError;
use crate::storage::{LocalFolder, ObjectOutput, Output, OutputLock, StorageError};
use crate::validate::Validator;

/// Why there is nothing to work on.
#[derive(Debug, thiserror::Error)]
pub enum WorkspaceError {
    /// The recipe cannot be used.
    #[error(transparent)]
    Recipe(#[from] RecipeError),
    /// The ledger cannot be used.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The templates cannot be used.
    #[error(transparent)]
    Templates(#[from] DescribeError),
    /// The output cannot be used.
    #[error(transparent)]
    Output(#[from] StorageError),
    /// The folder of the state cannot be made or locked.
    #[error("cannot {action} {path}")]
    State {
        /// What was tried.
        action: &'static str,
        /// The folder or file.
        path: String,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
    /// Another run is at work.
    #[error("another altostac is at work on {recipe}")]
    Busy {
        /// The recipe.
        recipe: String,
    },
    /// A run with another state is at work on the same output.
    #[error("another altostac, with another state, is at work on {folder}")]
    OutputBusy {
        /// The folder of the collection in the output.
        folder: String,
    },
}

impl WorkspaceError {
    /// What a person can do about it, if there is something to say.
    pub fn remedy(&self) -> Option<String> {
        match self {
            Self::Ledger(error) => Some(error.remedy().into()),
            Self::Output(error) => error.remedy().map(Into::into),
            Self::Busy { .. } => Some("wait until it is done (--wait does so); its lock goes with it".into()),
            Self::OutputBusy { .. } => Some("wait until it is done, and use one state for one output".into()),
            Self::State { .. } => Some("choose another folder with --state".into()),
            _ => None,
        }
    }
}

/// The ledger, a new one that is being filled, and the one that was before.
const LEDGER: &str = "ledger.sqlite";
const NEW_LEDGER: &str = "ledger.sqlite.new";
const OLD_LEDGER: &str = "ledger.sqlite.before";

/// The lock of a collection in an output, until it is dropped.
pub(super) struct HeldOutput {
    _objects: Option<OutputLock>,
    _folder: Option<File>,
}

/// The folder of the state that revisions are made in, if the output is not on this machine.
const SCRATCH: &str = "uploads";

/// An open recipe.
#[derive(Debug)]
pub struct Workspace {
    /// The recipe.
    pub recipe: Recipe,
    /// Where products and the static catalogue stand.
    pub output: Output,
    /// The folder of the ledger and of the embedded API's database.
    pub state: PathBuf,
    pub(super) templates: Templates,
    pub(super) validator: Validator,
    ledger: Mutex<Ledger>,
    /// Held until the workspace is dropped or unlocked.
    lock: Mutex<Option<File>>,
}

impl Workspace {
    /// Opens a recipe to work on it: nobody else can at the same time.
    ///
    /// `state` is the folder of the ledger; by default `.altostac/<recipe's stem>` beside the recipe.
    ///
    /// # Errors
    /// [`WorkspaceError`] if the recipe, its templates or its ledger cannot be used, or another run is at work.
    pub fn open(recipe: &Path, state: Option<&Path>) -> Result<Self, WorkspaceError> {
        Self::open_locked(recipe, state, false)
    }

    /// As [`Workspace::open`], but waits until another run is done.
    ///
    /// # Errors
    /// [`WorkspaceError`] if the recipe, its templates or its ledger cannot be used.
    pub fn open_when_free(recipe: &Path, state: Option<&Path>) -> Result<Self, WorkspaceError> {
        Self::open_locked(recipe, state, true)
    }

    fn open_locked(recipe: &Path, state: Option<&Path>, waits: bool) -> Result<Self, WorkspaceError> {
        let recipe = crate::recipe::load(recipe)?;
        let state = state_folder(&recipe, state);
        let lock = lock(&recipe, &state, waits)?;
        let ledger = Ledger::open(&state.join(LEDGER))?;
        Self::with(recipe, state, ledger, Some(lock))
    }

    /// Opens a recipe with a new, empty ledger, whatever became of the old one. `take_over` puts the new one in its place.
    ///
    /// # Errors
    /// [`WorkspaceError`] if the recipe, its templates or the folder of the state cannot be used, or another run is at work.
    pub fn open_anew(recipe: &Path, state: Option<&Path>) -> Result<Self, WorkspaceError> {
        let recipe = crate::recipe::load(recipe)?;
        let state = state_folder(&recipe, state);
        let lock = lock(&recipe, &state, false)?;
        let path = state.join(NEW_LEDGER);
        for left in [&path, &journal_of(&path)] {
            remove_if_there(left)?;
        }
        let ledger = Ledger::open_to_fill(&path)?;
        Self::with(recipe, state, ledger, Some(lock))
    }

    /// Puts the new ledger in the place of the old one, which is kept beside it.
    ///
    /// # Errors
    /// [`WorkspaceError::State`] if files cannot be renamed.
    pub(super) fn take_over(self) -> Result<(), WorkspaceError> {
        let Self { state, ledger, lock: _lock, .. } = self;
        drop(ledger);
        let (new, old) = (state.join(NEW_LEDGER), state.join(LEDGER));
        File::open(&new).and_then(|file| file.sync_all()).map_err(failed("sync", &new))?;
        // There is a ledger at every moment: without one the next run would take everything for new.
        if old.exists() {
            let kept = state.join(OLD_LEDGER);
            // What a killed run left half written is rolled back, if it is a ledger at all: it goes without its journal from here on.
            let _ = Ledger::open(&old).and_then(|old| old.standing());
            remove_if_there(&kept)?;
            fs::hard_link(&old, &kept).or_else(|_| fs::copy(&old, &kept).map(|_| ())).map_err(failed("copy", &old))?;
        }
        // What a killed run left there is of the old one.
        remove_if_there(&journal_of(&old))?;
        fs::rename(&new, &old).map_err(failed("rename", &new))?;
        File::open(&state).and_then(|folder| folder.sync_all()).map_err(failed("sync", &state))
    }

    /// Opens a recipe to look at it: nothing is made or changed, and others may be at work.
    ///
    /// # Errors
    /// [`WorkspaceError`] if the recipe, its templates or its ledger cannot be used.
    pub fn look_at(recipe: &Path, state: Option<&Path>) -> Result<Self, WorkspaceError> {
        let recipe = crate::recipe::load(recipe)?;
        let state = state_folder(&recipe, state);
        let path = state.join(LEDGER);
        let ledger = if path.exists() { Ledger::open(&path)? } else { Ledger::in_memory()? };
        Self::with(recipe, state, ledger, None)
    }

    fn with(recipe: Recipe, state: PathBuf, ledger: Ledger, lock: Option<File>) -> Result<Self, WorkspaceError> {
        let templates = Templates::load(&recipe.stac)?;
        let validator = Validator::new();
        let output = match &recipe.output {
            SourcePlace::Local(folder) => Output::Folder(LocalFolder::new(folder)),
            SourcePlace::Remote(url) => {
                let scratch = state.join(SCRATCH);
                Output::Objects(ObjectOutput::open(url.url(), &scratch, recipe.keeping.confirmation)?)
            }
        };
        Ok(Self { recipe, output, state, templates, validator, ledger: Mutex::new(ledger), lock: Mutex::new(lock) })
    }

    /// Lets others work on the recipe: all that is left to do is reading.
    pub fn unlock(&self) {
        self.lock.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// Takes the lock of the collection in the output, where a recipe with another state, or a program on another machine, may write too; to be
    /// held while it is written to.
    pub(super) fn lock_output(&self) -> Result<Option<HeldOutput>, WorkspaceError> {
        let collection = self.recipe.collection.id.as_str();
        let folder = match &self.output {
            Output::Folder(folder) => folder.root().join(collection),
            Output::Objects(objects) => {
                let owner = owner::of(&self.state).map_err(failed("write to", &self.state))?;
                return Ok(Some(HeldOutput { _objects: Some(objects.lock(collection, &owner)?), _folder: None }));
            }
        };
        fs::create_dir_all(&folder).map_err(failed("make", &folder))?;
        let held = File::open(&folder).map_err(failed("open", &folder))?;
        if let Err(TryLockError::WouldBlock) = held.try_lock() {
            return Err(WorkspaceError::OutputBusy { folder: folder.display().to_string() });
        }
        // Where the file system has no locks, runs with several states are on their own.
        Ok(Some(HeldOutput { _objects: None, _folder: Some(held) }))
    }

    /// Whether this run may change the state.
    pub(super) fn is_locked(&self) -> bool {
        self.lock.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    pub(super) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        // SQLite keeps the database whole whatever thread was cut off.
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What decides what records hold beyond their products: the recipe, and the templates of this version.
    pub(super) fn record_digest(&self) -> String {
        format!("{} {}", self.recipe.record_digest, env!("CARGO_PKG_VERSION"))
    }

    /// The path of an item's record below the output.
    pub(super) fn item_path(&self, id: &str) -> String {
        format!("{}/items/{id}.json", self.recipe.collection.id)
    }
}

/// Takes the lock of the state.
fn lock(recipe: &Recipe, state: &Path, waits: bool) -> Result<File, WorkspaceError> {
    fs::create_dir_all(state).map_err(failed("make", state))?;
    let path = state.join("lock");
    let options = &mut File::options();
    let lock = options.create(true).truncate(false).write(true).open(&path).map_err(failed("open", &path))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) if waits => {
            tracing::warn!("another altostac is at work on {}: waiting until it is done", recipe.path.display());
            lock.lock().map_err(failed("lock", &path))?;
            Ok(lock)
        }
        Err(TryLockError::WouldBlock) => Err(WorkspaceError::Busy { recipe: recipe.path.display().to_string() }),
        Err(TryLockError::Error(source)) => Err(failed("lock", &path)(source)),
    }
}

/// The file in which SQLite keeps what it needs to undo a change that was cut off.
fn journal_of(ledger: &Path) -> PathBuf {
    let mut name = ledger.as_os_str().to_owned();
    name.push("-journal");
    name.into()
}

fn remove_if_there(path: &Path) -> Result<(), WorkspaceError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed("remove", path)(error)),
        _ => Ok(()),
    }
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> WorkspaceError {
    let path = path.display().to_string();
    move |source| WorkspaceError::State { action, path, source }
}

fn state_folder(recipe: &Recipe, state: Option<&Path>) -> PathBuf {
    if let Some(state) = state {
        return state.to_path_buf();
    }
    let stem = recipe.path.file_stem().unwrap_or(recipe.path.as_os_str());
    recipe.path.parent().unwrap_or(Path::new(".")).join(".altostac").join(stem)
}
