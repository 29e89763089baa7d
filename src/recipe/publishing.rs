//! Where records are pushed to, as it is written.

use std::path::Path;

use schemars::JsonSchema;
use serde::Deserialize;

use super::auth::RawAuth;
use super::raw::RawLimit;
use super::{auth, urls};
use crate::model::{ApiSettings, KeptField, Manage, PublishSettings};

/// Whether this recipe alone feeds the collection.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "Manage")]
pub(super) enum RawManage {
    /// It alone does: the collection is what its Items make it.
    #[default]
    Own,
    /// Other recipes do too: extents and summaries only grow, and Items of others are left alone.
    Extend,
}

impl From<RawManage> for Manage {
    fn from(raw: RawManage) -> Self {
        match raw {
            RawManage::Own => Self::Own,
            RawManage::Extend => Self::Extend,
        }
    }
}

/// Where records are pushed to.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Publish")]
pub(super) struct RawPublish {
    /// The landing page of a STAC API with the Transaction extension; or a list of them.
    pub(super) api: RawApis,
    /// Who we are to it. It is sent to the API's host alone, and never over plain http, except to this machine itself. Of several APIs each
    /// says it for itself.
    pub(super) auth: Option<RawAuth>,
    /// A file with certificates of authorities (PEM), from the recipe's folder: they are trusted beside the system's, for the API and for
    /// what gives its tokens.
    pub(super) ca: Option<String>,
    /// What others own in the records of the API: JSON pointers such as `/properties/reviewed` or `/assets/*/alternate`. When a record is
    /// replaced it stays as the API has it.
    #[serde(default)]
    pub(super) keep: Vec<String>,
    /// How many Items that the catalogue does not hold `publish --prune` may delete at once: a number, or a part of the collection's Items in
    /// the API such as `5%`. If there are more, none is deleted. Default: `10%`.
    pub(super) max_deletes: Option<RawLimit>,
}

/// APIs to publish to.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(rename = "Apis")]
pub(super) enum RawApis {
    /// Several, one after the other.
    Several(#[schemars(length(min = 1))] Vec<RawApi>),
    /// One.
    One(RawApi),
}

/// An API to publish to.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(rename = "Api")]
pub(super) enum RawApi {
    /// The URL of its landing page.
    Url(String),
    /// With more about it.
    Described(Box<RawDescribedApi>),
}

/// An API, and how to talk with it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "DescribedApi")]
pub(super) struct RawDescribedApi {
    /// The URL of its landing page.
    pub(super) url: String,
    /// Who we are to it.
    pub(super) auth: Option<RawAuth>,
    /// As `publish.ca`, for this API.
    pub(super) ca: Option<String>,
}

/// What is wrong: keys, and words that follow each.
type Wrong = Vec<(String, String)>;

/// What is meant; `folder` is the recipe's. Mistakes go to `wrong`.
pub(super) fn resolve(raw: RawPublish, folder: &Path, wrong: &mut Wrong) -> Option<PublishSettings> {
    let RawPublish { api, auth, ca, keep, max_deletes } = raw;
    let apis = match api {
        RawApis::One(api) => vec![resolve_api(api, "publish.api", (auth, ca), folder, wrong)],
        RawApis::Several(apis) => {
            if auth.is_some() {
                wrong
                    .push(("publish.auth".into(), "is for one API; of several each says it: {url: …, auth: …}".into()));
            }
            let one = |(at, api)| resolve_api(api, &format!("publish.api[{at}]"), (None, ca.clone()), folder, wrong);
            apis.into_iter().enumerate().map(one).collect()
        }
    };
    for (at, api) in apis.iter().enumerate() {
        if let Some(api) = api
            && apis[..at].iter().flatten().any(|other| other.url == api.url)
        {
            wrong.push((format!("publish.api[{at}]"), format!("names {} again", api.url)));
        }
    }
    let keep = kept(&keep, wrong);
    let limit = max_deletes.map_or(Ok(PublishSettings::DEFAULT_MAX_DELETES), RawLimit::resolve);
    let limit = limit.map_err(|what| wrong.push(("publish.max_deletes".into(), what))).ok();
    Some(PublishSettings { apis: apis.into_iter().collect::<Option<_>>()?, keep, max_deletes: limit? })
}

fn resolve_api(
    raw: RawApi,
    key: &str,
    (auth, ca): (Option<RawAuth>, Option<String>),
    folder: &Path,
    wrong: &mut Wrong,
) -> Option<ApiSettings> {
    let (url_key, url, auth, auth_key, ca) = match raw {
        RawApi::Url(url) => (key.to_owned(), url, auth, "publish.auth".to_owned(), ca),
        RawApi::Described(own) => {
            let RawDescribedApi { url, auth: own_auth, ca: own_ca } = *own;
            let auth_key = if own_auth.is_some() { format!("{key}.auth") } else { "publish.auth".to_owned() };
            (format!("{key}.url"), url, own_auth.or(auth), auth_key, own_ca.or(ca))
        }
    };
    let url = urls::remote(&url, &["https", "http"]).map_err(|what| wrong.push((url_key, what))).ok();
    let auth = auth.map(|raw| auth::resolve(raw, &auth_key, folder)).transpose();
    let auth = auth.map_err(|mistake| wrong.push(mistake)).ok();
    Some(ApiSettings { url: url?, auth: auth?, ca: ca.map(|path| folder.join(path)) })
}

fn kept(pointers: &[String], wrong: &mut Wrong) -> Vec<KeptField> {
    let mut keep = Vec::new();
    for (at, pointer) in pointers.iter().enumerate() {
        match KeptField::new(pointer) {
            Some(field) => keep.push(field),
            None => wrong.push((
                format!("publish.keep[{at}]"),
                format!("is {pointer:?}; expected a JSON pointer below the record, such as /properties/reviewed"),
            )),
        }
    }
    keep
}
