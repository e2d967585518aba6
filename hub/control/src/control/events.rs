//! What the loop hears of.

use crate::line::Evaluation;
use hub_records::Records;
use hub_source::poll::Key;
use hub_store::{Change, Revision};
use shared_model::Owner;
use tokio::sync::mpsc;

/// Something happened.
pub(super) enum Event {
    Changed(Vec<Change>),
    Resolved(Key),
    Evaluated(Owner, Box<Evaluation>),
    Links,
    Lost(hub_store::Error),
    Time,
}

/// What has come already, of both.
pub(super) fn waiting(
    queue: &mut mpsc::Receiver<Event>,
    resolutions: &mut mpsc::Receiver<Key>,
) -> Option<Event> {
    queue.try_recv().ok().or_else(|| resolutions.try_recv().ok().map(Event::Resolved))
}

/// Tells of every change of the store, for as long as the store keeps up.
pub(super) async fn watch(records: Records, from: Revision, events: mpsc::Sender<Event>) {
    let lost = async {
        let mut watch = records.store().watch("", from).await?;
        while let Some(changes) = watch.next().await {
            if events.send(Event::Changed(changes?)).await.is_err() {
                break;
            }
        }
        Ok::<(), hub_store::Error>(())
    };
    if let Err(error) = lost.await {
        drop(events.send(Event::Lost(error)).await);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared_model::RepoUrl;

    #[tokio::test]
    async fn one_pass_takes_all_that_has_come() {
        let (events, mut queue) = mpsc::channel(8);
        let (resolved, mut resolutions) = mpsc::channel(8);
        for number in 0..3 {
            let url = RepoUrl::new(format!("https://git.example.com/{number}"));
            resolved.send(Key::new(url, "main")).await.unwrap();
            events.send(Event::Time).await.ok().unwrap();
        }
        let mut taken = [0, 0];
        while let Some(event) = waiting(&mut queue, &mut resolutions) {
            taken[usize::from(matches!(event, Event::Resolved(_)))] += 1;
        }
        assert_eq!(taken, [3, 3]);
    }
}
