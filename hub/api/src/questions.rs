//! What Git says to the generators of a set, asked of the hub, who has the credentials: so that a set can be compared before it is there.
//!
//! `POST /flotilla/v1/git` with `{"questions": [{"ask": "Directories", "repoURL", "revision"}, {"ask": "Paths", …}, {"ask": "File", …, "path"}]}`.
//! The answer is `{"answers": [{"directories": […]}, {"paths": […]}, {"file": "…"}, {"failed": "why"}]}`, one for each, in their order.
//!
//! It says no more than whoever may write an ApplicationSet sees of a repository by what it expands to, and nothing is followed by it.

use crate::audit::Line;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shared_generate::{GitAnswer, GitRequest};
use shared_objects::Status;
use std::{collections::BTreeSet, sync::Arc};
use tokio::sync::{mpsc, oneshot};

/// The most questions at once; a set asks for as many files as match.
const MOST: usize = 10_000;

/// Questions, on their way to who asks Git.
#[derive(Debug)]
pub struct Questions {
    /// What is asked.
    pub asked: Vec<GitRequest>,
    /// Where the answers go, in the order of the questions.
    pub answer: oneshot::Sender<Vec<GitAnswer>>,
}

/// The way to who asks Git.
pub type Asker = mpsc::Sender<Questions>;

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all_fields = "camelCase", deny_unknown_fields)]
enum Question {
    Directories {
        #[serde(rename = "repoURL")]
        repo_url: String,
        revision: String,
    },
    Paths {
        #[serde(rename = "repoURL")]
        repo_url: String,
        revision: String,
    },
    File {
        #[serde(rename = "repoURL")]
        repo_url: String,
        revision: String,
        path: String,
    },
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Answer {
    Directories(Vec<String>),
    Paths(Vec<String>),
    File(String),
    Failed(String),
}

/// What to send to ask these.
pub fn questions(asked: &[GitRequest]) -> Value {
    let question = |request: &GitRequest| match request.clone() {
        GitRequest::Directories { repo_url, revision } => Question::Directories { repo_url, revision },
        GitRequest::Paths { repo_url, revision } => Question::Paths { repo_url, revision },
        GitRequest::File { repo_url, revision, path } => Question::File { repo_url, revision, path },
    };
    json!({"questions": asked.iter().map(question).collect::<Vec<_>>()})
}

/// What was answered; `None` when it is no answer to as many questions.
pub fn answers(said: Value, questions: usize) -> Option<Vec<GitAnswer>> {
    #[derive(Deserialize)]
    struct Said {
        answers: Vec<Answer>,
    }
    let answer = |answer| match answer {
        Answer::Directories(paths) => GitAnswer::Directories(Arc::new(paths)),
        Answer::Paths(paths) => GitAnswer::Paths(Arc::new(paths)),
        Answer::File(text) => GitAnswer::File(text.into()),
        Answer::Failed(why) => GitAnswer::Failed(why),
    };
    let Said { answers } = serde_json::from_value(said).ok()?;
    (answers.len() == questions).then(|| answers.into_iter().map(answer).collect())
}

/// Has questions asked; answers what Git said.
pub(crate) async fn post(asker: Option<&Asker>, line: &Line, body: &Value) -> Result<Value, Status> {
    let asker = asker.ok_or_else(Status::no_such_path)?;
    let asked = asked(body)?;
    let repositories: BTreeSet<&str> = asked.iter().map(|asked| bare(asked.repo_url())).collect();
    line.name(&repositories.into_iter().collect::<Vec<_>>().join(" "));
    let (answer, answered) = oneshot::channel();
    let _stopping = asker.send(Questions { asked, answer }).await;
    let said = answered.await.map_err(|_| Status::unavailable("the hub is stopping", 1))?;
    let plain = |answer: GitAnswer| match answer {
        GitAnswer::Directories(paths) => Answer::Directories(Arc::unwrap_or_clone(paths)),
        GitAnswer::Paths(paths) => Answer::Paths(Arc::unwrap_or_clone(paths)),
        GitAnswer::File(text) => Answer::File(text.to_string()),
        GitAnswer::Failed(why) => Answer::Failed(why),
    };
    Ok(json!({"answers": said.into_iter().map(plain).collect::<Vec<_>>()}))
}

/// The address of a repository without what may be secret in it: who asks, and a query.
fn bare(url: &str) -> &str {
    let url = url.split(['?', '#']).next().unwrap_or_default();
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let host = rest.find('/').unwrap_or(rest.len());
    rest[..host].rfind('@').map_or(rest, |at| &rest[at + 1..])
}

fn asked(body: &Value) -> Result<Vec<GitRequest>, Status> {
    let questions: Vec<Question> = serde_json::from_value(body["questions"].clone())
        .map_err(|error| Status::bad_request(format!("questions: {error}")))?;
    if questions.is_empty() || questions.len() > MOST {
        return Err(Status::bad_request(format!("questions: must be from 1 to {MOST}")));
    }
    let request = |question| {
        let request = match question {
            Question::Directories { repo_url, revision } => GitRequest::Directories { repo_url, revision },
            Question::Paths { repo_url, revision } => GitRequest::Paths { repo_url, revision },
            Question::File { repo_url, revision, path } => GitRequest::File { repo_url, revision, path },
        };
        if request.repo_url().is_empty() || request.revision().is_empty() {
            return Err(Status::bad_request("questions: each needs a repoURL and a revision"));
        }
        Ok(request)
    };
    questions.into_iter().map(request).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::AuditLog;

    #[test]
    fn what_is_asked_is_read_or_refused() {
        let (repo_url, revision) = ("https://git.example.com/a.git".to_owned(), "main".to_owned());
        let all = vec![
            GitRequest::Directories { repo_url: repo_url.clone(), revision: revision.clone() },
            GitRequest::Paths { repo_url: repo_url.clone(), revision: revision.clone() },
            GitRequest::File { repo_url, revision, path: "a.yaml".to_owned() },
        ];
        assert_eq!(asked(&questions(&all)).unwrap(), all);
        for (body, part) in [
            (json!({}), "questions"),
            (json!({"questions": []}), "must be from 1 to"),
            (json!({"questions": [{"ask": "Everything", "repoURL": "a", "revision": "b"}]}), "Everything"),
            (json!({"questions": [{"ask": "File", "repoURL": "a", "revision": "b"}]}), "path"),
            (json!({"questions": [{"ask": "Paths", "repoURL": "", "revision": "b"}]}), "needs a repoURL"),
        ] {
            let status = asked(&body).unwrap_err();
            assert!(status.message.contains(part), "{part} in {}", status.message);
        }
    }

    #[tokio::test]
    async fn answers_go_back_in_their_order() {
        let (asker, mut asked) = mpsc::channel::<Questions>(1);
        let given = vec![GitAnswer::Failed("gone".to_owned()), GitAnswer::File("a: 1".into())];
        let all = given.clone();
        let answering = async move {
            let Questions { answer, .. } = asked.recv().await.expect("a question");
            answer.send(given).expect("somebody waits");
        };
        let line = Line::begin(&AuditLog::none(), "create", None, None, &http::HeaderMap::new(), false);
        let file = |path: &str| GitRequest::File {
            repo_url: "r".into(),
            revision: "main".into(),
            path: path.into(),
        };
        let body = questions(&[file("a"), file("b")]);
        let (said, ()) = futures::future::join(post(Some(&asker), &line, &body), answering).await;
        let said = said.unwrap();
        assert_eq!(answers(said.clone(), 2), Some(all));
        assert_eq!(answers(said, 3), None);
        let closed = post(None, &line, &body).await.unwrap_err();
        assert_eq!(closed.code, 404);
    }

    #[test]
    fn what_is_told_of_an_address_is_not_secret() {
        let check = |url: &str, expect: &str| assert_eq!(bare(url), expect);
        check("https://me:hunter2@git.example.org/web.git?token=hunter2", "git.example.org/web.git");
        check("https://git.example.org/a@b", "git.example.org/a@b");
        check("git@git.example.org:web.git", "git.example.org:web.git");
        check("ssh://git@git.example.org/web", "git.example.org/web");
        check("/srv/web", "/srv/web");
    }
}
