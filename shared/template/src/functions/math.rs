//! sprig's numbers and defaults: arithmetic wraps as Go's `int64` does, and what is no number is 0.

use super::text::{any, int, text};
use super::{Answer, Fail, Row};
use crate::format::Printer;
use crate::go::Scope;
use crate::number::{clamped, format_special, to_float, to_int};
use crate::{Element, List, Value};

pub(super) const TABLE: &[Row] = &[
    ("add", "A", |_, a| Ok(Value::Int64(a.iter().fold(0, |sum, value| sum.wrapping_add(to_int(value)))))),
    ("add1", "a", |_, a| Ok(Value::Int64(to_int(any(a, 0)).wrapping_add(1)))),
    ("add1f", "a", |_, a| decimal_sum(&[any(a, 0).clone(), Value::Int(1)])),
    ("addf", "A", |_, a| decimal_sum(a)),
    ("divf", "aA", |_, a| {
        fold_decimal(a, |left, right| if right == 0.0 { None } else { Some(left / right) }, |_, _| 16)
    }),
    ("mulf", "aA", |_, a| fold_decimal(a, |left, right| Some(left * right), |left, right| left + right)),
    ("subf", "aA", |_, a| fold_decimal(a, |left, right| Some(left - right), usize::max)),
    ("atoi", "s", |_, a| Ok(Value::Int(clamped(&text(a, 0))))),
    ("biggest", "aA", max),
    ("max", "aA", max),
    ("min", "aA", min),
    ("maxf", "aA", |_, a| Ok(extreme(a, f64::max, f64::NEG_INFINITY))),
    ("minf", "aA", |_, a| Ok(extreme(a, f64::min, f64::INFINITY))),
    ("ceil", "a", |_, a| Ok(Value::Float(to_float(any(a, 0)).ceil()))),
    ("floor", "a", |_, a| Ok(Value::Float(to_float(any(a, 0)).floor()))),
    ("round", "aiF", round),
    ("div", "aa", |_, a| divide(a, i64::wrapping_div)),
    ("mod", "aa", |_, a| divide(a, i64::wrapping_rem)),
    ("mul", "aA", |_, a| {
        Ok(Value::Int64(a.iter().fold(1, |product, value| product.wrapping_mul(to_int(value)))))
    }),
    ("sub", "aa", |_, a| Ok(Value::Int64(to_int(any(a, 0)).wrapping_sub(to_int(any(a, 1)))))),
    ("float64", "a", |_, a| Ok(Value::Float(to_float(any(a, 0))))),
    ("int", "a", |_, a| Ok(Value::Int(to_int(any(a, 0))))),
    ("int64", "a", |_, a| Ok(Value::Int64(to_int(any(a, 0))))),
    ("toDecimal", "a", to_decimal),
    ("seq", "I", seq),
    ("until", "i", |scope, a| until(scope, 0, int(a, 0), if int(a, 0) < 0 { -1 } else { 1 }).map(integers)),
    ("untilStep", "iii", |scope, a| until(scope, int(a, 0), int(a, 1), int(a, 2)).map(integers)),
    ("all", "A", |_, a| Ok(Value::Bool(!a.iter().any(is_empty)))),
    ("any", "A", |_, a| Ok(Value::Bool(!a.iter().all(is_empty)))),
    ("coalesce", "A", |_, a| Ok(a.iter().find(|value| !is_empty(value)).cloned().unwrap_or(Value::Nil))),
    ("default", "aA", |_, a| Ok(a.get(1).filter(|given| !is_empty(given)).unwrap_or(any(a, 0)).clone())),
    ("empty", "a", |_, a| Ok(Value::Bool(is_empty(any(a, 0))))),
    ("fail", "s", |_, a| Err(Fail::from(text(a, 0).into_owned()))),
    ("ternary", "aab", |_, a| Ok(any(a, usize::from(!any(a, 2).truth())).clone())),
];

/// sprig's emptiness, which is Go's falsehood.
pub(super) fn is_empty(value: &Value) -> bool {
    !value.truth()
}

fn max(_: &mut Scope<'_>, arguments: &[Value]) -> Answer {
    Ok(Value::Int64(arguments.iter().map(to_int).max().unwrap_or(0)))
}

fn min(_: &mut Scope<'_>, arguments: &[Value]) -> Answer {
    Ok(Value::Int64(arguments.iter().map(to_int).min().unwrap_or(0)))
}

fn divide(arguments: &[Value], operation: fn(i64, i64) -> i64) -> Answer {
    let (left, right) = (to_int(any(arguments, 0)), to_int(any(arguments, 1)));
    if right == 0 {
        return Err(Fail::from("runtime error: integer divide by zero"));
    }
    Ok(Value::Int64(operation(left, right)))
}

/// Digits after the point.
fn places(number: f64) -> usize {
    number.to_string().split_once('.').map_or(0, |(_, digits)| digits.len())
}

