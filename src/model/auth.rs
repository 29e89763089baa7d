//! How a recipe says who we are to an API. Secrets are named here, never held.

use std::fmt;
use std::path::PathBuf;

use url::Url;

/// Where a secret is read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretPlace {
    /// The environment variable of this name.
    Environment(String),
    /// A file; spaces and line ends around the secret do not belong to it.
    File(PathBuf),
}

impl fmt::Display for SecretPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Environment(name) => write!(f, "the environment variable {name}"),
            Self::File(path) => write!(f, "the file {}", path.display()),
        }
    }
}

/// A name that is no secret, or where it is read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NamePlace {
    /// As written in the recipe.
    Given(String),
    /// Elsewhere.
    At(SecretPlace),
}

/// How an API is told who we are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuthSettings {
    /// A token of ours (RFC 6750).
    Bearer {
        /// The token.
        token: SecretPlace,
    },
    /// A name and a password (RFC 7617).
    Basic {
        /// The name.
        user: NamePlace,
        /// The password.
        password: SecretPlace,
    },
    /// A key in a header of the API's choice.
    ApiKey {
        /// The header's name.
        header: String,
        /// The key.
        value: SecretPlace,
    },
    /// Tokens that an identity provider gives to programs (RFC 6749, 4.4).
    OAuth2ClientCredentials {
        /// Where tokens are asked for.
        token_url: Url,
        /// The client's id.
        client_id: NamePlace,
        /// The client's secret.
        client_secret: SecretPlace,
        /// The scopes that are asked for, separated by spaces.
        scope: Option<String>,
        /// For whom the token is to be, where the provider wants to know.
        audience: Option<String>,
    },
}
