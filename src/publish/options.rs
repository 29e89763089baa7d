//! How to talk with an API, and who we are to it.

use std::path::Path;
use std::time::Duration;

use reqwest::Certificate;

use super::{Auth, PublishError};
use crate::model::AuthSettings;

/// How to talk with an API.
#[derive(Debug, Clone)]
pub struct ApiOptions {
    /// Send nothing that changes anything.
    pub dry_run: bool,
    /// How many requests are sent at once at most, and how many batches are in hand; at least 1. An API that says that it is busy gets fewer.
    pub concurrency: usize,
    /// How many items a batch has at most: they are looked at together, and sent together where the API takes that; at least 1.
    pub batch: usize,
    /// The longest that one request may take, its answer included.
    pub timeout: Duration,
    /// How often a request is sent at most.
    pub attempts: usize,
    /// The pause before the second attempt; it doubles, with jitter, up to 30 s.
    pub first_pause: Duration,
    /// The longest to wait until a record that was accepted for later (202) is there.
    pub queue_timeout: Duration,
    /// The pause between two looks at such a record.
    pub queue_pause: Duration,
    /// The longest answer that is read, in bytes.
    pub answer_limit: usize,
    /// What we call ourselves.
    pub user_agent: String,
    /// Who we are.
    pub auth: Auth,
    /// Authorities whose certificates are trusted beside those that the system trusts.
    pub authorities: Vec<Certificate>,
}

/// The largest file of certificates that is read, in bytes: twenty times what a system has.
const CERTIFICATES_LIMIT: u64 = 4 << 20;

impl ApiOptions {
    /// The same with what a recipe says of an API: how it is told who we are, and a file of authorities. Both are read now.
    ///
    /// # Errors
    /// [`PublishError::Auth`] or [`PublishError::Authorities`] if they cannot be.
    pub fn with_access(self, auth: Option<&AuthSettings>, ca: Option<&Path>) -> Result<Self, PublishError> {
        let auth = auth.map(Auth::read).transpose()?.unwrap_or_default();
        let authorities = ca.map(read_authorities).transpose()?.unwrap_or_default();
        Ok(Self { auth, authorities, ..self })
    }
}

fn read_authorities(path: &Path) -> Result<Vec<Certificate>, PublishError> {
    let failed = |reason: String| PublishError::Authorities { path: path.into(), reason };
    let length = std::fs::metadata(path).map_err(|error| failed(error.to_string()))?.len();
    if length > CERTIFICATES_LIMIT {
        return Err(failed(format!("it has {length} bytes; at most {CERTIFICATES_LIMIT} are read")));
    }
    let text = std::fs::read(path).map_err(|error| failed(error.to_string()))?;
    match Certificate::from_pem_bundle(&text) {
        Ok(found) if !found.is_empty() => Ok(found),
        _ => Err(failed("it holds no certificates (PEM)".into())),
    }
}

impl Default for ApiOptions {
    fn default() -> Self {
        Self {
            dry_run: false,
            concurrency: 8,
            batch: 100,
            timeout: Duration::from_secs(60),
            attempts: 5,
            first_pause: Duration::from_millis(250),
            queue_timeout: Duration::from_secs(120),
            queue_pause: Duration::from_secs(1),
            answer_limit: 64 << 20,
            user_agent: concat!("altostac/", env!("CARGO_PKG_VERSION")).into(),
            auth: Auth::None,
            authorities: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_are_no_certificates() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        let told = || read_authorities(&path).unwrap_err().to_string();
        assert!(told().contains("ca.pem cannot be trusted: No such file"), "{}", told());
        std::fs::write(&path, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n").unwrap();
        assert!(told().ends_with("it holds no certificates (PEM)"), "{}", told());
    }
}
