//! Bundles in immutable Secrets, named by digest and number.

use super::{LABEL, PAGE, PREFIX, Secrets};
use crate::journal::Error;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::Method;
use serde_json::{Value, json};
use shared_sync::Failure;
use std::collections::BTreeMap;

/// The most bytes of a bundle in one Secret: with base64 and metadata it stays below the API server's 1 MiB.
const CHUNK: usize = 700 * 1024;
/// How many chunks a bundle has; on each of them.
const CHUNKS: &str = "flotilla.dev/chunks";
/// How many bytes a bundle has; on each of its chunks.
const BYTES: &str = "flotilla.dev/bytes";
const REMEDY: &str = "it is fetched again from the hub";

/// The name of the Secrets of a bundle's record, without their numbers; `None` for other records.
pub(super) fn prefix_of(name: &str) -> Option<String> {
    let digest = name.strip_prefix("bundles/")?.strip_suffix(".zst")?;
    Some(format!("{PREFIX}-bundle-{digest}"))
}

fn record_of(prefix: &str) -> Option<String> {
    Some(format!("bundles/{}.zst", prefix.strip_prefix(&format!("{PREFIX}-bundle-"))?))
}

fn number(secret: &Value, annotation: &str) -> Option<u64> {
    secret["metadata"]["annotations"][annotation].as_str()?.parse().ok()
}

impl Secrets {
    /// A bundle's bytes; `None` when its first chunk is not there.
    pub(super) async fn bundle(&self, prefix: &str) -> Result<Option<Vec<u8>>, Error> {
        let (mut bytes, mut chunk, mut of) = (Vec::new(), 0, 1);
        while chunk < of {
            let name = format!("{prefix}-{chunk}");
            let damaged = |problem: String| Error::Damaged { at: self.at(&name), problem, remedy: REMEDY };
            let Some(secret) = self.get(&name).await? else {
                return match chunk {
                    0 => Ok(None),
                    _ => Err(damaged(format!("chunk {} of {of} is missing", chunk + 1))),
                };
            };
            let told = number(&secret, CHUNKS);
            if chunk == 0 {
                of = told.unwrap_or(1);
            } else if told != Some(of) {
                return Err(damaged("it is a chunk of another writing".to_owned()));
            }
            let part = STANDARD.decode(secret["data"]["chunk"].as_str().unwrap_or_default());
            bytes.extend(part.map_err(|_| damaged("it is not base64".to_owned()))?);
            chunk += 1;
        }
        Ok(Some(bytes))
    }

    /// Writes the chunks that are not there yet, the first one last.
    pub(super) async fn write_bundle(&self, prefix: &str, bytes: &[u8]) -> Result<(), Error> {
        let chunks: Vec<&[u8]> = if bytes.is_empty() { vec![bytes] } else { bytes.chunks(CHUNK).collect() };
        for (index, chunk) in chunks.iter().enumerate().rev() {
            let secret = json!({
                "apiVersion": "v1", "kind": "Secret", "immutable": true,
                "metadata": {
                    "name": format!("{prefix}-{index}"),
                    "labels": {LABEL: "bundle"},
                    "annotations": {CHUNKS: chunks.len().to_string(), BYTES: bytes.len().to_string()},
                },
                "data": {"chunk": STANDARD.encode(chunk)},
            });
            self.write_chunk(&format!("{prefix}-{index}"), &secret).await?;
        }
        Ok(())
    }

    async fn write_chunk(&self, name: &str, secret: &Value) -> Result<(), Error> {
        for _ in 0..2 {
            match self.ask(Method::POST, &self.collection(), Some(secret)).await {
                Ok(_) => return Ok(()),
                // Left by a crash, or damaged.
                Err(Failure::Conflict(_)) => {
                    let Some(there) = self.get(name).await? else { continue };
                    let same = there["data"] == secret["data"]
                        && there["metadata"]["annotations"][CHUNKS]
                            == secret["metadata"]["annotations"][CHUNKS];
                    if same {
                        return Ok(());
                    }
                    self.delete(name).await?;
                }
                Err(failure) => return Err(self.failed(name, "cannot be made", failure)),
            }
        }
        Err(self.contended(name))
    }

    /// Removes all chunks of a bundle, also those of a writing that was broken off; the first one first.
    pub(super) async fn remove_bundle(&self, prefix: &str) -> Result<(), Error> {
        let names: Vec<String> = match self.get(&format!("{prefix}-0")).await? {
            Some(first) => {
                self.delete(&format!("{prefix}-0")).await?;
                let chunks = number(&first, CHUNKS).unwrap_or(1);
                (1..chunks).map(|chunk| format!("{prefix}-{chunk}")).collect()
            }
            // Only then all names are read: there may be thousands.
            None => {
                let all = self.chunks().await?.into_iter().map(|(name, _)| name);
                all.filter(|name| name.rsplit_once('-').is_some_and(|(of, _)| of == prefix)).collect()
            }
        };
        for name in names {
            self.delete(&name).await?;
        }
        Ok(())
    }

    /// The names of all bundles' records, whole or not, and the bytes of each.
    pub(super) async fn bundles(&self) -> Result<Vec<(String, u64)>, Error> {
        let chunks = self.chunks().await?;
        let bundles: BTreeMap<String, u64> = chunks
            .iter()
            .filter_map(|(name, bytes)| Some((record_of(name.rsplit_once('-')?.0)?, *bytes)))
            .collect();
        Ok(bundles.into_iter().collect())
    }

    /// The names of all chunks, and the bytes of the bundle that each belongs to.
    async fn chunks(&self) -> Result<Vec<(String, u64)>, Error> {
        let (mut chunks, mut from) = (Vec::new(), String::new());
        loop {
            let uri = format!(
                "{}?labelSelector={}%3Dbundle&limit={}{from}",
                self.collection(),
                LABEL.replace('/', "%2F"),
                PAGE * 5
            );
            let page = self.cluster.own_metadata(&uri).await;
            let page = page.map_err(|failure| self.failed(PREFIX, "cannot be listed", failure))?;
            for item in page["items"].as_array().into_iter().flatten() {
                let name = item["metadata"]["name"].as_str().unwrap_or_default().to_owned();
                chunks.push((name, number(item, BYTES).unwrap_or(0)));
            }
            match page["metadata"]["continue"].as_str().filter(|next| !next.is_empty()) {
                Some(next) => from = format!("&continue={next}"),
                None => return Ok(chunks),
            }
        }
    }
}
