//! The threads that requests run on: started with the first, for the life of the process.

use std::future::Future;
use std::sync::OnceLock;

use tokio::runtime::{Builder, Handle, Runtime};

use crate::storage::StorageError;

/// They only wait for sockets; the work is done by whoever reads.
const WORKERS: usize = 2;

fn runtime() -> Result<&'static Runtime, StorageError> {
    static RUNTIME: OnceLock<Result<Runtime, std::io::ErrorKind>> = OnceLock::new();
    let started = RUNTIME.get_or_init(|| {
        let builder =
            Builder::new_multi_thread().worker_threads(WORKERS).thread_name("altostac-net").enable_all().build();
        builder.map_err(|error| error.kind())
    });
    started.as_ref().map_err(|kind| StorageError::Threads { source: (*kind).into() })
}

/// Runs something asynchronous to its end; other threads can do so at the same time.
///
/// It can be called from any thread, also from one of another tokio runtime (which it then keeps busy: use
/// `spawn_blocking` there).
///
/// # Errors
/// Those of the future; [`StorageError::Threads`] if the threads for requests cannot be started.
///
/// ```
/// let found = altostac::storage::remote::block_on(async { Ok(42) });
/// assert_eq!(found.unwrap(), 42);
/// ```
pub fn block_on<T: Send>(future: impl Future<Output = Result<T, StorageError>> + Send) -> Result<T, StorageError> {
    let handle = runtime()?.handle();
    if Handle::try_current().is_err() {
        return handle.block_on(future);
    }
    // A thread that belongs to a runtime must not enter another.
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().spawn_scoped(scope, || handle.block_on(future));
        match thread.map(std::thread::ScopedJoinHandle::join) {
            Ok(Ok(result)) => result,
            Ok(Err(panic)) => std::panic::resume_unwind(panic),
            Err(source) => Err(StorageError::Threads { source }),
        }
    })
}

/// Lets something go on beside all else, until it ends or is aborted.
///
/// # Errors
/// [`StorageError::Threads`] if the threads for requests cannot be started.
pub fn spawn(future: impl Future<Output = ()> + Send + 'static) -> Result<tokio::task::AbortHandle, StorageError> {
    Ok(runtime()?.spawn(future).abort_handle())
}
