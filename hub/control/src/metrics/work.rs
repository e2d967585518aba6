//! How the loops do their work: passes, plans, evaluations, rendering, references of Git.

use hub_render::{Happened, Tell};
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
};
use shared_runtime::metrics::{Depth, Latency, Registry, from_the_start};
use std::sync::Arc;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Asked {
    result: &'static str,
}

/// What is counted of the loops' work.
#[derive(Debug, Clone, Default)]
pub(crate) struct Work {
    pub(crate) passes: Latency,
    pub(crate) plans: Latency,
    pub(crate) steps: Counter,
    pub(crate) overtaken: Counter,
    pub(crate) leads: Gauge,
    pub(crate) queue: Depth,
    pub(crate) evaluations: Latency,
    pub(crate) evaluating: Gauge,
    renders: Latency,
    render_waits: Latency,
    render_failures: Counter,
    pub(crate) unrendered: Gauge,
    cache: Family<Asked, Counter>,
    pub(crate) references: Gauge,
    pub(crate) failing: Gauge,
}

impl Work {
    /// Counts what the renderer tells.
    pub(crate) fn rendering(&self) -> Tell {
        let work = self.clone();
        Arc::new(move |happened| match happened {
            Happened::Hit => drop(work.cache.get_or_create(&Asked { result: "hit" }).inc()),
            Happened::Miss => drop(work.cache.get_or_create(&Asked { result: "miss" }).inc()),
            Happened::Waited(waited) => work.render_waits.took(waited),
            Happened::Rendered { took, failed, .. } => {
                work.renders.took(took);
                work.render_failures.inc_by(u64::from(failed));
            }
        })
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "flotilla_control_pass_seconds",
            "How long a pass of the control loop took, with everything that it wrote",
            self.passes.clone(),
        );
        registry.register(
            "flotilla_control_plan_seconds",
            "How long it took to decide what may be released, without writing it",
            self.plans.clone(),
        );
        registry.register(
            "flotilla_control_plan_steps",
            "Steps of plans that are in the store: releases, gates, halts, rollbacks",
            self.steps.clone(),
        );
        registry.register(
            "flotilla_control_plans_overtaken",
            "Plans that were made again because somebody else had changed something first",
            self.overtaken.clone(),
        );
        registry.register("flotilla_control_leads", "Whether this hub plans", self.leads.clone());
        registry.register(
            "flotilla_control_queue_depth",
            "Changes of the store and evaluations that wait for the control loop",
            self.queue.clone(),
        );
        self.register_evaluations(registry);
    }

    fn register_evaluations(&self, registry: &mut Registry) {
        registry.register(
            "flotilla_control_evaluation_seconds",
            "How long it took to expand one ApplicationSet or Application, with Git and rendering",
            self.evaluations.clone(),
        );
        registry.register(
            "flotilla_control_evaluations_pending",
            "ApplicationSets and Applications to be expanded, or being expanded",
            self.evaluating.clone(),
        );
        registry.register(
            "flotilla_render_seconds",
            "How long it took to render a source that was not rendered before",
            self.renders.clone(),
        );
        registry.register(
            "flotilla_render_wait_seconds",
            "How long a rendering waited for its turn: as many are made at once as there are cores",
            self.render_waits.clone(),
        );
        registry.register(
            "flotilla_render_failures",
            "Sources that could not be rendered, each once: what is wrong is remembered until it changes",
            self.render_failures.clone(),
        );
        registry.register(
            "flotilla_render_failing",
            "Applications and ApplicationSets with nothing to ship at the moment: what Git says cannot be read or rendered",
            self.unrendered.clone(),
        );
        from_the_start(&self.cache, ["hit", "miss"].map(|result| Asked { result }));
        registry.register(
            "flotilla_render_cache_lookups",
            "Whether a rendering that was asked for was known already",
            self.cache.clone(),
        );
        registry.register(
            "flotilla_git_references",
            "Branches, tags and heads that are followed",
            self.references.clone(),
        );
        registry.register(
            "flotilla_git_references_failing",
            "Of those, the ones whose last question was not answered; the last good commit stands",
            self.failing.clone(),
        );
    }
}
