mod cluster;
mod cluster_trouble;
mod harness;
mod heals;
mod options;
mod properties;
mod removals;
mod syncs;
