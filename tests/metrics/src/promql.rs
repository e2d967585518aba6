//! Expressions of PromQL: which metrics with which labels they ask for, and how what is around them binds.
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

/// An expression, as it binds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Expr {
    Number(f64),
    Text(String),
    /// Samples; with a range, which is in seconds, those of a while.
    Select {
        selector: Selector,
        range: Option<f64>,
        offset: f64,
    },
    Call(String, Vec<Self>),
    /// Over everything, or by labels, or by all but some.
    Aggregate {
        operation: String,
        by: Option<Vec<String>>,
        without: Option<Vec<String>>,
        parameter: Option<Box<Self>>,
        of: Box<Self>,
    },
    Join(Box<Join>),
}

/// Two operands with an operator between them.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Join {
    pub(crate) operator: &'static str,
    /// Whether a comparison gives 0 and 1.
    pub(crate) bool: bool,
    pub(crate) on: Option<Vec<String>>,
    pub(crate) ignoring: Vec<String>,
    /// Whether many of one side meet one of the other.
    pub(crate) many: bool,
    pub(crate) left: Expr,
    pub(crate) right: Expr,
}

/// The metrics of an expression.
///
/// # Errors
/// Where it is no expression that this reads, with what was expected.
pub fn selectors(expression: &str) -> Result<Vec<Selector>, String> {
    Ok(parse(expression)?.1)
}

/// An expression, and the metrics in it.
pub(crate) fn parse(expression: &str) -> Result<(Expr, Vec<Selector>), String> {
    let tokens = tokens(expression)?;
    let mut parser = Parser { tokens: &tokens, at: 0, found: Vec::new() };
    let (shape, read) = parser.binary(0)?;
    if parser.at < tokens.len() {
        return Err(format!("`{}` follows the expression", tokens[parser.at]));
    }
    if !matches!(shape, Shape::Instant | Shape::Number) {
        return Err("an expression gives an instant vector or a number".to_owned());
    }
    Ok((read, parser.found))
}

