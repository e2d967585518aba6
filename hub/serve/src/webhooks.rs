//! Webhooks, from the API to who understands them.

use hub_api::{Delivery, Verdict};
use hub_control::{Unheard, Webhooks};
use hub_source::webhook::{Refusal, TooMany};
use shared_runtime::Tasks;
use std::sync::Arc;
use tokio::sync::{Semaphore, mpsc, watch};

/// Webhooks that are looked at at once; they hold threads of the processor and nothing else.
const AT_ONCE: usize = 4;

/// The API's way to webhooks, before there is anybody to take them.
pub(crate) fn door() -> (hub_api::Webhooks, mpsc::Receiver<Delivery>, watch::Sender<usize>) {
    let (deliveries, delivered) = mpsc::channel(64);
    let limit = watch::Sender::new(0);
    (hub_api::Webhooks { deliveries, limit: limit.subscribe() }, delivered, limit)
}

/// Has webhooks taken until the hub stops.
pub(crate) fn take(
    webhooks: Webhooks,
    mut delivered: mpsc::Receiver<Delivery>,
    limit: watch::Sender<usize>,
    tasks: &Tasks,
) {
    let mut wanted = webhooks.limit();
    tasks.spawn_until_stopped("webhook-limit", async move {
        loop {
            limit.send_replace(*wanted.borrow_and_update());
            if wanted.changed().await.is_err() {
                return;
            }
        }
    });
    let places = Arc::new(Semaphore::new(AT_ONCE));
    tasks.spawn_until_stopped("webhooks", async move {
        while let Some(Delivery { headers, body, source, answer }) = delivered.recv().await {
            let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
            let webhooks = webhooks.clone();
            shared_runtime::spawn("webhook", async move {
                let verdict = match webhooks.take(headers, body, source).await {
                    Ok(done) => Verdict::Taken(done),
                    Err(Unheard::Refused(refusal)) => refused(&refusal),
                    Err(Unheard::TooMany(TooMany(wait))) => {
                        let seconds = u32::try_from(wait.as_secs()).unwrap_or(u32::MAX).saturating_add(1);
                        Verdict::TooMany("more webhooks than are taken at once".to_owned(), seconds)
                    }
                };
                let _gone = answer.send(verdict);
                drop(place);
            });
        }
    });
}

fn refused(refusal: &Refusal) -> Verdict {
    let text = refusal.to_string();
    match refusal {
        Refusal::UnknownForge | Refusal::Malformed { .. } => Verdict::Malformed(text),
        Refusal::NoSecret { .. } => Verdict::Closed(text),
        Refusal::NotSigned { .. } | Refusal::WrongSecret { .. } | Refusal::Stale { .. } => {
            Verdict::Unproven(text)
        }
    }
}
