//! The one way in which tests wait.

use std::time::{Duration, Instant};

use anyhow::Result;

const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(200);

/// Asks `check` again and again until it answers `Ok`, and gives that answer.
///
/// `check` answers `Err` with what it sees instead ("2 of 3 replicas are ready"); it may use `?` on any error, as an
/// error is only another thing seen. Each attempt is cut off at the deadline, so an attempt that hangs ends too.
///
/// # Panics
/// When `within` has passed, with `what` and the last thing seen. It panics rather than returns an error so that the
/// logs of the processes that the test holds are printed while it unwinds.
pub async fn eventually<T>(within: Duration, what: &str, check: impl AsyncFnMut() -> Result<T>) -> T {
    match poll(within, check).await {
        Ok(value) => value,
        Err(seen) => panic!("{what}: not within {within:?}; last seen: {seen}"),
    }
}

/// [`eventually`] for the harness itself: the last thing seen comes back as the error.
pub(crate) async fn poll<T>(
    within: Duration,
    mut check: impl AsyncFnMut() -> Result<T>,
) -> Result<T, String> {
    let started = Instant::now();
    let mut seen = "the first attempt did not end".to_owned();
    let mut pause = FIRST_PAUSE;
    while let Some(left) = within.checked_sub(started.elapsed()) {
        match tokio::time::timeout(left, check()).await {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(error)) => seen = format!("{error:#}"),
            Err(_) => break,
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
    Err(seen)
}

#[cfg(test)]
mod tests;
