//! Argo CD's two template engines: Go's `text/template` with sprig ([`go`]), and fasttemplate ([`fast`]).
//!
//! Both are pure: text and parameters in, text out. Each answer is compared with what Go gave (`tests/vectors`, recorded by the program in
//! `tests/compat/template-recorder`).

mod error;
pub mod fast;
mod format;
mod functions;
pub mod go;
mod number;
mod quote;
mod random;
pub mod semver;
mod value;

pub use error::{Error, Exceeded};
pub use functions::{Answer, Fail, Functions, Signature, Type};
pub use go::{Guard, Limits, MissingKey, Options, Present, Scope, Step, Template, Use};
pub use value::{Element, Fields, List, Map, Object, Str, Value};
