//! The body of a request, in the words of a sink's template where it has one.
//!
//! Invariant: what others wrote (the message of a commit, the reason of a decision) is text in Slack, never a mention or a
//! link: marks are the template's own only.

use crate::{Event, Format, Message, Sink};
use jiff::Timestamp;
use serde_json::{Value, json};
use shared_history::{Commit, Entry, Tone, What};
use shared_model::{AppKey, ClusterName, Owner, OwnerKind, RepoUrl, RolloutName};
use shared_template::{Limits, Options, Template};

/// The largest body of a request, in bytes.
pub const LARGEST: usize = 256 << 10;
/// The longest text of a Slack block (their limit is 3000 characters).
const BLOCK: usize = 2900;
/// What a template may use.
const LIMITS: Limits = Limits { steps: 200_000, output_bytes: 64 << 10, memory_bytes: 8 << 20, depth: 50 };

/// The body of a request.
#[derive(Debug, Clone, PartialEq)]
pub struct Body(pub Value);

/// Why a body could not be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The field of the sink that is to be mended.
    pub field: &'static str,
    /// What is wrong with it.
    pub why: String,
}

impl Message {
    /// The body for a sink.
    ///
    /// # Errors
    /// When a template fails, or gives what is no body.
    pub fn body(&self, sink: &Sink, now: Timestamp) -> Result<Body, Problem> {
        let text = match &sink.template {
            Some(template) => {
                let text = self.render(template, "template", self.data(&self.text, sink.format), now)?;
                if text.trim().is_empty() {
                    return Err(Problem { field: "template", why: "gives no text".to_owned() });
                }
                text.trim_end().to_owned()
            }
            None => self.text.clone(),
        };
        if let Some(template) = &sink.body {
            let mut data = self.data(&text, sink.format);
            if sink.template.is_some() {
                // What was put into it is escaped already.
                data["text"] = json!(text);
            }
            let written = self.render(template, "body", data, now)?;
            let value = serde_json::from_str(&written);
            return value.map(Body).map_err(|error| Problem {
                field: "body",
                why: format!(
                    "gives what is no JSON ({error}); `{{{{ .text | toJson }}}}` puts a text in quotes"
                ),
            });
        }
        Ok(Body(match sink.format {
            Format::Generic => self.generic(&text),
            Format::Slack => self.slack(&text, sink.template.is_some()),
        }))
    }

    /// The body when the templates fail: a message that looks wrong is better than none.
    pub fn plain(&self, sink: &Sink) -> Body {
        Body(match sink.format {
            Format::Generic => self.generic(&self.text),
            Format::Slack => self.slack(&self.text, false),
        })
    }

    fn render(
        &self,
        template: &Template,
        field: &'static str,
        data: Value,
        now: Timestamp,
    ) -> Result<String, Problem> {
        let data = shared_template::Value::from(data);
        let rendered = template.render_at(&data, &Options::default(), &LIMITS, now);
        rendered.map_err(|error| Problem { field, why: error.to_string() })
    }

    /// What templates are given: the message, and the fields of its first entry beside it.
    fn data(&self, text: &str, format: Format) -> Value {
        let mut data = json!(self);
        let first = self.entries.first().map(|entry| json!(entry)).unwrap_or_default();
        for field in [
            "what",
            "cluster",
            "application",
            "owners",
            "rollout",
            "wave",
            "by",
            "reason",
            "commits",
            "trace",
        ] {
            data[field] = match (field, first.get(field)) {
                (_, Some(value)) => value.clone(),
                ("owners" | "commits", None) => json!([]),
                (_, None) => json!(""),
            };
        }
        data["text"] = json!(text);
        match format {
            Format::Slack => every_text(data, &escaped),
            Format::Generic => data,
        }
    }

    fn generic(&self, text: &str) -> Value {
        let mut body = json!(self);
        body["text"] = json!(text);
        body["version"] = json!(1);
        body
    }

    /// As <https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks> has it.
    fn slack(&self, text: &str, own: bool) -> Value {
        let mark = match self.entries.first().map(|entry| entry.what.tone()) {
            Some(Tone::Bad) => ":red_circle:",
            Some(Tone::Attention) => ":large_yellow_circle:",
            Some(Tone::Good) => ":large_green_circle:",
            Some(Tone::Plain) | None => ":white_circle:",
        };
        let line = |text: &str| {
            let escaped = escaped(text);
            let mut cut: String = escaped.chars().take(BLOCK).collect();
            if cut.len() < escaped.len() {
                cut.push('…');
            }
            cut
        };
        let section = |text: String| json!({"type": "section", "text": {"type": "mrkdwn", "text": text}});
        // A person's template may have marks of its own.
        let said: String = if own { text.chars().take(BLOCK).collect() } else { line(text) };
        let shown = if own { said.clone() } else { line(&self.title) };
        let mut blocks = Vec::new();
        if self.count > 1 && !own {
            blocks.push(section(format!("{mark} *{}*", line(&self.title))));
            blocks.push(section(said));
        } else {
            blocks.push(section(format!("{mark} {said}")));
        }
        let mut context = vec![self.event.word().to_owned()];
        let first = self.entries.first();
        context.extend(
            first.and_then(|entry| entry.rollout.as_ref()).map(|rollout| format!("rollout {rollout}")),
        );
        context.extend(
            first.filter(|entry| !entry.trace.is_empty()).map(|entry| format!("trace {}", entry.trace)),
        );
        context.push(self.at.strftime("%Y-%m-%d %H:%M:%SZ").to_string());
        let context = line(&context.join(" · "));
        blocks.push(json!({"type": "context", "elements": [{"type": "mrkdwn", "text": context}]}));
        json!({"text": shown, "blocks": blocks})
    }
}

