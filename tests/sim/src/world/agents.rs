//! The agents' side.

use super::{APPLICATIONS, CERTIFICATE, Happening, World};
use crate::{
    agent::{Certificate, Incoming},
    verdict::Write,
};
use ::agent::parts::{
    Control, Done, Event, Failure, Note, Preparation, Request, Work,
    hubs::Ended,
    renewal::{Failure as RenewalFailure, Step},
};
use hub_gateway::{Verdict, judge};
use jiff::{SignedDuration, Timestamp};
use proto::v1;
use serde_json::json;
use shared_manifest::ObjectId;
use shared_model::{AppKey, Position};
use shared_sync::{Action, Failure as Refusal};

const ANSWERS: (i64, i64) = (2, 60);

impl Certificate {
    pub(super) fn new(now: Timestamp) -> Self {
        Self {
            issued: now.as_microsecond(),
            from: now - SignedDuration::from_hours(1),
            to: now + CERTIFICATE,
        }
    }
}

impl World {
    /// Starts an agent's process; one whose disk fails at once is started again later.
    pub(super) fn start(&mut self, agent: usize) {
        if self.agents[agent].process.is_some() {
            return;
        }
        let random = self.share();
        let now = self.now;
        let name = self.agents[agent].name.clone();
        match self.agents[agent].start(random, now) {
            Ok(()) => {
                self.say(format_args!("{name} starts"));
                self.later(agent, SignedDuration::ZERO, Incoming::Dial);
                self.later(agent, SignedDuration::from_secs(1), Incoming::Renew);
                self.turn(agent);
            }
            Err(error) => {
                self.say(format_args!("{name} cannot start: {error}"));
                self.at(
                    now + SignedDuration::from_secs(10),
                    Happening::Trouble(crate::trouble::Trouble::Start { agent }),
                );
            }
        }
    }

    /// Ends it without a word.
    pub(super) fn kill(&mut self, agent: usize) {
        let Some(process) = self.agents[agent].process.take() else { return };
        let name = self.agents[agent].name.clone();
        self.say(format_args!("{name} is killed"));
        self.agents[agent].cluster.watched.clear();
        self.agents[agent].cluster.unlabelled.clear();
        self.agents[agent].cluster.news.clear();
        if let Some(connection) = process.connection {
            let after = self.latency();
            self.at(self.now + after, Happening::Closed(connection));
        }
    }

    fn share(&mut self) -> f64 {
        f64::from(u32::try_from(self.chance.below(1000)).unwrap_or(0)) / 1000.0
    }

    pub(super) fn incoming(&mut self, agent: usize, what: Incoming) {
        match what {
            Incoming::Wake(at) => {
                let counts =
                    self.agents[agent].process.as_ref().is_some_and(|process| process.wake == Some(at));
                if counts {
                    self.tell(agent, Event::Tick);
                }
            }
            Incoming::Done(done) => self.tell(agent, Event::Done(done)),
            Incoming::Ask(request, order) => self.ask(agent, request, order),
            Incoming::Read { application, id } => {
                let event = Box::new(self.read(agent, id.clone()));
                let done = Done::Read { application, id, event };
                self.answer(agent, done);
            }
            Incoming::Prepare(order) => self.prepare(agent, order),
            Incoming::Fetched(order, bundle) => {
                let Some(process) = &self.agents[agent].process else { return };
                let (application, wish) = (order.application.clone(), order.wish());
                let result = match bundle {
                    Some(bytes) => order.finish(&process.journal, &bytes),
                    None => Err(Failure::NoLink),
                };
                if !self.fails(agent) {
                    self.tell(agent, Event::Done(Done::Ordered { application, wish, result }));
                }
            }
            Incoming::KeepControl(control) => self.keep_control(agent, control),
            Incoming::Save { application, ids } => self.save(agent, application, ids),
            Incoming::Search => {
                let found = self.agents[agent].cluster.survey();
                self.tell(agent, Event::Done(Done::Surveyed(found)));
            }
            Incoming::News => {
                for watched in std::mem::take(&mut self.agents[agent].cluster.news) {
                    self.tell(agent, Event::Watched(watched));
                }
            }
            Incoming::Dial => self.dial(agent),
            Incoming::Up(connection) => {
                if let Some(process) = &mut self.agents[agent].process {
                    process.connection = Some(connection);
                }
                self.tell(agent, Event::Up);
            }
            Incoming::Said(connection, message) => self.said(agent, connection, message),
            Incoming::Down(connection) => self.lost(agent, connection),
            Incoming::Renew => self.renew(agent),
            Incoming::Decided => {
                let Some(process) = &self.agents[agent].process else { return };
                let local = process.journal.local();
                self.tell(agent, Event::Local(local));
            }
        }
    }

