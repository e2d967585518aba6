use super::*;
use crate::tree::{Found, follow};
use std::os::unix::fs::symlink;

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    root
}

fn paths(entries: &[Entry]) -> Vec<&str> {
    entries.iter().map(|entry| entry.path.as_str()).collect()
}

#[tokio::test]
async fn what_is_on_disk_is_there_and_nothing_of_git() {
    let root = folder(&[
        ("apps/web/a.yaml", "a"),
        ("apps/web-2/b.yaml", "b"),
        ("apps/web.yaml", "c"),
        (".git/config", "secret"),
        ("modules/one/.git", "gitdir: elsewhere"),
        ("modules/one/d.yaml", "d"),
        (".gitignore", "apps/web.yaml"),
    ]);
    let tree = Folder::open(root.path()).unwrap();
    let all = tree.under("");
    let mut expected =
        vec![".gitignore", "apps/web-2/b.yaml", "apps/web.yaml", "apps/web/a.yaml", "modules/one/d.yaml"];
    expected.sort_unstable();
    assert_eq!(paths(&all), expected);
    assert_eq!(paths(&tree.under("apps/web")), ["apps/web/a.yaml"]);
    assert_eq!(paths(&tree.under("apps/web/")), ["apps/web/a.yaml"]);
    assert!(tree.under("apps/we").is_empty() && !tree.has_folder("apps/web.yaml"));
    assert!(tree.get("apps/web.yaml").is_some() && tree.get("apps").is_none());
    let read = tree.read(&all).await.unwrap();
    assert_eq!(read[3], "a".as_bytes());
}

#[tokio::test]
async fn links_are_links_and_lead_nowhere_outside() {
    let root = folder(&[("base/a.yaml", "a"), ("over/b.yaml", "b")]);
    symlink("../base/a.yaml", root.path().join("over/a.yaml")).unwrap();
    symlink("../../etc/passwd", root.path().join("over/up")).unwrap();
    symlink("/etc/passwd", root.path().join("over/absolute")).unwrap();
    symlink("base", root.path().join("folder")).unwrap();
    let tree = Folder::open(root.path()).unwrap();
    assert_eq!(tree.get("over/a.yaml").unwrap().mode, Mode::Symlink);
    assert!(tree.under("folder").is_empty(), "a link to a folder is no folder");
    let Found::File(found) = follow(&tree, "over/a.yaml").await.unwrap() else { panic!() };
    assert_eq!(found.path, "base/a.yaml");
    assert_eq!(follow(&tree, "folder").await.unwrap(), Found::Folder("base".into()));
    for outside in ["over/up", "over/absolute"] {
        assert!(follow(&tree, outside).await.unwrap_err().to_string().contains("leads out"), "{outside}");
    }
}

#[tokio::test]
async fn what_changes_meanwhile_is_said_and_has_another_id() {
    let root = folder(&[("a.yaml", "a")]);
    let tree = Folder::open(root.path()).unwrap();
    let before = tree.get("a.yaml").unwrap();
    assert_eq!(Folder::open(root.path()).unwrap().get("a.yaml").unwrap(), before);
    fs::write(root.path().join("a.yaml"), "another").unwrap();
    let error = tree.read(std::slice::from_ref(&before)).await.unwrap_err();
    assert!(error.contains("a.yaml") && error.contains("changed"), "{error}");
    assert_ne!(Folder::open(root.path()).unwrap().get("a.yaml").unwrap().id, before.id);
    fs::remove_file(root.path().join("a.yaml")).unwrap();
    assert!(tree.read(&[before]).await.unwrap_err().contains("a.yaml"));
}

#[test]
fn what_is_no_folder_is_said() {
    let root = folder(&[("a.yaml", "a")]);
    let missing = Folder::open(&root.path().join("missing")).unwrap_err();
    assert!(missing.to_string().contains("missing cannot be read"), "{missing}");
    let file = Folder::open(&root.path().join("a.yaml")).unwrap_err();
    assert!(file.to_string().contains("is not a folder"), "{file}");
    nix::unistd::mkfifo(&root.path().join("pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    assert_eq!(paths(&Folder::open(root.path()).unwrap().under("")), ["a.yaml"]);
}
