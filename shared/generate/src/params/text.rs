//! Values as text: Go's `%v`, and Argo CD's names made fit for DNS.

use serde_json::Value;

/// The longest name that Kubernetes takes (RFC 1123 subdomain).
const MAX_NAME: usize = 253;

/// Go's `fmt.Sprintf("%v")` of a value decoded from JSON, numbers as float64.
pub(crate) fn go_string(value: &Value) -> String {
    match value {
        Value::Null => "<nil>".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Number(number) => go_float(number.as_f64().unwrap_or(f64::NAN)),
        Value::String(text) => text.clone(),
        Value::Array(items) => format!("[{}]", items.iter().map(go_string).collect::<Vec<_>>().join(" ")),
        Value::Object(fields) => {
            let mut entries: Vec<_> = fields.iter().collect();
            entries.sort_by_key(|(key, _)| *key);
            let entries: Vec<_> =
                entries.into_iter().map(|(key, value)| format!("{key}:{}", go_string(value))).collect();
            format!("map[{}]", entries.join(" "))
        }
    }
}

/// Go's `%v` of a float64 (strconv's `%g`, shortest): exponents below -4 and from 6 on are written out, `1e+06`.
fn go_float(value: f64) -> String {
    let scientific = format!("{value:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..6).contains(&exponent) {
        return format!("{value}");
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.abs())
}

/// Argo CD's `SanitizeName`, behind `nameNormalized` and `basenameNormalized`: lower case, `-` for what a DNS name cannot hold, at most 253
/// characters, no `-` or `.` at the ends.
pub(crate) fn normalize(name: &str) -> String {
    let is_fit = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
    let trimmed = |text: &str| text.trim_matches(['-', '.']).to_owned();
    if name.len() <= MAX_NAME && name.chars().all(is_fit) {
        return trimmed(name);
    }
    let fit = |c: char| if is_fit(c) { c } else { '-' };
    trimmed(&name.to_lowercase().chars().map(fit).take(MAX_NAME).collect::<String>())
}
