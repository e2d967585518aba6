//! `flotilla rollout watch`: draws the waves until the rollout ends.
//!
//! The hub is asked again and again, at a pace that its answers set; so a hub that is restarted, and a link
//! that breaks, are waited out. What to show and when to end [`follow`] decides.

mod follow;
mod look;

use super::{members, name, text};
use crate::{
    args::Which,
    cli::client::{Hub, Refused},
};
use follow::{Action, End, Event, Follow};
use hub_show::{Rollout, Screen, changes, frame};
use reqwest::StatusCode;
use shared_model::Kind;
use std::{
    process::ExitCode,
    time::{Duration, Instant},
};

/// The shortest time between two looks.
const PACE: Duration = Duration::from_millis(500);
/// A look that took long is followed by so many times as long a rest: a large fleet is not asked all the time.
const REST: u32 = 10;
/// The exit code of a program that Ctrl-C ended, as shells have it.
const INTERRUPTED: u8 = 130;

pub(super) async fn run(hub: &Hub, which: &Which) -> anyhow::Result<ExitCode> {
    let rollout = name::find(hub, which).await?;
    let (ns, name) = (text(&rollout, "/metadata/namespace"), text(&rollout, "/metadata/name"));
    let mut screen = Screen::detect();
    let ended = tokio::select! {
        ended = Box::pin(watch(hub, (&ns, &name), &mut screen)) => Some(ended?),
        () = shared_runtime::interrupted() => None,
    };
    screen.keep();
    let Some(end) = ended else { return Ok(ExitCode::from(INTERRUPTED)) };
    end_lines(&name, end).iter().for_each(|line| screen.line(line));
    Ok(ExitCode::from(end.code()))
}

/// Shows the rollout until it ends.
async fn watch(hub: &Hub, (ns, name): (&str, &str), screen: &mut Screen) -> anyhow::Result<End> {
    let mut follow = Follow::default();
    let mut shown = Shown { began: Instant::now(), last: None };
    loop {
        let began = Instant::now();
        let event = match look(hub, ns, name).await {
            Ok(event) => event,
            Err(error) => lost(error)?,
        };
        for action in follow.handle(event, shared_runtime::now()) {
            match action {
                Action::Show(rollout) => shown.show(screen, rollout),
                Action::Say(text) => shown.say(screen, &text),
                Action::End(end) => return Ok(end),
            }
        }
        tokio::time::sleep(PACE.max(began.elapsed() * REST)).await;
    }
}

/// One look at the rollout and all of its members.
async fn look(hub: &Hub, ns: &str, name: &str) -> anyhow::Result<Event> {
    let Some(rollout) = hub.find(Kind::FleetRollout, ns, name).await? else { return Ok(Event::Gone) };
    let members = members::all(hub, ns, name).await?;
    Ok(Event::Seen(Box::new(look::read(&rollout, &members))))
}

/// A hub that does not answer is waited for; one that refuses is not.
fn lost(error: anyhow::Error) -> anyhow::Result<Event> {
    match error.downcast_ref::<Refused>().map(|refused| refused.code) {
        Some(StatusCode::NOT_FOUND) => Ok(Event::Gone),
        Some(code) if code.is_client_error() => Err(error),
        Some(_) => Ok(Event::Lost(error.to_string())),
        None if error.chain().any(|cause| cause.is::<reqwest::Error>()) => Ok(Event::Lost(error.to_string())),
        None => Err(error),
    }
}

fn end_lines(name: &str, end: End) -> Vec<String> {
    let next = match end {
        End::Done => return vec![format!("{name} is done.")],
        End::Halted => {
            format!("`flotilla rollout status {name}` shows why; `rollout retry` or `rollout undo` goes on.")
        }
        End::RolledBack => format!(
            "`flotilla rollout retry {name}` tries it again; `flotilla rollout resume {name}` lets newer commits follow, if it holds them."
        ),
        End::Superseded => "`flotilla rollout list` shows what took its place.".to_owned(),
        End::Gone => "`flotilla rollout list` shows what there is.".to_owned(),
    };
    vec![format!("{name} {}.", end.words()), next]
}

/// What is on the screen.
struct Shown {
    began: Instant,
    last: Option<Rollout>,
}

impl Shown {
    fn show(&mut self, screen: &mut Screen, rollout: Rollout) {
        if screen.is_live() {
            screen.block(&frame(&rollout, &rollout.name, screen.style()));
        } else {
            for line in changes(self.last.as_ref(), &rollout) {
                self.say(screen, &line);
            }
        }
        self.last = Some(rollout);
    }

    fn say(&self, screen: &mut Screen, text: &str) {
        if screen.is_live() {
            screen.line(text);
            if let Some(rollout) = &self.last {
                screen.block(&frame(rollout, &rollout.name, screen.style()));
            }
        } else {
            screen.line(&format!("{:7.1} s  {text}", self.began.elapsed().as_secs_f64()));
        }
    }
}
