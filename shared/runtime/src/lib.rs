//! The impure exception of `shared/`: what every process of Flotilla needs from the outside world.
//!
//! The clock ([`now`]), named and traced tasks that drain ([`Tasks`]), back-off with jitter
//! ([`Backoff`], [`backoff`]), logging ([`telemetry`]), metrics ([`metrics`]), traces ([`otlp`]), signals
//! ([`interrupted`]).

pub mod backoff;
pub mod metrics;
pub mod otlp;
mod tasks;
pub mod telemetry;

pub use backoff::Backoff;
pub use tasks::{Tasks, spawn};

/// The clock. Decisions take the time as an argument; only shells ask for it.
pub fn now() -> jiff::Timestamp {
    jiff::Timestamp::now()
}

/// Makes ring the process's cryptography, once. Call it first in `main` and in tests that use TLS.
pub fn install_crypto() {
    // A second call finds the provider there already, which is what it wants.
    let _already_installed = rustls::crypto::ring::default_provider().install_default();
}

/// Resolves when the process is asked to end, by Ctrl-C or SIGTERM.
pub async fn interrupted() {
    let mut terminate = match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        Ok(terminate) => terminate,
        Err(error) => {
            tracing::warn!(%error, "SIGTERM cannot be caught");
            let _ended = tokio::signal::ctrl_c().await;
            return;
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}

#[cfg(test)]
mod tests;
