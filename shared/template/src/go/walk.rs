//! Walks the nodes: text, actions, branches, loops, templates.

use std::sync::Arc;

use super::ast::{List, Node, Pipe, Place, Tree};
use super::scope::{Run, Scope};
use crate::format::Printer;
use crate::{Element, Error, Str, Value};

/// How a list of nodes ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flow {
    Next,
    Break,
    Continue,
}

/// Items of interfaces: Go sees the interface before what is in it.
fn is_boxed(element: Element) -> bool {
    element == Element::Any
}

impl<'t> Scope<'t> {
    /// Runs the template `name` on `data`, printing to `out`.
    pub(super) fn execute(&mut self, name: &str, data: &Value) -> Run<()> {
        let set = self.set;
        let Some(tree) = set.trees.get(name) else {
            return Err(Box::new(Error::NoTemplate { name: set.name.clone(), missing: name.to_owned() }));
        };
        self.call_tree(tree, data)
    }

    /// A template sees `$` as its data and no variable of its caller.
    fn call_tree(&mut self, tree: &'t Tree, data: &Value) -> Run<()> {
        let caller = self.tree.replace(tree);
        let root = std::mem::replace(&mut self.root, data.clone());
        let variables = std::mem::take(&mut self.variables);
        let boxed = std::mem::take(&mut self.boxed_dot);
        self.deeper(|scope| scope.walk_list(data, &tree.root))?;
        self.variables = variables;
        self.root = root;
        self.boxed_dot = boxed;
        self.tree = caller;
        Ok(())
    }

    fn walk_list(&mut self, dot: &Value, list: &'t List) -> Run<Flow> {
        for node in &list.0 {
            self.tick()?;
            match self.walk(dot, node)? {
                Flow::Next => {}
                flow @ (Flow::Break | Flow::Continue) => return Ok(flow),
            }
        }
        Ok(Flow::Next)
    }

    fn walk(&mut self, dot: &Value, node: &'t Node) -> Run<Flow> {
        match node {
            Node::Text(text) => self.write(text.as_bytes())?,
            Node::Action { pipe, .. } => self.action(dot, node, pipe)?,
            Node::Branch { sets_dot, arms, otherwise } => {
                let mark = self.variables.len();
                let flow = self.branch(dot, *sets_dot, arms, otherwise.as_ref())?;
                self.variables.truncate(mark);
                return Ok(flow);
            }
            Node::Range { pipe, body, otherwise } => {
                let mark = self.variables.len();
                let flow = self.range(dot, pipe, body, otherwise.as_ref())?;
                self.variables.truncate(mark);
                return Ok(flow);
            }
            Node::Template { name, pipe, .. } => self.template(dot, node, name, pipe.as_ref())?,
            Node::Break => return Ok(Flow::Break),
            Node::Continue => return Ok(Flow::Continue),
        }
        Ok(Flow::Next)
    }

    fn action(&mut self, dot: &Value, node: &'t Node, pipe: &'t Pipe) -> Run<()> {
        self.place = Some(Place::Node(node));
        let value = self.pipeline(dot, pipe)?;
        if !pipe.variables.is_empty() {
            return Ok(());
        }
        self.place = Some(Place::Node(node));
        match &value {
            Value::Str(text) => self.write(text.as_bytes()),
            Value::Missing => self.write(b"<no value>"),
            Value::Nil
            | Value::Bool(_)
            | Value::Int(_)
            | Value::Int64(_)
            | Value::Byte(_)
            | Value::Float(_)
            | Value::List(_)
            | Value::Map(_)
            | Value::Object(_) => {
                let mut printer = Printer::new(self);
                let printed = printer.print(std::slice::from_ref(&value)).map(|()| printer.into_bytes());
                let printed = printed.or_else(|fail| self.fail(fail, ""))?;
                self.write(&printed)
            }
        }
    }

    fn branch(
        &mut self,
        dot: &Value,
        sets_dot: bool,
        arms: &'t [(Pipe, List)],
        otherwise: Option<&'t List>,
    ) -> Run<Flow> {
        for (pipe, list) in arms {
            self.tick()?;
            let value = self.pipeline(dot, pipe)?;
            if value.truth() {
                if !sets_dot {
                    return self.deeper(|scope| scope.walk_list(dot, list));
                }
                let boxed = std::mem::take(&mut self.boxed_dot);
                let flow = self.deeper(|scope| scope.walk_list(&value, list))?;
                self.boxed_dot = boxed;
                return Ok(flow);
            }
        }
        match otherwise {
            Some(list) => self.deeper(|scope| scope.walk_list(dot, list)),
            None => Ok(Flow::Next),
        }
    }