/// As Slack wants text (<https://docs.slack.dev/messaging/formatting-message-text>, "Escaping text").
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn every_text(value: Value, change: &impl Fn(&str) -> String) -> Value {
    match value {
        Value::String(text) => Value::String(change(&text)),
        Value::Array(items) => items.into_iter().map(|item| every_text(item, change)).collect(),
        Value::Object(fields) => {
            fields.into_iter().map(|(name, field)| (name, every_text(field, change))).collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value,
    }
}

impl Body {
    /// As bytes.
    pub fn bytes(&self) -> Vec<u8> {
        self.0.to_string().into_bytes()
    }
}

/// A message of an event as it may come, for trying a sink.
pub fn example(sink: &Sink, event: Event, now: Timestamp) -> Message {
    let owner = Owner { kind: OwnerKind::ApplicationSet, namespace: "argocd".into(), name: "shop".into() };
    let commit = || Commit {
        repo_url: RepoUrl::new("https://git.example.com/fleet.git"),
        revision: "main".into(),
        commit: "1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d".parse().expect("40 hex digits are a commit"),
        author: "Ann".into(),
        message: "Raise the limits".into(),
        committed: Some(now),
    };
    let (what, text) = match event {
        Event::Commit => (
            What::CommitSeen,
            "main of https://git.example.com/fleet.git is 1a2b3c4 “Raise the limits” by Ann",
        ),
        Event::Started => (What::RolloutStarted, "shop-2 started: 12 members in waves canary, rest"),
        Event::WaitingForApproval => (
            What::WaitingForApproval,
            "shop-2: wave canary is proven and waits for approval: `flotilla rollout approve shop-2 --wave canary`",
        ),
        Event::Approved => (What::Approved, "shop-2: ann approved wave canary: looks good"),
        Event::Halted => (
            What::RolloutHalted,
            "shop-2 halted in wave canary, argocd/web-eu-1 on eu-1: missed its deadline",
        ),
        Event::RolledBack => {
            (What::RolledBack, "shop-2 is rolled back: every member that can be told has gone back")
        }
        Event::Done => (What::RolloutDone, "shop-2 is done: every wave has passed, 12 members"),
        Event::Drift => (
            What::DriftHealed,
            "web-eu-1 on eu-1: drift was healed: Deployment/web: spec.replicas live=5 desired=3",
        ),
        Event::Degraded => {
            (What::Degraded, "web-eu-1 on eu-1 is degraded: Deployment/web exceeded its progress deadline")
        }
        Event::Healthy => (What::Healthy, "web-eu-1 on eu-1 is Healthy again"),
        Event::ClusterLost => (What::ClusterLost, "eu-1 is lost: the agent closed the stream"),
        Event::ClusterBack => (What::ClusterBack, "eu-1 is back after 6m40s"),
        Event::Paused => (What::ClusterPaused, "ann paused eu-1: INC-7"),
        Event::Resumed => (What::ClusterResumed, "ann resumed eu-1"),
        Event::RemovalHeld => (What::RemovalHeld, "shop holds deletions: 3 of 12 Applications"),
    };
    let mut entry = Entry::new(what, now, text);
    let of_rollout = matches!(
        event,
        Event::Started
            | Event::WaitingForApproval
            | Event::Approved
            | Event::Halted
            | Event::RolledBack
            | Event::Done
    );
    if of_rollout {
        entry = entry.of_rollout(&owner, &RolloutName::new("shop-2"));
        entry.trace = "4bf92f3577b34da6a3ce929d0e0e4736".into();
        entry.wave = "canary".into();
    }
    if of_rollout || event == Event::Commit {
        entry.commits = vec![commit()];
    }
    if matches!(event, Event::RemovalHeld | Event::Commit) {
        entry.owners = vec![owner];
    }
    if matches!(event, Event::Drift | Event::Degraded | Event::Healthy) {
        entry.application = Some(AppKey::new("argocd", "web-eu-1"));
    }
    if event.is_gathered() && event != Event::Commit {
        entry.cluster = Some(ClusterName::new("eu-1"));
    }
    if matches!(event, Event::Paused | Event::Resumed | Event::Approved) {
        entry.by = "ann".into();
        entry.reason = "INC-7".into();
    }
    Message {
        id: "0123456789abcdef0123456789abcdef".into(),
        sink: sink.name.clone(),
        event,
        at: now,
        count: 1,
        title: entry.text.clone(),
        text: entry.text.clone(),
        entries: vec![entry],
    }
}
