//! What an expression comes to at a moment, over series that are given: as Prometheus computes it, as far as the alerts
//! here go. What they do not use is refused, not guessed.
//!
//! Sources: Prometheus' documentation, "Operators" and "Functions"; `extrapolatedRate` in its `promql/functions.go` for
//! what `increase` and `rate` make of the edges of a range.

use crate::{
    exposition::Labels,
    promql::{Expr, Join, Selector},
};
use std::collections::BTreeMap;

/// How long an instant vector looks back, in seconds.
const LOOKBACK: f64 = 300.0;

/// Samples by series: seconds and values, in order.
#[derive(Debug, Default)]
pub(crate) struct Series(pub(crate) BTreeMap<(String, Labels), Vec<(f64, f64)>>);

/// What there is for some labels.
pub(crate) type Vector = BTreeMap<Labels, f64>;

/// What an expression comes to.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Number(f64),
    Vector(Vector),
}

impl Series {
    /// What an expression comes to at a moment, in seconds.
    pub(crate) fn at(&self, expr: &Expr, now: f64) -> Result<Value, String> {
        match expr {
            Expr::Number(number) => Ok(Value::Number(*number)),
            Expr::Text(text) => Err(format!("`{text}` is no value")),
            Expr::Select { range: Some(_), .. } => Err("a range is no value".to_owned()),
            Expr::Select { selector, range: None, offset } => {
                let newest = |samples: Vec<(f64, f64)>| samples.last().map(|(_, value)| *value);
                Ok(Value::Vector(self.each(selector, LOOKBACK, now - offset, newest)))
            }
            Expr::Call(name, arguments) => self.call(name, arguments, now),
            Expr::Aggregate { operation, by, without, parameter: None, of } => {
                let of = self.vector(of, now)?;
                aggregate(operation, by.as_deref(), without.as_deref(), of).map(Value::Vector)
            }
            Expr::Aggregate { operation, .. } => Err(format!("`{operation}` is not computed here")),
            Expr::Join(join) => {
                let (left, right) = (self.at(&join.left, now)?, self.at(&join.right, now)?);
                joined(join, left, right)
            }
        }
    }

    fn vector(&self, expr: &Expr, now: f64) -> Result<Vector, String> {
        match self.at(expr, now)? {
            Value::Vector(vector) => Ok(vector),
            Value::Number(number) => Err(format!("{number} is no vector")),
        }
    }

    /// What is made of the samples of each series in the `back` seconds before `to`.
    fn each(
        &self,
        selector: &Selector,
        back: f64,
        to: f64,
        make: impl Fn(Vec<(f64, f64)>) -> Option<f64>,
    ) -> Vector {
        let of = |(name, labels): &(String, Labels)| *name == selector.metric && is(selector, labels);
        let series = self.0.iter().filter(|(key, _)| of(key));
        let made = series.filter_map(|((_, labels), samples)| {
            let inside = samples.iter().filter(|(at, _)| *at > to - back && *at <= to);
            Some((labels.clone(), make(inside.copied().collect())?))
        });
        made.collect()
    }

    fn call(&self, name: &str, arguments: &[Expr], now: f64) -> Result<Value, String> {
        if name == "time" {
            return Ok(Value::Number(now));
        }
        let [of] = arguments else { return Err(format!("`{name}` is not computed here")) };
        if let Expr::Select { selector, range: Some(range), offset } = of {
            let to = now - offset;
            let made = self.each(selector, *range, to, |samples| {
                let values = samples.iter().map(|(_, value)| *value);
                match name {
                    "increase" => increase(&samples, to - range, to),
                    "rate" => increase(&samples, to - range, to).map(|grown| grown / range),
                    "min_over_time" => values.reduce(f64::min),
                    "max_over_time" => values.reduce(f64::max),
                    _ => None,
                }
            });
            let known = ["increase", "rate", "min_over_time", "max_over_time"].contains(&name);
            return known
                .then_some(Value::Vector(made))
                .ok_or_else(|| format!("`{name}` is not computed here"));
        }
        match name {
            // Labels that were asked for with = would be kept; no alert names them.
            "absent" => {
                let there = !self.vector(of, now)?.is_empty();
                Ok(Value::Vector((!there).then(|| (Labels::new(), 1.0)).into_iter().collect()))
            }
            _ => Err(format!("`{name}` is not computed here")),
        }
    }
}

fn is(selector: &Selector, labels: &Labels) -> bool {
    selector.matchers.iter().all(|(label, operator, value)| {
        let known = labels.get(label).map(String::as_str).unwrap_or_default();
        // Alternatives are all that expressions here ask for.
        let any = || value.split('|').any(|value| value == known);
        match operator.as_str() {
            "=" => known == value,
            "!=" => known != value,
            "=~" => any(),
            _ => !any(),
        }
    })
}

