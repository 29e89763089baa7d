//! Publishes records: as a static catalogue below the output, and to a STAC API by the Transaction extension.
//!
//! In: [`ValidatedRecord`](crate::model::ValidatedRecord)s, as they stand in the static catalogue; the ids of items that are gone.
//!
//! Out: [`write_item`] and [`write_catalogue`] write the files that differ and say which; [`publish`] pushes what differs and says for every
//! record what became of it; a [`Journal`] remembers that. What an API gets are [`PublishableRecord`]s, whose hrefs [`absolute`] or [`embedded`] made.

mod auth;
mod client;
mod compare;
mod hrefs;
mod journal;
mod limiter;
mod merge;
mod options;
mod report;
mod stac_api;
mod static_catalog;

pub use auth::{Auth, AuthError, ClientCredentials, Secret};
pub use compare::{Difference, differences};
pub use hrefs::{Audience, Grant, PublishableRecord, absolute, embedded};
pub use journal::{Attempt, AttemptReport, Before, Journal, JournalError, NoJournal};
pub use merge::{MergeRules, grown};
pub use options::ApiOptions;
pub use report::{Counts, PublishReport, PublishStatus, RecordReport};
pub use stac_api::{Hint, Prune, PublishSet, RecordToPublish, publish};
pub use static_catalog::{
    Branch, CatalogHead, ParentCollection, StaticReport, branch_of, items_table, remove_catalogue, write_catalogue,
    write_item,
};

use std::path::PathBuf;

use crate::model::RecordKind;
use crate::storage::StorageError;

/// Links between records, by their `rel`: whoever serves the records makes them.
pub(crate) const STRUCTURAL_LINKS: [&str; 8] =
    ["self", "root", "parent", "collection", "collections", "item", "items", "child"];

