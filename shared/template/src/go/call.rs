//! Calls functions: counts the arguments, evaluates them to their types, and says in Go's words what fails.

use std::sync::Arc;

use smallvec::SmallVec;

use super::ast::{Expr, Place};
use super::eval::Final;
use super::scope::{Run, Scope};
use crate::Value;
use crate::functions::{Fail, Function, Shortcut};

impl<'t> Scope<'t> {
    pub(super) fn call(
        &mut self,
        dot: &Value,
        function: &'t Arc<Function>,
        name: &str,
        place: Place<'t>,
        arguments: &'t [Expr],
        last: Final,
    ) -> Run<Value> {
        self.tick()?;
        let signature = &function.signature;
        let count = arguments.len() + usize::from(last.is_some());
        let fixed = signature.fixed.len();
        if signature.rest.is_some() && count < fixed {
            return self.error(format!(
                "wrong number of args for {name}: want at least {fixed} got {}",
                arguments.len()
            ));
        }
        if signature.rest.is_none() && count != fixed {
            return self.error(format!("wrong number of args for {name}: want {fixed} got {count}"));
        }
        if let Some(shortcut) = function.shortcut() {
            return self.short_circuit(dot, shortcut, arguments, last);
        }
        let mut values: SmallVec<[Value; 4]> = SmallVec::with_capacity(count);
        for (index, argument) in arguments.iter().enumerate() {
            values.push(self.argument(dot, signature.parameter(index), argument)?);
        }
        if let Some(last) = last {
            values.push(self.fit(last, signature.parameter(count - 1))?);
        }
        function.call(self, &values).or_else(|fail| {
            let fail = if name == "call" { not_callable(fail, arguments) } else { fail };
            self.place = Some(place);
            self.fail(fail, &format!("error calling {name}: "))
        })
    }

    /// `and` and `or` stop at the first argument that decides.
    fn short_circuit(
        &mut self,
        dot: &Value,
        shortcut: Shortcut,
        arguments: &'t [Expr],
        last: Final,
    ) -> Run<Value> {
        let stops_at = shortcut == Shortcut::Or;
        let mut value = Value::Missing;
        for argument in arguments {
            value = self.argument(dot, Some(crate::functions::Type::Reflect), argument)?;
            if value.truth() == stops_at {
                return Ok(value);
            }
        }
        Ok(last.unwrap_or(value))
    }
}

/// `call` names the expression that gives no function.
fn not_callable(fail: Fail, arguments: &[Expr]) -> Fail {
    match (fail, arguments.first()) {
        (Fail::Message(message), Some(callee)) => Fail::from(message.replacen(
            "non-function of",
            &format!("non-function {} of", Place::Expr(callee)),
            1,
        )),
        (fail, _) => fail,
    }
}
