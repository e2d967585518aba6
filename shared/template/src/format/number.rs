//! Integers and floats by verbs.

use super::{Directive, Printer};
use crate::Value;
use crate::functions::Fail;
use crate::number::{exponential, format_shortest, format_special, positional, shortest, split_exponent};
use crate::quote::quote_with;

impl Printer<'_, '_> {
    pub(super) fn integer(&mut self, directive: Directive, value: &Value, number: i128) -> Result<(), Fail> {
        let size = number.unsigned_abs();
        let (digits, prefix) = match directive.verb {
            'v' | 'd' => (size.to_string(), ""),
            'b' => (format!("{size:b}"), if directive.sharp { "0b" } else { "" }),
            'o' => (format!("{size:o}"), if directive.sharp { "0" } else { "" }),
            'O' => (format!("{size:o}"), "0o"),
            'x' => (format!("{size:x}"), if directive.sharp { "0x" } else { "" }),
            'X' => (format!("{size:X}"), if directive.sharp { "0X" } else { "" }),
            'c' => return self.pad(directive, character(number).to_string().as_bytes()),
            'q' => {
                let quoted = quote_with(character(number).to_string().as_bytes(), '\'', directive.plus);
                return self.pad(directive, quoted.as_bytes());
            }
            'U' => {
                let shown = if directive.sharp { format!(" '{}'", character(number)) } else { String::new() };
                return self
                    .pad(Directive { zero: false, ..directive }, format!("U+{size:04X}{shown}").as_bytes());
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
        self.scope.charge(precision.unwrap_or(0).saturating_mul(2) + 512)?;
        let size = number.abs();
        let digits = match directive.verb {
            _ if format_special(size).is_some() => special(size),
            'v' | 'g' | 'G' => general(size, precision),
            'e' | 'E' => {
                let (digits, exponent) = split_exponent(&format!("{size:.*e}", precision.unwrap_or(6)));
                exponential(&digits, exponent)
            }
            'f' | 'F' => format!("{size:.*}", precision.unwrap_or(6)),
            _ => return self.bad_verb(directive, value),
        };
        let digits = if matches!(directive.verb, 'E' | 'G') { digits.to_uppercase() } else { digits };
        let negative = number.is_sign_negative() && !number.is_nan();
        let sign = if number.is_infinite() && !negative && !directive.space && directive.verb == 'v' {
            "+"
        } else {
            sign(directive, negative)
        };
        let width = directive.width.unwrap_or(0);
        if directive.zero && !number.is_finite() {
            return self.pad(Directive { zero: false, ..directive }, format!("{sign}{digits}").as_bytes());
        }
        if directive.zero {
            self.emit(sign.as_bytes())?;
            self.repeat(b'0', width.saturating_sub(sign.len() + digits.len()))?;
            return self.emit(digits.as_bytes());
        }
        self.pad(directive, format!("{sign}{digits}").as_bytes())
    }
}

fn special(size: f64) -> String {
    if size.is_nan() { "NaN".to_owned() } else { "Inf".to_owned() }
}

fn sign(directive: Directive, negative: bool) -> &'static str {
    match directive {
        _ if negative => "-",
        Directive { plus: true, .. } | Directive { plus_v: true, .. } => "+",
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
    let (digits, exponent) = split_exponent(&format!("{size:.*e}", precision - 1));
    let digits = match digits.trim_end_matches('0') {
        "" => "0",
        trimmed => trimmed,
    };
    let (short, _) = shortest(size);
    let digits = if short.len() <= digits.len() { short } else { digits.to_owned() };
    let mut limit = i32::try_from(precision).unwrap_or(i32::MAX);
    let count = i32::try_from(digits.len()).unwrap_or(i32::MAX);
    if limit > count && count > exponent {
        limit = count;
    }
    if exponent < -4 || exponent >= limit {
        exponential(&digits, exponent)
    } else {
        positional(&digits, exponent)
    }
}
