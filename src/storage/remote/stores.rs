//! Which store a URL belongs to: one for each server or bucket, kept for the life of the process.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey, Checksum};
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::http::HttpBuilder;
use object_store::path::Path;
use object_store::{BackoffConfig, ObjectStore, RetryConfig};
use url::{Position, Url};

use super::Settings;
use super::transport::Connector;
use crate::model::shown_url;
use crate::storage::StorageError;

/// Stores that are kept at most; beyond it they are made anew.
const LIMIT: usize = 256;

/// The stores that were used, by scheme and host or bucket.
#[derive(Default)]
pub(super) struct Stores(Mutex<HashMap<String, Arc<dyn ObjectStore>>>);

impl Stores {
    pub(super) fn get(&self, url: &Url, connector: &Connector) -> Result<(Arc<dyn ObjectStore>, Path), StorageError> {
        check(url)?;
        let path = path(url)?;
        let key = url[..Position::BeforePath].to_owned();
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(store) = known.get(&key) {
            return Ok((Arc::clone(store), path));
        }
        let store = make(url, connector)?;
        if known.len() >= LIMIT {
            known.clear();
        }
        known.insert(key, Arc::clone(&store));
        Ok((store, path))
    }
}

fn unusable(url: &Url, reason: impl Into<String>) -> StorageError {
    StorageError::Url { url: shown_url(url), reason: reason.into() }
}

fn check(url: &Url) -> Result<(), StorageError> {
    let is_web = matches!(url.scheme(), "http" | "https");
    let host = url.host_str().unwrap_or_default();
    let is_name = |host: &str| {
        !host.is_empty() && host.len() <= 255 && host.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
    };
    if !is_web && !matches!(url.scheme(), "s3" | "gs" | "az") {
        return Err(StorageError::Scheme { url: shown_url(url), scheme: url.scheme().into() });
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(unusable(url, "it holds a user name or password, which would end up in references and records"));
    }
    if is_web && host.is_empty() {
        return Err(unusable(url, "it names no host"));
    }
    if !is_web && (!is_name(host) || url.port().is_some()) {
        return Err(unusable(url, "it names no bucket or container"));
    }
    if !is_web && url.query().is_some() {
        return Err(unusable(url, "a query (?…) has no meaning there; a ? in a name is written %3F"));
    }
    Ok(())
}

/// The object's name, decoded. Requests to web servers use the URL as it was written, and this only in messages.
fn path(url: &Url) -> Result<Path, StorageError> {
    match Path::from_url_path(url.path()) {
        Ok(path) => Ok(path),
        Err(_) if matches!(url.scheme(), "http" | "https") => Ok(Path::from(url.path())),
        Err(error) => Err(unusable(url, error.to_string())),
    }
}

fn make(url: &Url, connector: &Connector) -> Result<Arc<dyn ObjectStore>, StorageError> {
    let connector = match url.scheme() {
        "http" | "https" => connector.towards(url),
        _ => match endpoint(url)? {
            Some(endpoint) => connector.towards(&endpoint).signed(),
            None => connector.signed(),
        },
    };
    if url.scheme() == "s3" {
        check_encrypted(url)?;
    }
    let bucket = url.host_str().unwrap_or_default();
    let retry = retry(&connector.settings);
    let failed = |error: object_store::Error| StorageError::Environment { url: shown_url(url), reason: plain(&error) };
    let store: Arc<dyn ObjectStore> = match url.scheme() {
        "s3" => {
            let mut builder = AmazonS3Builder::from_env().with_bucket_name(bucket);
            if is_anonymous(&S3_CREDENTIALS) {
                builder = builder.with_skip_signature(true);
            }
            if builder.get_config_value(&AmazonS3ConfigKey::Checksum).is_none() {
                builder = builder.with_checksum_algorithm(Checksum::SHA256);
            }
            Arc::new(builder.with_retry(retry).with_http_connector(connector).build().map_err(failed)?)
        }
        "gs" => {
            let mut builder = GoogleCloudStorageBuilder::from_env().with_bucket_name(bucket);
            if is_anonymous(&GOOGLE_CREDENTIALS) && !has_google_login() {
                builder = builder.with_skip_signature(true);
            }
            Arc::new(builder.with_retry(retry).with_http_connector(connector).build().map_err(failed)?)
        }
        "az" => {
            let mut builder = MicrosoftAzureBuilder::from_env().with_container_name(bucket);
            if is_anonymous(&AZURE_CREDENTIALS) {
                builder = builder.with_skip_signature(true);
            }
            Arc::new(builder.with_retry(retry).with_http_connector(connector).build().map_err(failed)?)
        }
        _ => {
            let server = &url[..Position::BeforePath];
            Arc::new(
                HttpBuilder::new()
                    .with_url(server)
                    .with_retry(retry)
                    .with_http_connector(connector)
                    .build()
                    .map_err(failed)?,
            )
        }
    };
    Ok(store)
}

