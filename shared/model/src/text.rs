//! Durations as Kubernetes and Go write them: `1h30m`, `45s`, `250ms`.

use crate::InvalidId;
use std::time::Duration;

const EXPECTED: &str = "a duration such as 90s, 15m or 1h30m";

/// Reads a duration in Go's form (`time.ParseDuration`): numbers with the units `ms`, `s`, `m`, `h`;
/// `d` (24 h) is taken too. A bare `0` is allowed.
///
/// # Errors
/// When the text has another form; the error names it.
pub fn parse_duration(text: &str) -> Result<Duration, InvalidId> {
    let invalid = || InvalidId { value: text.to_owned(), expected: EXPECTED };
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let mut rest = text.trim();
    let mut total = 0.0_f64;
    if rest.is_empty() {
        return Err(invalid());
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(invalid)?;
        let number: f64 = rest[..digits].parse().map_err(|_| invalid())?;
        rest = &rest[digits..];
        let unit = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        total += number
            * match &rest[..unit] {
                "ms" => 0.001,
                "s" => 1.0,
                "m" => 60.0,
                "h" => 3600.0,
                "d" => 86_400.0,
                _ => return Err(invalid()),
            };
        rest = &rest[unit..];
    }
    Duration::try_from_secs_f64(total).map_err(|_| invalid())
}

/// Writes a duration as people read it: the two largest units, `2h5m`, `3m20s`, `1.5s`.
pub fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..10 if duration.subsec_millis() > 0 => format!("{:.1}s", duration.as_secs_f64()),
        0..60 => format!("{seconds}s"),
        60..3600 => pair(seconds / 60, "m", seconds % 60, "s"),
        3600..86_400 => pair(seconds / 3600, "h", seconds % 3600 / 60, "m"),
        _ => pair(seconds / 86_400, "d", seconds % 86_400 / 3600, "h"),
    }
}

fn pair(large: u64, unit: &str, small: u64, below: &str) -> String {
    if small == 0 { format!("{large}{unit}") } else { format!("{large}{unit}{small}{below}") }
}

/// Serde for optional durations in Go's form.
pub(crate) mod optional {
    use serde::{Deserialize, Deserializer, Serializer, de};
    use std::time::Duration;

    pub(crate) fn serialize<S: Serializer>(
        value: &Option<Duration>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match value {
            Some(value) => super::exact::serialize(value, serializer),
            None => serializer.serialize_none(),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Duration>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        text.map(|text| super::parse_duration(&text).map_err(de::Error::custom)).transpose()
    }
}

/// Serde for durations in Go's form, without loss.
pub(crate) mod exact {
    use serde::{Deserialize, Deserializer, Serializer, de};
    use std::time::Duration;

    pub(crate) fn serialize<S: Serializer>(value: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        let (hours, rest) = (value.as_secs() / 3600, value.as_secs() % 3600);
        let mut text = String::new();
        if hours > 0 {
            text += &format!("{hours}h");
        }
        if rest / 60 > 0 {
            text += &format!("{}m", rest / 60);
        }
        if rest % 60 > 0 {
            text += &format!("{}s", rest % 60);
        }
        if value.subsec_millis() > 0 {
            text += &format!("{}ms", value.subsec_millis());
        }
        serializer.serialize_str(if text.is_empty() { "0s" } else { &text })
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        super::parse_duration(&String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}
