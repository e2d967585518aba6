//! The two text formats, and which one a scraper wants.
//!
//! Sources: OpenMetrics 1.0 (RFC draft, `specification/OpenMetrics.md`) and Prometheus' "Exposition formats".

/// The `Content-Type` of OpenMetrics.
pub(super) const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// The `Content-Type` of Prometheus' own text format.
pub(super) const PLAIN: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Whether an `Accept` header prefers OpenMetrics (RFC 9110 §12.5.1, as far as scrapers use it). It has to name it, in
/// a version that we write.
pub(super) fn wants_open_metrics(accept: &str) -> bool {
    let mut open = 0.0_f64;
    let mut plain = 0.0_f64;
    for range in accept.split(',') {
        let mut parts = range.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default().to_ascii_lowercase();
        let (mut weight, mut version) = (1.0, None);
        for (key, value) in parts.filter_map(|part| part.split_once('=')) {
            match key.trim() {
                "q" => weight = value.trim().parse().unwrap_or(0.0),
                "version" => version = Some(value.trim()),
                _ => {}
            }
        }
        match name.as_str() {
            "application/openmetrics-text" if matches!(version, None | Some("1.0.0" | "0.0.1")) => {
                open = open.max(weight);
            }
            "text/plain" | "text/*" => plain = plain.max(weight),
            _ => {}
        }
    }
    open > 0.0 && open >= plain
}

/// The same in Prometheus' text format 0.0.4: families are called as their samples are, and there are no units, no
/// exemplars and no end mark.
pub(super) fn plain(open_metrics: &str) -> String {
    let mut out = String::with_capacity(open_metrics.len());
    let mut help = None;
    for line in open_metrics.lines() {
        if let Some(text) = line.strip_prefix("# HELP ") {
            help = text.split_once(' ').map(|(_, help)| help);
        } else if let Some((name, kind)) =
            line.strip_prefix("# TYPE ").and_then(|family| family.rsplit_once(' '))
        {
            let (suffix, kind) = match kind {
                "counter" => ("_total", "counter"),
                "info" => ("_info", "gauge"),
                "unknown" => ("", "untyped"),
                kind => ("", kind),
            };
            if let Some(help) = help.take() {
                out.extend(["# HELP ", name, suffix, " ", help, "\n"]);
            }
            out.extend(["# TYPE ", name, suffix, " ", kind, "\n"]);
        } else if !line.starts_with('#') {
            out.push_str(without_exemplar(line));
            out.push('\n');
        }
    }
    out
}

/// A sample up to its exemplar. A label's value may contain anything, so the labels are passed first.
fn without_exemplar(sample: &str) -> &str {
    let labels = sample.find(['{', ' ']).filter(|at| sample.as_bytes()[*at] == b'{').map_or(0, |start| {
        let (mut quoted, mut escaped) = (false, false);
        let end = sample.bytes().enumerate().skip(start).find(|(_, byte)| {
            let ends = *byte == b'}' && !quoted;
            quoted ^= *byte == b'"' && !escaped;
            escaped = *byte == b'\\' && !escaped;
            ends
        });
        end.map_or(sample.len(), |(at, _)| at)
    });
    sample[labels..].find(" # ").map_or(sample, |at| &sample[..labels + at])
}
