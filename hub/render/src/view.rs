//! What a tool is shown: the files that it may read, where they come from, and their digest.
//!
//! A tool runs in a folder that holds just these files, so a rendering depends on nothing else: the digest of the
//! view, the command and the tool's version are all that names its result.

use crate::{
    request::Failure,
    tree::{Entry, Limit, Tree, content_id},
};
use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use sha2::{Digest as _, Sha256};
use std::{collections::BTreeMap, sync::Arc};

/// The most files that a tool is shown.
pub(crate) const MOST_FILES: usize = 50_000;
/// The most that they may have together, in bytes.
pub(crate) const MOST_BYTES: u64 = 64 * 1024 * 1024;

/// Where a file of a view comes from.
#[derive(Debug, Clone)]
enum Part {
    /// A tree; its place in [`View::trees`].
    Of(usize, Entry),
    /// Made for this rendering.
    Made(String, Bytes),
    /// Files of a tree, packed as `.tgz` below a folder of that name.
    Packed(usize, String, Vec<(String, Entry)>),
}

/// The files that a tool may read, by their paths in its folder.
#[derive(Debug, Clone, Default)]
pub struct View {
    trees: Vec<Arc<dyn Tree>>,
    files: BTreeMap<String, Part>,
}

impl View {
    /// A view of nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Shows a file of a tree. The last that is shown at a path counts.
    pub fn show(&mut self, path: impl Into<String>, tree: &Arc<dyn Tree>, entry: Entry) {
        let at = self.place(tree);
        self.files.insert(path.into(), Part::Of(at, entry));
    }

    /// Shows files of a tree as one archive (`.tgz`) in which they are below the folder `top`. It is packed when it is
    /// needed; its digest is that of the files.
    pub fn pack(
        &mut self,
        path: impl Into<String>,
        tree: &Arc<dyn Tree>,
        top: &str,
        files: Vec<(String, Entry)>,
    ) {
        let at = self.place(tree);
        self.files.insert(path.into(), Part::Packed(at, top.to_owned(), files));
    }

    fn place(&mut self, tree: &Arc<dyn Tree>) -> usize {
        let known = self.trees.iter().position(|known| Arc::ptr_eq(known, tree));
        known.unwrap_or_else(|| {
            self.trees.push(Arc::clone(tree));
            self.trees.len() - 1
        })
    }

    /// Shows a file that was made for this rendering.
    pub fn make(&mut self, path: impl Into<String>, contents: impl Into<Bytes>) {
        let contents = contents.into();
        self.make_known(path, content_id(&contents), contents);
    }

    /// Shows a file that was made for this rendering, or fetched; equal ids are equal contents.
    pub fn make_known(&mut self, path: impl Into<String>, id: impl Into<String>, contents: impl Into<Bytes>) {
        self.files.insert(path.into(), Part::Made(id.into(), contents.into()));
    }

    /// Whether there is a file at this path.
    pub fn has(&self, path: &str) -> bool {
        self.files.contains_key(path)
    }

