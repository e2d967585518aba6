//! Evaluates pipelines and their parts.

use std::sync::Arc;

use super::MissingKey;
use super::ast::{Command, Expr, Kind, Pipe, Place};
use super::scope::{Run, Scope, Variable};
use crate::Value;
use crate::functions::Type;
use crate::quote::quote;

/// The value that the previous command of a pipeline hands to the next as its last argument.
pub(super) type Final = Option<Value>;

/// One name of `.a.b.c`.
#[derive(Clone, Copy, Debug)]
struct Step<'t> {
    name: &'t str,
    /// The whole chain, for errors.
    word: &'t Expr,
    arguments: &'t [Expr],
    /// What it is asked of comes out of a map of interfaces: errors name that type.
    boxed: bool,
}

impl<'t> Scope<'t> {
    /// The pipeline's value, assigned to its variables. Nil is no value from here on.
    pub(super) fn pipeline(&mut self, dot: &Value, pipe: &'t Pipe) -> Run<Value> {
        self.place = Some(Place::Pipe(pipe));
        let mut value = None;
        for command in &pipe.commands {
            self.tick()?;
            value = Some(self.command(dot, command, value)?.or_missing());
        }
        let value = value.unwrap_or_default();
        for name in &pipe.variables {
            if pipe.assigns {
                self.assign(name, value.clone(), false)?;
            } else {
                self.variables.push(Variable { name: Arc::clone(name), value: value.clone(), boxed: false });
            }
        }
        Ok(value)
    }

    fn command(&mut self, dot: &Value, command: &'t Command, last: Final) -> Run<Value> {
        let word = &command.words[0];
        let arguments = &command.words[1..];
        match &word.kind {
            Kind::Field(names) => self.field(dot, word, names, arguments, last),
            Kind::Chain(inner, names) => self.chain(dot, word, inner, names, arguments, last),
            Kind::Call(name, function) => {
                self.place = Some(Place::Expr(word));
                self.call(dot, function, name, Place::Command(command), arguments, last)
            }
            Kind::Pipe(pipe) => {
                self.not_a_function(word, arguments, &last)?;
                self.deeper(|scope| scope.pipeline(dot, pipe))
            }
            Kind::Variable(name, names) => self.variable(dot, word, name, names, arguments, last),
            Kind::Dot | Kind::Nil | Kind::Bool(_) | Kind::Number(_) | Kind::Text { .. } => {
                self.place = Some(Place::Expr(word));
                self.not_a_function(word, arguments, &last)?;
                if matches!(word.kind, Kind::Nil) {
                    return self.error("nil is not a command");
                }
                self.constant(dot, word)
            }
        }
    }

    fn not_a_function(&self, word: &Expr, arguments: &[Expr], last: &Final) -> Run<()> {
        if arguments.is_empty() && last.is_none() {
            return Ok(());
        }
        self.error(format!("can't give argument to non-function {word}"))
    }

    /// What needs no evaluation.
    fn constant(&mut self, dot: &Value, expr: &'t Expr) -> Run<Value> {
        self.place = Some(Place::Expr(expr));
        match &expr.kind {
            Kind::Dot => Ok(dot.clone()),
            Kind::Bool(value) => Ok(Value::Bool(*value)),
            Kind::Number(number) => number.ideal().or_else(|message| self.error(message)),
            Kind::Text { bytes, .. } => {
                self.charge(bytes.len()).or_else(|fail| self.fail(fail, ""))?;
                Ok(bytes.as_slice().into())
            }
            Kind::Nil
            | Kind::Field(_)
            | Kind::Variable(..)
            | Kind::Call(..)
            | Kind::Chain(..)
            | Kind::Pipe(_) => {
                self.error(format!("can't evaluate command {}", quote(expr.to_string().as_bytes())))
            }
        }
    }

    fn field(
        &mut self,
        dot: &Value,
        word: &'t Expr,
        names: &'t [Arc<str>],
        arguments: &'t [Expr],
        last: Final,
    ) -> Run<Value> {
        self.place = Some(Place::Expr(word));
        let boxed = self.boxed_dot;
        self.fields(dot, (dot, boxed), word, names, arguments, last)
    }

