//! How a recipe's archive is watched.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use super::auth::SecretPlace;

/// How an archive is watched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchSettings {
    /// How often the whole archive is looked at; `None` for the default, which depends on what else tells of changes.
    pub every: Option<Duration>,
    /// An item is synced when nothing has happened to it for so long.
    pub quiet: Duration,
    /// It is synced at the latest so long after the first of its changes, whatever goes on.
    pub longest: Duration,
    /// What failed is tried again after so long, then after twice that, and so on.
    pub retry: Duration,
    /// Whether the kernel is asked to tell of changes below local roots.
    pub inotify: bool,
    /// Paths as messages tell them, and where they are on this machine; the longest match counts.
    pub paths: Vec<(PathBuf, PathBuf)>,
    /// The broker that deposit messages come from.
    pub broker: Option<BrokerSettings>,
}

impl Default for WatchSettings {
    /// What a recipe without `watch` says.
    fn default() -> Self {
        Self {
            every: None,
            quiet: Duration::from_secs(10),
            longest: Duration::from_secs(300),
            retry: Duration::from_secs(30),
            inotify: false,
            paths: Vec::new(),
            broker: None,
        }
    }
}

impl WatchSettings {
    /// How often the whole archive is looked at: every quarter of an hour if nobody tells of changes, else daily, for what nobody told.
    ///
    /// ```
    /// use altostac::model::WatchSettings;
    /// assert_eq!(WatchSettings::default().period().as_secs(), 900);
    /// assert_eq!(WatchSettings { inotify: true, ..WatchSettings::default() }.period().as_secs(), 86_400);
    /// ```
    pub fn period(&self) -> Duration {
        let told = self.inotify || self.broker.is_some();
        self.every.unwrap_or(Duration::from_secs(if told { 86_400 } else { 900 }))
    }
}

/// A queue of deposit messages at a broker that speaks AMQP 0.9.1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokerSettings {
    /// The host.
    pub host: String,
    /// The port.
    pub port: u16,
    /// Whether TLS is spoken.
    pub tls: bool,
    /// The virtual host.
    pub vhost: String,
    /// The queue.
    pub queue: String,
    /// Whether the queue is made, durable, if it is not there; else it must be there.
    pub declare: bool,
    /// The exchange that the queue is bound to.
    pub exchange: Option<String>,
    /// With which key it is bound.
    pub routing_key: String,
    /// The queue that messages are set aside in that are none.
    pub dead_letter: Option<String>,
    /// How many messages may be under way that are not acknowledged.
    pub prefetch: u16,
    /// The user's name; `guest` if none is given.
    pub user: Option<SecretPlace>,
    /// The user's password; `guest` if none is given.
    pub password: Option<SecretPlace>,
    /// Certificates (PEM) of the authorities that the broker's certificate is trusted by; `None` for those of this machine.
    pub ca: Option<PathBuf>,
}

impl fmt::Display for BrokerSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}:{} (queue {})", if self.tls { "amqps" } else { "amqp" }, self.host, self.port, self.queue)
    }
}
