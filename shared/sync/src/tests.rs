mod cluster;
mod harness;
mod heals;
mod options;
mod properties;
mod removals;
mod syncs;