    fn chain(
        &mut self,
        dot: &Value,
        word: &'t Expr,
        inner: &'t Expr,
        names: &'t [Arc<str>],
        arguments: &'t [Expr],
        last: Final,
    ) -> Run<Value> {
        self.place = Some(Place::Expr(word));
        let receiver = self.argument(dot, None, inner)?;
        self.fields(dot, (&receiver, false), word, names, arguments, last)
    }

    fn variable(
        &mut self,
        dot: &Value,
        word: &'t Expr,
        name: &str,
        names: &'t [Arc<str>],
        arguments: &'t [Expr],
        last: Final,
    ) -> Run<Value> {
        self.place = Some(Place::Expr(word));
        let found = self.variables.iter().rev().find(|known| &*known.name == name);
        let (value, boxed) = match found {
            Some(known) => (known.value.clone(), known.boxed),
            None if name == "$" => (self.root.clone(), false),
            None => return self.error(format!("undefined variable: {name}")),
        };
        if names.is_empty() {
            self.not_a_function(word, arguments, &last)?;
            return Ok(value);
        }
        self.fields(dot, (&value, boxed), word, names, arguments, last)
    }

    /// `.a.b.c`: the last name may be a method and takes the arguments.
    fn fields(
        &mut self,
        dot: &Value,
        (receiver, mut boxed): (&Value, bool),
        word: &'t Expr,
        names: &'t [Arc<str>],
        arguments: &'t [Expr],
        last: Final,
    ) -> Run<Value> {
        let Some((final_name, path)) = names.split_last() else { return Ok(receiver.clone()) };
        let mut found = None;
        for name in path {
            let receiver = found.as_ref().unwrap_or(receiver);
            let step = Step { name, word, arguments: &[], boxed };
            let next = self.member(dot, &step, None, receiver)?;
            boxed = receiver.as_map().is_some_and(|map| map.element() == crate::Element::Any);
            found = Some(next);
        }
        let step = Step { name: final_name, word, arguments, boxed };
        self.member(dot, &step, last, found.as_ref().unwrap_or(receiver))
    }

    fn member(&mut self, dot: &Value, step: &Step<'t>, last: Final, receiver: &Value) -> Run<Value> {
        let Step { name, word, arguments, boxed } = *step;
        let missing_key = self.options.missing_key;
        match receiver {
            Value::Missing if missing_key == MissingKey::Error => {
                self.error(format!("nil data; no entry for key {}", quote(name.as_bytes())))
            }
            Value::Missing => Ok(Value::Missing),
            Value::Nil => self.error(format!("nil pointer evaluating interface {{}}.{name}")),
            Value::Map(_) if !arguments.is_empty() || last.is_some() => {
                self.error(format!("{name} is not a method but has arguments"))
            }
            Value::Map(map) => match (map.get(name.as_bytes()), missing_key) {
                (Some(value), _) => Ok(value),
                (None, MissingKey::Invalid) => Ok(Value::Missing),
                (None, MissingKey::Zero) => Ok(map.element().zero()),
                (None, MissingKey::Error) => {
                    self.error(format!("map has no entry for key {}", quote(name.as_bytes())))
                }
            },
            Value::Object(object) => {
                let object = std::rc::Rc::clone(object);
                let mut values = Vec::with_capacity(arguments.len() + 1);
                for argument in arguments {
                    values.push(self.argument(dot, Some(Type::Any), argument)?);
                }
                values.extend(last.map(Value::or_nil));
                match object.member(self, name, &values) {
                    Some(Ok(value)) => {
                        self.charge(value.size()).or_else(|fail| self.fail(fail, ""))?;
                        Ok(value)
                    }
                    Some(Err(fail)) => {
                        self.place = Some(Place::Expr(word));
                        self.fail(fail, &format!("error calling {name}: "))
                    }
                    None => self.error(format!("can't evaluate field {name} in type {}", object.type_name())),
                }
            }
            Value::Bool(_)
            | Value::Int(_)
            | Value::Int64(_)
            | Value::Byte(_)
            | Value::Float(_)
            | Value::Str(_)
            | Value::List(_) => {
                let shown = if boxed { "interface {}".to_owned() } else { receiver.static_type() };
                self.error(format!("can't evaluate field {name} in type {shown}"))
            }
        }
    }