    /// The paths, sorted.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str)
    }

    /// How many files.
    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// Whether there is nothing to see.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// Names everything that is to be seen: paths and contents.
    pub fn digest(&self) -> shared_model::Digest {
        let mut hash = Sha256::new();
        for (path, part) in &self.files {
            hash.update(path.as_bytes());
            hash.update([0]);
            match part {
                Part::Of(_, entry) => hash.update(entry.id.as_bytes()),
                Part::Made(id, _) => hash.update(id.as_bytes()),
                Part::Packed(_, top, files) => {
                    hash.update(format!("packed {top}\n{}", files.len()));
                    for (path, entry) in files {
                        hash.update(format!("\0{path}\0{}", entry.id));
                    }
                }
            }
            hash.update([0]);
        }
        shared_model::Digest::of(&hash.finalize())
    }

    /// The contents of all files, by path.
    ///
    /// # Errors
    /// [`Failure::Inputs`] when it is more than a tool is shown, [`Failure::Circumstance`] when a tree cannot be read.
    pub async fn contents(&self) -> Result<BTreeMap<String, Bytes>, Failure> {
        self.contents_within(Limit { each: MOST_BYTES, all: MOST_BYTES }).await
    }

    /// The contents of all files, by path, no more than that together.
    ///
    /// # Errors
    /// As [`View::contents`].
    pub async fn contents_within(&self, limit: Limit) -> Result<BTreeMap<String, Bytes>, Failure> {
        if self.files.len() > MOST_FILES {
            return Err(Failure::inputs(
                "",
                format!("the source reads more than {MOST_FILES} files"),
                "split it",
            ));
        }
        let most = limit.all;
        let mut left = Limit { each: limit.each.min(most), all: most };
        let mut contents = BTreeMap::new();
        let mut wanted: Vec<(Vec<&str>, Vec<Entry>)> =
            self.trees.iter().map(|_| Default::default()).collect();
        for (path, part) in &self.files {
            match part {
                Part::Of(at, entry) => {
                    wanted[*at].0.push(path);
                    wanted[*at].1.push(entry.clone());
                }
                Part::Made(_, made) => {
                    left = after(left, made, most)?;
                    contents.insert(path.clone(), made.clone());
                }
                Part::Packed(at, top, files) => {
                    let packed = packed(&self.trees[*at], top, files, left).await?;
                    left = after(left, &packed, most)?;
                    contents.insert(path.clone(), packed);
                }
            }
        }
        for (tree, (paths, entries)) in self.trees.iter().zip(wanted) {
            if entries.is_empty() {
                continue;
            }
            let read = tree.read_within(&entries, left).await.map_err(Failure::Circumstance)?;
            for bytes in &read {
                left = after(left, bytes, most)?;
            }
            contents.extend(paths.into_iter().map(str::to_owned).zip(read));
        }
        Ok(contents)
    }
}

/// What is left of a limit when so much is read.
fn after(left: Limit, bytes: &Bytes, most: u64) -> Result<Limit, Failure> {
    let all = left.all.checked_sub(bytes.len() as u64).ok_or_else(|| {
        Failure::inputs("", format!("the source reads more than {} MiB", most >> 20), "split it")
    })?;
    Ok(Limit { each: left.each.min(all), all })
}

/// An archive of files; the same files give the same bytes.
async fn packed(
    tree: &Arc<dyn Tree>,
    top: &str,
    files: &[(String, Entry)],
    limit: Limit,
) -> Result<Bytes, Failure> {
    let entries: Vec<Entry> = files.iter().map(|(_, entry)| entry.clone()).collect();
    let read = tree.read_within(&entries, limit).await.map_err(Failure::Circumstance)?;
    let mut archive = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for ((path, _), bytes) in files.iter().zip(&read) {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        let added = archive.append_data(&mut header, format!("{top}/{path}"), bytes.as_ref());
        added.map_err(|error| {
            Failure::inputs(
                "",
                format!("`{path}` of the chart `{top}` cannot be packed: {error}"),
                "rename it",
            )
        })?;
    }
    let bytes = archive.into_inner().and_then(GzEncoder::finish);
    bytes
        .map(Bytes::from)
        .map_err(|error| Failure::Circumstance(format!("a chart could not be packed: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::Memory;

    #[tokio::test]
    async fn all_that_is_shown_counts_together() {
        let tree = |name: &str| -> Arc<dyn Tree> {
            Arc::new(Memory::new(name, [("a".to_owned(), Bytes::from(vec![7; 3 << 20]))]))
        };
        let (one, other) = (tree("one"), tree("other"));
        let entry = one.get("a").expect("it is there");
        let check = async |view: &View, mib: u64| {
            let limit = Limit { each: 8 << 20, all: mib << 20 };
            view.contents_within(limit).await.map(|all| all.len())
        };
        let mut view = View::new();
        view.show("one", &one, entry.clone());
        view.show("other", &other, entry.clone());
        assert_eq!(check(&view, 6).await, Ok(2));
        assert!(check(&view, 5).await.is_err());
        view.make("made", vec![0; 3 << 20]);
        let failure = check(&view, 8).await.expect_err("it is too much").to_string();
        assert!(failure.contains("too large") || failure.contains("more than 8 MiB"), "{failure}");
        // What is packed is read first, and no more of it than that either.
        let mut packed = View::new();
        packed.pack("chart.tgz", &one, "web", vec![("a".to_owned(), entry)]);
        assert_eq!(check(&packed, 3).await, Ok(1));
        assert!(check(&packed, 2).await.is_err());
    }
}
