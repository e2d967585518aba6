//! The figures as a table, ours beside our budgets and beside what others publish.

use std::time::Duration;

/// Figures, each with its budget.
#[derive(Debug, Default)]
pub(crate) struct Table {
    rows: Vec<[String; 3]>,
}

/// What others say of theirs, on their machines.
const PEERS: &[[&str; 3]] = &[
    [
        "KubeFleet member agent",
        "32.8 MB idle, about 40 MB in rollouts; 2.4 m CPU",
        "its report of April 2026, 1,000 clusters without load; watches no drift",
    ],
    ["Karmada agent", "266 MiB; 40 m CPU", "its report of October 2022, member clusters of 5,000 nodes"],
    [
        "argocd-agent",
        "requests 128 MiB, 100 m CPU",
        "its chart; application-controller, repo-server and Redis come on top",
    ],
    [
        "Argo CD 3.5.7 for one cluster",
        "377 + 167 + 13 MB; 2.3 % of a core; heals in 1.36 s; 1,000 ConfigMaps in 69.6 s",
        "measured by us, beside 20,000 other ConfigMaps",
    ],
    ["Flux kustomize-controller", "134 MiB at 100 applications", "its benchmark of version 2.9"],
    [
        "Open Cluster Management work agent",
        "requests 16 MiB, 2 m CPU",
        "a request of its manifests, not a measurement",
    ],
    ["Sveltos agent", "requests 128 MiB, 10 m CPU", "its manifests"],
];

impl Table {
    pub(crate) fn row(&mut self, what: &str, value: String, budget: &str) {
        // Seen as it is measured: the whole takes a quarter of an hour.
        say(&format!("{what}: {value}"));
        self.rows.push([what.to_owned(), value, budget.to_owned()]);
    }

    /// Markdown.
    pub(crate) fn text(&self) -> String {
        let peers: Vec<[String; 3]> = PEERS.iter().map(|row| row.map(str::to_owned)).collect();
        let ours = table(["flotilla-agent", "measured", "budget"], &self.rows);
        format!("{ours}\n{}", table(["others, as published", "", "where"], &peers))
    }
}

fn table(head: [&str; 3], rows: &[[String; 3]]) -> String {
    let line = |cells: [&str; 3]| format!("| {} |\n", cells.join(" | "));
    let rows = rows.iter().map(|row| line([&row[0], &row[1], &row[2]]));
    [line(head), "|---|---|---|\n".to_owned()].into_iter().chain(rows).collect()
}

/// `12.3 MB`, of KiB.
pub fn megabytes(kib: u64) -> String {
    let tenths = kib * 1024 / 100_000;
    format!("{}.{} MB", tenths / 10, tenths % 10)
}

/// `12 ms` or `1.25 s`.
pub fn time(time: Duration) -> String {
    if time < Duration::from_secs(1) {
        format!("{} ms", time.as_millis())
    } else {
        format!("{:.2} s", time.as_secs_f64())
    }
}

/// Says a line to whoever waits.
pub fn say(line: &str) {
    use std::io::Write as _;
    // Nobody listens: then nobody misses it.
    drop(writeln!(std::io::stdout(), "{line}"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units() {
        assert_eq!(megabytes(20_000), "20.4 MB");
        assert_eq!(time(Duration::from_millis(42)), "42 ms");
        assert_eq!(time(Duration::from_millis(1_250)), "1.25 s");
    }

    #[test]
    fn a_table_is_markdown() {
        let rows = [["a".to_owned(), "b".to_owned(), "c".to_owned()]];
        assert_eq!(table(["x", "y", "z"], &rows), "| x | y | z |\n|---|---|---|\n| a | b | c |\n");
    }
}
