//! What a broken rule looks like on the terminal.

/// One thing that breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Fault {
    /// A path, with a line where there is one, or a package.
    pub(crate) place: String,
    pub(crate) what: String,
    pub(crate) remedy: String,
}

impl Fault {
    pub(crate) fn new(place: impl Into<String>, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { place: place.into(), what: what.into(), remedy: remedy.into() }
    }
}

/// Ends the test with everything that breaks `rule`.
///
/// # Panics
/// When there is any fault.
pub(crate) fn none(rule: &str, faults: impl IntoIterator<Item = Fault>) {
    let mut faults: Vec<Fault> = faults.into_iter().collect();
    faults.sort();
    let lines: Vec<String> = faults
        .iter()
        .map(|fault| format!("{}: {}\n    to mend it: {}", fault.place, fault.what, fault.remedy))
        .collect();
    assert!(faults.is_empty(), "{rule}\n\n{}\n", lines.join("\n"));
}