    fn range(
        &mut self,
        dot: &Value,
        pipe: &'t Pipe,
        body: &'t List,
        otherwise: Option<&'t List>,
    ) -> Run<Flow> {
        let value = self.pipeline(dot, pipe)?;
        let two = pipe.variables.len() > 1;
        let ran = match &value {
            Value::Int(_) | Value::Int64(_) | Value::Byte(_) if two => {
                let shown = self.plain(&value)?;
                return self.error(format!("can't use {shown} to iterate over more than one variable"));
            }
            Value::Int(count) => {
                self.each(pipe, body, false, (0..*count).map(|index| (Value::Missing, Value::Int(index))))?
            }
            Value::Int64(count) => {
                self.each(pipe, body, false, (0..*count).map(|index| (Value::Missing, Value::Int64(index))))?
            }
            Value::Byte(count) => {
                self.each(pipe, body, false, (0..*count).map(|index| (Value::Missing, Value::Byte(index))))?
            }
            Value::List(list) => {
                let held = self.walks(list.len(), size_of::<Value>())?;
                let pairs = (0..).map(Value::Int).zip(list.items());
                let ran = self.each(pipe, body, is_boxed(list.element()), pairs)?;
                self.release(held);
                ran
            }
            Value::Map(map) => {
                let held = self.walks(map.len(), size_of::<(Str, Value)>())?;
                let pairs = map.entries().into_iter().map(|(key, value)| (Value::Str(key), value));
                let ran = self.each(pipe, body, is_boxed(map.element()), pairs)?;
                self.release(held);
                ran
            }
            Value::Missing | Value::Nil => false,
            Value::Bool(_) | Value::Float(_) | Value::Str(_) | Value::Object(_) => {
                let shown = self.plain(&value)?;
                return self.error(format!("range can't iterate over {shown}"));
            }
        };
        match otherwise {
            Some(list) if !ran => self.deeper(|scope| scope.walk_list(dot, list)),
            _ => Ok(Flow::Next),
        }
    }

    /// Counts the items that a loop visits and charges for the copy that it visits them in; how many bytes that is.
    fn walks(&mut self, count: usize, size: usize) -> Run<usize> {
        let held = count.saturating_mul(size);
        self.steps(count).and_then(|()| self.charge(held)).or_else(|fail| self.fail(fail, ""))?;
        Ok(held)
    }

    fn plain(&mut self, value: &Value) -> Run<String> {
        let mut printer = Printer::new(self);
        let printed = printer.print(std::slice::from_ref(value)).map(|()| printer.into_bytes());
        let printed = printed.or_else(|fail| self.fail(fail, ""))?;
        Ok(crate::quote::replaced(&printed))
    }

    /// Runs the body for each pair of index and element; whether there was any.
    fn each(
        &mut self,
        pipe: &'t Pipe,
        body: &'t List,
        boxed: bool,
        pairs: impl Iterator<Item = (Value, Value)>,
    ) -> Run<bool> {
        let mark = self.variables.len();
        let mut ran = false;
        let outer = self.boxed_dot;
        for (index, element) in pairs {
            ran = true;
            self.tick()?;
            match (pipe.variables.as_slice(), pipe.assigns) {
                ([], _) => {}
                ([one], true) => self.assign(one, element.clone(), boxed)?,
                ([first, second, ..], true) => {
                    self.assign(first, index, false)?;
                    self.assign(second, element.clone(), boxed)?;
                }
                // The pipeline has pushed the variables; the last one is the element.
                ([_], false) => self.set_top(1, element.clone(), boxed),
                ([_, _, ..], false) => {
                    self.set_top(1, element.clone(), boxed);
                    self.set_top(2, index, false);
                }
            }
            self.boxed_dot = boxed;
            let flow = self.deeper(|scope| scope.walk_list(&element, body))?;
            self.variables.truncate(mark);
            if flow == Flow::Break {
                break;
            }
        }
        self.boxed_dot = outer;
        Ok(ran)
    }

    fn set_top(&mut self, from_top: usize, value: Value, boxed: bool) {
        let index = self.variables.len() - from_top;
        let variable = &mut self.variables[index];
        (variable.value, variable.boxed) = (value, boxed);
    }

    pub(super) fn assign(&mut self, name: &Arc<str>, value: Value, boxed: bool) -> Run<()> {
        match self.variables.iter_mut().rev().find(|known| known.name == *name) {
            Some(known) => {
                (known.value, known.boxed) = (value, boxed);
                Ok(())
            }
            None if &**name == "$" => {
                self.root = value;
                Ok(())
            }
            None => self.error(format!("undefined variable: {name}")),
        }
    }

    fn template(&mut self, dot: &Value, node: &'t Node, name: &str, pipe: Option<&'t Pipe>) -> Run<()> {
        self.place = Some(Place::Node(node));
        let set = self.set;
        let Some(tree) = set.trees.get(name) else {
            return self.error(format!("template {} not defined", crate::quote::quote(name.as_bytes())));
        };
        let data = match pipe {
            Some(pipe) => self.pipeline(dot, pipe)?,
            None => Value::Missing,
        };
        self.call_tree(tree, &data)
    }
}
