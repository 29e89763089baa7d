//! Secrets: read from where the recipe says, wiped when they are dropped, shown to nobody.

use std::fmt;
use std::fs::File;
use std::io::Read;

use base64::Engine;
use base64::prelude::{BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD};
use bytes::Bytes;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::header::HeaderValue;
use zeroize::Zeroizing;

use super::AuthError;
use crate::model::SecretPlace;

/// The largest file of a secret that is read, in bytes.
const SIZE_LIMIT: u64 = 64 << 10;

/// A shorter secret is not looked for inside base64: what is left of it there is also found elsewhere.
const LEAST_HIDDEN_INSIDE: usize = 6;

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

/// Secrets that are to be taken out of others' words.
#[derive(Default)]
pub(super) struct Hidden(Vec<Zeroizing<String>>);

impl Hidden {
    /// Secrets that came and went are remembered up to this many forms of them: a server may speak of the last one.
    const LIMIT: usize = 200;

    /// Also hides this secret, in every form in which a server may repeat it.
    pub(super) fn add(&mut self, secret: &Secret) {
        let text = secret.expose();
        let mut forms = vec![
            text.to_owned(),
            serde_json::Value::from(text).to_string().trim_matches('"').to_owned(),
            url::form_urlencoded::byte_serialize(text.as_bytes()).collect(),
            utf8_percent_encode(text, NON_ALPHANUMERIC).to_string(),
        ];
        forms.extend((0..3).flat_map(|offset| inside_base64(text.as_bytes(), offset)));
        forms.sort_by_key(|form| std::cmp::Reverse(form.len()));
        forms.dedup();
        self.0.splice(0..0, forms.into_iter().map(Zeroizing::new));
        self.0.truncate(Self::LIMIT);
    }

    /// The text without any of them.
    pub(super) fn hidden_in(&self, text: &str) -> String {
        let shortened = |text: String, form: &Zeroizing<String>| match text.contains(form.as_str()) {
            true => text.replace(form.as_str(), "(hidden)"),
            false => text,
        };
        self.0.iter().fold(text.to_owned(), shortened)
    }
}

/// The characters that alone stand for a secret in base64 of anything in which it begins at a place of this remainder by three.
fn inside_base64(secret: &[u8], offset: usize) -> Vec<String> {
    if secret.len() < LEAST_HIDDEN_INSIDE {
        return Vec::new();
    }
    let padded: Zeroizing<Vec<u8>> = Zeroizing::new([&[0; 2][..offset], secret].concat());
    let (first, end) = ((offset * 8).div_ceil(6), padded.len() * 8 / 6);
    let own = |encoded: String| encoded.get(first..end).map(str::to_owned);
    [BASE64_STANDARD_NO_PAD.encode(&padded), BASE64_URL_SAFE_NO_PAD.encode(&padded)]
        .into_iter()
        .filter_map(own)
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use base64::prelude::BASE64_STANDARD;
    use proptest::prelude::*;

    use super::*;

    fn hidden(secret: &str) -> Hidden {
        let mut hidden = Hidden::default();
        hidden.add(&Secret::new(secret).unwrap());
        hidden
    }

    #[test]
    fn forms_in_which_servers_repeat_secrets() {
        let hidden = hidden("p\"ss wörd+/=");
        for text in [
            "p\"ss wörd+/=".to_owned(),
            r#"{"detail":"p\"ss wörd+/="}"#.into(),
            "secret=p%22ss+w%C3%B6rd%2B%2F%3D&x".into(),
            "p%22ss%20w%C3%B6rd%2B%2F%3D".into(),
        ] {
            let said = hidden.hidden_in(&text);
            assert!(said.contains("(hidden)") && !said.contains("ss"), "{said}");
        }
        assert_eq!(hidden.hidden_in("nothing of it"), "nothing of it");
    }

    proptest! {
        #[test]
        fn no_base64_of_what_holds_it_shows_it(before in "[a-z:]{0,9}", secret in "[!-~]{6,40}", after in "[a-z]{0,9}") {
            let text = BASE64_STANDARD.encode(format!("{before}{secret}{after}"));
            let said = hidden(&secret).hidden_in(&text);
            prop_assert!(said.contains("(hidden)"), "{said}");
            // At most a character on each side is shared with what stands beside it.
            let longest = said.split("(hidden)").map(str::len).max().unwrap_or(0);
            prop_assert!(longest <= before.len().max(after.len()) * 4 / 3 + 4, "{said}");
        }
    }

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
