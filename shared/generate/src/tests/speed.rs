//! How long 10,000 Applications take; printed, not judged (`cargo test -p shared-generate speed -- --nocapture`).

use super::{World, expand, set};
use std::time::Instant;

/// A template as sets in the field have it: ten expressions and a block of helm values.
fn realistic(go: bool) -> String {
    let of = |name: &str| if go { format!("{{{{.{name}}}}}") } else { format!("{{{{{name}}}}}") };
    let label =
        if go { "{{index .metadata.labels `env`}}".to_owned() } else { "{{metadata.labels.env}}".to_owned() };
    format!(
        "goTemplate: {go}\ngenerators: [{{clusters: {{selector: {{matchLabels: {{env: prod}}}}, values: {{v: '{name}-v'}}}}}}]\ntemplate:\n  metadata: {{name: '{normal}-web', labels: {{env: '{label}', cluster: '{name}'}}}}\n  spec:\n    project: default\n    source:\n      repoURL: https://git.example/fleet.git\n      path: apps/{label}\n      targetRevision: '{value}'\n      helm: {{values: \"cluster: {name}\\nserver: {server}\\nenv: {label}\\n\"}}\n    destination: {{server: '{server}', namespace: 'web-{name}'}}\n",
        name = of("name"),
        normal = of("nameNormalized"),
        server = of("server"),
        value = of("values.v"),
    )
}

#[expect(
    clippy::disallowed_methods,
    reason = "the measurement is the test's own, the code under test reads no clock"
)]
fn measure(go: bool) {
    let mut world = World::default();
    for n in 0..10_000 {
        world = world.cluster(&format!("cluster-{n:05}"), &[("env", "prod"), ("region", "eu")]);
    }
    let set = set(&realistic(go));
    let start = Instant::now();
    let expansion = expand(&set, &world);
    let mode = if go { "Go" } else { "flat" };
    println!("10,000 Applications in {mode} mode: {} ms", start.elapsed().as_millis());
    assert_eq!(expansion.applications.len(), 10_000, "{:?}", expansion.problems);
    let helm = &expansion.applications[9_999].object()["spec"]["source"]["helm"]["values"];
    assert_eq!(helm, "cluster: cluster-09999\nserver: https://cluster-09999.example\nenv: prod\n");
}

#[test]
fn ten_thousand_in_flat_mode() {
    measure(false);
}

#[test]
fn ten_thousand_in_go_mode() {
    measure(true);
}
