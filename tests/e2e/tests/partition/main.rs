//! Nothing stops the agent: what is assigned stays enforced while the hub, Git, the network, the certificate or the
//! disk is gone, and a return of any of them changes nothing that the hub did not order.
//!
//! On real control planes, with the real programs. The clusters are asked what happened to their objects, by watches
//! of our own, never the hub.

#![allow(clippy::print_stdout, reason = "the tests print their timings")]

mod cut;
mod expired;
mod full;
mod restored;
mod shop;
