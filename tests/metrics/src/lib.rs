//! What dashboards and alerts name is what hub and agent show.
//!
//! [`exposition`] reads what a scrape answers, in either format, and refuses what the specifications do not allow;
//! [`promql`] reads expressions as far as names, labels and balance go; [`deployed`] reads what is in `deploy/`. The
//! tests here hold the files against each other; the end-to-end tests hold them against real scrapes ([`judge`]).
//!
//! What it refuses to know: what the numbers mean, how Prometheus evaluates.

pub mod deployed;
pub mod exposition;
pub mod judge;
pub mod promql;
