//! What dashboards and alerts name is what hub and agent show.
//!
//! [`exposition`] reads what a scrape answers, in either format, and refuses what the specifications do not allow;
//! [`promql`] reads expressions; [`deployed`] reads what is in `deploy/`; `evaluate` computes what an expression comes
//! to over hand-written series, and `fires` which alerts that makes. The tests here hold the files against each other
//! and the alerts against courses of events; the end-to-end tests hold names against real scrapes ([`judge`]).

pub mod deployed;
#[cfg(test)]
mod evaluate;
pub mod exposition;
#[cfg(test)]
mod fires;
pub mod judge;
pub mod promql;
