//! Against what the real sops wrote (`tests/vectors/make.sh`).

/// A file of the folder of vectors.
macro_rules! vector {
    ($name:literal) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/tests/vectors/", $name))
    };
}

mod files;
mod objects;
mod properties;
mod reach;
mod scrubbing;

use crate::Identities;

pub(crate) fn one() -> Identities {
    Identities::parse(vector!("one.key")).unwrap()
}

pub(crate) fn two() -> Identities {
    Identities::parse(vector!("two.key")).unwrap()
}
