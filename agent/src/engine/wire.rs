//! What the hub's messages say.

use super::orders::Wish;
use proto::v1;
use shared_model::{AppKey, ReleaseSpec};
use shared_trace::Context;

pub(super) fn read_assign(assign: v1::Assign) -> Result<(AppKey, Wish, Option<Context>), String> {
    let application =
        proto::application_from_wire(assign.application, "Assign").map_err(|error| error.to_string())?;
    let spec: ReleaseSpec = serde_json::from_slice(&assign.spec)
        .map_err(|error| format!("the release of {application}: {error}"))?;
    if spec.id().to_string() != assign.release || spec.application != application {
        return Err(format!(
            "the release of {application} is not the one that it is called; hub and agent may be of versions that do not fit"
        ));
    }
    let position = proto::position_from_wire(assign.position);
    // One that cannot be read traces nothing; the order counts all the same.
    let context = assign.traceparent.parse().ok();
    Ok((application, Wish::Run { position, spec: Box::new(spec) }, context))
}

pub(super) fn read_remove(remove: v1::Remove) -> Result<(AppKey, Wish), String> {
    let application =
        proto::application_from_wire(remove.application, "Remove").map_err(|error| error.to_string())?;
    let position = proto::position_from_wire(remove.position);
    Ok((application, Wish::Remove { position, cascade: remove.cascade }))
}