/// By how much a counter grew, extended to the edges of the range as far as samples come near them.
fn increase(samples: &[(f64, f64)], from: f64, to: f64) -> Option<f64> {
    let (&(first, value), &(last, newest)) = (samples.first()?, samples.last()?);
    if samples.len() < 2 {
        return None;
    }
    let resets: f64 = samples.windows(2).map(|two| if two[1].1 < two[0].1 { two[0].1 } else { 0.0 }).sum();
    let grown = newest - value + resets;
    let sampled = last - first;
    let between = sampled / (samples.len() - 1) as f64;
    let near = between * 1.1;
    let mut before = if first - from > near { between / 2.0 } else { first - from };
    if grown > 0.0 && value >= 0.0 {
        // A counter was never below zero.
        before = before.min(sampled * value / grown);
    }
    let after = if to - last > near { between / 2.0 } else { to - last };
    Some(grown * (sampled + before + after) / sampled)
}

fn aggregate(
    operation: &str,
    by: Option<&[String]>,
    without: Option<&[String]>,
    of: Vector,
) -> Result<Vector, String> {
    let mut groups: BTreeMap<Labels, Vec<f64>> = BTreeMap::new();
    for (mut labels, value) in of {
        labels.retain(|label, _| match (by, without) {
            (Some(by), _) => by.contains(label),
            (None, Some(without)) => !without.contains(label),
            (None, None) => false,
        });
        groups.entry(labels).or_default().push(value);
    }
    let fold = |values: Vec<f64>| {
        let count = values.len() as f64;
        match operation {
            "sum" => Ok(values.into_iter().sum()),
            "max" => Ok(values.into_iter().fold(f64::NEG_INFINITY, f64::max)),
            "min" => Ok(values.into_iter().fold(f64::INFINITY, f64::min)),
            "count" => Ok(count),
            _ => Err(format!("`{operation}` is not computed here")),
        }
    };
    groups.into_iter().map(|(labels, values)| Ok((labels, fold(values)?))).collect()
}

fn joined(join: &Join, left: Value, right: Value) -> Result<Value, String> {
    let Join { operator, bool, on, ignoring, many, .. } = join;
    if *bool || *many {
        return Err("bool and group_left are not computed here".to_owned());
    }
    let key = |labels: &Labels| {
        let mut labels = labels.clone();
        labels.retain(|label, _| match on {
            Some(on) => on.contains(label),
            None => !ignoring.contains(label),
        });
        labels
    };
    let made = match (left, right) {
        (Value::Number(left), Value::Number(right)) => {
            return compute(operator, left, right).map(Value::Number).ok_or_else(|| "no bool".to_owned());
        }
        (Value::Vector(left), Value::Number(right)) => {
            of_each(left, |_, value| compute(operator, value, right))
        }
        (Value::Number(left), Value::Vector(right)) if is_comparison(operator) => {
            // What passes keeps the vector's value.
            of_each(right, |_, value| compute(operator, left, value).map(|_| value))
        }
        (Value::Number(left), Value::Vector(right)) => {
            of_each(right, |_, value| compute(operator, left, value))
        }
        (Value::Vector(left), Value::Vector(right)) => {
            let theirs: BTreeMap<Labels, f64> =
                right.iter().map(|(labels, value)| (key(labels), *value)).collect();
            match *operator {
                "and" => of_each(left, |labels, value| theirs.contains_key(&key(labels)).then_some(value)),
                "unless" => {
                    of_each(left, |labels, value| (!theirs.contains_key(&key(labels))).then_some(value))
                }
                "or" => {
                    let ours: BTreeMap<Labels, f64> =
                        left.iter().map(|(labels, value)| (key(labels), *value)).collect();
                    let more =
                        of_each(right, |labels, value| (!ours.contains_key(&key(labels))).then_some(value));
                    left.into_iter().chain(more).collect()
                }
                _ => of_each(left, |labels, value| compute(operator, value, *theirs.get(&key(labels))?)),
            }
        }
    };
    Ok(Value::Vector(made))
}

fn of_each(vector: Vector, make: impl Fn(&Labels, f64) -> Option<f64>) -> Vector {
    vector.into_iter().filter_map(|(labels, value)| make(&labels, value).map(|made| (labels, made))).collect()
}

fn is_comparison(operator: &str) -> bool {
    ["==", "!=", ">", "<", ">=", "<="].contains(&operator)
}

/// What an operator makes of two numbers; a comparison keeps the left one, or nothing.
fn compute(operator: &str, left: f64, right: f64) -> Option<f64> {
    let kept = |holds: bool| holds.then_some(left);
    match operator {
        "+" => Some(left + right),
        "-" => Some(left - right),
        "*" => Some(left * right),
        "/" => Some(left / right),
        "%" => Some(left % right),
        "^" => Some(left.powf(right)),
        "==" => kept(left.total_cmp(&right).is_eq()),
        "!=" => kept(left.total_cmp(&right).is_ne()),
        ">" => kept(left > right),
        "<" => kept(left < right),
        ">=" => kept(left >= right),
        "<=" => kept(left <= right),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
