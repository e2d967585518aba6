//! What is explored each time.

use crate::{explore, setups};

#[test]
fn no_story_breaks_an_invariant() {
    for expected in setups() {
        let explored = explore(&expected.setup, usize::MAX).unwrap_or_else(|broken| panic!("{broken}"));
        println!("{}: {explored:?}", expected.setup.name);
        assert!(explored.complete);
    }
}
