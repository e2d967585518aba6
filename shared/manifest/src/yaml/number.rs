//! Numbers as Go writes and JSON carries them.

use serde_json::{Number, Value};

/// A finite float as a JSON value. Go's JSON writes `1.0` as `1` and 2^63 as `9223372036854776000` (the shortest digits, filled with zeros),
/// and Kubernetes reads what fits 64 bits as an integer: so do we. `None` for infinities and NaN, which JSON does not have.
pub(super) fn from_float(float: f64) -> Option<Value> {
    if float.fract() == 0.0 && float.abs() < 1e20 {
        let digits = float.to_string();
        if let Ok(integer) = digits.parse::<i64>() {
            return Some(Value::from(integer));
        }
        if let Ok(integer) = digits.parse::<u64>() {
            return Some(Value::from(integer));
        }
    }
    Number::from_f64(float).map(Value::Number)
}

/// A float as Go's `strconv.FormatFloat(f, 'g', -1, 64)`: shortest digits that read back, an exponent from 1e+06 and below 1e-04.
pub(super) fn format(float: f64) -> String {
    shortest(&format!("{float:e}"))
}

/// The same for keys, which `sigs.k8s.io/yaml` writes with the precision of 32 bits.
pub(super) fn format_key(float: f64) -> String {
    if float.is_nan() {
        return ".nan".to_owned();
    }
    #[expect(clippy::cast_possible_truncation, reason = "Go writes float keys with 32 bits")]
    let narrow = float as f32;
    if narrow.is_infinite() {
        return if narrow > 0.0 { ".inf" } else { "-.inf" }.to_owned();
    }
    shortest(&format!("{narrow:e}"))
}

/// Rust's `{:e}` (`-1.25e7`) in Go's `g` layout.
fn shortest(scientific: &str) -> String {
    let (mantissa, exponent) = scientific.split_once('e').expect("`{:e}` of a finite float has an exponent");
    let exponent: i32 = exponent.parse().expect("`{:e}` writes a decimal exponent");
    let (sign, mantissa) = mantissa.strip_prefix('-').map_or(("", mantissa), |rest| ("-", rest));
    if !(-4..6).contains(&exponent) {
        let marker = if exponent < 0 { '-' } else { '+' };
        return format!("{sign}{mantissa}e{marker}{:02}", exponent.unsigned_abs());
    }
    let digits: String = mantissa.chars().filter(|c| *c != '.').collect();
    if exponent < 0 {
        let zeros = "0".repeat(exponent.unsigned_abs() as usize - 1);
        return format!("{sign}0.{zeros}{digits}");
    }
    let whole = exponent.unsigned_abs() as usize + 1;
    if digits.len() <= whole {
        return format!("{sign}{digits}{}", "0".repeat(whole - digits.len()));
    }
    format!("{sign}{}.{}", &digits[..whole], &digits[whole..])
}