/// How strongly an operator binds.
fn strength(operator: &str) -> usize {
    match operator {
        "or" => 1,
        "and" | "unless" => 2,
        "+" | "-" => 4,
        "*" | "/" | "%" => 5,
        "^" => 6,
        _ => 3,
    }
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

    /// Operands with operators between them that bind more strongly than that.
    fn binary(&mut self, weakest: usize) -> Result<(Shape, Expr), String> {
        let first = self.found.len();
        let (mut shape, mut left) = self.unary()?;
        while let Some(operator) = OPERATORS.iter().copied().find(|operator| self.is(operator)) {
            if strength(operator) <= weakest {
                break;
            }
            self.at += 1;
            let bool = self.take("bool");
            let (mut on, mut ignoring, mut many) = (None, Vec::new(), false);
            let mut joined = BTreeSet::new();
            let is_on = self.take("on");
            if is_on || self.take("ignoring") {
                let labels = self.labels()?;
                joined.extend(labels.iter().cloned());
                if is_on {
                    on = Some(labels)
                } else {
                    ignoring = labels
                }
                if self.take("group_left") || self.take("group_right") {
                    many = true;
                    joined.extend(if self.is("(") { self.labels()? } else { Vec::new() });
                }
            }
            // A power of a power binds from the right.
            let (other, right) = self.binary(strength(operator) - usize::from(operator == "^"))?;
            if [shape, other].iter().any(|side| matches!(side, Shape::Text | Shape::Range)) {
                return Err(format!("`{operator}` joins instant vectors and numbers"));
            }
            self.found[first..].iter_mut().for_each(|selector| selector.grouped.extend(joined.clone()));
            shape = if shape == Shape::Number { other } else { shape };
            left = Expr::Join(Box::new(Join { operator, bool, on, ignoring, many, left, right }));
        }
        Ok((shape, left))
    }

    fn unary(&mut self) -> Result<(Shape, Expr), String> {
        if self.take("-") {
            // Weaker than a power, stronger than a product.
            let (shape, of) = self.binary(5)?;
            let join = Join {
                operator: "*",
                bool: false,
                on: None,
                ignoring: Vec::new(),
                many: false,
                left: Expr::Number(-1.0),
                right: of,
            };
            return Ok((shape, Expr::Join(Box::new(join))));
        }
        match self.next()? {
            Token::Number(text) => {
                let number = text.parse().map_err(|_| format!("`{text}` is no number"))?;
                Ok((Shape::Number, Expr::Number(number)))
            }
            Token::Text(text) => Ok((Shape::Text, Expr::Text(text))),
            Token::Sign(sign) if sign == "(" => {
                let inside = self.binary(0)?;
                self.expect(")")?;
                Ok(inside)
            }
            Token::Word(word) if AGGREGATIONS.contains(&word.as_str()) => self.aggregation(word, false),
            Token::Word(word) if PARAMETRIC.contains(&word.as_str()) => self.aggregation(word, true),
            Token::Word(word) if self.is("(") => self.call(word),
            Token::Word(word) => self.selector(word),
            token @ Token::Sign(_) => Err(format!("`{token}` stands where a value is expected")),
        }
    }

    fn aggregation(&mut self, operation: String, parametric: bool) -> Result<(Shape, Expr), String> {
        let first = self.found.len();
        let (mut by, mut without) = (None, None);
        self.grouping(&mut by, &mut without)?;
        self.expect("(")?;
        let mut parameter = None;
        if parametric {
            parameter = Some(Box::new(self.binary(0)?.1));
            self.expect(",")?;
        }
        let (shape, of) = self.binary(0)?;
        if shape != Shape::Instant {
            return Err("an aggregation is over an instant vector".to_owned());
        }
        self.expect(")")?;
        self.grouping(&mut by, &mut without)?;
        let grouped: Vec<String> = by.iter().chain(&without).flatten().cloned().collect();
        self.found[first..].iter_mut().for_each(|selector| selector.grouped.extend(grouped.iter().cloned()));
        Ok((Shape::Instant, Expr::Aggregate { operation, by, without, parameter, of: Box::new(of) }))
    }

    fn grouping(
        &mut self,
        by: &mut Option<Vec<String>>,
        without: &mut Option<Vec<String>>,
    ) -> Result<(), String> {
        if self.take("by") {
            *by = Some(self.labels()?);
        } else if self.take("without") {
            *without = Some(self.labels()?);
        }
        Ok(())
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

    fn call(&mut self, name: String) -> Result<(Shape, Expr), String> {
        let known = FUNCTIONS.iter().find(|(function, _, _)| *function == name);
        let (_, least, most) = known.ok_or_else(|| format!("`{name}` is no function that is read here"))?;
        self.expect("(")?;
        let (mut shapes, mut arguments) = (Vec::new(), Vec::new());
        while !self.take(")") {
            if !arguments.is_empty() {
                self.expect(",")?;
            }
            let (shape, argument) = self.binary(0)?;
            shapes.push(shape);
            arguments.push(argument);
        }
        if !(*least..=*most).contains(&arguments.len()) {
            return Err(format!("`{name}` takes {least} to {most} arguments"));
        }
        if OF_RANGES.contains(&name.as_str()) != shapes.contains(&Shape::Range) {
            return Err(format!("`{name}` and a range do not go together, or it needs one"));
        }
        let shape = if matches!(name.as_str(), "time" | "scalar") { Shape::Number } else { Shape::Instant };
        Ok((shape, Expr::Call(name, arguments)))
    }

    fn selector(&mut self, metric: String) -> Result<(Shape, Expr), String> {
        let mut matchers = Vec::new();
        if self.take("{") {
            while !self.take("}") {
                if !matchers.is_empty() {
                    self.expect(",")?;
                }
                matchers.push(self.matcher()?);
            }
        }
        let selector = Selector { metric, matchers, grouped: BTreeSet::new() };
        self.found.push(selector.clone());
        let (mut range, mut offset) = (None, 0.0);
        if self.take("[") {
            range = Some(self.duration()?);
            if self.take(":") && !self.is("]") {
                self.duration()?;
            }
            self.expect("]")?;
        }
        if self.take("offset") {
            offset = self.duration()?;
        }
        let shape = if range.is_some() { Shape::Range } else { Shape::Instant };
        Ok((shape, Expr::Select { selector, range, offset }))
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

    fn duration(&mut self) -> Result<f64, String> {
        let token = self.next()?;
        seconds(&token.to_string()).ok_or_else(|| format!("a duration is expected, as in 5m, not `{token}`"))
    }
}

/// The seconds of a duration such as `5m` or `1h30m`.
pub(crate) fn seconds(text: &str) -> Option<f64> {
    let (mut rest, mut sum) = (text, 0.0);
    while !rest.is_empty() {
        let digits = rest.find(|letter: char| !letter.is_ascii_digit())?;
        let (number, unit) = rest.split_at(digits);
        let end = unit.find(|letter: char| letter.is_ascii_digit()).unwrap_or(unit.len());
        let (unit, after) = unit.split_at(end);
        let one = match unit {
            "ms" => 0.001,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            "d" => 86_400.0,
            "w" => 604_800.0,
            "y" => 31_536_000.0,
            _ => return None,
        };
        sum += number.parse::<f64>().ok()? * one;
        rest = after;
    }
    (!text.is_empty()).then_some(sum)
}

#[cfg(test)]
mod tests;
