//! Which places take long to render.

use std::collections::VecDeque;

/// How many are remembered.
const MOST: usize = 1_000;

/// Places that were slow when they were rendered last, those of long ago first.
#[derive(Debug, Default)]
pub(super) struct Slow(VecDeque<String>);

impl Slow {
    pub(super) fn is(&self, place: &str) -> bool {
        self.0.iter().any(|known| known == place)
    }

    pub(super) fn note(&mut self, place: &str, is_slow: bool) {
        self.0.retain(|known| known != place);
        if is_slow {
            if self.0.len() >= MOST {
                self.0.pop_front();
            }
            self.0.push_back(place.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_are_remembered() {
        let mut slow = Slow::default();
        for at in 0..MOST + 10 {
            slow.note(&at.to_string(), true);
            slow.note("0", true);
        }
        slow.note("1005", false);
        let is = |at: usize| slow.is(&at.to_string());
        assert!(is(0) && !is(1) && is(MOST + 9) && !is(1005));
        assert_eq!(slow.0.len(), MOST - 1);
    }
}
