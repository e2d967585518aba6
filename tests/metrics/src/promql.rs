//! Expressions of PromQL, read as far as names go: which metrics with which labels, and whether the rest is grammar.
//!
//! It reads everything that dashboards and alerts here use, and refuses what it does not know rather than passing it:
//! a function or an operator of its grammar that is missing is to be added with its arity.
//!
//! Source: Prometheus' documentation, "Querying basics", "Operators", "Functions".

mod token;

use std::collections::BTreeSet;
use token::{Token, tokens};

/// A metric that an expression asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selector {
    /// Its name.
    pub metric: String,
    /// What its labels must be: name, operator, value.
    pub matchers: Vec<(String, String, String)>,
    /// Labels by which what is made of it is grouped or joined.
    pub grouped: BTreeSet<String>,
}

/// Names of functions, and how many arguments they take at least and at most.
const FUNCTIONS: &[(&str, usize, usize)] = &[
    ("abs", 1, 1),
    ("absent", 1, 1),
    ("avg_over_time", 1, 1),
    ("ceil", 1, 1),
    ("changes", 1, 1),
    ("clamp_max", 2, 2),
    ("clamp_min", 2, 2),
    ("delta", 1, 1),
    ("deriv", 1, 1),
    ("histogram_quantile", 2, 2),
    ("increase", 1, 1),
    ("irate", 1, 1),
    ("label_replace", 5, 5),
    ("last_over_time", 1, 1),
    ("max_over_time", 1, 1),
    ("min_over_time", 1, 1),
    ("rate", 1, 1),
    ("resets", 1, 1),
    ("round", 1, 2),
    ("scalar", 1, 1),
    ("sort_desc", 1, 1),
    ("sum_over_time", 1, 1),
    ("time", 0, 0),
    ("timestamp", 1, 1),
    ("vector", 1, 1),
];
/// Functions that look back, and so take a range.
const OF_RANGES: &[&str] = &[
    "avg_over_time",
    "changes",
    "delta",
    "deriv",
    "increase",
    "irate",
    "last_over_time",
    "max_over_time",
    "min_over_time",
    "rate",
    "resets",
    "sum_over_time",
];
const AGGREGATIONS: &[&str] = &["avg", "count", "group", "max", "min", "stddev", "sum"];
/// Aggregations with a parameter.
const PARAMETRIC: &[&str] = &["bottomk", "count_values", "quantile", "topk"];
const OPERATORS: &[&str] =
    &["+", "-", "*", "/", "%", "^", "==", "!=", ">", "<", ">=", "<=", "and", "or", "unless"];

/// What an expression is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    Number,
    Text,
    Instant,
    Range,
}

/// The metrics of an expression.
///
/// # Errors
/// Where it is no expression that this reads, with what was expected.
pub fn selectors(expression: &str) -> Result<Vec<Selector>, String> {
    let tokens = tokens(expression)?;
    let mut parser = Parser { tokens: &tokens, at: 0, found: Vec::new() };
    let shape = parser.binary()?;
    if parser.at < tokens.len() {
        return Err(format!("`{}` follows the expression", tokens[parser.at]));
    }
    if !matches!(shape, Shape::Instant | Shape::Number) {
        return Err("an expression gives an instant vector or a number".to_owned());
    }
    Ok(parser.found)
}

struct Parser<'a> {
    tokens: &'a [Token],
    at: usize,
    found: Vec<Selector>,
}

