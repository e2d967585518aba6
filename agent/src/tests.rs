//! Whole agents against a real gateway over real TLS, on a small double of a Kubernetes API.

mod comparing;
mod doors;
mod hub;
mod identity;
mod joining;
pub(crate) mod kubernetes;
mod metrics;
mod proxy;
mod rotating;
mod scripted;
mod sealed;
mod unlabelled;
mod working;
