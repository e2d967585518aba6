//! The two text formats of Prometheus, read strictly.
//!
//! Sources: OpenMetrics 1.0, `specification/OpenMetrics.md`; Prometheus' "Exposition formats", text format 0.0.4.

mod line;

use line::{Line, labels_of, line};
use std::collections::{BTreeMap, BTreeSet};

/// The labels of a sample.
pub type Labels = BTreeMap<String, String>;

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Text format 0.0.4.
    Plain,
    /// OpenMetrics 1.0.
    OpenMetrics,
}

/// A family of metrics.
#[derive(Debug, Clone, PartialEq)]
pub struct Family {
    /// Its name, as the format gives it: in the plain one a counter's ends with `_total`.
    pub name: String,
    /// `counter`, `gauge`, `histogram` or `info`.
    pub kind: String,
    /// What people are told of it.
    pub help: String,
    /// Its samples.
    pub samples: Vec<Sample>,
}

/// One number.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// With its suffix.
    pub name: String,
    /// Those of a bucket include `le`.
    pub labels: Labels,
    /// The number.
    pub value: f64,
    /// The labels of its exemplar.
    pub exemplar: Option<Labels>,
}

/// Reads a whole scrape.
///
/// # Errors
/// The first thing that the format does not allow, with its line.
pub fn read(text: &str, format: Format) -> Result<Vec<Family>, String> {
    if !text.ends_with('\n') {
        return Err("the last line does not end".to_owned());
    }
    let mut reader =
        Reader { format, families: Vec::new(), names: BTreeSet::new(), help: None, ended: false };
    for (number, text) in text.lines().enumerate() {
        reader.take(text).map_err(|why| format!("line {}: {why}: {text}", number + 1))?;
    }
    if format == Format::OpenMetrics && !reader.ended {
        return Err("there is no # EOF".to_owned());
    }
    reader.families.iter().try_for_each(whole)?;
    Ok(reader.families)
}

struct Reader {
    format: Format,
    families: Vec<Family>,
    names: BTreeSet<String>,
    help: Option<(String, String)>,
    ended: bool,
}

impl Reader {
    fn take(&mut self, text: &str) -> Result<(), String> {
        if self.ended {
            return Err("something follows # EOF".to_owned());
        }
        match line(text)? {
            Line::End if self.format == Format::OpenMetrics => self.ended = true,
            Line::End => return Err("# EOF is no word of this format".to_owned()),
            Line::Help { name, help } => {
                if help.is_empty() || self.help.replace((name.to_owned(), help.to_owned())).is_some() {
                    return Err("a help without a text or without a type".to_owned());
                }
            }
            Line::Type { name, kind } => self.family(name, kind)?,
            Line::Sample { name, labels, rest } => {
                let sample = self.sample(name, labels, rest)?;
                let family = self.families.last_mut().expect("the name was checked against it");
                let twin = |known: &Sample| known.name == sample.name && known.labels == sample.labels;
                if family.samples.iter().any(twin) {
                    return Err("the same sample twice".to_owned());
                }
                family.samples.push(sample);
            }
        }
        Ok(())
    }

    fn family(&mut self, name: &str, kind: &str) -> Result<(), String> {
        let (of, help) = self.help.take().ok_or("a type without a help before it")?;
        if of != name || !self.names.insert(name.to_owned()) {
            return Err("a family under two names, or twice".to_owned());
        }
        let kinds: &[&str] = match self.format {
            Format::Plain => &["counter", "gauge", "histogram"],
            Format::OpenMetrics => &["counter", "gauge", "histogram", "info"],
        };
        if !kinds.contains(&kind) {
            return Err(format!("`{kind}` is no type that we use"));
        }
        // Prometheus' advice, and OpenMetrics' rule, for what counters are called.
        if (kind == "counter" && self.format == Format::Plain) != name.ends_with("_total") {
            return Err(
                "_total belongs to counters alone, in this format to their samples or families".to_owned()
            );
        }
        self.families.push(Family {
            name: name.to_owned(),
            kind: kind.to_owned(),
            help,
            samples: Vec::new(),
        });
        Ok(())
    }

