//! How text looks on a terminal: its size, colours, bars.

use crate::rollout::State;
use shared_model::HealthStatus;

/// What a terminal can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// Whether it shows colours.
    pub color: bool,
    /// In columns.
    pub width: usize,
    /// In lines.
    pub height: usize,
}

/// A colour of the terminal's own palette (ECMA-48 SGR).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ink {
    Plain,
    Bold,
    Dim,
    Red,
    Green,
    Yellow,
}

impl Ink {
    const fn code(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Bold => "1",
            Self::Dim => "2",
            Self::Red => "31",
            Self::Green => "32",
            Self::Yellow => "33",
        }
    }

    pub(crate) const fn of_state(state: State) -> Self {
        match state {
            State::Failed => Self::Red,
            State::Released | State::Returning => Self::Yellow,
            State::Waiting | State::Returned => Self::Dim,
            State::Proven => Self::Green,
        }
    }

    pub(crate) const fn of_health(health: HealthStatus) -> Self {
        match health {
            HealthStatus::Healthy => Self::Green,
            HealthStatus::Progressing | HealthStatus::Suspended => Self::Yellow,
            HealthStatus::Degraded | HealthStatus::Missing | HealthStatus::Unknown => Self::Red,
        }
    }
}

/// A line as it grows, cut at the terminal's width so that it never takes two.
#[derive(Debug)]
pub(crate) struct Line {
    style: Style,
    text: String,
    left: usize,
}

impl Line {
    pub(crate) fn new(style: Style) -> Self {
        Self { style, text: String::new(), left: style.width.saturating_sub(1) }
    }

    /// Adds text.
    pub(crate) fn ink(mut self, ink: Ink, text: &str) -> Self {
        let length = text.chars().count();
        let shown: String = if length <= self.left {
            text.to_owned()
        } else {
            text.chars().take(self.left.saturating_sub(1)).chain((self.left > 0).then_some('…')).collect()
        };
        self.left = self.left.saturating_sub(length);
        if self.style.color && ink != Ink::Plain && !shown.is_empty() {
            self.text.push_str(&format!("\x1b[{}m{shown}\x1b[0m", ink.code()));
        } else {
            self.text.push_str(&shown);
        }
        self
    }

    /// Adds text and fills up to a column's width.
    pub(crate) fn column(self, ink: Ink, text: &str, width: usize) -> Self {
        let space = width.saturating_sub(text.chars().count()) + 2;
        self.ink(ink, text).ink(Ink::Plain, &" ".repeat(space))
    }

    pub(crate) fn end(self) -> String {
        self.text.trim_end().to_owned()
    }
}

/// How much of a whole is done.
pub fn bar(done: usize, total: usize, width: usize) -> String {
    let filled = (done * width).checked_div(total).unwrap_or(0);
    format!("{}{}", "█".repeat(filled), "░".repeat(width - filled))
}
