use super::*;
use crate::tests::line::Line;
use shared_model::{PinnedCommit, RepoUrl};

#[tokio::test(flavor = "multi_thread")]
async fn only_what_has_changed_is_read_again() {
    let line = Line::new().await;
    line.commit("envs/a.yaml", "name: a");
    let first = line.commit("envs/b.yaml", "name: b");
    let second = line.commit("envs/b.yaml", "name: c");
    let url = RepoUrl::new(line.repository());
    let (repo_url, revision) = (url.as_str().to_owned(), "main".to_owned());
    let file = |path: &str| GitRequest::File {
        repo_url: repo_url.clone(),
        revision: revision.clone(),
        path: path.to_owned(),
    };
    let paths = GitRequest::Paths { repo_url: repo_url.clone(), revision: revision.clone() };
    let reference = (url.clone(), revision.clone());
    let ask = async |commit: &CommitId, requests: &[GitRequest], before: Option<&Said>| {
        let pin = PinnedCommit {
            repo_url: url.clone(),
            revision: revision.clone(),
            commit: commit.clone(),
            names: Vec::new(),
        };
        ask(&line.lines.git, &reference, requests, &Pins::frozen(&[pin]), before).await.unwrap()
    };
    let text = |said: &Said, path: &str| {
        let GitAnswer::File(text) = &said.answers[&file(path)] else { panic!("{path} is a file") };
        Arc::clone(text)
    };
    let one = ask(&first, std::slice::from_ref(&paths), None).await;
    let one = ask(&first, &[file("envs/a.yaml"), file("envs/b.yaml")], Some(&one)).await;
    assert_eq!(one.answers.len(), 3, "what the same commit said before comes with it");
    let two = ask(&second, &[paths, file("envs/a.yaml"), file("envs/b.yaml")], Some(&one)).await;
    assert!(Arc::ptr_eq(&text(&one, "envs/a.yaml"), &text(&two, "envs/a.yaml")));
    assert_eq!((&*text(&one, "envs/b.yaml"), &*text(&two, "envs/b.yaml")), ("name: b", "name: c"));
    // Nothing is asked of a repository that said all of it.
    line.remove_repository();
    assert_eq!(ask(&second, &[file("envs/a.yaml")], Some(&two)).await.answers.len(), 3);
}
