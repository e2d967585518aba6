//! The applications: what is in their repository.

use rand::{Rng as _, SeedableRng as _, distr::Alphanumeric, rngs::StdRng};
use std::fmt::Write as _;

/// ConfigMaps in one file.
const IN_A_FILE: usize = 100;
const SMALL: usize = 1_000;
/// Of a ConfigMap of the large bundle.
const LARGE: usize = 100_000;
/// What the large bundle has at least.
const LARGE_BUNDLE: usize = 5_000_000;

/// Path and content of the files of `count` ConfigMaps of 1 KB below `folder`.
pub(crate) fn small(folder: &str, count: usize) -> Vec<(String, String)> {
    let mut random = StdRng::seed_from_u64(1);
    let numbers: Vec<usize> = (0..count).collect();
    let file = |(index, numbers): (usize, &[usize])| {
        let maps: String =
            numbers.iter().map(|number| map("owned", *number, &text(&mut random, SMALL))).collect();
        (format!("{folder}/maps-{index:02}.yaml"), maps)
    };
    numbers.chunks(IN_A_FILE).enumerate().map(file).collect()
}

/// Path and content of a file of 5 MB that hardly compresses, in ConfigMaps of 100 KB.
pub(crate) fn large(folder: &str) -> Vec<(String, String)> {
    let mut random = StdRng::seed_from_u64(2);
    let maps: String =
        (0..LARGE_BUNDLE / LARGE).map(|number| map("large", number, &text(&mut random, LARGE))).collect();
    vec![(format!("{folder}/maps.yaml"), maps)]
}

fn map(name: &str, number: usize, text: &str) -> String {
    let mut yaml = String::new();
    let head = format!("{{name: {name}-{number}, labels: {{app: bench}}}}");
    write!(yaml, "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {head}\ndata:\n  number: '{number}'\n  text: {text}\n")
        .expect("a string takes all");
    yaml
}

/// Random letters and digits.
pub(crate) fn text(random: &mut StdRng, length: usize) -> String {
    random.sample_iter(Alphanumeric).take(length).map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bundles_are_as_large_as_they_say() {
        let files = small("small", 250);
        assert_eq!(files.len(), 3);
        let maps: usize = files.iter().map(|(_, text)| text.matches("kind: ConfigMap").count()).sum();
        assert_eq!(maps, 250);
        assert_eq!(small("small", 250), files, "the same each time");
        let bytes: usize = large("large").iter().map(|(_, text)| text.len()).sum();
        assert!((5_000_000..5_100_000).contains(&bytes), "{bytes}");
    }
}
