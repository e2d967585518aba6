//! From a commit to the last healthy cluster, on real control planes: the hub, the agents, Git over http, mutual TLS
//! and kubectl are all the real ones. The clusters are asked what they ran, never the hub.

#![allow(clippy::print_stdout, reason = "the tests print their timings")]

mod back;
mod bad_input;
mod commands;
mod deployed;
mod gates;
mod identity;
mod journal;
mod membership;
mod metrics;
mod outage;
mod owners;
mod pause;
mod retire;
mod rollout;
mod timeline;
mod trace;
mod web;
