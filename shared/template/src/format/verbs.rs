//! `printf`: reads the format and deals out the arguments.

use super::{Directive, Printer};
use crate::Value;
use crate::functions::Fail;

/// Larger widths and precisions are refused, as in Go.
const MAX_WIDTH: usize = 1_000_000;

/// Where `printf` stands among its arguments.
#[derive(Debug)]
struct Arguments<'v> {
    values: &'v [Value],
    next: usize,
    /// An explicit index such as `%[2]d` was used: no complaint about unused arguments.
    reordered: bool,
    /// The last explicit index was valid.
    valid: bool,
}

impl<'v> Arguments<'v> {
    fn take(&mut self) -> Option<&'v Value> {
        let value = self.values.get(self.next);
        self.next += usize::from(value.is_some());
        value
    }

    /// Reads `[n]`; whether there was one.
    fn index(&mut self, rest: &mut &str) -> bool {
        let Some(inside) = rest.strip_prefix('[') else { return false };
        self.reordered = true;
        let Some((number, after)) = inside.split_once(']') else {
            *rest = inside;
            self.valid = false;
            return false;
        };
        *rest = after;
        match number.parse::<usize>() {
            Ok(number) if (1..=self.values.len()).contains(&number) => self.next = number - 1,
            _ => self.valid = false,
        }
        true
    }

    /// Reads digits, or `*` for a number among the arguments. `Err` is a `*` whose argument does not do.
    fn number(&mut self, rest: &mut &str, had_index: &mut bool) -> Result<Option<i64>, ()> {
        if let Some(after) = rest.strip_prefix('*') {
            *rest = after;
            *had_index = false;
            return match self.take() {
                Some(Value::Int(number) | Value::Int64(number))
                    if number.unsigned_abs() <= MAX_WIDTH as u64 =>
                {
                    Ok(Some(*number))
                }
                _ => Err(()),
            };
        }
        let digits = rest.len() - rest.trim_start_matches(|digit: char| digit.is_ascii_digit()).len();
        let (number, after) = rest.split_at(digits);
        *rest = after;
        if number.is_empty() {
            return Ok(None);
        }
        // Go looks at what it has read before it reads the last digit.
        let number =
            number.parse::<i64>().ok().filter(|number| number.unsigned_abs() / 10 <= MAX_WIDTH as u64);
        if number.is_none() {
            *rest = "";
        }
        Ok(number)
    }
}

impl Printer<'_, '_> {
    pub(crate) fn printf(&mut self, format: &str, values: &[Value]) -> Result<(), Fail> {
        let mut arguments = Arguments { values, next: 0, reordered: false, valid: true };
        let mut rest = format;
        while let Some(start) = rest.find('%') {
            self.emit(&rest.as_bytes()[..start])?;
            rest = &rest[start + 1..];
            self.directive(&mut rest, &mut arguments)?;
        }
        self.emit(rest.as_bytes())?;
        if !arguments.reordered && arguments.next < values.len() {
            self.extra(&values[arguments.next..])?;
        }
        Ok(())
    }

    fn extra(&mut self, values: &[Value]) -> Result<(), Fail> {
        self.emit(b"%!(EXTRA ")?;
        for (index, value) in values.iter().enumerate() {
            if index > 0 {
                self.emit(b", ")?;
            }
            if matches!(value, Value::Missing | Value::Nil) {
                self.emit(b"<nil>")?;
            } else {
                self.emit(value.type_name().as_bytes())?;
                self.emit(b"=")?;
                self.value(super::PLAIN, value, 0)?;
            }
        }
        self.emit(b")")
    }

    fn directive(&mut self, rest: &mut &str, arguments: &mut Arguments<'_>) -> Result<(), Fail> {
        let mut directive = flags(rest);
        arguments.valid = true;
        let mut had_index = arguments.index(rest);
        match arguments.number(rest, &mut had_index) {
            Ok(Some(width)) => {
                if width < 0 {
                    directive.minus = true;
                    directive.zero = false;
                }
                directive.width = usize::try_from(width.unsigned_abs()).ok();
                if had_index {
                    arguments.valid = false;
                }
            }
            Ok(None) => {}
            Err(()) => self.emit(b"%!(BADWIDTH)")?,
        }
        if let Some(after) = rest.strip_prefix('.') {
            *rest = after;
            if had_index {
                arguments.valid = false;
            }
            had_index = arguments.index(rest);
            match arguments.number(rest, &mut had_index) {
                Ok(Some(precision)) if precision < 0 => self.emit(b"%!(BADPREC)")?,
                Ok(precision) => {
                    directive.precision =
                        Some(precision.and_then(|number| usize::try_from(number).ok()).unwrap_or(0))
                }
                Err(()) => self.emit(b"%!(BADPREC)")?,
            }
        }
        if !had_index {
            arguments.index(rest);
        }
        let Some(verb) = rest.chars().next() else { return self.emit(b"%!(NOVERB)") };
        *rest = &rest[verb.len_utf8()..];
        self.apply(Directive { verb, ..directive }, arguments)
    }

    fn apply(&mut self, mut directive: Directive, arguments: &mut Arguments<'_>) -> Result<(), Fail> {
        let verb = directive.verb;
        if verb == '%' {
            return self.emit(b"%");
        }
        if !arguments.valid {
            return self.emit(format!("%!{verb}(BADINDEX)").as_bytes());
        }
        let Some(value) = arguments.take() else {
            return self.emit(format!("%!{verb}(MISSING)").as_bytes());
        };
        if verb == 'v' {
            directive.sharp_v = std::mem::take(&mut directive.sharp);
            directive.plus_v = std::mem::take(&mut directive.plus);
        }
        self.value(directive, value, 0)
    }
}

fn flags(rest: &mut &str) -> Directive {
    let mut directive = Directive::default();
    loop {
        match rest.as_bytes().first() {
            Some(b'#') => directive.sharp = true,
            Some(b'0') => directive.zero = true,
            Some(b'+') => directive.plus = true,
            Some(b'-') => directive.minus = true,
            Some(b' ') => directive.space = true,
            _ => break,
        }
        *rest = &rest[1..];
    }
    directive.zero &= !directive.minus;
    directive
}
