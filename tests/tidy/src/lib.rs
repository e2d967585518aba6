//! The rules of this repository as tests.
//!
//! Decides from what cargo says of the packages (`cargo metadata`, `cargo tree`, `Cargo.lock`) and from the files that
//! Git tracks: whether each heavy dependency stays behind its fence, whether licences are allowed, and
//! whether manifests, sources and the README keep what a reader relies on.
//!
//! | module | holds |
//! |---|---|
//! | `fences` | `shared/` reaches nothing that acts; each heavy crate has one home; the agent stays small |
//! | `dependencies` | one version of what must be one, nothing banned, licences |
//! | `packages` | what every package has: lints, description, module docs |
//! | `layout` | the top level, sizes of files |
//! | `words` | what no file may say: a machine's paths, other registries |
//! | `proofs` | tests that prove: none ignored, none that sleeps |
//! | `readme` | commands and packages that the README names exist |
//!
//! Invariants: nothing is built or downloaded, everything together takes seconds, and a test that fails says what is
//! wrong, where, and how to mend it. Every exception is in a list with its reason, and an exception
//! that is not needed any more is a failure too.

#[cfg(test)]
mod dependencies;
#[cfg(test)]
mod fault;
#[cfg(test)]
mod fences;
#[cfg(test)]
mod layout;
#[cfg(test)]
mod packages;
#[cfg(test)]
mod proofs;
#[cfg(test)]
mod readme;
#[cfg(test)]
mod tracked;
#[cfg(test)]
mod words;
#[cfg(test)]
mod workspace;
