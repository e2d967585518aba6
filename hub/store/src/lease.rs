//! Who may act alone: a lease held in a key, and the fence that its actions carry.
//!
//! It decides, from the key's entry and the time, which transaction the would-be holder should try. Its
//! safety is in the store and not in clocks: every action of a holder compares [`Lease::fence`], the create
//! revision of the key, in its own transaction. Whoever takes a lease over removes the key first, so the
//! fence of the one before never holds again. Clocks that disagree make a lease change hands early or late,
//! and never twice at once.
//!
//! Holder names must be unique to a process's life (a name with a random part), or two lives would share a
//! fence.

use std::time::Duration;

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};

use crate::{Compare, Entry, Error, Outcome, Revision, Store, Txn};

/// A lease that is held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    pub name: String,
    pub holder: String,
    pub expires: Timestamp,
    /// The key's create revision: constant for as long as the holder keeps the lease.
    pub fence: Revision,
}

impl Lease {
    /// The condition that every action under this lease must carry.
    pub fn fence(&self) -> Compare {
        Compare::CreateRevision { key: key(&self.name), revision: self.fence }
    }

    /// Gives the lease up; a conflict means that it was lost before.
    pub fn release(&self) -> Txn {
        Txn::new().when(self.fence()).delete(key(&self.name))
    }
}

/// What to do next for a lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attempt {
    /// Commit this: if it commits at revision r, the lease is held, with fence r.
    Create(Txn),
    /// Commit this: if it commits, the lease goes on with this fence.
    Renew { txn: Txn, fence: Revision },
    /// The last holder's time is over. Commit this, then look again.
    Evict(Txn),
    /// Someone else has it until then.
    HeldBy { holder: String, expires: Timestamp },
}

/// Where the lease of a name is kept.
pub fn key(name: &str) -> String {
    format!("lease/{name}")
}

/// Decides what `holder` should try, given the lease's entry.
pub fn attempt(current: Option<&Entry>, name: &str, holder: &str, ttl: Duration, now: Timestamp) -> Attempt {
    let key = key(name);
    let value = encode(holder, expiry(ttl, now));
    let Some(entry) = current else {
        return Attempt::Create(Txn::new().when(Compare::Absent { key: key.clone() }).put(key, value));
    };
    let unchanged = Compare::ModRevision { key: key.clone(), revision: entry.mod_revision };
    match decode(&entry.value) {
        Some((owner, _)) if owner == holder => {
            Attempt::Renew { txn: Txn::new().when(unchanged).put(key, value), fence: entry.create_revision }
        }
        Some((owner, expires)) if now < expires => Attempt::HeldBy { holder: owner, expires },
        // Expired, or not written by us: nobody can hold what nobody can read.
        Some(_) | None => Attempt::Evict(Txn::new().when(unchanged).delete(key)),
    }
}

/// What came of [`acquire`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Acquired {
    /// It is ours until `expires`; call again well before to keep it.
    Held(Lease),
    /// It is not ours. Ask again at `expires`, or when the key changes.
    HeldBy { holder: String, expires: Timestamp },
}

/// Takes the lease, or keeps it, or tells who has it.
///
/// # Errors
/// When the store fails.
pub async fn acquire(
    store: &dyn Store,
    name: &str,
    holder: &str,
    ttl: Duration,
    now: Timestamp,
) -> Result<Acquired, Error> {
    // Ends: each turn was overtaken by another holder's, and those end at a lease held.
    loop {
        let current = store.get(&key(name)).await?;
        let (txn, known) = match attempt(current.as_ref(), name, holder, ttl, now) {
            Attempt::HeldBy { holder, expires } => return Ok(Acquired::HeldBy { holder, expires }),
            Attempt::Evict(txn) => {
                // Whether we or someone else did it, the next look shows.
                let (Outcome::Committed(_) | Outcome::Conflict { .. }) = store.commit(txn).await?;
                continue;
            }
            Attempt::Create(txn) => (txn, None),
            Attempt::Renew { txn, fence } => (txn, Some(fence)),
        };
        if let Outcome::Committed(at) = store.commit(txn).await? {
            let (name, holder) = (name.to_owned(), holder.to_owned());
            let fence = known.unwrap_or(at);
            return Ok(Acquired::Held(Lease { name, holder, expires: expiry(ttl, now), fence }));
        }
    }
}

fn expiry(ttl: Duration, now: Timestamp) -> Timestamp {
    let ttl = SignedDuration::try_from(ttl).unwrap_or(SignedDuration::MAX);
    now.checked_add(ttl).unwrap_or(Timestamp::MAX)
}

/// The time first: a holder's name may hold anything.
fn encode(holder: &str, expires: Timestamp) -> Bytes {
    format!("{expires} {holder}").into()
}

fn decode(value: &[u8]) -> Option<(String, Timestamp)> {
    let (expires, holder) = std::str::from_utf8(value).ok()?.split_once(' ')?;
    Some((holder.to_owned(), expires.parse().ok()?))
}

#[cfg(test)]
mod tests;