/// What in the environment says that there are credentials. A machine's own role is asked for only where one of these
/// names it: elsewhere the question would take seconds and then fail.
const S3_CREDENTIALS: [&str; 6] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_METADATA_ENDPOINT",
];

const GOOGLE_CREDENTIALS: [&str; 6] = [
    "GOOGLE_APPLICATION_CREDENTIALS",
    "GOOGLE_SERVICE_ACCOUNT",
    "GOOGLE_SERVICE_ACCOUNT_PATH",
    "GOOGLE_SERVICE_ACCOUNT_KEY",
    "SERVICE_ACCOUNT",
    "GOOGLE_BEARER_TOKEN",
];

const AZURE_CREDENTIALS: [&str; 12] = [
    "AZURE_STORAGE_ACCOUNT_KEY",
    "AZURE_STORAGE_ACCESS_KEY",
    "AZURE_STORAGE_MASTER_KEY",
    "AZURE_STORAGE_SAS_KEY",
    "AZURE_STORAGE_SAS_TOKEN",
    "AZURE_STORAGE_TOKEN",
    "AZURE_STORAGE_CLIENT_ID",
    "AZURE_CLIENT_ID",
    "AZURE_FEDERATED_TOKEN_FILE",
    "AZURE_MSI_ENDPOINT",
    "IDENTITY_ENDPOINT",
    "AZURE_USE_AZURE_CLI",
];

/// The endpoint of a store, if the environment names one; `object_store` would find out too late that it is no URL.
fn endpoint(url: &Url) -> Result<Option<Url>, StorageError> {
    let names: &[&str] = match url.scheme() {
        "s3" => &["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"],
        "gs" => &["GOOGLE_BASE_URL"],
        _ => &["AZURE_STORAGE_ENDPOINT", "AZURE_ENDPOINT"],
    };
    let mut first = None;
    for name in names {
        let Ok(value) = std::env::var(name) else { continue };
        let is_web = |endpoint: &Url| matches!(endpoint.scheme(), "http" | "https") && endpoint.has_host();
        let endpoint =
            Url::parse(&value).ok().filter(|endpoint| is_web(endpoint) && value.parse::<http::Uri>().is_ok());
        let Some(endpoint) = endpoint else {
            let reason = format!("{name} is no http or https URL");
            return Err(StorageError::Environment { url: shown_url(url), reason });
        };
        first.get_or_insert(endpoint);
    }
    Ok(first)
}

/// Refuses a store whose endpoint is plain http, unless the environment allows it.
pub(super) fn check_encrypted(url: &Url) -> Result<(), StorageError> {
    let is_plain = endpoint(url)?.is_some_and(|endpoint| endpoint.scheme() == "http");
    if is_plain && !allows_http(url.scheme()) {
        let allowed = allowing(url.scheme());
        let reason =
            format!("its endpoint is plain http, where anybody on the way can read along; {allowed}=true allows it");
        return Err(StorageError::Environment { url: shown_url(url), reason });
    }
    Ok(())
}

/// The variable that allows plain http.
fn allowing(scheme: &str) -> &'static str {
    match scheme {
        "s3" => "AWS_ALLOW_HTTP",
        "gs" => "GOOGLE_ALLOW_HTTP",
        _ => "AZURE_ALLOW_HTTP",
    }
}

fn allows_http(scheme: &str) -> bool {
    let value = std::env::var(allowing(scheme)).unwrap_or_default();
    matches!(value.to_ascii_lowercase().as_str(), "1" | "true" | "on" | "yes" | "y")
}

/// Whether there is what `gcloud auth application-default login` leaves.
fn has_google_login() -> bool {
    let home = std::env::var_os("HOME").map(std::path::PathBuf::from);
    home.is_some_and(|home| home.join(".config/gcloud/application_default_credentials.json").is_file())
}

fn is_anonymous(names: &[&str]) -> bool {
    names.iter().all(|name| std::env::var_os(name).is_none_or(|value| value.is_empty()))
}

fn retry(settings: &Settings) -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig { init_backoff: settings.first_pause, max_backoff: settings.longest_pause, base: 2.0 },
        max_retries: settings.retries,
        retry_timeout: settings.give_up_after,
    }
}

/// The cause itself: what object_store wraps around it prints it again, with quotes and braces.
pub(super) fn plain(error: &object_store::Error) -> String {
    let mut cause: &(dyn std::error::Error + 'static) = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}