    /// Something happened to an agent.
    fn tell(&mut self, agent: usize, event: Event) {
        let now = self.agents[agent].clock(self.now);
        let Some(process) = &mut self.agents[agent].process else { return };
        process.engine.handle(event, now);
        self.events += 1;
        self.turn(agent);
    }

    /// Takes out of an agent what it wants done and said, and when to wake it.
    pub(super) fn turn(&mut self, agent: usize) {
        while let Some(work) =
            self.agents[agent].process.as_mut().and_then(|process| process.engine.poll_work())
        {
            self.work(agent, work);
        }
        let now = self.agents[agent].clock(self.now);
        loop {
            let Some(process) = self.agents[agent].process.as_mut() else { return };
            let Some(connection) = process.connection else { break };
            let Some(message) = process.engine.poll_message(now) else { break };
            let after = SignedDuration::from_millis(40);
            self.at(self.now + after, Happening::ToHub { connection, message: Box::new(message) });
        }
        let skew = self.agents[agent].skew;
        let Some(process) = self.agents[agent].process.as_mut() else { return };
        let wake = process.engine.poll_timeout(now).map(|(due, _)| due - skew);
        if process.wake != wake {
            process.wake = wake;
            if let Some(at) = wake {
                let life = self.agents[agent].life;
                let what = Box::new(Incoming::Wake(at));
                self.at(at, Happening::Agent { agent, life, what });
            }
        } else if wake.is_some_and(|at| at <= self.now) {
            // Due again at once.
            let at = wake.unwrap_or(self.now);
            self.later(agent, SignedDuration::from_millis(1), Incoming::Wake(at));
        }
    }

    fn work(&mut self, agent: usize, work: Work) {
        let quick = SignedDuration::from_millis(1);
        match work {
            Work::Request(request) => {
                let application = request.application.clone();
                self.later(agent, quick, Incoming::Done(Done::Started(application)));
                let after = self.chance.millis(ANSWERS.0, ANSWERS.1);
                let process = self.agents[agent].process.as_ref();
                let order = process.map(|process| process.engine.held(&request.application));
                self.later(agent, after, Incoming::Ask(request, order.unwrap_or_default()));
            }
            Work::Read { application, id, .. } => {
                let after = self.chance.millis(ANSWERS.0, ANSWERS.1);
                self.later(agent, after, Incoming::Read { application, id });
            }
            Work::Prepare(order) => self.later(agent, quick, Incoming::Prepare(order)),
            Work::SaveInventory { application, ids } => {
                self.later(agent, quick, Incoming::Save { application, ids });
            }
            Work::Note { application, note } => {
                let Some(process) = &self.agents[agent].process else { return };
                let kept = match note {
                    Note::Synced(position) => process.journal.save_synced(&application, position),
                    Note::Removal(position, what) => {
                        process.journal.save_order(&application, position, what, None)
                    }
                };
                // It is derived again.
                drop(kept);
                self.fails(agent);
            }
            Work::KeepControl(control) => self.later(agent, quick, Incoming::KeepControl(control)),
            Work::Search { after } => {
                let after =
                    SignedDuration::try_from(after).unwrap_or_default() + SignedDuration::from_millis(300);
                self.later(agent, after, Incoming::Search);
            }
            Work::Watch(kinds) => {
                self.agents[agent].cluster.watch(kinds);
                self.news(agent);
            }
            Work::WatchUnlabelled(places) => {
                self.agents[agent].cluster.watch_unlabelled(places);
                self.news(agent);
            }
            // A hub that lost nothing asks for nothing.
            Work::Give { .. } | Work::Compare(_) | Work::Export(_) => {}
            Work::WriteStatus(_) => {
                self.later(agent, quick, Incoming::Done(Done::StatusWritten { kept: true }))
            }
        }
    }

    /// A crash in the middle of a write of the journal ends the process.
    pub(super) fn fails(&mut self, agent: usize) -> bool {
        let crashed = self.agents[agent].disk.has_crashed();
        if crashed {
            self.meet("killed in a write");
            self.kill(agent);
        }
        crashed
    }

    fn answer(&mut self, agent: usize, done: Done) {
        let after = self.chance.millis(ANSWERS.0, ANSWERS.1);
        self.later(agent, after, Incoming::Done(done));
    }