/// Computes from left to right, each result cut to the decimal places that exact decimals would have.
fn fold_decimal(
    values: &[Value],
    compute: fn(f64, f64) -> Option<f64>,
    digits: fn(usize, usize) -> usize,
) -> Answer {
    let mut result = values.first().map_or(Ok(0.0), decimal)?;
    for value in values.iter().skip(1) {
        let right = decimal(value)?;
        let kept = digits(places(result), places(right));
        let computed = compute(result, right).ok_or_else(|| Fail::from("decimal division by 0"))?;
        result = if kept > 16 || computed.abs() >= 1e15 {
            computed
        } else {
            format!("{computed:.kept$}").parse().unwrap_or(computed)
        };
    }
    Ok(Value::Float(result))
}

/// A number that decimals know.
fn decimal(value: &Value) -> Result<f64, Fail> {
    let number = to_float(value);
    match format_special(number) {
        Some(name) => Err(Fail::from(format!("Cannot create a Decimal from {name}"))),
        None => Ok(number),
    }
}

/// Adds in decimal, so that 0.1 and 0.2 are 0.3. Exact for what fits 15 digits on either side of the point.
fn decimal_sum(values: &[Value]) -> Answer {
    let numbers: Vec<f64> = values.iter().map(decimal).collect::<Result<_, _>>()?;
    let places = numbers.iter().copied().map(places).max().unwrap_or(0);
    let sum: f64 = numbers.iter().fold(0.0, |sum, number| sum + number);
    let exact =
        if places > 15 || sum.abs() >= 1e15 { sum } else { format!("{sum:.places$}").parse().unwrap_or(sum) };
    Ok(Value::Float(exact))
}

/// Go's `math.Max` and `math.Min` over all: NaN when one is.
fn extreme(values: &[Value], choose: fn(f64, f64) -> f64, start: f64) -> Value {
    let numbers = values.iter().map(to_float);
    let chosen = numbers.fold(start, |chosen, number| {
        if chosen == -start {
            chosen
        } else if chosen.is_nan() || number.is_nan() && number != -start {
            f64::NAN
        } else {
            choose(chosen, number)
        }
    });
    Value::Float(chosen)
}

#[expect(clippy::cast_possible_truncation, reason = "the exponent is clamped")]
fn round(_: &mut Scope<'_>, arguments: &[Value]) -> Answer {
    let threshold = arguments.get(2).map_or(0.5, to_float);
    let scale = 10_f64.powi(int(arguments, 1).clamp(-400, 400) as i32);
    let shifted = scale * to_float(any(arguments, 0));
    let rounded = if shifted.fract() >= threshold { shifted.ceil() } else { shifted.floor() };
    Ok(Value::Float(rounded / scale))
}

/// Reads the printed value as octal.
fn to_decimal(scope: &mut Scope<'_>, arguments: &[Value]) -> Answer {
    let mut printer = Printer::new(scope);
    printer.print(&arguments[..1])?;
    let printed = printer.into_bytes();
    Ok(Value::Int64(
        std::str::from_utf8(&printed).ok().and_then(|text| i64::from_str_radix(text, 8).ok()).unwrap_or(0),
    ))
}

fn integers(numbers: Vec<i64>) -> Value {
    List::new(Element::Int, numbers.into_iter().map(Value::Int).collect()).into()
}

fn until(scope: &mut Scope<'_>, start: i64, stop: i64, step: i64) -> Result<Vec<i64>, Fail> {
    let mut numbers = Vec::new();
    let mut next = Some(start);
    while let Some(number) = next
        .filter(|number| if stop < start { step < 0 && *number > stop } else { step > 0 && *number < stop })
    {
        scope.step()?;
        scope.charge(size_of::<Value>())?;
        numbers.push(number);
        next = number.checked_add(step);
    }
    Ok(numbers)
}

/// The numbers as one string, ends included. Takes (end), (start, end) or (start, step, end).
fn seq(scope: &mut Scope<'_>, arguments: &[Value]) -> Answer {
    let at = |index| int(arguments, index);
    let (start, end, step, past) = match arguments.len() {
        1 => (1, at(0), if at(0) < 1 { -1 } else { 1 }, if at(0) < 1 { -1 } else { 1 }),
        2 => (at(0), at(1), if at(1) < at(0) { -1 } else { 1 }, if at(1) < at(0) { -1 } else { 1 }),
        3 if at(2) < at(0) && at(1) > 0 => return Ok(Value::from("")),
        3 => (at(0), at(2), at(1), if at(2) < at(0) { -1 } else { 1 }),
        _ => return Ok(Value::from("")),
    };
    let numbers = until(scope, start, end.saturating_add(past), step)?;
    scope.charge(numbers.len().saturating_mul(20))?;
    Ok(numbers.iter().map(i64::to_string).collect::<Vec<_>>().join(" ").into())
}
