//! Git LFS: a file that only points to its contents (git-lfs, `docs/spec.md`). They are not fetched.

/// A pointer is less than that.
const LARGEST: usize = 1024;

/// Whether a file is a pointer of Git LFS and not its own contents.
pub fn is_lfs_pointer(contents: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(contents) else { return false };
    let mut lines = text.lines();
    let version = lines.next().and_then(|line| line.strip_prefix("version "));
    contents.len() < LARGEST
        && version.is_some_and(|v| v.starts_with("https://git-lfs.github.com/spec/") || v.contains("hawser"))
        && lines.any(|line| line.starts_with("oid sha256:"))
}

/// What to say of files whose contents are elsewhere.
pub fn pointed(paths: &[&str]) -> String {
    const SHOWN: usize = 5;
    let more = paths.len().saturating_sub(SHOWN);
    let shown = paths.iter().take(SHOWN).copied().collect::<Vec<_>>().join(", ");
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!(
        "pointers of Git LFS: {shown}{rest}; their contents are not fetched, also with enableLfs: keep manifests in Git itself (`git lfs untrack`)"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pointers_are_told_from_files() {
        let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n";
        assert!(is_lfs_pointer(pointer.as_bytes()));
        for other in [
            "",
            "kind: ConfigMap\n",
            "version https://git-lfs.github.com/spec/v1\n",
            "version: 1\noid sha256:",
        ] {
            assert!(!is_lfs_pointer(other.as_bytes()), "{other}");
        }
        assert!(!is_lfs_pointer(format!("{pointer}{}", "#".repeat(2000)).as_bytes()));
    }
}
