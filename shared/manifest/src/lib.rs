//! Manifests: YAML and JSON text to values, values to checked Kubernetes objects, objects to bundles.

pub mod yaml;
