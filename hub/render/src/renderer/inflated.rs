//! Charts of overlays: rendered before the overlay, one after the other, each in a slot of its own that is given back
//! before the next is taken; so nothing that holds a slot waits for one.
//!
//! # Invariants
//! - Equal charts are rendered once at a time, whichever overlays ask, and not again while what they printed is kept.
//! - What is kept is bounded; what an overlay came to is in the cache, with its charts among its inputs.

use super::{Bench, Renderer, Whose};
use crate::{
    job::Job,
    output,
    rendered::{NON_DETERMINISTIC, Warning},
    request::Failure,
    sealed,
    view::MOST_BYTES,
};
use bytes::Bytes;
use shared_manifest::Bundle;
use shared_model::Digest;
use std::{collections::BTreeMap, sync::Arc};
use tokio::sync::OnceCell;

/// The most bytes that charts printed and that are kept.
const MOST_KEPT: usize = 32 << 20;
/// The most charts that are kept, failed ones included.
const MOST_CHARTS: usize = 1_000;

/// What a chart of an overlay came to.
#[derive(Debug, Clone)]
pub(super) struct Inflated {
    /// As the tool printed it.
    printed: Bytes,
    /// Encrypted files that it was made of, by their paths.
    sealed: Vec<(String, Bytes)>,
    /// What people should hear of.
    pub(super) warnings: Vec<Warning>,
}

type Cell = OnceCell<Result<Inflated, Failure>>;

/// What charts came to, and those under way.
#[derive(Debug, Default)]
pub(super) struct Inflations {
    all: BTreeMap<Digest, One>,
    clock: u64,
}

#[derive(Debug)]
struct One {
    cell: Arc<Cell>,
    used: u64,
    bytes: usize,
}

impl Inflations {
    fn cell(&mut self, inputs: Digest) -> Arc<Cell> {
        self.clock += 1;
        let fresh = One { cell: Arc::default(), used: 0, bytes: 0 };
        let one = self.all.entry(inputs).or_insert(fresh);
        one.used = self.clock;
        Arc::clone(&one.cell)
    }

    /// Takes note of how one ended, and lets go of those that were not used for longest.
    fn settle(&mut self, inputs: &Digest, cell: &Arc<Cell>, made: &Result<Inflated, Failure>) {
        let Some(one) = self.all.get_mut(inputs).filter(|one| Arc::ptr_eq(&one.cell, cell)) else { return };
        match made {
            Ok(inflated) => one.bytes = inflated.bytes(),
            Err(Failure::Inputs(_)) => {}
            Err(Failure::Circumstance(_)) => drop(self.all.remove(inputs)),
        }
        let mut bytes: usize = self.all.values().map(|one| one.bytes).sum();
        while bytes > MOST_KEPT || self.all.len() > MOST_CHARTS {
            let done = self.all.iter().filter(|(_, one)| one.cell.initialized());
            let Some(oldest) = done.min_by_key(|(_, one)| one.used).map(|(inputs, _)| *inputs) else { break };
            bytes -= self.all.remove(&oldest).map_or(0, |one| one.bytes);
        }
    }
}

impl Renderer {
    /// What the charts of a job come to, in their order. `again`: whether the job failed by itself before.
    pub(super) async fn inflated(
        &self,
        job: &Job,
        (whose, again): (Whose<'_>, bool),
    ) -> Result<Vec<Inflated>, Failure> {
        let (mut all, mut bytes) = (Vec::new(), 0);
        for chart in &job.charts {
            let inputs = chart.job.inputs();
            let place = format!("{}: {}", whose.place, chart.name);
            let whose = Whose { place: &place, ..whose };
            let cell = self.0.inflations.lock().cell(inputs);
            let made =
                cell.get_or_init(|| self.work(&chart.job, (whose, again), &[], inflated)).await.clone();
            self.0.inflations.lock().settle(&inputs, &cell, &made);
            let made = made.map_err(|failure| of(failure, &chart.name))?;
            bytes += made.bytes() as u64;
            if bytes > MOST_BYTES {
                let message = format!("the charts give more than {} MiB", MOST_BYTES >> 20);
                return Err(Failure::inputs("", message, "split the overlay"));
            }
            all.push(made);
        }
        Ok(all)
    }
}

impl Inflated {
    fn bytes(&self) -> usize {
        self.printed.len() + self.sealed.iter().map(|(_, text)| text.len()).sum::<usize>()
    }

