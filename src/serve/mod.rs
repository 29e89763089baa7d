//! The embedded STAC API over the project's own records and files.
//!
//! In: a [`Store`] of STAC records, the [`FileGrants`] that say which product and source files readers may fetch, a
//! listening socket.
//! Out: STAC API 1.0.0 (core, collections, features, item search, and transactions where writes are allowed) over
//! HTTP/1.1, until told to stop.
//!
//! Records keep the JSON that was sent, unknown fields included. Hrefs of the server itself are stored root-relative
//! and made absolute from each request's `Host`.

mod access;
mod answer;
mod catalog;
mod connection;
mod extent;
mod files;
mod hrefs;
mod openapi;
mod query;
mod record;
mod records;
mod router;
mod search;
mod store;
#[cfg(test)]
mod tests;

pub use access::{WriteToken, WriteTokenError, Writes};
pub use extent::{Area, BoundingBox, ExtentError, Interval};
pub use files::{FileGrants, Grant, GrantedFiles};
pub use hrefs::{PublicOrigin, PublicOriginError};
pub use query::{DEFAULT_LIMIT, ItemQuery, LARGEST_LIMIT, PageToken, QueryError};
pub use record::{CollectionRecord, ItemRecord, RecordError, StoredText};
pub use router::{ServeOptions, ServeState, router};
pub use search::{FoundItem, Page};
pub use store::{Change, Counts, Store, StoreError};

use connection::Patience;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use thiserror::Error;
use tokio::net::TcpListener;

/// Why the server does not start.
#[derive(Debug, Error)]
pub enum ServeError {
    /// Others than programs on this machine could change records.
    #[error("{reached_at} can be reached from outside, so changes need a write token or must be refused")]
    OpenToOthers {
        /// The address in question.
        reached_at: String,
    },
    /// The socket does not tell its address.
    #[error("the listening socket has no address")]
    Listener(#[source] io::Error),
}

/// Serves until `shutdown` is done, then lets answers under way finish for ten seconds.
///
/// # Errors
///
/// The listener is not on loopback although writes ask for no token.
pub async fn serve(
    listener: TcpListener,
    state: Arc<ServeState>,
    shutdown: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    let address: SocketAddr = listener.local_addr().map_err(ServeError::Listener)?;
    if !address.ip().is_loopback() && matches!(state.writes, Writes::FromLoopback) {
        return Err(ServeError::OpenToOthers { reached_at: address.to_string() });
    }
    tracing::info!(%address, "serving");
    connection::run(listener, router(state), Patience::default(), shutdown).await;
    Ok(())
}
