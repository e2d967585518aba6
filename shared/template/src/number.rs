//! Numbers as Go writes and reads them (`strconv`), and as casting functions convert them (`spf13/cast`).

use std::rc::Rc;

use crate::Value;
use crate::quote::quote;
use crate::value::exotic::Exotic;

/// A number constant of a template: untyped until it meets a parameter, as in Go.
#[derive(Clone, Debug)]
pub(crate) struct Number {
    /// As written.
    pub(crate) written: String,
    pub(crate) int: Option<i64>,
    pub(crate) float: Option<f64>,
    /// Too large for an `int`, but not for an unsigned one.
    overflows: bool,
    /// `1+2i`.
    complex: Option<(f64, f64)>,
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "Go converts constants this way"
)]
impl Number {
    /// A character constant.
    pub(crate) fn character(written: &str, value: u32) -> Self {
        Self {
            written: written.to_owned(),
            int: Some(value.into()),
            float: Some(value.into()),
            overflows: false,
            complex: None,
        }
    }

    /// A constant that ends in `i`: a real one when its imaginary part is 0.
    fn imaginary(written: &str) -> Option<Self> {
        let digits = written.strip_suffix('i')?;
        let signs = digits.char_indices().skip(1).filter(|(at, character)| {
            matches!(character, '+' | '-') && !digits[..*at].ends_with(['e', 'E', 'p', 'P'])
        });
        let (real, imaginary) = match signs.last() {
            Some((at, _)) => (parse_float(&digits[..at])?, parse_float(&digits[at..])?),
            None => (0.0, parse_float(digits)?),
        };
        let is_real = imaginary == 0.0;
        let int = (is_real && real.fract() == 0.0).then_some(real as i64);
        Some(Self {
            written: written.to_owned(),
            int,
            float: is_real.then_some(real),
            overflows: false,
            complex: Some((real, imaginary)),
        })
    }

    /// # Errors
    /// In Go's words.
    pub(crate) fn parse(written: &str) -> Result<Self, String> {
        let number = |int, float, overflows| Self {
            written: written.to_owned(),
            int,
            float,
            overflows,
            complex: None,
        };
        if let Some(number) = Self::imaginary(written) {
            return Ok(number);
        }
        if let Some(int) = parse_int(written) {
            return Ok(number(Some(int), Some(int as f64), false));
        }
        if let Some(large) = parse_unsigned(written) {
            return Ok(number(None, Some(large as f64), true));
        }
        let Some(float) = parse_float(written) else {
            return Err(format!("illegal number syntax: {}", quote(written.as_bytes())));
        };
        if !written.contains(['.', 'e', 'E', 'p', 'P']) {
            return Err(format!("integer overflow: {}", quote(written.as_bytes())));
        }
        let int = float as i64;
        Ok(number((int as f64 == float).then_some(int), Some(float), false))
    }

    /// Its value where nothing says what type is wanted.
    ///
    /// # Errors
    /// In Go's words.
    pub(crate) fn ideal(&self) -> Result<Value, String> {
        let written = self.written.as_str();
        if let Some((real, imaginary)) = self.complex {
            return Ok(Value::Object(Rc::new(Exotic::Complex(real, imaginary))));
        }
        let is_character = written.starts_with('\'');
        let is_hex = written.starts_with("0x") || written.starts_with("0X");
        if let Some(float) = self.float
            && !is_character
            && (!is_hex || written.contains(['p', 'P']))
            && written.contains(['.', 'e', 'E', 'p', 'P'])
        {
            return Ok(Value::Float(float));
        }
        match self.int {
            Some(int) => Ok(Value::Int(int)),
            None if self.overflows => Err(format!("{written} overflows int")),
            None => Ok(Value::Missing),
        }
    }
}

/// Sign, radix and digits without underscores; `None` when it is not an integer of Go's syntax.
fn split_integer(text: &str) -> Option<(bool, u32, String)> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let (radix, digits) = match digits.as_bytes() {
        [b'0', b'x' | b'X', ..] => (16, &digits[2..]),
        [b'0', b'b' | b'B', ..] => (2, &digits[2..]),
        [b'0', b'o' | b'O', ..] => (8, &digits[2..]),
        [b'0', _, ..] => (8, &digits[1..]),
        _ => (10, digits),
    };
    let after_prefix = radix != 10;
    if digits.contains("__") || digits.ends_with('_') || (digits.starts_with('_') && !after_prefix) {
        return None;
    }
    let digits = digits.replace('_', "");
    let valid = !digits.is_empty() && digits.chars().all(|digit| digit.is_digit(radix));
    valid.then_some((negative, radix, digits))
}

