//! The Kubernetes API conventions, over JSON values: the same rules for the objects that the hub serves and
//! for those of a simulated cluster.
//!
//! It decides how a request changes an object, whether the object may be stored, and how the answer is
//! worded, from the objects, what the kind's rules say, and the time. It refuses to know where objects are
//! stored, who asks, and how answers travel.
//!
//! | module | decides |
//! |---|---|
//! | [`meta`] | names and life cycle: create, update, delete, finalizers, generation |
//! | [`names`] | which names, labels and keys are valid |
//! | [`patch`] | what a JSON, merge or strategic merge patch makes of an object |
//! | [`apply`] | server-side apply and who manages which field |
//! | [`selector`] | which objects a label or field selector picks |
//! | [`table`] | what `kubectl get` prints |
//! | [`discovery`] | what the API says it serves |
//! | [`status`] | how refusals are worded |
//!
//! The words of refusals are those of Kubernetes where clients and people search for them.

pub mod apply;
pub mod discovery;
pub mod meta;
pub mod names;
pub mod patch;
pub mod selector;
pub mod status;
pub mod table;

mod value;

pub use status::{Cause, FieldError, Resource, Status};
