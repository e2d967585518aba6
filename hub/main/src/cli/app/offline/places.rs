//! Which folder stands for which repository: `--repo URL=DIR`, or `--repo DIR` for all that are named by no other.

use shared_model::RepoUrl;
use std::path::{Path, PathBuf};

/// One `--repo`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Repo {
    /// The repository; `None`: each that no other names.
    url: Option<RepoUrl>,
    folder: PathBuf,
}

impl std::str::FromStr for Repo {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // An address may have `=` in it, and so may a folder: the first reading that names a folder counts.
        let readings = text.match_indices('=').filter(|(at, _)| *at > 0);
        let mut readings = readings.map(|(at, _)| (&text[..at], Path::new(&text[at + 1..])));
        if let Some((url, folder)) = readings.find(|(_, folder)| folder.is_dir()) {
            return Ok(Self { url: Some(RepoUrl::new(url)), folder: folder.to_owned() });
        }
        if Path::new(text).is_dir() {
            return Ok(Self { url: None, folder: text.into() });
        }
        Err(match text.rsplit_once('=') {
            Some((_, folder)) => {
                format!("there is no folder `{folder}`: write URL=DIR, or a DIR alone for every repository")
            }
            None if text.contains("://") => {
                "it names no folder: write URL=DIR, e.g. https://git.example.com/fleet.git=.".to_owned()
            }
            None => {
                format!("there is no folder `{text}`: write URL=DIR, or a DIR alone for every repository")
            }
        })
    }
}

/// All `--repo`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Places(Vec<Repo>);

impl Places {
    /// What is given.
    pub(crate) fn new(repos: &[Repo]) -> anyhow::Result<Self> {
        for (at, repo) in repos.iter().enumerate() {
            let same = |other: &Repo| match (&repo.url, &other.url) {
                (Some(one), Some(other)) => one.normalized() == other.normalized(),
                (None, None) => true,
                (Some(_), None) | (None, Some(_)) => false,
            };
            if repos[..at].iter().any(same) {
                let what =
                    repo.url.as_ref().map_or_else(|| "every repository".to_owned(), ToString::to_string);
                anyhow::bail!("--repo: {what} is given two folders");
            }
        }
        Ok(Self(repos.to_vec()))
    }

    /// The folder that stands for a repository.
    pub(crate) fn of(&self, url: &RepoUrl) -> Option<&Path> {
        let named =
            |repo: &&Repo| repo.url.as_ref().is_some_and(|known| known.normalized() == url.normalized());
        let found = self.0.iter().find(named).or_else(|| self.0.iter().find(|repo| repo.url.is_none()));
        found.map(|repo| repo.folder.as_path())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_stands_for_one_repository_or_for_all_others() {
        let root = tempfile::tempdir().unwrap();
        let odd = root.path().join("a=b");
        std::fs::create_dir(&odd).unwrap();
        let dir = root.path().display().to_string();
        let repo = |text: &str| text.parse::<Repo>();
        let one = repo(&format!("https://git.example.com/fleet.git={dir}")).unwrap();
        let all = repo(&dir).unwrap();
        let query = repo(&format!("https://git.example.com/a?b=c={}", odd.display())).unwrap();
        assert_eq!(query.folder, odd);
        assert_eq!(query.url.as_ref().unwrap().as_str(), "https://git.example.com/a?b=c");
        let places = Places::new(&[one.clone(), all.clone(), query]).unwrap();
        let of = |url: &str| places.of(&RepoUrl::new(url)).map(Path::to_owned);
        assert_eq!(of("https://git.example.com/fleet"), Some(dir.clone().into()));
        assert_eq!(of("https://elsewhere.example.com/x.git"), Some(dir.into()));
        assert_eq!(of("https://git.example.com/a?b=c"), Some(odd));
        let places = Places::new(std::slice::from_ref(&one)).unwrap();
        assert_eq!(places.of(&RepoUrl::new("https://elsewhere.example.com/x.git")), None);
        for twice in [[one.clone(), one], [all.clone(), all]] {
            assert!(Places::new(&twice).unwrap_err().to_string().contains("two folders"));
        }
    }

    #[test]
    fn what_names_no_folder_is_refused() {
        for (text, part) in [
            ("https://git.example.com/a.git", "it names no folder"),
            ("https://git.example.com/a.git=/not/there", "there is no folder `/not/there`"),
            ("/not/there", "there is no folder `/not/there`"),
            ("", "there is no folder"),
        ] {
            let error = text.parse::<Repo>().unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
