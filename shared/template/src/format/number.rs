//! Integers and floats by verbs.

use super::{Directive, Printer};
use crate::Value;
use crate::functions::Fail;
use crate::number::{exponential, format_shortest, format_special, positional, split_exponent};
use crate::quote::{is_print, quote_with};

/// More digits after the point than any float has: what follows is zeros. Rust's formatter takes no precision beyond 65,535.
const EXACT: usize = 1_100;

/// The zeros of a precision beyond [`EXACT`].
fn with_zeros(mut digits: String, precision: usize) -> String {
    digits.extend(std::iter::repeat_n('0', precision.saturating_sub(EXACT)));
    digits
}

impl Printer<'_, '_> {
    pub(super) fn integer(&mut self, directive: Directive, value: &Value, number: i128) -> Result<(), Fail> {
        let size = number.unsigned_abs();
        let (digits, prefix) = match directive.verb {
            'v' | 'd' => (size.to_string(), ""),
            'b' => (format!("{size:b}"), if directive.sharp { "0b" } else { "" }),
            'o' => (format!("{size:o}"), if directive.sharp { "0" } else { "" }),
            'O' => (format!("{size:o}"), if directive.sharp { "0o0" } else { "0o" }),
            'x' => (format!("{size:x}"), if directive.sharp { "0x" } else { "" }),
            'X' => (format!("{size:X}"), if directive.sharp { "0X" } else { "" }),
            'c' => return self.pad(directive, character(number).to_string().as_bytes()),
            'q' => {
                let quoted = quote_with(character(number).to_string().as_bytes(), '\'', directive.plus);
                return self.pad(directive, quoted.as_bytes());
            }
            'U' => {
                let shown = u32::try_from(number).ok().and_then(char::from_u32);
                let shown = shown.filter(|shown| directive.sharp && is_print(*shown));
                let shown = shown.map(|shown| format!(" '{shown}'")).unwrap_or_default();
                let digits = directive.precision.unwrap_or(0).max(4);
                self.scope.charge(digits)?;
                let code = format!("{:X}", number & i128::from(u64::MAX));
                let zeros = "0".repeat(digits.saturating_sub(code.len()));
                let code = format!("U+{zeros}{code}{shown}");
                return self.pad(Directive { zero: false, ..directive }, code.as_bytes());
            }
            _ => return self.bad_verb(directive, value),
        };
        let sign = sign(directive, number < 0);
        let least = match (directive.precision, directive.width) {
            (Some(0), _) if number == 0 => return self.repeat(b' ', directive.width.unwrap_or(0)),
            (Some(precision), _) => precision,
            (None, Some(width)) if directive.zero => width.saturating_sub(sign.len()),
            (None, _) => 0,
        };
        let zeros = least.saturating_sub(digits.len());
        self.scope.charge(zeros)?;
        let prefix = if prefix == "0" && (zeros > 0 || digits.starts_with('0')) { "" } else { prefix };
        let text = format!("{sign}{prefix}{}{digits}", "0".repeat(zeros));
        self.pad(Directive { zero: false, ..directive }, text.as_bytes())
    }

    pub(super) fn float(&mut self, directive: Directive, value: &Value, number: f64) -> Result<(), Fail> {
        let precision = directive.precision;
        let size = number.abs();
        self.scope.charge(precision.unwrap_or(0).saturating_mul(2) + 32)?;
        if !"vgGeEfFxXb".contains(directive.verb) {
            return self.bad_verb(directive, value);
        }
        let negative = number.is_sign_negative() && !number.is_nan();
        if let Some(name) = format_special(size) {
            let sign = match directive {
                _ if negative => "-",
                Directive { space: true, plus: false, .. } => " ",
                Directive { plus: false, .. } if number.is_nan() => "",
                _ => "+",
            };
            let name = name.trim_start_matches('+');
            return self.pad(Directive { zero: false, ..directive }, format!("{sign}{name}").as_bytes());
        }
        let digits = match directive.verb {
            'v' | 'g' | 'G' => general(size, precision),
            'e' | 'E' => {
                let precision = precision.unwrap_or(6);
                let (digits, exponent) = split_exponent(&format!("{size:.*e}", precision.min(EXACT)));
                exponential(&with_zeros(digits, precision), exponent)
            }
            'f' | 'F' => {
                let precision = precision.unwrap_or(6);
                with_zeros(format!("{size:.*}", precision.min(EXACT)), precision)
            }
            'x' | 'X' => hexadecimal(size, precision),
            _ => binary(size),
        };
        let digits =
            if directive.sharp && directive.verb != 'b' { sharpened(&digits, directive) } else { digits };
        let digits = if matches!(directive.verb, 'E' | 'G' | 'X') { digits.to_uppercase() } else { digits };
        let sign = sign(directive, negative);
        let width = directive.width.unwrap_or(0);
        if directive.zero && !sign.is_empty() {
            self.emit(sign.as_bytes())?;
            self.repeat(b'0', width.saturating_sub(sign.len() + digits.len()))?;
            return self.emit(digits.as_bytes());
        }
        self.pad(directive, format!("{sign}{digits}").as_bytes())
    }
}