/// Go's `strconv.ParseInt(text, 0, 64)`.
pub(crate) fn parse_int(text: &str) -> Option<i64> {
    let (negative, radix, digits) = split_integer(text)?;
    let sign = if negative { "-" } else { "" };
    i64::from_str_radix(&format!("{sign}{digits}"), radix).ok()
}

fn parse_unsigned(text: &str) -> Option<u64> {
    let (negative, radix, digits) = split_integer(text)?;
    if negative { None } else { u64::from_str_radix(&digits, radix).ok() }
}

/// Go's `strconv.ParseInt(text, 10, 64)` where the error does not count: 0, or the nearest when it is out of range.
pub(crate) fn clamped(text: &str) -> i64 {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return 0;
    }
    text.parse().unwrap_or(if text.starts_with('-') { i64::MIN } else { i64::MAX })
}

/// Go's `strconv.ParseFloat`.
pub(crate) fn parse_float(text: &str) -> Option<f64> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if let Some(digits) = unsigned.strip_prefix("0x").or_else(|| unsigned.strip_prefix("0X")) {
        let size = parse_hexadecimal(digits)?;
        return Some(if text.starts_with('-') { -size } else { size });
    }
    let named = matches!(unsigned.to_ascii_lowercase().as_str(), "inf" | "infinity" | "nan");
    let plain = unsigned.starts_with(|first: char| first.is_ascii_digit() || first == '.');
    if !named && (!plain || text.contains("__") || text.ends_with('_')) {
        return None;
    }
    let value: f64 = text.replace('_', "").parse().ok()?;
    (named || value.is_finite()).then_some(value)
}

/// `1.8p3`, where up to sixteen digits are exact.
#[expect(clippy::cast_precision_loss, reason = "a float of more digits than fit is not exact")]
fn parse_hexadecimal(text: &str) -> Option<f64> {
    let (mantissa, exponent) = text.split_once(['p', 'P'])?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}").replace('_', "");
    let mantissa = u64::from_str_radix(&digits, 16).ok()? as f64;
    let exponent = exponent.parse::<i32>().ok()?.checked_sub(4 * i32::try_from(fraction.len()).ok()?)?;
    let value = mantissa * 2_f64.powi(exponent);
    value.is_finite().then_some(value)
}

/// The shortest digits that read back as `value`, and the exponent of the first one: 1234.5 is ("12345", 3).
pub(crate) fn shortest(value: f64) -> (String, i32) {
    split_exponent(&format!("{:e}", value.abs()))
}

/// Digits and exponent of a text such as `1.25e-7`.
pub(crate) fn split_exponent(text: &str) -> (String, i32) {
    let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
    (mantissa.replace('.', ""), exponent.parse().unwrap_or(0))
}

/// Go's `strconv.FormatFloat(value, 'g', -1, 64)`, which is also `%v`: 1e+06, 0.1, 123456.
pub(crate) fn format_shortest(value: f64) -> String {
    if let Some(name) = format_special(value) {
        return name.to_owned();
    }
    let (digits, exponent) = shortest(value);
    let sign = if value.is_sign_negative() { "-" } else { "" };
    if !(-4..6).contains(&exponent) {
        format!("{sign}{}", exponential(&digits, exponent))
    } else {
        format!("{sign}{}", positional(&digits, exponent))
    }
}

/// As `%g` prints it; with `plus`, always with a sign.
pub(crate) fn format_general(value: f64, plus: bool) -> String {
    let text = format_shortest(value);
    if plus && !text.starts_with(['+', '-']) { format!("+{text}") } else { text }
}

/// `NaN`, `+Inf`, `-Inf`.
pub(crate) fn format_special(value: f64) -> Option<&'static str> {
    if value.is_nan() {
        Some("NaN")
    } else if value.is_infinite() {
        Some(if value > 0.0 { "+Inf" } else { "-Inf" })
    } else {
        None
    }
}

