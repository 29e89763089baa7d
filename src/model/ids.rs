//! Names and identifiers, checked when they are made.

use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Why a text is not an identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// The text is empty.
    #[error("{what} is empty")]
    Empty {
        /// What the text was to name.
        what: &'static str,
    },
    /// The text holds a character that is not allowed.
    #[error("{what} {text:?} holds {found:?}; allowed are {allowed}")]
    Character {
        /// What the text was to name.
        what: &'static str,
        /// The text.
        text: String,
        /// The first character that is not allowed.
        found: char,
        /// The allowed ones, in words.
        allowed: &'static str,
    },
    /// The text is too long.
    #[error("{what} {text:?} has {found} bytes; at most {limit} are allowed")]
    Length {
        /// What the text was to name.
        what: &'static str,
        /// The text.
        text: String,
        /// Its length in bytes.
        found: usize,
        /// The greatest length.
        limit: usize,
    },
}

/// The longest record identifier in bytes.
pub const RECORD_ID_LIMIT: usize = 200;

fn check_record_id(what: &'static str, text: &str) -> Result<(), IdError> {
    if text.is_empty() {
        return Err(IdError::Empty { what });
    }
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if let Some(found) = text.chars().find(|c| !allowed(*c)) {
        return Err(IdError::Character { what, text: text.into(), found, allowed: "A-Z a-z 0-9 . _ -" });
    }
    // "." and ".." would leave the folder that a record is written to.
    if text.starts_with('.') {
        return Err(IdError::Character { what, text: text.into(), found: '.', allowed: "no dot at the start" });
    }
    if text.len() > RECORD_ID_LIMIT {
        return Err(IdError::Length { what, text: text.into(), found: text.len(), limit: RECORD_ID_LIMIT });
    }
    Ok(())
}

fn check_object_name(what: &'static str, text: &str) -> Result<(), IdError> {
    if text.is_empty() {
        return Err(IdError::Empty { what });
    }
    match text.chars().find(|c| matches!(c, '/' | '\0')) {
        Some(found) => Err(IdError::Character { what, text: text.into(), found, allowed: "all but / and NUL" }),
        None => Ok(()),
    }
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $what:literal, $check:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// Checks the text and takes it.
            ///
            /// # Errors
            /// [`IdError`] if the text is empty, too long, or holds a character that is not allowed.
            pub fn new(text: impl Into<String>) -> Result<Self, IdError> {
                let text = text.into();
                $check($what, &text)?;
                Ok(Self(text.into()))
            }

            /// The text itself.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;
            fn try_from(text: String) -> Result<Self, IdError> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0.as_ref().into()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

text_id!(
    /// A STAC Collection's id: `[A-Za-z0-9._-]`, at most 200 bytes, no dot at the start.
    ///
    /// ```
    /// use altostac::model::CollectionId;
    /// assert!(CollectionId::new("cmip6").is_ok());
    /// assert!(CollectionId::new("cmip6/all").is_err());
    /// ```
    CollectionId, "a collection id", check_record_id
);
text_id!(
    /// A STAC Item's id: `[A-Za-z0-9._-]`, at most 200 bytes, no dot at the start.
    ItemId, "an item id", check_record_id
);
text_id!(
    /// The name of a variable within its group: not empty, without `/` and NUL.
    VariableName, "a variable name", check_object_name
);
text_id!(
    /// The name of a dimension within its group: not empty, without `/` and NUL.
    DimensionName, "a dimension name", check_object_name
);

/// A variable's place in a file or cube: its group's path and its name, `/tas` or `/forecast/tas`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct VariablePath(String);

impl VariablePath {
    /// Joins a group's path (`/` for the root) and a variable's name.
    ///
    /// ```
    /// use altostac::model::{VariableName, VariablePath};
    /// let tas = VariableName::new("tas")?;
    /// assert_eq!(VariablePath::new("/", &tas).as_str(), "/tas");
    /// assert_eq!(VariablePath::new("/model", &tas).key(), "model/tas");
    /// # Ok::<(), altostac::model::IdError>(())
    /// ```
    pub fn new(group: &str, name: &VariableName) -> Self {
        Self([group.trim_end_matches('/'), "/", name.as_str()].concat())
    }

    /// The absolute path.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The path without its first `/`: the key of the array in a Zarr hierarchy.
    pub fn key(&self) -> &str {
        self.0.trim_start_matches('/')
    }
}

impl fmt::Display for VariablePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.key())
    }
}

/// The number of a set of products of one item: 1, 2, 3, …
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Revision(NonZeroU32);

impl Revision {
    /// The first revision.
    pub const FIRST: Self = Self(NonZeroU32::MIN);

    /// A revision by its number; `None` for 0.
    pub fn new(number: u32) -> Option<Self> {
        NonZeroU32::new(number).map(Self)
    }

    /// The number.
    pub fn number(self) -> u32 {
        self.0.get()
    }

    /// The one after this.
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "r{}", self.0)
    }
}