fn sign(directive: Directive, negative: bool) -> &'static str {
    match directive {
        _ if negative => "-",
        Directive { plus: true, .. } => "+",
        Directive { space: true, .. } => " ",
        _ => "",
    }
}

fn character(number: i128) -> char {
    u32::try_from(number).ok().and_then(char::from_u32).unwrap_or('\u{fffd}')
}

/// `%g`: an exponent only when it is below -4 or beyond the precision.
fn general(size: f64, precision: Option<usize>) -> String {
    let Some(precision) = precision else { return format_shortest(size) };
    let precision = precision.max(1);
    let (digits, exponent) = split_exponent(&format!("{size:.*e}", (precision - 1).min(EXACT)));
    let digits = match digits.trim_end_matches('0') {
        "" => "0",
        trimmed => trimmed,
    };
    let mut limit = i32::try_from(precision).unwrap_or(i32::MAX);
    let count = i32::try_from(digits.len()).unwrap_or(i32::MAX);
    if limit > count && count > exponent {
        limit = count;
    }
    if exponent < -4 || exponent >= limit {
        exponential(digits, exponent)
    } else {
        positional(digits, exponent)
    }
}

/// Mantissa and exponent: the value is the mantissa times two to the exponent.
fn parts(size: f64) -> (u64, i32) {
    let bits = size.to_bits();
    let fraction = bits & ((1 << 52) - 1);
    match i32::try_from(bits >> 52 & 0x7ff).unwrap_or(0) {
        0 => (fraction, -1074),
        exponent => (fraction | 1 << 52, exponent - 1075),
    }
}

/// `%b`: the mantissa in decimal and the exponent.
fn binary(size: f64) -> String {
    let (mantissa, exponent) = parts(size);
    format!("{mantissa}p{exponent:+}")
}

/// `%x`: one digit before the point, as many as needed after it, or as many as asked for.
fn hexadecimal(size: f64, precision: Option<usize>) -> String {
    let (mut mantissa, mut exponent) = parts(size);
    if mantissa == 0 {
        let zeros = precision
            .filter(|precision| *precision > 0)
            .map(|precision| format!(".{}", "0".repeat(precision)));
        return format!("0x0{}p+00", zeros.unwrap_or_default());
    }
    while mantissa >> 52 == 0 {
        mantissa <<= 1;
        exponent -= 1;
    }
    // One hexadecimal digit, thirteen after the point.
    let mut scaled = mantissa;
    if let Some(precision) = precision.filter(|precision| *precision < 13) {
        let dropped = 4 * (13 - precision);
        let (kept, rest, half) = (scaled >> dropped, scaled & ((1 << dropped) - 1), 1_u64 << (dropped - 1));
        let up = rest > half || rest == half && kept & 1 == 1;
        scaled = (kept + u64::from(up)) << dropped;
        if scaled >> 53 != 0 {
            scaled >>= 1;
            exponent += 1;
        }
    }
    let digits = format!("{:013x}", scaled & ((1 << 52) - 1));
    let digits = match precision {
        Some(precision) => {
            let zeros = "0".repeat(precision.saturating_sub(digits.len()));
            format!("{digits}{zeros}")[..precision].to_owned()
        }
        None => digits.trim_end_matches('0').to_owned(),
    };
    let point = if digits.is_empty() { "" } else { "." };
    let exponent = exponent + 52;
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("0x{}{point}{digits}p{sign}{:02}", scaled >> 52, exponent.abs())
}

/// The `#` flag: always a point, and `%g` keeps its zeros.
fn sharpened(digits: &str, directive: Directive) -> String {
    let marks: &[char] = if digits.starts_with("0x") { &['p'] } else { &['e'] };
    let end = digits.find(marks).unwrap_or(digits.len());
    let (number, exponent) = digits.split_at(end);
    let mut wanted = match directive.verb {
        'v' | 'g' | 'G' | 'x' => directive.precision.unwrap_or(6),
        _ => 0,
    };
    let significant = number.trim_start_matches(['0', '.']).bytes().filter(|byte| *byte != b'.').count();
    wanted = wanted.saturating_sub(if number == "0" { 1 } else { significant });
    let point = if number.contains('.') { "" } else { "." };
    format!("{number}{point}{}{exponent}", "0".repeat(wanted))
}
