//! The queue of what happens, in virtual time, and the two sides of it.

mod agents;
mod hubs;
mod planning;
mod rollouts;
mod troubles;

use crate::{
    agent::{Agent, Certificate, Incoming},
    chance::Chance,
    hub::{Hub, Seat},
    log::Log,
    network::Network,
    release::{Content, Release},
    trouble::{self, Trouble},
    verdict::Verdicts,
    waves::{self, Waves},
};
use jiff::{SignedDuration, Timestamp};
use proto::v1;
use serde_json::json;
use shared_manifest::ObjectId;
use shared_model::{AppKey, Cluster, ClusterName};
use std::{collections::BTreeMap, path::Path, sync::Arc};

/// What to simulate.
#[derive(Debug, Clone, Copy)]
pub struct Config {
    /// Everything random comes from it.
    pub seed: u64,
    /// How many clusters.
    pub agents: usize,
    /// How long trouble lasts.
    pub length: SignedDuration,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// SHA-256 of the log.
    pub log: String,
    /// Its length, in lines.
    pub lines: u64,
    /// Events that agents handled.
    pub events: u64,
    /// What did not hold; empty when all is well.
    pub problems: Vec<String>,
    /// How often each kind of trouble met an agent.
    pub met: BTreeMap<&'static str, u64>,
}

/// What is to happen.
#[derive(Debug)]
enum Happening {
    Agent {
        agent: usize,
        life: u32,
        what: Box<Incoming>,
    },
    ToHub {
        connection: u64,
        message: Box<v1::AgentMessage>,
    },
    /// A connection's end reaches the hub.
    Closed(u64),
    Trouble(Trouble),
    /// Something about rollouts.
    Waves(Box<waves::Event>),
    /// A workload's controller is done.
    Settled {
        agent: usize,
        id: ObjectId,
    },
}

/// Certificates last so long here, so that a day sees several.
const CERTIFICATE: SignedDuration = SignedDuration::from_hours(5);
const APPLICATIONS: [&str; 2] = ["orders", "web"];

#[derive(Debug)]
pub(crate) struct World {
    pub(crate) now: Timestamp,
    queue: BTreeMap<(Timestamp, u64), Happening>,
    sequence: u64,
    chance: Chance,
    log: Log,
    pub(crate) agents: Vec<Agent>,
    pub(crate) hub: Hub,
    network: Network,
    commits: usize,
    events: u64,
    pub(crate) verdicts: Verdicts,
    met: BTreeMap<&'static str, u64>,
    /// No more trouble.
    calm: bool,
    /// The fleet planner and its store; absent on a day, where everything is ordered at once.
    waves: Option<Box<Waves>>,
}

pub(crate) use rollouts::run as run_rollouts;

/// Runs a fleet through its trouble and until all is quiet again. With `file` every line of the log is kept.
pub fn run(config: Config, file: Option<&Path>) -> Outcome {
    let mut world = World::day(config, file);
    let end = world.now + config.length;
    world.until(end);
    world.calm_down();
    // Longer than any back-off, pause or poll.
    world.until(end + SignedDuration::from_hours(3));
    world.judge();
    Outcome {
        lines: world.log.lines(),
        log: world.log.digest(),
        events: world.events,
        problems: world.verdicts.problems,
        met: world.met,
    }
}

/// A Cluster object with nothing but its name.
fn named(name: &ClusterName) -> Cluster {
    let object = json!({
        "apiVersion": "flotilla.dev/v1alpha1", "kind": "Cluster", "metadata": {"name": name.as_str()}, "spec": {},
    });
    Cluster::from_value(&object).expect("it is a Cluster")
}

impl World {
    fn day(config: Config, file: Option<&Path>) -> Self {
        let mut world = Self::new(config.seed, config.agents, file);
        for application in APPLICATIONS {
            world.commit(&AppKey::new("argocd", application), false);
        }
        let troubles = trouble::of_a_day(config.agents, world.now, config.length, &mut world.chance);
        for number in 0..config.agents {
            world.start(number);
        }
        for (at, trouble) in troubles {
            world.at(at, Happening::Trouble(trouble));
        }
        world
    }

