//! How to talk with an API, and who we are to it.

use std::fmt;
use std::time::Duration;

use reqwest::header::HeaderValue;

/// A bearer token. It is never shown.
#[derive(Clone)]
pub struct BearerToken {
    header: HeaderValue,
    text: String,
}

impl BearerToken {
    /// Takes a token; `None` if it is empty or holds characters that no token has.
    ///
    /// ```
    /// use altostac::publish::BearerToken;
    /// let token = BearerToken::new("s3cret").unwrap();
    /// assert_eq!(format!("{token:?}"), "BearerToken(hidden)");
    /// assert!(BearerToken::new("two words\n").is_none());
    /// ```
    pub fn new(text: &str) -> Option<Self> {
        if text.is_empty() || !text.chars().all(|c| c.is_ascii_graphic()) {
            return None;
        }
        let mut header = HeaderValue::from_str(&format!("Bearer {text}")).ok()?;
        header.set_sensitive(true);
        Some(Self { header, text: text.into() })
    }

    pub(super) fn header(&self) -> &HeaderValue {
        &self.header
    }

    /// A server's words without the token, should they repeat it.
    pub(super) fn hidden_in(&self, text: &str) -> String {
        text.replace(&self.text, "(hidden)")
    }
}

impl fmt::Debug for BearerToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BearerToken(hidden)")
    }
}

/// How to talk with an API.
#[derive(Debug, Clone)]
pub struct ApiOptions {
    /// Send nothing that changes anything.
    pub dry_run: bool,
    /// How many records are in hand at once; at least 1.
    pub concurrency: usize,
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
    pub token: Option<BearerToken>,
}

impl Default for ApiOptions {
    fn default() -> Self {
        Self {
            dry_run: false,
            concurrency: 4,
            timeout: Duration::from_secs(60),
            attempts: 5,
            first_pause: Duration::from_millis(250),
            queue_timeout: Duration::from_secs(120),
            queue_pause: Duration::from_secs(1),
            answer_limit: 64 << 20,
            user_agent: concat!("altostac/", env!("CARGO_PKG_VERSION")).into(),
            token: None,
        }
    }
}