/// Why records could not be published, or one could not be made ready for it.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// The output said no.
    #[error("the static catalogue was not written")]
    Storage(#[from] StorageError),
    /// A file of the static catalogue is not what it is to be.
    #[error("{path} is not a STAC Catalog: {found}")]
    NotACatalog {
        /// The path below the output.
        path: String,
        /// What is there.
        found: &'static str,
    },
    /// Others changed a shared file again and again.
    #[error("{path} was changed by others whenever it was to be written")]
    Contended {
        /// The path below the output.
        path: String,
    },
    /// A record is not of the kind, or not of the collection, that it was given as.
    #[error("{kind} {id:?} cannot be published here: {reason}")]
    Misplaced {
        /// What it is.
        kind: RecordKind,
        /// Its id.
        id: String,
        /// What is wrong.
        reason: String,
    },
    /// An item has no value of a facet by which there are catalogues.
    #[error(
        "item {item:?} has no place below the collection: expected a text or number in its property {facet}, found {found}"
    )]
    NoBranch {
        /// Its id.
        item: String,
        /// The facet.
        facet: String,
        /// What stands there.
        found: String,
    },
    /// A parent collection cannot be described.
    #[error("the parent collection {id:?} cannot be written")]
    Parent {
        /// Its id.
        id: String,
        /// Why not.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// An href is no URL, or leaves the output.
    #[error("{kind} {id:?}: the href {href:?} of {of} {reason}")]
    Href {
        /// What the record is.
        kind: RecordKind,
        /// Its id.
        id: String,
        /// The asset or link, in words.
        of: String,
        /// The href.
        href: String,
        /// What is wrong.
        reason: &'static str,
    },
    /// An href means nothing to readers elsewhere.
    #[error(
        "{kind} {id:?}: the href {href:?} of {of} means nothing to readers on other machines; expected http or https"
    )]
    Private {
        /// What the record is.
        kind: RecordKind,
        /// Its id.
        id: String,
        /// The asset or link, in words.
        of: String,
        /// The href.
        href: String,
    },
    /// The API's URL cannot be used.
    #[error("{api} cannot be published to: {reason}")]
    ApiUrl {
        /// The URL, without a password.
        api: String,
        /// What is wrong.
        reason: &'static str,
    },
    /// There is nothing to say who we are with.
    #[error("the STAC API cannot be told who we are")]
    Auth(#[from] AuthError),
    /// The certificates of authorities cannot be read.
    #[error("{} cannot be trusted: {reason}", path.display())]
    Authorities {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// The HTTP client could not be made.
    #[error("no HTTP client could be set up")]
    Client {
        /// Why not.
        #[source]
        source: reqwest::Error,
    },
    /// The API does not answer.
    #[error("the STAC API {api} does not answer")]
    Unreachable {
        /// Its URL.
        api: String,
        /// Why not.
        #[source]
        source: reqwest::Error,
    },
    /// No trustworthy connection could be made.
    #[error("no secure connection to the STAC API {api} could be made")]
    Tls {
        /// Its URL.
        api: String,
        /// Why not.
        #[source]
        source: reqwest::Error,
    },
    /// The API asks who we are.
    #[error("the STAC API {api} refuses access with the status {status}")]
    Refused {
        /// Its URL.
        api: String,
        /// The HTTP status.
        status: u16,
    },
    /// The URL is not that of a STAC API.
    #[error("{api} is not the landing page of a STAC API: it answered with {found}")]
    NotStac {
        /// The URL.
        api: String,
        /// What it answered.
        found: String,
    },
    /// What is done cannot be remembered: the rest was not sent.
    #[error("publishing was broken off: what is sent cannot be remembered")]
    Journal {
        /// Why not.
        #[source]
        source: JournalError,
    },
    /// The API takes no records.
    #[error("the STAC API {api} does not list the Transaction extension among what it conforms to")]
    ReadOnly {
        /// Its URL.
        api: String,
    },
}

impl PublishError {
    /// Whether what was asked for cannot be done, whatever the API says.
    pub fn is_of_request(&self) -> bool {
        match self {
            Self::Auth(error) => error.is_of_request(),
            Self::ApiUrl { .. } | Self::Authorities { .. } => true,
            _ => false,
        }
    }

    /// What a person can do about it.
    ///
    /// ```
    /// use altostac::publish::PublishError;
    /// let error = PublishError::ReadOnly { api: "https://api.example.org".into() };
    /// assert!(error.remedy().unwrap().contains("Transaction"));
    /// ```
    pub fn remedy(&self) -> Option<&'static str> {
        Some(match self {
            Self::NotACatalog { .. } => "choose another `output`, or move the file away",
            Self::Private { .. } => {
                "add to the recipe's `public_urls` what readers see instead of this folder: {from: <local folder>, to: <https URL>}"
            }
            Self::ApiUrl { .. } => {
                "`publish.api` is the URL of the API's landing page; secrets are given apart from it"
            }
            Self::Unreachable { .. } => "check the URL, the network, and whether the API is running",
            Self::Tls { .. } => {
                "check that the URL's host is the certificate's, and that this machine trusts who signed it (`publish.ca`, or SSL_CERT_FILE)"
            }
            Self::Refused { .. } => "check what `publish.auth` names, and what it allows",
            Self::Auth(AuthError::TokenRefused { .. }) => {
                "check the client's id and secret that `publish.auth` names, and the scope that it asks for"
            }
            Self::Auth(AuthError::NoToken { .. }) => {
                "check the token_url of `publish.auth`, and whether it is reachable"
            }
            Self::Auth(_) => "set what `publish.auth` names, or correct the recipe",
            Self::Authorities { .. } => {
                "`publish.ca` is a file of certificates, each between BEGIN and END CERTIFICATE"
            }
            Self::NotStac { .. } => "give the URL that returns the API's landing page as JSON",
            Self::ReadOnly { .. } => {
                "ask the API's operator for the URL under which the Transaction extension is enabled"
            }
            Self::NoBranch { .. } => "give the facet to every item, or take it out of stac.catalogs",
            Self::Parent { .. } => "choose another collection.parent.id, or move what stands there away",
            Self::Contended { .. } => "run again",
            Self::Href { .. } | Self::Misplaced { .. } => "look at the templates that made the record",
            Self::Journal { .. } => "make room where the ledger stands, and run again: it goes on where it stopped",
            Self::Storage(_) | Self::Client { .. } => return None,
        })
    }
}
