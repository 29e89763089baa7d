//! Secrets: read from where the recipe says, wiped when they are dropped, shown to nobody.

use std::fmt;
use std::fs::File;
use std::io::Read;

use bytes::Bytes;
use reqwest::header::HeaderValue;
use zeroize::Zeroizing;

use super::AuthError;
use crate::model::SecretPlace;

/// The largest file of a secret that is read, in bytes.
const SIZE_LIMIT: u64 = 64 << 10;

/// A secret. Its text is wiped from memory when it is dropped, and never shown.
#[derive(Clone)]
pub struct Secret {
    text: Zeroizing<String>,
    place: Option<SecretPlace>,
}

impl Secret {
    /// Takes a secret; `None` if it is empty or has control characters, which no header carries.
    ///
    /// ```
    /// use altostac::publish::Secret;
    /// let secret = Secret::new("s3cret").unwrap();
    /// assert_eq!(format!("{secret:?}"), "Secret(hidden)");
    /// assert!(Secret::new("two\nlines").is_none());
    /// ```
    pub fn new(text: impl Into<String>) -> Option<Self> {
        let text = Zeroizing::new(text.into());
        is_usable(&text).then_some(Self { text, place: None })
    }

    /// Reads a secret; `what` it is, is for messages.
    ///
    /// # Errors
    /// [`AuthError::NoSecret`] if there is none, or none that could be sent.
    pub fn read(place: &SecretPlace, what: &'static str) -> Result<Self, AuthError> {
        let failed = |reason: String| AuthError::NoSecret { what, place: place.clone(), reason };
        let text = match place {
            SecretPlace::Environment(name) => Zeroizing::new(std::env::var(name).map_err(|error| {
                failed(match error {
                    std::env::VarError::NotPresent => "it is not set".into(),
                    std::env::VarError::NotUnicode(_) => "it is not UTF-8".into(),
                })
            })?),
            SecretPlace::File(path) => {
                let mut text = Zeroizing::new(String::new());
                let read = File::open(path).and_then(|file| file.take(SIZE_LIMIT).read_to_string(&mut text));
                read.map_err(|error| failed(error.to_string()))?;
                Zeroizing::new(text.trim().to_owned())
            }
        };
        if !is_usable(&text) {
            let reason = if text.is_empty() { "it is empty" } else { "it has control characters" };
            return Err(failed(reason.into()));
        }
        Ok(Self { text, place: Some(place.clone()) })
    }

    /// What stands now in the file that it was read from, if that is another secret.
    pub(super) fn replaced(&self) -> Option<Self> {
        let place = self.place.as_ref().filter(|place| matches!(place, SecretPlace::File(_)))?;
        Self::read(place, "the secret").ok().filter(|now| now.text != self.text)
    }

    pub(super) fn expose(&self) -> &str {
        &self.text
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(hidden)")
    }
}

fn is_usable(text: &str) -> bool {
    !text.is_empty() && !text.chars().any(char::is_control)
}

/// A header's value, wiped when the last copy of it is dropped; clients do not log it.
pub(super) fn header(text: Zeroizing<String>) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_maybe_shared(Bytes::from_owner(text)).ok()?;
    value.set_sensitive(true);
    Some(value)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn files_are_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        std::fs::write(&path, " first\n").unwrap();
        let secret = Secret::read(&SecretPlace::File(path.clone()), "the token").unwrap();
        assert_eq!(secret.expose(), "first");
        assert!(secret.replaced().is_none());
        std::fs::write(&path, "second").unwrap();
        assert_eq!(secret.replaced().unwrap().expose(), "second");
        std::fs::write(&path, "\n").unwrap();
        let error = Secret::read(&SecretPlace::File(path.clone()), "the token").unwrap_err().to_string();
        assert!(
            error.starts_with("the token cannot be read from the file") && error.ends_with("it is empty"),
            "{error}"
        );
    }

    #[test]
    fn what_is_not_set_is_told_by_name() {
        let place = SecretPlace::Environment("ALTOSTAC_NO_SUCH_VARIABLE".into());
        let error = Secret::read(&place, "the password").unwrap_err().to_string();
        assert_eq!(
            error,
            "the password cannot be read from the environment variable ALTOSTAC_NO_SUCH_VARIABLE: it is not set"
        );
    }

    #[test]
    fn headers_are_sensitive() {
        let value = header(Zeroizing::new("Bearer abc".into())).unwrap();
        assert_eq!((value.as_bytes(), format!("{value:?}").as_str()), (&b"Bearer abc"[..], "Sensitive"));
        assert!(header(Zeroizing::new("two\nlines".into())).is_none());
    }
}
