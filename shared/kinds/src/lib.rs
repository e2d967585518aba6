//! The schema of every kind that the hub serves, written once and read by all who need it.
//!
//! The tables in `src/tables` say of each kind which fields it has, what stands there, what has to hold, how it merges,
//! and, in the words that people get to read, what it is. Everything else here follows from them:
//!
//! | module | decides |
//! |---|---|
//! | [`tree`] | what the tables say, as values |
//! | `decode` | what of an object cannot be read at all |
//! | `unknown`, `duplicates` | which fields a kind does not have, and which are there twice (`fieldValidation`) |
//! | `validate` | what is not of its type |
//! | `defaults` | what stands where nothing is said |
//! | [`openapi`] | the documents of OpenAPI v3 and v2, as `kubectl explain` reads them |
//! | `definition` | the kinds as CustomResourceDefinitions |
//! | `served` | where and how each kind is served, and by what it is selected |
//! | `columns` | what `kubectl get` prints |
//!
//! # Why tables
//! The types of `shared/model` are views: they hold what Flotilla acts on, the agent links them, and most of what Argo
//! CD's kinds have is not in them. Deriving schemas from them (schemars) would give less than the kinds have, and put
//! every description into the agent. So the tables stand beside the types, and tests hold them together: whatever a
//! type of `shared/model` reads or writes is in the table, and Argo CD's kinds have the fields, types, enumerations and
//! merge markers of its own definitions, field by field (`tests/compat/kinds.jsonl`).
//!
//! It refuses to know: objects' meaning beyond the shape of a field, the store, the wire, who asks.

mod columns;
mod decode;
mod defaults;
mod definition;
mod duplicates;
pub mod openapi;
mod publish;
mod served;
mod table;
pub mod tree;
mod unknown;
mod validate;

pub use columns::columns;
pub use decode::unreadable;
pub use defaults::fill;
pub use definition::definition;
pub use duplicates::duplicates;
pub use served::{categories, has_status, resources, selectable, short_names};
pub use tree::schema;
pub use unknown::{Unknown, refusal, unknown};
pub use validate::problems;
