//! Everything that is printed: lines that stay, and on a terminal a block below them that is drawn anew
//! in its place.
//!
//! Writes that fail (a reader that went away, as with `| head`) are no error of the demo.

use crate::style::Style;
use std::{
    fmt,
    io::{IsTerminal as _, Write, stdout},
};

const FALLBACK: (u16, u16) = (100, 30);

/// Where rollouts are shown.
pub struct Screen {
    out: Box<dyn Write + Send>,
    live: bool,
    color: bool,
    /// How many lines of the block are on the terminal.
    drawn: usize,
}

impl fmt::Debug for Screen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Screen").field("live", &self.live).field("color", &self.color).finish_non_exhaustive()
    }
}

impl Screen {
    /// Standard output: live on a terminal that can move its cursor, in colour unless `NO_COLOR` is set
    /// (no-color.org).
    pub fn detect() -> Self {
        let set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        let live = stdout().is_terminal() && set("TERM").is_some_and(|term| term != "dumb");
        Self { out: Box::new(stdout()), live, color: live && set("NO_COLOR").is_none(), drawn: 0 }
    }

    /// Plain lines into `out`.
    pub fn plain(out: impl Write + Send + 'static) -> Self {
        Self { out: Box::new(out), live: false, color: false, drawn: 0 }
    }

    /// Whether blocks are drawn; without, changes are to be told in lines.
    pub const fn is_live(&self) -> bool {
        self.live
    }

    /// How blocks look now: the terminal may have been resized.
    pub fn style(&self) -> Style {
        let size = terminal_size::terminal_size().map(|(width, height)| (width.0, height.0));
        let (width, height) = size.filter(|_| self.live).unwrap_or(FALLBACK);
        Style { color: self.color, width: usize::from(width), height: usize::from(height) }
    }

    /// A line that stays.
    pub fn line(&mut self, text: &str) {
        self.erase();
        self.write(&format!("{text}\n"));
    }

    /// Draws the block anew. Nothing without a terminal.
    pub fn block(&mut self, lines: &[String]) {
        if !self.live {
            return;
        }
        let mut frame = self.back();
        for line in lines {
            frame.push_str(line);
            frame.push('\n');
        }
        self.drawn = lines.len();
        self.write(&frame);
    }

    /// Leaves the block where it is; the next one is drawn below it.
    pub fn keep(&mut self) {
        self.drawn = 0;
    }

    fn erase(&mut self) {
        let back = self.back();
        self.drawn = 0;
        self.write(&back);
    }

    /// To the start of the block, clearing it (ECMA-48: CPL, ED).
    fn back(&self) -> String {
        if self.drawn == 0 { String::new() } else { format!("\x1b[{}F\x1b[J", self.drawn) }
    }

    fn write(&mut self, text: &str) {
        let _gone = self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush());
    }
}