    fn save(&mut self, agent: usize, application: AppKey, ids: Vec<ObjectId>) {
        let Some(process) = &self.agents[agent].process else { return };
        let journal = &process.journal;
        let kept = journal.save_inventory(&application, &ids).is_ok();
        let known = kept || journal.forget_inventory(&application).is_ok();
        if self.fails(agent) {
            return;
        }
        if known {
            self.tell(agent, Event::Done(Done::Started(application)));
        } else {
            self.later(agent, SignedDuration::from_secs(5), Incoming::Save { application, ids });
        }
    }

    fn keep_control(&mut self, agent: usize, control: Control) {
        let Some(process) = &self.agents[agent].process else { return };
        let kept = process.journal.save_control(&control).is_ok();
        let name = self.agents[agent].name.clone();
        self.say(format_args!("{name} keeps its control: {kept}"));
        if self.fails(agent) {
            return;
        }
        if kept {
            self.tell(agent, Event::Done(Done::ControlKept));
        } else {
            self.later(agent, SignedDuration::from_secs(5), Incoming::KeepControl(control));
        }
    }

    fn prepare(&mut self, agent: usize, order: ::agent::parts::Order) {
        let Some(process) = &self.agents[agent].process else { return };
        let (application, wish) = (order.application.clone(), order.wish());
        let connection = process.connection;
        let result = match order.begin(&process.journal) {
            Ok(Preparation::Ready(prepared)) => Ok(prepared),
            Ok(Preparation::Fetch(digest)) => {
                let passes =
                    connection.is_some_and(|connection| self.network.passes(connection)) && self.hub.up;
                let bundle = self.hub.bundles.get(&digest).filter(|_| passes);
                let bundle = bundle.map(|content| content.compressed.clone());
                let after = self.latency();
                self.later(agent, after, Incoming::Fetched(order, bundle));
                return;
            }
            Err(failure) => Err(failure),
        };
        if !self.fails(agent) {
            self.tell(agent, Event::Done(Done::Ordered { application, wish, result }));
        }
    }

    fn ask(&mut self, agent: usize, request: Request, order: Position) {
        let Request { application, action, write, .. } = request;
        let process = self.agents[agent].process.as_ref();
        let stopped = process.and_then(|process| process.engine.gate().stops(&application));
        let event = if let Some(why) = stopped.filter(|_| write) {
            action.failed(Refusal::Unreachable(format!("not asked: {why}")))
        } else {
            self.perform(agent, (&application, order), action)
        };
        self.answer(agent, Done::Answered { application, event: Box::new(event), write });
    }

    fn read(&mut self, agent: usize, id: ObjectId) -> shared_sync::Event {
        match self.agents[agent].cluster.get(&id) {
            Ok(object) => shared_sync::Event::Live(id, object),
            Err(failure) => shared_sync::Event::Unread(id, failure),
        }
    }

    fn perform(
        &mut self,
        agent: usize,
        (application, order): (&AppKey, Position),
        action: Action,
    ) -> shared_sync::Event {
        let name = self.agents[agent].name.clone();
        match action {
            Action::Get(id) => self.read(agent, id),
            Action::Apply { id, object, .. } | Action::CreateNamespace { id, object } => {
                let before = self.agents[agent].cluster.objects.get(&id).cloned();
                let result = self.agents[agent].cluster.apply(&id, &object);
                self.check_write(agent, (application, order), Write::Apply);
                self.say(format_args!("{name} applies {id}: {}", result.is_ok()));
                let respun = before.is_none_or(|before| before["spec"] != object["spec"]);
                if id.kind == "Deployment" && result.is_ok() && respun {
                    let after = self.chance.seconds(1, 20);
                    self.at(self.now + after, Happening::Settled { agent, id: id.clone() });
                }
                self.news(agent);
                shared_sync::Event::Applied(id, result)
            }
            Action::Delete { id, uid, .. } => {
                self.check_write(agent, (application, order), Write::Delete(&id));
                let result = self.agents[agent].cluster.delete(&id, uid.as_deref());
                self.say(format_args!("{name} deletes {id}: {}", result.is_ok()));
                self.news(agent);
                let result = match result {
                    Err(Refusal::NotFound(_)) => Ok(()),
                    other => other,
                };
                shared_sync::Event::Deleted(id, result)
            }
            Action::Watch(_) | Action::SaveInventory(_) | Action::ReportChanged => shared_sync::Event::Tick,
        }
    }

    /// Watches tell what they have, in order.
    pub(super) fn news(&mut self, agent: usize) {
        if !self.agents[agent].cluster.news.is_empty() {
            self.later(agent, SignedDuration::from_millis(25), Incoming::News);
        }
    }