    /// Shows it to the overlay: what was printed at its place, and beside it the encrypted files, for their values.
    pub(super) fn show(&self, at: &str, contents: &mut BTreeMap<String, Bytes>) {
        contents.insert(at.to_owned(), self.printed.clone());
        let sealed = self.sealed.iter();
        contents.extend(sealed.map(|(path, text)| (format!("{at}.sealed/{path}"), text.clone())));
    }
}

/// Renders a chart; twice if it may come out differently.
fn inflated(bench: &Bench<'_>, may_vary: bool) -> Result<Inflated, Failure> {
    let printed = bench.printed()?;
    let mut warnings = Vec::new();
    if may_vary {
        let again = bench.printed()?;
        let objects = |printed: &[u8]| output::read(printed).map(|objects| Bundle::new(objects).0.digest());
        if printed != again && objects(&printed) != objects(&again) {
            warnings.push(Warning::new(NON_DETERMINISTIC, super::DIFFERED));
        }
    }
    let is_sealed = |text: &Bytes| std::str::from_utf8(text).is_ok_and(shared_sops::is_encrypted);
    let sealed = bench.contents.iter().filter(|(_, text)| is_sealed(text));
    let packed = sealed::packed(bench.contents).into_iter().map(|(path, text)| (path, Bytes::from(text)));
    let sealed = sealed.map(|(path, text)| (path.clone(), text.clone())).chain(packed).collect();
    Ok(Inflated { printed, sealed, warnings })
}

/// Says which chart it was.
fn of(failure: Failure, name: &str) -> Failure {
    match failure {
        Failure::Inputs(problems) => {
            Failure::Inputs(problems.into_iter().map(|problem| problem.of(name)).collect())
        }
        Failure::Circumstance(cause) => Failure::Circumstance(format!("{name}: {cause}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_used_for_longest_goes_first() {
        let mut all = Inflations::default();
        let third = Bytes::from(vec![b'a'; MOST_KEPT / 3]);
        let made =
            |text: &Bytes| Ok(Inflated { printed: text.clone(), sealed: Vec::new(), warnings: Vec::new() });
        let put = |all: &mut Inflations, name: &str, made: Result<Inflated, Failure>| {
            let inputs = Digest::of(name.as_bytes());
            let cell = all.cell(inputs);
            let made = cell.get().cloned().unwrap_or_else(|| {
                cell.set(made.clone()).expect("it is new");
                made
            });
            all.settle(&inputs, &cell, &made);
        };
        for name in ["a", "b", "c", "a", "d"] {
            put(&mut all, name, made(&third));
        }
        let kept = |all: &Inflations, name: &str| all.all.contains_key(&Digest::of(name.as_bytes()));
        assert_eq!(["a", "b", "c", "d"].map(|name| kept(&all, name)), [true, false, true, true]);
        // What may work later is tried again.
        put(&mut all, "e", Err(Failure::Circumstance("later".to_owned())));
        put(&mut all, "f", Err(Failure::inputs("", "never", "")));
        assert_eq!(["e", "f"].map(|name| kept(&all, name)), [false, true]);
        // Who is under way stays.
        let waiting = all.cell(Digest::of(b"g"));
        put(&mut all, "h", made(&Bytes::from(vec![b'a'; MOST_KEPT + 1])));
        assert!(kept(&all, "g") && !kept(&all, "h") && !kept(&all, "a"));
        drop(waiting);
    }
}
