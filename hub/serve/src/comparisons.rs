//! Comparisons that people ask of the API, asked of agents.

use hub_api::{Comparer, Comparison, Unanswered};
use hub_gateway::{Compare, Links, Uncompared};
use shared_runtime::Tasks;
use std::sync::Arc;
use tokio::sync::{Semaphore, mpsc};

/// Comparisons under way at once, over the whole fleet: each may bring and answer a few MiB.
const AT_ONCE: usize = 32;

/// Asks agents for comparisons, until the hub stops.
pub(crate) fn answer(links: Links, tasks: &Tasks) -> Comparer {
    let (comparer, mut asked) = mpsc::channel::<Comparison>(AT_ONCE);
    let (own, places) = (tasks.clone(), Arc::new(Semaphore::new(AT_ONCE)));
    tasks.spawn_until_stopped("comparisons", async move {
        while let Some(Comparison { cluster, application, release, answer }) = asked.recv().await {
            let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
            let links = links.clone();
            own.spawn_until_stopped("comparison", async move {
                let compared = links.compare(&cluster, Compare { application, release }).await;
                let said = match compared {
                    Ok(changes) => Ok(serde_json::json!(changes)),
                    Err(why @ (Uncompared::Away(_) | Uncompared::Busy(_) | Uncompared::Silent(_))) => {
                        Err(Unanswered::Now(why.to_string()))
                    }
                    Err(why @ (Uncompared::TooLarge(_) | Uncompared::Refused(..))) => {
                        Err(Unanswered::Never(why.to_string()))
                    }
                };
                drop(place);
                let _gone = answer.send(said);
            });
        }
    });
    comparer
}
