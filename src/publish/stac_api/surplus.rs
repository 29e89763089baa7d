//! Items that an API has and nobody knows.

use std::collections::HashSet;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};

use reqwest::Method;
use serde_json::Value;
use url::Url;

use super::single::{Failure, Publisher};
use crate::model::RemovalLimit;

/// So many items are asked for at once.
const PAGE: usize = 250;

/// No collection has more items: a list that goes on is made up.
const MOST_LISTED: usize = 20_000_000;

/// Which items of the collection are to go that nobody asked to remove.
pub struct Prune<'a> {
    /// Whether an item stays.
    pub stays: &'a dyn Fn(&str) -> bool,
    /// How many may go; if there are more, none does.
    pub most: RemovalLimit,
}

impl fmt::Debug for Prune<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prune").field("most", &self.most).finish_non_exhaustive()
    }
}

impl Publisher {
    /// The items that the API has beyond those that stay; a text that says why none may go.
    pub(super) async fn surplus(&self, prune: &Prune<'_>) -> Result<Vec<String>, String> {
        let (mut surplus, mut seen, mut all) = (Vec::new(), HashSet::new(), 0_usize);
        let mut url = Some(self.listing());
        while let Some(page_url) = url.take() {
            let page = self.page(&page_url).await.map_err(|failure| {
                format!("nothing was pruned: the items of the API cannot be listed: {}", failure.message())
            })?;
            let seen_before = seen.len();
            for feature in page["features"].as_array().into_iter().flatten() {
                let Some(id) = feature["id"].as_str() else { continue };
                let collection = feature["collection"].as_str().unwrap_or(&self.collection);
                // Not all APIs heed what they are asked for: items of others count for nothing.
                if !seen.insert(digest(collection, id)) || *collection != *self.collection {
                    continue;
                }
                all += 1;
                if feature["properties"]["retracted"] != true && !(prune.stays)(id) {
                    surplus.push(id.to_owned());
                }
            }
            if seen.len() > MOST_LISTED {
                return Err(format!("nothing was pruned: the API lists more than {MOST_LISTED} items"));
            }
            // Some always name a next page.
            if seen.len() > seen_before {
                url = next_page(&page_url, &page);
            }
        }
        if !prune.most.allows(surplus.len(), all) {
            return Err(format!(
                "nothing was pruned: the catalogue does not hold {} of {all} items that the API has; {} may be deleted at once (publish.max_deletes)",
                surplus.len(),
                prune.most
            ));
        }
        surplus.sort_unstable();
        Ok(surplus)
    }

    fn listing(&self) -> Url {
        let mut url = if self.offer.fields {
            self.client.url(&["search"])
        } else {
            self.client.url(&["collections", &self.collection, "items"])
        };
        url.query_pairs_mut().append_pair("limit", &PAGE.to_string());
        if self.offer.fields {
            let fields = "id,collection,properties.datetime,properties.retracted";
            url.query_pairs_mut().append_pair("collections", &self.collection).append_pair("fields", fields);
        }
        url
    }

    async fn page(&self, url: &Url) -> Result<Value, Failure> {
        let answer = self.client.send(Method::GET, url, None, None).await?;
        if answer.status != 200 {
            return Err(self.failure(&answer, ""));
        }
        let page: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        match page["features"].is_array() {
            true => Ok(page),
            false => Err(Failure::new(format!("it returned {} in place of a list", answer.kind()))),
        }
    }
}

/// What an item is told apart by: of millions of ids nobody keeps the texts.
fn digest(collection: &str, id: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    (collection, id).hash(&mut hasher);
    hasher.finish()
}

/// The next page. An API behind a proxy may take itself to be elsewhere: only what is asked is taken from its link.
fn next_page(here: &Url, page: &Value) -> Option<Url> {
    let links = page["links"].as_array()?;
    let next = links.iter().find(|link| link["rel"] == "next")?;
    let told = here.join(next["href"].as_str()?).ok()?;
    let mut url = here.clone();
    url.set_query(told.query());
    Some(url)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    #[test]
    fn the_next_page_is_asked_of_the_api_that_was_named() {
        let here = Url::parse("https://api.example.org/stac/v1/search?limit=2").unwrap();
        let page = json!({"links": [{"rel": "next", "href": "http://inner:8080/search?limit=2&token=next:b"}]});
        let next = next_page(&here, &page).unwrap();
        assert_eq!(next.as_str(), "https://api.example.org/stac/v1/search?limit=2&token=next:b");
        assert!(next_page(&here, &json!({"links": []})).is_none());
    }
}
