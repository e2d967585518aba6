//! Trouble begins and ends.

use super::World;
use crate::{agent::Incoming, trouble::Trouble};
use jiff::SignedDuration;
use serde_json::json;
use shared_manifest::{ObjectId, tracking};
use shared_model::{Cluster, PauseRequest};
use std::{sync::Arc, time::Duration};

impl World {
    pub(super) fn trouble(&mut self, trouble: Trouble) {
        // What ends after the day has ended already.
        if self.calm && !matches!(trouble, Trouble::Start { .. }) {
            return;
        }
        match trouble {
            Trouble::Commit => {
                let application = self.application();
                let removal = self.chance.percent(10);
                self.meet(if removal { "removal" } else { "commit" });
                self.commit(&application, removal);
            }
            Trouble::HubDown => {
                self.meet("hub down");
                self.hub_down();
            }
            Trouble::HubUp => self.hub_up(),
            Trouble::Cut { agent, silent } => {
                self.meet(if silent { "silent partition" } else { "partition" });
                self.agents[agent].cut = true;
                if let Some(connection) = self.connection(agent) {
                    if silent { self.silence(connection) } else { self.cut(connection) }
                }
            }
            Trouble::Heal { agent } => self.agents[agent].cut = false,
            Trouble::Reset { agent } => {
                self.meet("reset");
                if let Some(connection) = self.connection(agent) {
                    self.cut(connection);
                }
            }
            Trouble::Kill { agent } => {
                self.meet("killed");
                self.kill(agent);
            }
            Trouble::KillWriting { agent, steps } => self.agents[agent].disk.crash_after(steps),
            Trouble::Start { agent } => {
                // One that was to be killed in a write and wrote nothing is killed now.
                if self.agents[agent].disk.is_to_crash() {
                    self.kill(agent);
                }
                self.start(agent);
            }
            Trouble::DiskFull { agent } => {
                self.meet("disk full");
                self.agents[agent].disk.set_full(true);
            }
            Trouble::DiskFree { agent } => self.agents[agent].disk.set_full(false),
            Trouble::ApiDown { agent } => {
                self.meet("api down");
                self.agents[agent].cluster.down = true;
            }
            Trouble::ApiUp { agent } => {
                self.agents[agent].cluster.up();
                self.news(agent);
            }
            Trouble::Tamper { agent, how } => self.tamper(agent, how),
            Trouble::Pause { agent, minutes } => {
                self.meet("paused by the hub");
                let pause = PauseRequest {
                    reason: "maintenance".to_owned(),
                    by: "ada".to_owned(),
                    duration: Some(Duration::from_secs(minutes.unsigned_abs() * 60)),
                    at: Some(self.now),
                };
                let name = self.agents[agent].name.clone();
                let mut object: Cluster = self.hub.seats[&name].object.as_ref().clone();
                object.spec.pause = Some(pause);
                self.cluster_changed(agent, Arc::new(object));
            }
            Trouble::LocalPause { agent, minutes } => {
                self.meet("paused in the cluster");
                let until = self.agents[agent].clock(self.now) + SignedDuration::from_mins(minutes);
                let pause = ::agent::LocalPause {
                    reason: "maintenance".to_owned(),
                    by: "bob".to_owned(),
                    until: Some(until),
                };
                self.agents[agent].local.pause = Some(pause);
                let local = self.agents[agent].local.clone();
                self.later(agent, SignedDuration::from_secs(1), Incoming::Decided(local));
            }
            Trouble::Damage { agent, what } => self.damage(agent, what),
        }
    }

    fn connection(&self, agent: usize) -> Option<u64> {
        self.agents[agent].process.as_ref().and_then(|process| process.connection)
    }

    /// The disk lies, while no process runs on it.
    fn damage(&mut self, agent: usize, what: usize) {
        if self.agents[agent].process.is_some() {
            return;
        }
        let disk = &self.agents[agent].disk;
        let done = match what {
            0 => disk.damage("apps/"),
            1 => disk.damage("bundles/"),
            2 => disk.lose("bundles/"),
            _ => disk.lose("apps/"),
        };
        if done > 0 {
            self.meet("damaged");
        }
    }

    fn tamper(&mut self, agent: usize, how: usize) {
        let ours: Vec<ObjectId> = self.agents[agent]
            .cluster
            .objects
            .iter()
            .filter(|(_, object)| tracking::owner_of(object).is_some())
            .map(|(id, _)| id.clone())
            .collect();
        let Some(id) = self.chance.pick(&ours).cloned() else { return };
        self.meet("tampered with");
        let name = self.agents[agent].name.clone();
        self.say(format_args!("somebody tampers with {id} on {name}: {how}"));
        let cluster = &mut self.agents[agent].cluster;
        match how {
            0 => cluster.remove(&id),
            1 => cluster.edit(&id, |object| {
                if let Some(labels) = object["metadata"]["labels"].as_object_mut() {
                    labels.remove(tracking::OWNER_LABEL);
                }
            }),
            _ => cluster.edit(&id, |object| {
                if object["kind"] == "Deployment" {
                    object["spec"]["replicas"] = json!(7);
                } else {
                    object["data"]["key"] = json!("edited");
                }
            }),
        }
        self.news(agent);
    }
}
