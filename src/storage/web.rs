//! What clients of web servers have to know, whether they read files or send records.

use std::error::Error;
use std::time::Duration;

use http::HeaderMap;
use http::header::RETRY_AFTER;
use url::{Host, Url};

/// The pause that an answer asks for: seconds, or until a date (RFC 9110, 10.2.3). Any length: who waits sets the limit.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let asked = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = asked.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = chrono::DateTime::parse_from_rfc2822(asked).ok()?;
    Some((until.to_utc() - chrono::Utc::now()).to_std().unwrap_or_default())
}

/// Whether a certificate, or the TLS protocol, is the cause.
pub(crate) fn is_tls(error: &reqwest::Error) -> bool {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if error.is::<rustls::Error>() {
            return true;
        }
        // An io::Error leaves what it wraps out of its own chain.
        cause = match error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    false
}

/// Whether a URL means this machine, by its very name (RFC 6761, 6.3, for `localhost` and below it).
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => {
            let name = name.to_ascii_lowercase();
            name == "localhost" || name.ends_with(".localhost")
        }
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use http::HeaderValue;

    use super::*;

    #[test]
    fn pauses_that_servers_ask_for() {
        let asked =
            |text: &'static str| retry_after(&HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_static(text))]));
        assert_eq!(asked("0"), Some(Duration::ZERO));
        assert_eq!(asked(" 7"), Some(Duration::from_secs(7)));
        assert_eq!(asked("99999999999"), Some(Duration::from_secs(99_999_999_999)));
        assert_eq!(asked("Wed, 21 Oct 2015 07:28:00 GMT"), Some(Duration::ZERO));
        assert_eq!(asked("soon"), None);
    }

    #[test]
    fn names_of_this_machine() {
        let here = |url: &str| is_loopback(&Url::parse(url).unwrap());
        for url in
            ["http://localhost:1", "http://LOCALHOST/a", "http://a.localhost", "http://127.0.0.9", "http://[::1]"]
        {
            assert!(here(url), "{url}");
        }
        for url in ["http://localhost.example.org", "http://mylocalhost", "http://10.0.0.1", "file:///localhost"] {
            assert!(!here(url), "{url}");
        }
    }
}
