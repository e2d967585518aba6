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
                let removal = self.commits.is_multiple_of(5);
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
                // A full disk takes no pause either.
                drop(::agent::set_local_pause(&self.agents[agent].place(), Some(&pause)));
                self.decided(agent);
            }
            Trouble::PauseApplication { agent, minutes } => self.pause_application(agent, minutes),
            Trouble::ResumeApplication { agent } => {
                let paused = &self.hub.seats[&self.agents[agent].name].paused;
                if let Some(application) = paused.keys().next().cloned() {
                    self.application_paused(agent, &application, None);
                }
            }
            Trouble::RollBack { agent } => self.roll_back(agent),
            Trouble::Unpin { agent } => self.unpin(agent),
            Trouble::Damage { agent, what } => self.damage(agent, what),
        }
    }

    /// The hub pauses one application on a cluster.
    fn pause_application(&mut self, agent: usize, minutes: i64) {
        self.meet("application paused");
        let pause = PauseRequest {
            reason: "INC-8".to_owned(),
            by: "ada".to_owned(),
            duration: Some(Duration::from_secs(minutes.unsigned_abs() * 60)),
            at: Some(self.now),
        };
        let application = self.application();
        self.application_paused(agent, &application, Some(pause));
    }

    fn connection(&self, agent: usize) -> Option<u64> {
        self.agents[agent].process.as_ref().and_then(|process| process.connection)
    }

    /// Takes an application back to the order before the one that is held, as the command does it.
    fn roll_back(&mut self, agent: usize) {
        let (application, now) = (self.application(), self.now);
        let place = self.agents[agent].place();
        let done = ::agent::roll_back(&place, &application.to_string(), None, "INC-7", "bob", now);
        if let Ok((_, ran)) = done {
            self.meet("rolled back");
            let name = self.agents[agent].name.clone();
            self.say(format_args!("somebody takes {application} back to {} on {name}", ran.position));
        }
        self.decided(agent);
    }

    /// Lets go of everything that was taken back.
    pub(super) fn unpin(&mut self, agent: usize) {
        let place = self.agents[agent].place();
        for application in super::APPLICATIONS {
            let done = ::agent::unpin(&place, &format!("argocd/{application}")).is_ok();
            if done {
                let name = self.agents[agent].name.clone();
                self.say(format_args!("somebody lets go of {application} on {name}"));
            }
        }
        self.decided(agent);
    }

    /// What people wrote into the journal is heard of a little later.
    fn decided(&mut self, agent: usize) {
        if !self.fails(agent) {
            self.later(agent, SignedDuration::from_secs(1), Incoming::Decided);
        }
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
