//! JSON patch. The work is the `json-patch` crate's, the words of refusals are Kubernetes'.

use json_patch::{Patch, PatchError, PatchErrorKind, PatchOperation};
use serde::Deserialize;
use serde_json::Value;

use crate::Status;

/// Kubernetes' limit (`--max-json-patch-operations`).
const MAX_OPERATIONS: usize = 10_000;

pub(super) fn apply(object: &Value, patch: &Value) -> Result<Value, Status> {
    let operations = patch.as_array().ok_or_else(|| {
        Status::bad_request(
            "error decoding patch: a JSON patch must be a list of operations, \
             as in [{\"op\": \"remove\", \"path\": \"/spec/suspend\"}]",
        )
    })?;
    if operations.len() > MAX_OPERATIONS {
        let found = operations.len();
        let message =
            format!("The allowed maximum operations in a JSON patch is {MAX_OPERATIONS}, got {found}");
        return Err(Status::too_large(&message));
    }
    let read = |(index, operation): (usize, &Value)| {
        PatchOperation::deserialize(operation)
            .map_err(|e| Status::bad_request(format!("error decoding patch: operation {index}: {e}")))
    };
    let patch = Patch(operations.iter().enumerate().map(read).collect::<Result<_, _>>()?);
    let mut object = object.clone();
    json_patch::patch(&mut object, &patch).map_err(|error| refuse(&patch, &error))?;
    Ok(object)
}

fn refuse(patch: &Patch, error: &PatchError) -> Status {
    let (name, from) = match &patch[error.operation] {
        PatchOperation::Add(_) => ("add", ""),
        PatchOperation::Remove(_) => ("remove", ""),
        PatchOperation::Replace(_) => ("replace", ""),
        PatchOperation::Test(_) => ("test", ""),
        PatchOperation::Move(operation) => ("move", operation.from.as_str()),
        PatchOperation::Copy(operation) => ("copy", operation.from.as_str()),
    };
    let path = error.path.as_str();
    #[allow(clippy::wildcard_enum_match_arm, reason = "the enum is open: json-patch adds variants")]
    let why = match &error.kind {
        PatchErrorKind::TestFailed => format!("testing value {path} failed: test failed"),
        PatchErrorKind::InvalidFromPointer => {
            format!("{name} operation does not apply: doc is missing from path: {from:?}: missing value")
        }
        PatchErrorKind::CannotMoveInsideItself => format!("cannot move {from:?} into itself"),
        _ => format!("{name} operation does not apply: doc is missing path: {path:?}: missing value"),
    };
    let operation = error.operation;
    let words = "the server rejected our request due to an error in our request";
    Status::unprocessable(format!("{words}: operation {operation}: {why}"))
}
