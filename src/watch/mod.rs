//! Learning of changes: from a broker, from the kernel; and following them when they have come to rest.
//!
//! In: the recipe's [`WatchSettings`](crate::model::WatchSettings), deposit messages, what the kernel tells of folders.
//! Out: paths that something happened to, handed to an [`Intake`] that keeps them before they are acknowledged; gathered by
//! [`Debounce`] until they are due; counted in [`Metrics`], which are served on loopback.
//!
//! | file | does |
//! | --- | --- |
//! | `deposit.rs` | what a message says (pure) |
//! | `debounce.rs` | what happens often is followed once (pure) |
//! | `amqp/` | the consumer of a queue; `frame.rs` is its bytes (pure) |
//! | `folders.rs` | inotify |
//! | `metrics.rs` | what is counted, as Prometheus reads it |
//! | `health.rs` | `/metrics`, `/healthz`, `/readyz` |

mod amqp;
mod debounce;
mod deposit;
mod folders;
mod health;
mod metrics;

#[cfg(fuzzing)]
#[doc(hidden)]
pub use amqp::messages_in;
pub use amqp::{AmqpError, Credentials, FrameError, listen};
pub use debounce::Debounce;
pub use deposit::{Action, Deposit, DepositError, LONGEST_MESSAGE, parse_deposit};
pub use folders::{FolderEvent, Folders, FoldersError, is_on_network};
pub use health::{HealthError, serve_health};
pub use metrics::{Metrics, Round};

/// A message that is none: set aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Poison {
    /// Why it is none.
    pub reason: String,
    /// What it holds; of a long one the beginning.
    pub body: Vec<u8>,
}

/// Keeps what was heard, before it is acknowledged.
pub trait Intake: Send + Sync {
    /// Keeps messages, all or none; they survive a loss of power when this returns.
    ///
    /// # Errors
    /// In words why they could not be kept: they are not acknowledged then, and come again.
    fn keep(&self, deposits: &[Deposit], poisons: &[Poison]) -> Result<(), String>;
}
