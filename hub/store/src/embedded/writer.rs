//! The one thread that writes: it takes all the commits that wait, makes them durable together, then shows
//! and acknowledges them.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use redb::Database;
use tokio::sync::{mpsc, oneshot};

use crate::apply::{Applied, apply};
use crate::window::Publisher;
use crate::{Change, Error, Outcome, Revision, Txn};

use super::table::{Current, set_revision};
use super::{file, sealing::Sealing};

/// How many commits wait at most before new ones are held back.
const QUEUE: usize = 1024;
/// The most commits, and about the most bytes, in one durable write.
const GROUP_TXNS: usize = 256;
const GROUP_BYTES: usize = 8 << 20;

/// What came of each transaction that was tried.
type Answer = Result<Vec<Outcome>, Error>;

#[derive(Debug)]
struct Request {
    /// In order, up to the first that does not commit.
    row: Vec<Txn>,
    answer: oneshot::Sender<Answer>,
}

/// The handle of the writing thread.
#[derive(Debug)]
pub(crate) struct Writer {
    // `None` only while dropping.
    requests: Option<mpsc::Sender<Request>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub(crate) fn start(
        database: Arc<Database>,
        publisher: Arc<Publisher>,
        folder: PathBuf,
        (at, sealing): (Revision, Sealing),
    ) -> Result<Self, Error> {
        let (requests, receiver) = mpsc::channel(QUEUE);
        let error_folder = folder.clone();
        let thread = thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || {
                Thread { database, publisher, folder, sealing, last: at, failed: None }.run(receiver)
            })
            .map_err(|e| file::io_failure("start the writing thread for", &error_folder, e))?;
        Ok(Self { requests: Some(requests), thread: Some(thread) })
    }

    /// Who waits.
    pub(crate) fn waiting(&self) -> Waiting {
        Waiting(self.requests.as_ref().map(mpsc::Sender::downgrade))
    }

    pub(crate) async fn commit(&self, row: Vec<Txn>) -> Answer {
        let requests = self.requests.as_ref().ok_or(Error::Closed)?;
        let (answer, answered) = oneshot::channel();
        requests.send(Request { row, answer }).await.map_err(|_| Error::Closed)?;
        answered.await.map_err(|_| Error::Closed)?
    }
}

/// The commits that wait; it does not keep the thread going.
#[derive(Debug)]
pub(crate) struct Waiting(Option<mpsc::WeakSender<Request>>);

impl Waiting {
    pub(crate) fn count(&self) -> usize {
        let requests = self.0.as_ref().and_then(mpsc::WeakSender::upgrade);
        requests.map_or(0, |requests| requests.max_capacity() - requests.capacity())
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.requests = None;
        let panicked = self.thread.take().is_some_and(|thread| thread.join().is_err());
        if panicked {
            tracing::error!("the store's writing thread panicked");
        }
    }
}

struct Thread {
    database: Arc<Database>,
    publisher: Arc<Publisher>,
    folder: PathBuf,
    sealing: Sealing,
    /// The newest durable revision.
    last: Revision,
    failed: Option<Error>,
}

impl Thread {
    fn run(mut self, mut requests: mpsc::Receiver<Request>) {
        while let Some(first) = requests.blocking_recv() {
            let (rows, answers) = gather(first, &mut requests);
            let outcomes = match &self.failed {
                Some(failed) => Err(failed.clone()),
                None => self.write(rows),
            };
            respond(answers, outcomes);
        }
    }

    fn write(&mut self, rows: Vec<Vec<Txn>>) -> Result<Vec<Vec<Outcome>>, Error> {
        let written =
            write_group(&self.database, &self.sealing, rows, self.last).map_err(|e| self.fail(e))?;
        if let Some(change) = written.changes.last() {
            self.last = change.revision;
        }
        self.publisher.publish(written.changes);
        Ok(written.outcomes)
    }

    fn fail(&mut self, error: redb::Error) -> Error {
        let error = file::failure(&self.folder, error);
        log_failure(&self.folder, &error);
        self.failed = Some(error.clone());
        error
    }
}

fn log_failure(folder: &Path, error: &Error) {
    tracing::error!(folder = %folder.display(), %error, "the store takes no more writes");
}

/// The request that came and those that wait behind it, up to the size of a group.
fn gather(
    first: Request,
    requests: &mut mpsc::Receiver<Request>,
) -> (Vec<Vec<Txn>>, Vec<oneshot::Sender<Answer>>) {
    let size = |row: &[Txn]| row.iter().map(Txn::size).sum::<usize>();
    let (mut count, mut bytes) = (first.row.len(), size(&first.row));
    let (mut rows, mut answers) = (vec![first.row], vec![first.answer]);
    while count < GROUP_TXNS && bytes < GROUP_BYTES {
        let Ok(request) = requests.try_recv() else { break };
        count += request.row.len();
        bytes += size(&request.row);
        rows.push(request.row);
        answers.push(request.answer);
    }
    (rows, answers)
}

/// Whoever asked and left meanwhile does not get an answer, and that is fine.
fn respond(answers: Vec<oneshot::Sender<Answer>>, outcomes: Result<Vec<Vec<Outcome>>, Error>) {
    match outcomes {
        Ok(outcomes) => {
            for (answer, outcome) in answers.into_iter().zip(outcomes) {
                let _ = answer.send(Ok(outcome));
            }
        }
        Err(error) => {
            for answer in answers {
                let _ = answer.send(Err(error.clone()));
            }
        }
    }
}

/// A group of transactions that is durable.
struct Written {
    /// Of each row.
    outcomes: Vec<Vec<Outcome>>,
    changes: Vec<Change>,
}

fn write_group(
    database: &Database,
    sealing: &Sealing,
    rows: Vec<Vec<Txn>>,
    mut last: Revision,
) -> Result<Written, redb::Error> {
    let mut written = Written { outcomes: Vec::with_capacity(rows.len()), changes: Vec::new() };
    let write = database.begin_write()?;
    {
        let mut current = Current::open(&write, sealing)?;
        for row in rows {
            let mut outcomes = Vec::with_capacity(row.len());
            for txn in row {
                let Applied { outcome, changes } = apply(&mut current, txn, last)?;
                last = changes.last().map_or(last, |c| c.revision);
                written.changes.extend(changes);
                let ends = matches!(outcome, Outcome::Conflict { .. });
                outcomes.push(outcome);
                if ends {
                    break;
                }
            }
            written.outcomes.push(outcomes);
        }
    }
    if written.changes.is_empty() {
        // Nothing to make durable: everything compared with was durable before.
        write.abort()?;
    } else {
        set_revision(&write, last)?;
        write.commit()?;
    }
    Ok(written)
}