    /// A fleet that nobody has started or told anything.
    fn new(seed: u64, count: usize, file: Option<&Path>) -> Self {
        let mut chance = Chance::new(seed);
        let now: Timestamp = "2026-11-21T00:00:00Z".parse().expect("it is a time");
        let mut hub = Hub { up: true, ..Hub::default() };
        let mut agents = Vec::new();
        for number in 0..count {
            let certificate = Certificate::new(now);
            let skew = chance.seconds(-120, 120);
            let agent = Agent::new(number, certificate, skew);
            let object = Arc::new(named(&agent.name));
            hub.seats.insert(agent.name.clone(), Seat::new(object));
            agents.push(agent);
        }
        Self {
            now,
            queue: BTreeMap::new(),
            sequence: 0,
            chance,
            log: Log::new(file),
            agents,
            hub,
            network: Network::default(),
            commits: 0,
            events: 0,
            verdicts: Verdicts::default(),
            met: BTreeMap::new(),
            calm: false,
            waves: None,
        }
    }

    fn at(&mut self, at: Timestamp, happening: Happening) {
        self.sequence += 1;
        self.queue.insert((at.max(self.now), self.sequence), happening);
    }

    /// For the present process of an agent.
    fn later(&mut self, agent: usize, after: SignedDuration, what: Incoming) {
        let life = self.agents[agent].life;
        self.at(self.now + after, Happening::Agent { agent, life, what: Box::new(what) });
    }

    fn until(&mut self, end: Timestamp) {
        while let Some(entry) = self.queue.first_entry() {
            if entry.key().0 > end {
                break;
            }
            let ((at, _), happening) = entry.remove_entry();
            self.now = at;
            match happening {
                Happening::Agent { agent, life, what } => {
                    if self.agents[agent].life == life && self.agents[agent].process.is_some() {
                        self.incoming(agent, *what);
                    }
                }
                Happening::ToHub { connection, message } => self.heard_by_hub(connection, *message),
                Happening::Closed(connection) => self.closed(connection),
                Happening::Trouble(trouble) => self.trouble(trouble),
                Happening::Waves(event) => self.waves(*event),
                Happening::Settled { agent, id } => {
                    if self.is_bad(agent, &id) {
                        self.agents[agent].cluster.give_up(&id);
                    } else {
                        self.agents[agent].cluster.settle(&id);
                    }
                    self.news(agent);
                }
            }
        }
        self.now = end;
    }

    fn say(&mut self, text: std::fmt::Arguments<'_>) {
        self.log.line(self.now, text);
    }

    fn meet(&mut self, what: &'static str) {
        *self.met.entry(what).or_default() += 1;
    }

    /// How long a message takes.
    fn latency(&mut self) -> SignedDuration {
        self.chance.millis(5, 120)
    }

    /// Changes an application on every cluster, or takes it away.
    fn commit(&mut self, application: &AppKey, removal: bool) {
        self.commits += 1;
        let content = || Arc::new(Content::new(&application.name, self.commits));
        let release = (!removal).then(|| Arc::new(Release::new(application, &content())));
        let number = self.commits;
        self.say(format_args!("commit {number} of {application}, removal {removal}"));
        for agent in 0..self.agents.len() {
            let name = self.agents[agent].name.clone();
            let now = self.now;
            if let Some(assigned) = self.hub.order(&name, application, release.as_ref(), now) {
                self.assigned(&name, application, assigned);
            }
        }
    }

    fn calm_down(&mut self) {
        self.calm = true;
        self.say(format_args!("calm"));
        self.hub_up();
        for agent in 0..self.agents.len() {
            self.agents[agent].disk.set_full(false);
            self.agents[agent].cut = false;
            if self.agents[agent].cluster.down {
                self.agents[agent].cluster.up();
                self.news(agent);
            }
            if self.agents[agent].disk.is_to_crash() {
                self.kill(agent);
            }
            if self.agents[agent].process.is_none() {
                self.start(agent);
            }
            self.unpin(agent);
        }
    }
}
