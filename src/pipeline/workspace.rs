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
}

impl WorkspaceError {
    /// What a person can do about it, if there is something to say.
    pub fn remedy(&self) -> Option<String> {
        match self {
            Self::Ledger(error) => Some(error.remedy().into()),
            Self::Output(error) => error.remedy().map(Into::into),
            Self::Busy { .. } => Some("wait until it is done; its lock goes with it".into()),
            Self::State { .. } => Some("choose another folder with --state".into()),
            _ => None,
        }
    }
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
        let recipe = crate::recipe::load(recipe)?;
        let state = state_folder(&recipe, state);
        fs::create_dir_all(&state).map_err(failed("make", &state))?;
        let lock_path = state.join("lock");
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&lock_path)
            .map_err(failed("open", &lock_path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(WorkspaceError::Busy { recipe: recipe.path.display().to_string() });
            }
            Err(TryLockError::Error(source)) => return Err(failed("lock", &lock_path)(source)),
        }
        let ledger = Ledger::open(&state.join("ledger.sqlite"))?;
        Self::with(recipe, state, ledger, Some(lock))
    }

    /// Opens a recipe to look at it: nothing is made or changed, and others may be at work.
    ///
    /// # Errors
    /// [`WorkspaceError`] if the recipe, its templates or its ledger cannot be used.
    pub fn look_at(recipe: &Path, state: Option<&Path>) -> Result<Self, WorkspaceError> {
        let recipe = crate::recipe::load(recipe)?;
        let state = state_folder(&recipe, state);
        let path = state.join("ledger.sqlite");
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

    /// Takes the lock of an output that programs on other machines may write to; to be held while it is written to.
    pub(super) fn lock_output(&self) -> Result<Option<OutputLock>, WorkspaceError> {
        let Some(objects) = self.output.objects() else { return Ok(None) };
        let owner = owner::of(&self.state).map_err(failed("write to", &self.state))?;
        Ok(Some(objects.lock(self.recipe.collection.id.as_str(), &owner)?))
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
