//! EnrollmentToken (flotilla.dev/v1alpha1): the right to join as one named cluster, once.

use crate::Object;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// An EnrollmentToken. The object's name is the token's id; the secret itself is never stored.
pub type EnrollmentToken = Object<EnrollmentTokenSpec>;

/// What a token allows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct EnrollmentTokenSpec {
    /// The cluster that may join with it.
    pub cluster: String,
    /// Labels that the Cluster gets when it joins for the first time.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// SHA-256 of the token's secret, in hex.
    pub secret_hash: String,
    /// When the token stops working.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires: Option<jiff::Timestamp>,
    /// SHA-256 of the authority that the token's holder will trust, in hex; empty when its maker did not say.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub authority: String,
    /// Whether it replaces the identity of a cluster that has joined before.
    pub reenrol: bool,
}
