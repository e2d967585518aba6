//! The moment by which an operation ends, for code that blocks.

use std::{
    io,
    io::{BufRead, Read},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// When an operation must have ended, or that it was told to.
#[derive(Debug, Clone)]
pub(crate) struct Deadline {
    end: Instant,
    given: Duration,
    passed: Arc<AtomicBool>,
}

impl Deadline {
    pub(crate) fn after(given: Duration) -> Self {
        Self { end: Instant::now() + given, given, passed: Arc::default() }
    }

    /// The time that there was at first.
    pub(crate) fn given(&self) -> Duration {
        self.given
    }

    pub(crate) fn end(&self) -> Instant {
        self.end
    }

    /// The time left; at least a millisecond, because zero means "for ever" to some.
    pub(crate) fn left(&self) -> Duration {
        self.end.saturating_duration_since(Instant::now()).max(Duration::from_millis(1))
    }

    /// Ends the operation now.
    pub(crate) fn interrupt(&self) {
        self.passed.store(true, Ordering::Release);
    }

    /// Whether it is over. Sets [`Deadline::passed_flag`].
    pub(crate) fn passed(&self) -> bool {
        if Instant::now() >= self.end {
            self.interrupt();
        }
        self.passed.load(Ordering::Acquire)
    }

    /// For gix, which looks at it while it reads and indexes a pack.
    pub(crate) fn passed_flag(&self) -> &AtomicBool {
        &self.passed
    }
}

/// How many bytes may come in all, over every answer of a conversation; may be changed while they come.
#[derive(Debug, Clone)]
pub(crate) struct Most(Arc<Counts>);

#[derive(Debug)]
struct Counts {
    most: AtomicU64,
    come: AtomicU64,
    /// What comes to all that have a share in it, with this.
    all: Option<Listed>,
}

/// The bytes of all lists of references that are held.
#[derive(Debug, Clone, Default)]
pub(crate) struct Listed(Arc<AtomicU64>);

impl Drop for Counts {
    fn drop(&mut self) {
        if let Some(Listed(all)) = &self.all {
            all.fetch_sub(self.come.load(Ordering::Acquire), Ordering::AcqRel);
        }
    }
}

impl Most {
    pub(crate) fn new(most: u64) -> Self {
        Self(Arc::new(Counts { most: AtomicU64::new(most), come: AtomicU64::new(0), all: None }))
    }

    /// One that shares [`super::MAX_LISTINGS`] with others, from [`super::SMALL_LISTING`] on.
    pub(crate) fn shared(most: u64, all: &Listed) -> Self {
        let all = Some(all.clone());
        Self(Arc::new(Counts { most: AtomicU64::new(most), come: AtomicU64::new(0), all }))
    }

    /// Lowers it to `most`.
    pub(crate) fn lower(&self, most: u64) {
        self.0.most.fetch_min(most, Ordering::AcqRel);
    }

    /// Whether all that may come has come.
    pub(crate) fn reached(&self) -> bool {
        let come = self.0.come.load(Ordering::Acquire);
        let crowded = |Listed(all): &Listed| {
            come >= super::SMALL_LISTING && all.load(Ordering::Acquire) >= super::MAX_LISTINGS
        };
        come >= self.0.most.load(Ordering::Acquire) || self.0.all.as_ref().is_some_and(crowded)
    }

    fn add(&self, amount: u64) {
        self.0.come.fetch_add(amount, Ordering::AcqRel);
        if let Some(Listed(all)) = &self.0.all {
            all.fetch_add(amount, Ordering::AcqRel);
        }
    }
}

/// A reader that fails once its deadline has passed or too much has come. Each single `fill_buf` of `inner`
/// has to end by itself.
#[derive(Debug)]
pub(crate) struct Bounded<R> {
    inner: R,
    deadline: Deadline,
    most: Most,
}

impl<R> Bounded<R> {
    pub(crate) fn new(inner: R, deadline: Deadline, most: Most) -> Self {
        Self { inner, deadline, most }
    }

    fn check(&self) -> io::Result<()> {
        if self.deadline.passed() {
            return Err(io::Error::from(io::ErrorKind::TimedOut));
        }
        if self.most.reached() {
            return Err(io::Error::other(
                "the server sends more than any repository of manifests holds, or many others do",
            ));
        }
        Ok(())
    }
}

impl<R: BufRead> Read for Bounded<R> {
    /// By pieces as they come: gix's own `read` waits until the buffer is full, however long it takes.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let piece = self.fill_buf()?;
        let length = piece.len().min(buffer.len());
        buffer[..length].copy_from_slice(&piece[..length]);
        self.consume(length);
        Ok(length)
    }
}

impl<R: BufRead> BufRead for Bounded<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.check()?;
        self.inner.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.most.add(amount as u64);
        self.inner.consume(amount);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_lists_share_what_there_is() {
        let listed = Listed::default();
        let hostile: Vec<Most> = (0..8).map(|_| Most::shared(64 << 20, &listed)).collect();
        for one in &hostile {
            while !one.reached() {
                one.add(1 << 16);
            }
        }
        assert!(listed.0.load(Ordering::Acquire) <= (256 << 20) + (8 << 20), "{listed:?}");
        let small = Most::shared(64 << 20, &listed);
        small.add(1 << 19);
        assert!(!small.reached(), "a small one comes through");
        drop(hostile);
        small.add(1 << 20);
        assert!(!small.reached());
        drop(small);
        assert_eq!(listed.0.load(Ordering::Acquire), 0);
    }
}
