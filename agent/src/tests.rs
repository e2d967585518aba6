//! Whole agents against a real gateway over real TLS, on a small double of a Kubernetes API.

mod hub;
mod joining;
mod kubernetes;
mod working;