impl Parser<'_> {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn next(&mut self) -> Result<Token, String> {
        let token = self.peek().cloned().ok_or("the expression ends too early")?;
        self.at += 1;
        Ok(token)
    }

    fn is(&self, sign: &str) -> bool {
        self.peek().is_some_and(|token| token.is(sign))
    }

    fn take(&mut self, sign: &str) -> bool {
        let there = self.is(sign);
        self.at += usize::from(there);
        there
    }

    fn expect(&mut self, sign: &str) -> Result<(), String> {
        if self.take(sign) {
            return Ok(());
        }
        Err(format!("`{sign}` expected, not `{}`", self.next()?))
    }

    /// Operands with operators between them. Precedence matters to nobody here.
    fn binary(&mut self) -> Result<Shape, String> {
        let first = self.found.len();
        let mut shape = self.unary()?;
        while let Some(operator) = OPERATORS.iter().copied().find(|operator| self.is(operator)) {
            self.at += 1;
            self.take("bool");
            let mut joined = BTreeSet::new();
            if self.take("on") || self.take("ignoring") {
                joined.extend(self.labels()?);
                if self.take("group_left") || self.take("group_right") {
                    joined.extend(if self.is("(") { self.labels()? } else { Vec::new() });
                }
            }
            let right = self.unary()?;
            if [shape, right].iter().any(|side| matches!(side, Shape::Text | Shape::Range)) {
                return Err(format!("`{operator}` joins instant vectors and numbers"));
            }
            self.found[first..].iter_mut().for_each(|selector| selector.grouped.extend(joined.clone()));
            shape = if shape == Shape::Number { right } else { shape };
        }
        Ok(shape)
    }

    fn unary(&mut self) -> Result<Shape, String> {
        if self.take("-") {
            return self.unary();
        }
        match self.next()? {
            Token::Number(_) => Ok(Shape::Number),
            Token::Text(_) => Ok(Shape::Text),
            Token::Sign(sign) if sign == "(" => {
                let shape = self.binary()?;
                self.expect(")")?;
                Ok(shape)
            }
            Token::Word(word) if AGGREGATIONS.contains(&word.as_str()) => self.aggregation(false),
            Token::Word(word) if PARAMETRIC.contains(&word.as_str()) => self.aggregation(true),
            Token::Word(word) if self.is("(") => self.call(&word),
            Token::Word(word) => self.selector(word),
            token @ Token::Sign(_) => Err(format!("`{token}` stands where a value is expected")),
        }
    }

    fn aggregation(&mut self, parametric: bool) -> Result<Shape, String> {
        let first = self.found.len();
        let mut grouped = self.grouping()?;
        self.expect("(")?;
        if parametric {
            self.binary()?;
            self.expect(",")?;
        }
        if self.binary()? != Shape::Instant {
            return Err("an aggregation is over an instant vector".to_owned());
        }
        self.expect(")")?;
        grouped.extend(self.grouping()?);
        self.found[first..].iter_mut().for_each(|selector| selector.grouped.extend(grouped.iter().cloned()));
        Ok(Shape::Instant)
    }

    fn grouping(&mut self) -> Result<Vec<String>, String> {
        if self.take("by") || self.take("without") { self.labels() } else { Ok(Vec::new()) }
    }

    fn labels(&mut self) -> Result<Vec<String>, String> {
        self.expect("(")?;
        let mut labels = Vec::new();
        while !self.take(")") {
            if !labels.is_empty() {
                self.expect(",")?;
            }
            let Token::Word(label) = self.next()? else { return Err("a label is expected".to_owned()) };
            labels.push(label);
        }
        Ok(labels)
    }

    fn call(&mut self, name: &str) -> Result<Shape, String> {
        let known = FUNCTIONS.iter().find(|(function, _, _)| *function == name);
        let (_, least, most) = known.ok_or_else(|| format!("`{name}` is no function that is read here"))?;
        self.expect("(")?;
        let mut arguments = Vec::new();
        while !self.take(")") {
            if !arguments.is_empty() {
                self.expect(",")?;
            }
            arguments.push(self.binary()?);
        }
        if !(*least..=*most).contains(&arguments.len()) {
            return Err(format!("`{name}` takes {least} to {most} arguments"));
        }
        if OF_RANGES.contains(&name) != arguments.contains(&Shape::Range) {
            return Err(format!("`{name}` and a range do not go together, or it needs one"));
        }
        Ok(if matches!(name, "time" | "scalar") { Shape::Number } else { Shape::Instant })
    }

    fn selector(&mut self, metric: String) -> Result<Shape, String> {
        let mut matchers = Vec::new();
        if self.take("{") {
            while !self.take("}") {
                if !matchers.is_empty() {
                    self.expect(",")?;
                }
                matchers.push(self.matcher()?);
            }
        }
        self.found.push(Selector { metric, matchers, grouped: BTreeSet::new() });
        let mut shape = Shape::Instant;
        if self.take("[") {
            self.duration()?;
            if self.take(":") && !self.is("]") {
                self.duration()?;
            }
            self.expect("]")?;
            shape = Shape::Range;
        }
        if self.take("offset") {
            self.duration()?;
        }
        Ok(shape)
    }

    fn matcher(&mut self) -> Result<(String, String, String), String> {
        let (Token::Word(label), Token::Sign(operator), Token::Text(value)) =
            (self.next()?, self.next()?, self.next()?)
        else {
            return Err("a matcher is a label, an operator and a text".to_owned());
        };
        if !["=", "!=", "=~", "!~"].contains(&operator.as_str()) {
            return Err(format!("`{operator}` compares no labels"));
        }
        Ok((label, operator, value))
    }

    fn duration(&mut self) -> Result<(), String> {
        match self.next()? {
            Token::Number(text) if text.ends_with(|letter: char| letter.is_ascii_alphabetic()) => Ok(()),
            token @ (Token::Number(_) | Token::Text(_) | Token::Word(_) | Token::Sign(_)) => {
                Err(format!("a duration is expected, as in 5m, not `{token}`"))
            }
        }
    }
}

#[cfg(test)]
mod tests;
