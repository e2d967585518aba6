//! Go's `time.Duration`: nanoseconds, and how they are read and written.

use crate::functions::Fail;
use crate::quote::quote;

pub(super) const SECOND: i64 = 1_000_000_000;

/// `Duration.String`: `1h0m0s`, `1.5s`, `3µs`, `0s`.
pub(super) fn format(nanos: i64) -> String {
    let size = nanos.unsigned_abs();
    let sign = if nanos < 0 { "-" } else { "" };
    let with_fraction = |unit: u64| {
        let fraction = format!("{:0width$}", size % unit, width = unit.ilog10() as usize);
        match fraction.trim_end_matches('0') {
            "" => String::new(),
            digits => format!(".{digits}"),
        }
    };
    match size {
        0 => "0s".to_owned(),
        1..1_000 => format!("{sign}{size}ns"),
        1_000..1_000_000 => format!("{sign}{}{}µs", size / 1_000, with_fraction(1_000)),
        1_000_000..1_000_000_000 => format!("{sign}{}{}ms", size / 1_000_000, with_fraction(1_000_000)),
        _ => {
            let seconds = size / 1_000_000_000;
            let rest = format!("{}{}s", seconds % 60, with_fraction(1_000_000_000));
            match (seconds / 3600, seconds / 60 % 60) {
                (0, 0) => format!("{sign}{rest}"),
                (0, minutes) => format!("{sign}{minutes}m{rest}"),
                (hours, minutes) => format!("{sign}{hours}h{minutes}m{rest}"),
            }
        }
    }
}

/// sprig's `durationRound`: the largest unit that fits more than once.
pub(super) fn round(nanos: u64) -> String {
    let units = [("y", 365 * 86_400), ("mo", 30 * 86_400), ("d", 86_400), ("h", 3600), ("m", 60), ("s", 1)];
    let unit = units.map(|(name, seconds)| (name, seconds * 1_000_000_000_u64));
    let fits = unit.into_iter().find(|(_, unit)| nanos > *unit);
    fits.map_or_else(|| "0s".to_owned(), |(name, unit)| format!("{}{name}", nanos / unit))
}

/// `time.ParseDuration`.
///
/// # Errors
/// In Go's words.
pub(super) fn parse(source: &str) -> Result<i64, Fail> {
    let shown = quote(source.as_bytes());
    let invalid = || Fail::from(format!("time: invalid duration {shown}"));
    let (negative, mut rest) = match source.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, source.strip_prefix('+').unwrap_or(source)),
    };
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(invalid());
    }
    // One more than fits is left for the smallest.
    let most = 1_u64 << 63;
    let mut total: u64 = 0;
    while !rest.is_empty() {
        if !rest.starts_with(|first: char| first == '.' || first.is_ascii_digit()) {
            return Err(invalid());
        }
        let (whole, after) = split(rest, |character| character.is_ascii_digit());
        let (fraction, after) = match after.strip_prefix('.') {
            Some(after) => split(after, |character| character.is_ascii_digit()),
            None => ("", after),
        };
        if whole.is_empty() && fraction.is_empty() {
            return Err(invalid());
        }
        let (unit, after) = split(after, |character| character != '.' && !character.is_ascii_digit());
        let nanos: u64 = match unit {
            "" => return Err(Fail::from(format!("time: missing unit in duration {shown}"))),
            "ns" => 1,
            "us" | "µs" | "μs" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            _ => {
                let unit = quote(unit.as_bytes());
                return Err(Fail::from(format!("time: unknown unit {unit} in duration {shown}")));
            }
        };
        let number = if whole.is_empty() { Some(0) } else { whole.parse::<u64>().ok() };
        total = number
            .and_then(|number| number.checked_mul(nanos))
            .and_then(|number| number.checked_add(part(fraction, nanos)))
            .and_then(|number| total.checked_add(number))
            .filter(|total| *total <= most)
            .ok_or_else(invalid)?;
        rest = after;
    }
    if negative {
        return Ok(0_i64.wrapping_sub_unsigned(total));
    }
    i64::try_from(total).map_err(|_| invalid())
}

fn split(text: &str, belongs: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(|character| !belongs(character)).unwrap_or(text.len()))
}

fn part(digits: &str, nanos: u64) -> u64 {
    let digits = &digits[..digits.len().min(18)];
    let number: u128 = digits.parse().unwrap_or(0);
    let scale = 10_u128.pow(u32::try_from(digits.len()).unwrap_or(0));
    u64::try_from(number * u128::from(nanos) / scale).unwrap_or(0)
}
