//! Submodules: where a commit's `.gitmodules` says that they are. Their commits are in its tree.
//!
//! It refuses to know whether anyone may follow them.

use crate::{CommitId, Error, ReadLimit, RepoUrl, Repositories};
use gix::bstr::ByteSlice as _;
use std::collections::BTreeMap;

const FILE: &str = ".gitmodules";
/// Bytes of `.gitmodules`.
const LARGEST: u64 = 1 << 20;

impl Repositories {
    /// The repository of each submodule, by its path from the root. What cannot be read as git's
    /// configuration names none.
    ///
    /// # Errors
    /// Why the commit could not be read or fetched.
    pub async fn modules(
        &self,
        url: &RepoUrl,
        commit: &CommitId,
    ) -> Result<BTreeMap<String, RepoUrl>, Error> {
        let limit = ReadLimit { per_file: LARGEST, total: LARGEST };
        match self.read(url, commit, &[FILE.to_owned()], limit).await {
            Ok(files) => Ok(files.first().map(|(_, bytes)| read(bytes, url)).unwrap_or_default()),
            Err(Error::NoSuchFile { .. }) => Ok(BTreeMap::new()),
            Err(err) => Err(err),
        }
    }
}

fn read(bytes: &[u8], parent: &RepoUrl) -> BTreeMap<String, RepoUrl> {
    let options = gix::config::file::init::Options::default();
    let metadata = gix::config::file::Metadata::api();
    let Ok(file) = gix::config::File::from_bytes_no_includes(bytes, metadata, options) else {
        return BTreeMap::new();
    };
    let sections = file.sections_by_name("submodule").into_iter().flatten();
    let module = |section: gix::config::file::SectionRef<'_>| {
        let text = |name: &str| section.value(name).and_then(|value| value.to_str().ok().map(str::to_owned));
        let path = text("path")?.trim_matches('/').to_owned();
        Some((path, at(parent, &text("url")?)?))
    };
    sections.filter_map(module).collect()
}

/// The address that `.gitmodules` means, relative ones from the repository's own (gitmodules(5)).
fn at(parent: &RepoUrl, url: &str) -> Option<RepoUrl> {
    if !url.starts_with("./") && !url.starts_with("../") {
        return Some(RepoUrl::new(url));
    }
    let mut base = parent.as_str().trim_end_matches('/');
    let mut rest = url;
    loop {
        if let Some(same) = rest.strip_prefix("./") {
            rest = same;
        } else if let Some(up) = rest.strip_prefix("../") {
            // Never above the host, or above the root of the file system.
            let host = base.find("://").map_or(0, |at| at + 3);
            let cut = base.rfind(['/', ':']).filter(|cut| *cut > host)?;
            // What a colon ends stays, with it: `git@host:`.
            base = if base[cut..].starts_with(':') { &base[..=cut] } else { &base[..cut] };
            rest = up;
        } else {
            break;
        }
    }
    let between = if base.ends_with(':') { "" } else { "/" };
    (!rest.is_empty()).then(|| RepoUrl::new(format!("{base}{between}{rest}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(parent: &str, url: &str, expect: &str) {
        let got = at(&RepoUrl::new(parent), url);
        assert_eq!(got.as_ref().map_or("none", RepoUrl::as_str), expect, "{url} from {parent}");
    }

    #[test]
    fn addresses_are_relative_to_the_repository() {
        check("https://h/a/b.git", "https://other/c", "https://other/c");
        check("https://h/a/b.git", "../c.git", "https://h/a/c.git");
        check("https://h/a/b.git/", "../../x/c", "https://h/x/c");
        check("https://h/a", "../../c", "none");
        check("https://h/a/b", "./c", "https://h/a/b/c");
        check("git@h:a/b.git", "../c.git", "git@h:a/c.git");
        check("git@h:b.git", "../c.git", "git@h:c.git");
        check("ssh://git@h:22/a/b", "../c", "ssh://git@h:22/a/c");
        check("/srv/a/b", "../c", "/srv/a/c");
        check("https://h/a", "../", "none");
    }

    #[test]
    fn gitmodules_are_read() {
        let text = b"[submodule \"one\"]\n\tpath = lib/one\n\turl = ../one.git\n[submodule \"two\"]\n\tpath = two\n\turl = \"https://h/two\"\n\tbranch = main\n[submodule \"no url\"]\n\tpath = x\n[other]\n\tpath = y\n\turl = z\n";
        let got: Vec<_> = read(text, &RepoUrl::new("https://h/a/b"))
            .into_iter()
            .map(|(path, url)| format!("{path} {}", url.as_str()))
            .collect();
        assert_eq!(got, ["lib/one https://h/a/one.git", "two https://h/two"]);
        assert!(read(b"[[nonsense", &RepoUrl::new("https://h/a")).is_empty());
    }
}