    fn dial(&mut self, agent: usize) {
        let Some(process) = &self.agents[agent].process else { return };
        if process.connection.is_some() {
            return;
        }
        if self.agents[agent].cut {
            self.later(agent, SignedDuration::from_secs(10), Incoming::Down(0));
        } else if !self.hub.up {
            self.later(agent, SignedDuration::from_millis(50), Incoming::Down(0));
        } else {
            match self.verdict(agent) {
                Verdict::Good => {
                    let connection = self.network.open(agent);
                    let after = self.latency();
                    self.later(agent, after, Incoming::Up(connection));
                }
                Verdict::RenewOnly(_) | Verdict::Refused(_) => {
                    self.meet("turned away");
                    if let Some(process) = &mut self.agents[agent].process {
                        process.renewal.handle_not_let_in();
                    }
                    self.later(agent, SignedDuration::ZERO, Incoming::Renew);
                    self.later(agent, SignedDuration::from_millis(50), Incoming::Down(0));
                }
            }
        }
    }

    /// What the hub makes of an agent's certificate.
    fn verdict(&self, agent: usize) -> Verdict {
        let (name, certificate) = (self.agents[agent].name.clone(), self.agents[agent].certificate);
        let facts = hub_gateway::Certificate {
            cluster: name.clone(),
            issued: certificate.issued,
            issuer: Vec::new(),
            expires: certificate.to,
        };
        let status = json!({"identity": {"validFrom": 1, "clusterUid": format!("uid-{name}")}});
        judge(&facts, Some(&status), self.now)
    }

    fn said(&mut self, agent: usize, connection: u64, message: v1::HubMessage) {
        let present =
            self.agents[agent].process.as_ref().is_some_and(|process| process.connection == Some(connection));
        let Some(message) = message.message.filter(|_| present) else { return };
        if matches!(message, v1::hub_message::Message::InSync(_))
            && let Some(connection) = self.network.connections.get_mut(&connection)
        {
            connection.in_sync = true;
        }
        self.tell(agent, Event::Said(message));
    }

    /// The connection (0: the try) is gone.
    fn lost(&mut self, agent: usize, connection: u64) {
        // The hub's end notices a silence after the same time.
        self.closed(connection);
        let worked =
            self.network.connections.remove(&connection).is_some_and(|connection| connection.in_sync);
        let (random, now) = (self.share(), self.agents[agent].clock(self.now));
        let skew = self.agents[agent].skew;
        let Some(process) = &mut self.agents[agent].process else { return };
        if connection != 0 && process.connection != Some(connection) {
            return;
        }
        process.connection = None;
        process.hubs.handle_ended(0, if worked { Ended::Worked } else { Ended::Failed }, random, now);
        let next = process.hubs.poll(now).at - skew;
        if connection != 0 {
            self.tell(agent, Event::Down);
        }
        let after = next.max(self.now).duration_since(self.now);
        self.later(agent, after, Incoming::Dial);
    }

    /// Looks at the certificate.
    fn renew(&mut self, agent: usize) {
        let now = self.agents[agent].clock(self.now);
        let reachable = !self.agents[agent].cut && self.hub.up;
        let verdict = self.verdict(agent);
        let random = self.share();
        let disk_full = self.agents[agent].disk.is_full();
        let Some(process) = &mut self.agents[agent].process else { return };
        let wait = match process.renewal.poll(now) {
            Step::Wait(at) => at.duration_since(now),
            Step::Ask => {
                let refused = matches!(verdict, Verdict::Refused(_));
                if reachable && !refused && !disk_full {
                    let certificate = Certificate::new(self.now);
                    process.renewal.handle_renewed(certificate.life(), random, now);
                    let expired = now > self.agents[agent].certificate.to;
                    self.agents[agent].certificate = certificate;
                    self.meet(if expired { "renewed after expiry" } else { "renewed" });
                } else {
                    let failure =
                        if reachable && refused { RenewalFailure::Refused } else { RenewalFailure::Passing };
                    process.renewal.handle_failed(failure, random, now);
                }
                SignedDuration::from_secs(1)
            }
        };
        // One look under way at a time.
        self.later(
            agent,
            wait.max(SignedDuration::from_millis(10)).min(SignedDuration::from_mins(10)),
            Incoming::Renew,
        );
    }

    /// The applications, for trouble that needs one.
    pub(super) fn application(&mut self) -> AppKey {
        let number = self.chance.below(APPLICATIONS.len());
        AppKey::new("argocd", APPLICATIONS[number])
    }
}
