//! How many webhooks are taken, and that each is taken once.
//!
//! Decides from addresses, deliveries and the time it is given. A sender has [`BURST`] at once and [`RATE`] a second; a webhook that is refused
//! costs it [`REFUSED`] times as much, so that guessing is answered less and less. What a forge proves is taken whoever else sent from there, and has
//! limits of its own, wide enough for a large organisation. A delivery whose name was taken before, in the last day and among the last [`REMEMBERED`], is not taken again, nor one with the
//! body that was the last taken of its repository: forges deliver again what they think was lost, and whoever recorded one can send it again.
//!
//! # Why
//! *The last body only*: those of GitLab and Bitbucket have neither time nor number in them. A branch that goes to and fro, or a tag that is made,
//! deleted and made again, sends the first body a second time, and means it.
//!
//! # Caveats
//! Behind a proxy all senders have the proxy's address: a stranger there takes the share of all who prove nothing, and of nobody who does. What was taken is forgotten when the hub restarts; one more question to Git is all that
//! a repetition then costs.

use super::{Delivery, Event, Forge};
use jiff::{SignedDuration, Timestamp};
use std::{
    collections::{BTreeMap, VecDeque},
    net::{IpAddr, Ipv6Addr},
    time::Duration,
};

/// Webhooks of one sender at once, and a second.
const BURST: f64 = 200.0;
const RATE: f64 = 20.0;
/// What a refused one costs.
const REFUSED: f64 = 10.0;
/// Webhooks that a forge proves at once, and a second.
const FORGE_BURST: f64 = 1000.0;
const FORGE_RATE: f64 = 100.0;
/// Senders that are remembered. One that is forgotten starts anew.
const SENDERS: usize = 4096;
/// Deliveries that are remembered, and for how long.
const REMEMBERED: usize = 16_384;
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// Remembers senders and deliveries.
#[derive(Debug, Clone, Default)]
pub struct Guard {
    senders: BTreeMap<IpAddr, Bucket>,
    forges: BTreeMap<Forge, Bucket>,
    seen: BTreeMap<Seen, Taken>,
    order: VecDeque<(Timestamp, u64, Seen)>,
    taken: u64,
}

/// Too many: try again after this time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooMany(pub Duration);

/// Whether a delivery is new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Novelty {
    /// It is to be acted on.
    New,
    /// It was acted on before.
    Repeated,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Seen {
    Name(Forge, String),
    Repository(Forge, String),
}

/// The delivery that was the last of a name or of a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Taken {
    number: u64,
    body: [u8; 32],
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    left: f64,
    at: Timestamp,
}

impl Bucket {
    /// Takes `cost` out; gives back how long until there is that much, if there is not.
    fn take(&mut self, cost: f64, burst: f64, rate: f64, now: Timestamp) -> Result<(), TooMany> {
        let since = now.duration_since(self.at).as_secs_f64().max(0.0);
        self.left = (self.left + since * rate).min(burst);
        self.at = self.at.max(now);
        if self.left < cost {
            return Err(TooMany(Duration::from_secs_f64((cost - self.left) / rate)));
        }
        self.left -= cost;
        Ok(())
    }
}

impl Guard {
    /// A request came from `sender`.
    ///
    /// # Errors
    /// When it has sent too many: then only what is proven is to be taken.
    pub fn enter(&mut self, sender: IpAddr, now: Timestamp) -> Result<(), TooMany> {
        self.bucket(sender, now).take(1.0, BURST, RATE, now)
    }

    /// What came from `sender` was refused.
    pub fn refused(&mut self, sender: IpAddr, now: Timestamp) {
        let bucket = self.bucket(sender, now);
        bucket.left = (bucket.left - REFUSED).max(-BURST);
    }

    /// A delivery was believed.
    ///
    /// # Errors
    /// When its forge has sent too many.
    pub fn believe(&mut self, delivery: &Delivery, now: Timestamp) -> Result<Novelty, TooMany> {
        let Delivery { forge, id, digest, event, .. } = delivery;
        let Event::Push(push) = event else { return Ok(Novelty::New) };
        while let Some((at, _, _)) = self.order.front()
            && (now.duration_since(*at) > DAY || self.order.len() > REMEMBERED)
        {
            if let Some((_, number, oldest)) = self.order.pop_front()
                && self.seen.get(&oldest).is_some_and(|taken| taken.number == number)
            {
                self.seen.remove(&oldest);
            }
        }
        let repository = Seen::Repository(*forge, push.name.clone());
        let name = id.as_ref().map(|id| Seen::Name(*forge, id.clone()));
        let same = self.seen.get(&repository).is_some_and(|last| last.body == *digest);
        if same || name.as_ref().is_some_and(|name| self.seen.contains_key(name)) {
            return Ok(Novelty::Repeated);
        }
        let bucket = self.forges.entry(*forge).or_insert(Bucket { left: FORGE_BURST, at: now });
        bucket.take(1.0, FORGE_BURST, FORGE_RATE, now)?;
        self.taken += 1;
        let taken = Taken { number: self.taken, body: *digest };
        for seen in [Some(repository), name].into_iter().flatten() {
            self.seen.insert(seen.clone(), taken);
            self.order.push_back((now, taken.number, seen));
        }
        Ok(Novelty::New)
    }

    fn bucket(&mut self, sender: IpAddr, now: Timestamp) -> &mut Bucket {
        let sender = network(sender);
        if self.senders.len() >= SENDERS && !self.senders.contains_key(&sender) {
            // Those that sent little are where they would start anew.
            let full =
                |bucket: &Bucket| bucket.left + now.duration_since(bucket.at).as_secs_f64() * RATE >= BURST;
            self.senders.retain(|_, bucket| !full(bucket));
            if self.senders.len() >= SENDERS {
                let oldest =
                    self.senders.iter().min_by_key(|(_, bucket)| bucket.at).map(|(sender, _)| *sender);
                oldest.map(|oldest| self.senders.remove(&oldest));
            }
        }
        self.senders.entry(sender).or_insert(Bucket { left: BURST, at: now })
    }
}

/// Whose an address is: of IPv6 a network of 64 bits is one sender's.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
    }
}

#[cfg(test)]
mod tests;