/// `1.5e+06`: a sign and at least two digits of exponent.
pub(crate) fn exponential(digits: &str, exponent: i32) -> String {
    let (first, rest) = digits.split_at(1);
    let point = if rest.is_empty() { "" } else { "." };
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{first}{point}{rest}e{sign}{:02}", exponent.abs())
}

/// `1500.25`.
pub(crate) fn positional(digits: &str, exponent: i32) -> String {
    if exponent < 0 {
        let zeros = usize::try_from(-exponent - 1).unwrap_or(0);
        return format!("0.{}{digits}", "0".repeat(zeros));
    }
    let whole = usize::try_from(exponent).unwrap_or(0) + 1;
    if digits.len() <= whole {
        format!("{digits}{}", "0".repeat(whole - digits.len()))
    } else {
        format!("{}.{}", &digits[..whole], &digits[whole..])
    }
}

/// `encoding/json`'s way: plain digits below 1e21, `1e-7` without padding.
pub(crate) fn format_json(value: f64) -> String {
    let size = value.abs();
    let (digits, exponent) = shortest(value);
    let sign = if value.is_sign_negative() { "-" } else { "" };
    if size != 0.0 && !(1e-6..1e21).contains(&size) {
        let text = exponential(&digits, exponent);
        let text = if exponent < 0 { text.replacen("e-0", "e-", 1) } else { text };
        return format!("{sign}{text}");
    }
    format!("{sign}{}", positional(&digits, exponent))
}

/// `cast.ToInt64`: what cannot be one is 0.
pub(crate) fn to_int(value: &Value) -> i64 {
    match value {
        Value::Int(value) | Value::Int64(value) => *value,
        Value::Byte(value) => (*value).into(),
        Value::Float(value) => go_int(*value),
        Value::Bool(value) => (*value).into(),
        Value::Str(text) => parse_int(trim_zero_decimal(&text.text())).unwrap_or(0),
        Value::Missing | Value::Nil | Value::List(_) | Value::Map(_) | Value::Object(_) => 0,
    }
}

/// Go on amd64 turns what does not fit into the smallest integer.
#[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "the range is checked")]
fn go_int(value: f64) -> i64 {
    if value >= i64::MIN as f64 && value < i64::MAX as f64 { value as i64 } else { i64::MIN }
}

/// `cast.ToFloat64`: what cannot be one is 0.
#[expect(clippy::cast_precision_loss, reason = "as the Go function converts")]
pub(crate) fn to_float(value: &Value) -> f64 {
    match value {
        Value::Int(value) | Value::Int64(value) => *value as f64,
        Value::Byte(value) => (*value).into(),
        Value::Float(value) => *value,
        Value::Bool(value) => f64::from(u8::from(*value)),
        Value::Str(text) => parse_float(&text.text()).unwrap_or(0.0),
        Value::Missing | Value::Nil | Value::List(_) | Value::Map(_) | Value::Object(_) => 0.0,
    }
}

/// `12.00` as `12`: cast reads such strings as integers.
fn trim_zero_decimal(text: &str) -> &str {
    match text.rsplit_once('.') {
        Some((whole, zeros)) if !zeros.is_empty() && zeros.bytes().all(|digit| digit == b'0') => whole,
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::{format_json, format_shortest, parse_int};

    #[test]
    fn floats_print_as_in_go() {
        let check = |value: f64, general: &str, json: &str| {
            assert_eq!((format_shortest(value).as_str(), format_json(value).as_str()), (general, json));
        };
        check(1_000_000.0, "1e+06", "1000000");
        check(1_234_567.0, "1.234567e+06", "1234567");
        check(123_456.0, "123456", "123456");
        check(0.0001, "0.0001", "0.0001");
        check(0.00001, "1e-05", "0.00001");
        check(1e-7, "1e-07", "1e-7");
        check(-2.5, "-2.5", "-2.5");
        check(1e21, "1e+21", "1e+21");
        check(0.0, "0", "0");
    }

    #[test]
    fn integers_read_as_in_go() {
        let check = |text: &str, expect: Option<i64>| assert_eq!(parse_int(text), expect, "{text}");
        check("0x1F", Some(31));
        check("010", Some(8));
        check("08", None);
        check("1_000", Some(1000));
        check("_1", None);
        check("-0b11", Some(-3));
        check("9223372036854775808", None);
    }
}