    /// An argument, made to fit the parameter's type; without a type anything fits.
    pub(super) fn argument(&mut self, dot: &Value, wanted: Option<Type>, expr: &'t Expr) -> Run<Value> {
        self.place = Some(Place::Expr(expr));
        let value = match &expr.kind {
            Kind::Dot => dot.clone(),
            Kind::Nil => return self.nil(wanted),
            Kind::Field(names) => self.field(dot, expr, names, &[], None)?,
            Kind::Variable(name, names) => self.variable(dot, expr, name, names, &[], None)?,
            Kind::Pipe(pipe) => self.deeper(|scope| scope.pipeline(dot, pipe))?,
            Kind::Call(name, function) => self.call(dot, function, name, Place::Expr(expr), &[], None)?,
            Kind::Chain(inner, names) => self.chain(dot, expr, inner, names, &[], None)?,
            Kind::Bool(_) | Kind::Number(_) | Kind::Text { .. } => {
                return self.typed_constant(dot, wanted, expr);
            }
        };
        self.fit(value, wanted)
    }

    fn nil(&self, wanted: Option<Type>) -> Run<Value> {
        match wanted {
            None | Some(Type::Any | Type::Map | Type::List) => Ok(Value::Nil),
            Some(Type::Reflect) => Ok(Value::Missing),
            Some(wanted) => self.error(format!("cannot assign nil to {wanted}")),
        }
    }

    fn typed_constant(&mut self, dot: &Value, wanted: Option<Type>, expr: &'t Expr) -> Run<Value> {
        let found = |kind: &str| format!("expected {kind}; found {expr}");
        match (wanted, &expr.kind) {
            (None | Some(Type::Any | Type::Reflect), _) => self.constant(dot, expr),
            (Some(Type::Bool), Kind::Bool(value)) => Ok(Value::Bool(*value)),
            (Some(Type::Bool), _) => self.error(found("bool")),
            (Some(Type::Str), Kind::Text { .. }) => self.constant(dot, expr),
            (Some(Type::Str), _) => self.error(found("string")),
            (Some(Type::Int), Kind::Number(number)) if number.int.is_some() => {
                Ok(Value::Int(number.int.unwrap_or_default()))
            }
            (Some(Type::Int), _) => self.error(found("integer")),
            (Some(Type::Float), Kind::Number(number)) if number.float.is_some() => {
                Ok(Value::Float(number.float.unwrap_or_default()))
            }
            (Some(Type::Float), _) => self.error(found("float")),
            (Some(Type::Unsigned), Kind::Number(number)) if number.int.is_some_and(|int| int >= 0) => {
                Ok(Value::Int(number.int.unwrap_or_default()))
            }
            (Some(Type::Unsigned), _) => self.error(found("unsigned integer")),
            (Some(wanted @ (Type::Map | Type::Time | Type::List | Type::Certificate)), _) => {
                self.error(format!("can't handle {expr} for arg of type {wanted}"))
            }
        }
    }

    /// Checks that `value` may be passed as `wanted`.
    pub(super) fn fit(&self, value: Value, wanted: Option<Type>) -> Run<Value> {
        let Some(wanted) = wanted else { return Ok(value) };
        match (&value, wanted) {
            (_, Type::Reflect)
            | (Value::Bool(_), Type::Bool)
            | (Value::Int(_), Type::Int)
            | (Value::Float(_), Type::Float)
            | (Value::Str(_), Type::Str) => Ok(value),
            (_, Type::Any) => Ok(value.or_nil()),
            (Value::Missing, Type::Map | Type::List) => Ok(Value::Nil),
            (Value::Missing, _) => self.error(format!("invalid value; expected {wanted}")),
            (Value::Map(map), Type::Map) if map.element() == crate::Element::Any => Ok(value),
            (Value::List(list), Type::List) if list.element() == crate::Element::Any => Ok(value),
            (Value::Object(object), Type::Certificate) if object.type_name() == "sprig.certificate" => {
                Ok(value)
            }
            (Value::Object(object), Type::Time) if object.type_name() == "time.Time" => Ok(value),
            _ => self.error(format!("wrong type for value; expected {wanted}; got {}", value.static_type())),
        }
    }
}
