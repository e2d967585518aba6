//! Questions to Git that people ask of the API before a set is there, to who has the credentials.

use hub_api::Asker;
use shared_runtime::Tasks;
use std::sync::Arc;
use tokio::sync::{Semaphore, mpsc};

/// Requests that are answered at once; each may fetch a repository and hold the files that it reads.
const AT_ONCE: usize = 4;

/// The API's way to Git, before there is anybody to ask it.
pub(crate) fn door() -> (Asker, mpsc::Receiver<hub_api::Questions>) {
    mpsc::channel(64)
}

/// Has questions answered until the hub stops. Who gave up is not served any more.
pub(crate) fn take(
    git: hub_control::Questions,
    mut asked: mpsc::Receiver<hub_api::Questions>,
    tasks: &Tasks,
) {
    let places = Arc::new(Semaphore::new(AT_ONCE));
    let own = tasks.clone();
    tasks.spawn_until_stopped("questions", async move {
        while let Some(hub_api::Questions { asked, mut answer }) = asked.recv().await {
            let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
            let git = git.clone();
            own.spawn_until_stopped("question", async move {
                tokio::select! {
                    said = git.answer(&asked) => drop(answer.send(said)),
                    () = answer.closed() => {}
                }
                drop(place);
            });
        }
    });
}