    fn sample(&self, name: &str, labels: Labels, rest: &str) -> Result<Sample, String> {
        let family = self.families.last().ok_or("a sample without a family")?;
        let suffixes: &[&str] = match (family.kind.as_str(), self.format) {
            ("counter", Format::OpenMetrics) => &["_total"],
            ("info", _) => &["_info"],
            ("histogram", _) => &["_bucket", "_sum", "_count"],
            _ => &[""],
        };
        let suffix = name.strip_prefix(family.name.as_str()).filter(|suffix| suffixes.contains(suffix));
        let suffix =
            suffix.ok_or_else(|| format!("no sample of {}, which is a {}", family.name, family.kind))?;
        if labels.contains_key("le") != (suffix == "_bucket") {
            return Err("le belongs to buckets alone".to_owned());
        }
        let (value, exemplar) = match rest.split_once(" # ") {
            Some((value, exemplar)) => (value, Some(exemplar)),
            None => (rest, None),
        };
        let value: f64 = value.parse().map_err(|_| format!("`{value}` is no number"))?;
        let counts = matches!(family.kind.as_str(), "counter" | "histogram");
        if value.is_nan() || (counts && value < 0.0) {
            return Err("a number that nothing can be counted by".to_owned());
        }
        let exemplar = exemplar.map(|exemplar| self.exemplar(suffix, exemplar)).transpose()?;
        Ok(Sample { name: name.to_owned(), labels, value, exemplar })
    }

    fn exemplar(&self, suffix: &str, text: &str) -> Result<Labels, String> {
        if self.format == Format::Plain || !matches!(suffix, "_bucket" | "_total") {
            return Err("an exemplar where none may be".to_owned());
        }
        let (labels, rest) = labels_of(text)?;
        let runes: usize =
            labels.iter().map(|(key, value)| key.chars().count() + value.chars().count()).sum();
        let mut numbers = rest.trim_start().split(' ').map(str::parse::<f64>);
        let ends = matches!(
            (numbers.next(), numbers.next(), numbers.next()),
            (Some(Ok(_)), None | Some(Ok(_)), None)
        );
        if !ends || runes > 128 {
            return Err("an exemplar is labels of at most 128 letters, a number and a time".to_owned());
        }
        Ok(labels)
    }
}

/// Whether a histogram's buckets make sense.
fn whole(family: &Family) -> Result<(), String> {
    if family.samples.is_empty() {
        return Err(format!("{} has no sample", family.name));
    }
    if family.kind != "histogram" {
        return Ok(());
    }
    let mut buckets: BTreeMap<Labels, Vec<(f64, f64)>> = BTreeMap::new();
    for sample in family.samples.iter().filter(|sample| sample.name.ends_with("_bucket")) {
        let mut labels = sample.labels.clone();
        let le = labels.remove("le").unwrap_or_default();
        let le = if le == "+Inf" { f64::INFINITY } else { le.parse().map_err(|_| format!("le=\"{le}\""))? };
        buckets.entry(labels).or_default().push((le, sample.value));
    }
    for (labels, buckets) in buckets {
        let of = format!("{} {labels:?}", family.name);
        if !buckets.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 <= pair[1].1) {
            return Err(format!("{of}: buckets out of order"));
        }
        let named = |suffix: &str| {
            let name = format!("{}{suffix}", family.name);
            family.samples.iter().find(|sample| sample.name == name && sample.labels == labels)
        };
        let count =
            named("_count").filter(|_| named("_sum").is_some()).ok_or(format!("{of}: no count or sum"))?;
        if buckets.last() != Some(&(f64::INFINITY, count.value)) {
            return Err(format!("{of}: the last bucket is not the count"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
