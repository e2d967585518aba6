//! Charts and overlays on real clusters: a set renders them for each, by the official tools, and what is sealed is
//! opened in the cluster only.

#![allow(clippy::print_stdout, reason = "the tests print their timings")]

mod charts;
mod fetched;
mod ground;
mod overlays;
mod sealed;
