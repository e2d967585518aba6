//! The agent protocol (`flotilla/agent/v1/agent.proto`): generated messages and services, and their
//! conversion to and from the types of `shared/model`, which happens at this rim only.

mod codec;
mod convert;
#[cfg(test)]
mod tests;

pub use convert::{
    Malformed, application_from_wire, application_to_wire, position_from_wire, position_to_wire,
    release_from_wire,
};

/// Messages and services of `flotilla.agent.v1`.
#[allow(
    clippy::all,
    clippy::allow_attributes_without_reason,
    clippy::needless_pass_by_value,
    clippy::too_many_lines,
    clippy::unused_async,
    clippy::unwrap_used,
    clippy::use_self,
    clippy::wildcard_enum_match_arm,
    missing_debug_implementations,
    unreachable_pub,
    unused_qualifications,
    reason = "generated code"
)]
pub mod v1 {
    tonic::include_proto!("flotilla.agent.v1");
}

/// The largest message either side takes, in bytes. Bundles travel in chunks, so nothing comes near it.
pub const MAX_MESSAGE_BYTES: usize = 4 * 1024 * 1024;
/// The most that a comparison brings along or answers, compressed, in bytes.
pub const COMPARED_BYTES: usize = 3 * 1024 * 1024;
/// The size of a bundle's chunks, in bytes.
pub const CHUNK_BYTES: usize = 256 * 1024;
