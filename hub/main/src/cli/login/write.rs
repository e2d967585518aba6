//! A kubeconfig as a file: read, changed, and put in its place at once.

use crate::cli::kubeconfig::entries::{self, Login};
use anyhow::Context as _;
use serde_json::Value;
use std::{
    fs, io,
    io::Write as _,
    path::{Path, PathBuf},
};

/// What is in the file; nothing when there is none.
pub(super) fn read(path: &Path) -> anyhow::Result<Value> {
    match fs::read_to_string(path) {
        Ok(text) => {
            shared_manifest::yaml::parse(&text).with_context(|| format!("kubeconfig {}", path.display()))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Value::Null),
        Err(error) => Err(error).with_context(|| format!("kubeconfig {}", path.display())),
    }
}

/// Writes a login into the file, for its owner alone. Whether its context is the current one then.
pub(super) fn add(path: &Path, login: &Login<'_>) -> anyhow::Result<bool> {
    // Read again: a person may have taken minutes to answer.
    let mut file = read(path)?;
    entries::add(&mut file, login).with_context(|| format!("kubeconfig {}", path.display()))?;
    put(path, &shared_manifest::yaml::to_string(&file))
        .with_context(|| format!("kubeconfig {}", path.display()))?;
    Ok(file["current-context"] == login.context)
}

fn put(path: &Path, text: &str) -> io::Result<()> {
    // A link stays one.
    let path = match fs::canonicalize(path) {
        Ok(path) => path,
        Err(error) if error.kind() == io::ErrorKind::NotFound => PathBuf::from(path),
        Err(error) => return Err(error),
    };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(&path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    fn login() -> Login<'static> {
        Login {
            context: "flotilla",
            server: "https://hub:8443",
            authority_pem: "ca",
            user: "ada",
            token: "t0ken",
            namespace: "argocd",
            set_current: true,
        }
    }

    #[test]
    fn a_file_is_made_for_its_owner_alone_and_a_link_stays_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/config");
        assert!(add(&path, &login()).unwrap());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let link = folder.path().join("link");
        symlink(&path, &link).unwrap();
        assert!(add(&link, &Login { context: "second", ..login() }).unwrap());
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        let file = read(&path).unwrap();
        assert_eq!(entries::names([&file].into_iter(), "contexts"), ["flotilla", "second"]);
        assert_eq!(fs::read_dir(folder.path().join("deep")).unwrap().count(), 1, "nothing is left beside it");
    }

    #[test]
    fn what_cannot_be_read_is_not_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config");
        fs::write(&path, "a: [").unwrap();
        assert!(format!("{:#}", add(&path, &login()).unwrap_err()).contains("config"));
        assert_eq!(fs::read_to_string(&path).unwrap(), "a: [");
    }
}
