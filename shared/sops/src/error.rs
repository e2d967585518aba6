//! Why a file of SOPS cannot be used.

use std::fmt;

/// A fault of one file. It never holds a value of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// The file's path, or the place in the object that holds it; empty when it is about the object.
    pub file: String,
    /// What is wrong, and how to mend it.
    pub why: Why,
}

/// What is wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Why {
    /// The text is not of the form that sops writes.
    #[error("it is not a file as sops writes it: {0}")]
    Malformed(String),
    /// Over what is opened for one file.
    #[error("it has {0}, and no more is opened: split it")]
    Large(String),
    /// An INI file.
    #[error("INI files of sops are not read: encrypt it with `sops encrypt --input-type binary`")]
    Ini,
    /// Encrypted for age keys, and none of them is here.
    #[error("it is encrypted for {}, and none of these keys is here", .0.join(", "))]
    NoKey(Vec<String>),
    /// Not encrypted for any age key.
    #[error(
        "it is encrypted for {} alone, which is not supported: add the cluster's age key with `sops rotate --in-place --add-age RECIPIENT`",
        .0.join(" and ")
    )]
    OtherKeys(Vec<&'static str>),
    /// The data key is split among groups of keys.
    #[error(
        "its data key is split among key groups (Shamir), which is not supported: give it one key group in .sops.yaml and run `sops updatekeys`"
    )]
    Groups,
    /// A value that the data key does not open at this place.
    #[error(
        "the value at {0} was changed, or moved from where it was encrypted: make the change with `sops edit`"
    )]
    Value(String),
    /// The file as a whole is not what was encrypted.
    #[error("it was changed without sops (its MAC does not match): make the change with `sops edit`")]
    Mac,
    /// What an object is cannot be encrypted.
    #[error(
        "{0} is encrypted: encrypt values alone, e.g. with `--encrypted-regex '^(data|stringData)$'`, for whoever handles the object must know which it is"
    )]
    Identity(String),
    /// No file that came with the object has the value.
    #[error(
        "{0} has a value that sops encrypted, and none of the files that came with the object has it: leave encrypted values as they are in their file, and that file among those of the source"
    )]
    Unknown(String),
    /// A value was put where it may not go.
    #[error(
        "{0} has a value that was encrypted elsewhere: values of a Secret, of a chart or of a generator go only into `data` or `stringData` of a v1 Secret, those of another object only into the same place of that kind and name; put it there, or start the agent with --sops-anywhere, which lets whoever may deploy to the cluster read them all"
    )]
    Elsewhere(String),
    /// A whole file was put where it may not go.
    #[error(
        "{0} is a whole file that sops encrypted: it goes only into `data` or `stringData` of a v1 Secret (a `secretGenerator`); put it there, or start the agent with --sops-anywhere, which lets whoever may deploy to the cluster read them all"
    )]
    File(String),
    /// A value that is to stand in text is not UTF-8.
    #[error("the value at {0} is not text: use it where the object takes base64")]
    NotText(String),
}

impl Error {
    pub(crate) fn new(file: &str, why: Why) -> Self {
        Self { file: file.to_owned(), why }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.file.is_empty() {
            write!(f, "{}: ", self.file)?;
        }
        self.why.fmt(f)
    }
}

impl std::error::Error for Error {}
