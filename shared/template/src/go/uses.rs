//! Which parameters a template reads, without running it.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Template;
use super::ast::{Expr, Kind, List, Node, Pipe, Tree};

/// Functions that stand in for a value that is not there, or ask whether it is.
const GUARDS: [&str; 10] =
    ["default", "coalesce", "empty", "ternary", "hasKey", "dig", "get", "and", "or", "not"];

/// A parameter that a template reads.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Use {
    /// The keys from the data down: `["path", "basename"]` for `.path.basename`; none for all of the data.
    pub path: Vec<String>,
    /// Whether the template provides for its absence: it asks for it with `if` or `with`, or gives a default.
    pub guarded: bool,
}

/// What the dot stands for.
#[derive(Clone, Debug)]
enum Dot {
    /// What is under these keys of the data.
    At(Vec<String>),
    /// Something else.
    Other,
}

impl Template {
    /// The parameters that the template reads, as far as its text tells. What it reads of the items of a `range`, of variables and of
    /// functions' results is not among them, but what those come from is.
    pub fn uses(&self) -> Vec<Use> {
        let mut walk = Walk { template: self, found: BTreeSet::new(), entered: BTreeSet::new() };
        if let Some(tree) = self.set.trees.get(&self.set.name) {
            walk.tree(tree, &Dot::At(Vec::new()));
        }
        walk.found.into_iter().collect()
    }
}

struct Walk<'t> {
    template: &'t Template,
    found: BTreeSet<Use>,
    /// The templates that are being looked at or were, so that a recursion ends.
    entered: BTreeSet<String>,
}

impl Walk<'_> {
    fn tree(&mut self, tree: &Arc<Tree>, dot: &Dot) {
        if self.entered.insert(format!("{} {dot:?}", tree.name)) {
            self.list(&tree.root, dot, &mut Vec::new());
        }
    }

    fn list(&mut self, list: &List, dot: &Dot, asked: &mut Vec<Vec<String>>) {
        for node in &list.0 {
            match node {
                Node::Text(_) | Node::Break | Node::Continue => {}
                Node::Action { pipe, .. } => drop(self.pipe(pipe, dot, false, asked)),
                Node::Branch { sets_dot, arms, otherwise } => {
                    let depth = asked.len();
                    for (pipe, body) in arms {
                        let before = self.found.clone();
                        let value = self.pipe(pipe, dot, true, asked);
                        asked.extend(self.found.difference(&before).map(|found| found.path.clone()));
                        asked.extend(value.iter().cloned());
                        let inner = match (sets_dot, value) {
                            (false, _) => dot.clone(),
                            (true, Some(path)) => Dot::At(path),
                            (true, None) => Dot::Other,
                        };
                        self.list(body, &inner, asked);
                    }
                    if let Some(otherwise) = otherwise {
                        self.list(otherwise, dot, asked);
                    }
                    asked.truncate(depth);
                }
                Node::Range { pipe, body, otherwise } => {
                    self.pipe(pipe, dot, true, asked);
                    self.list(body, &Dot::Other, asked);
                    if let Some(otherwise) = otherwise {
                        self.list(otherwise, dot, asked);
                    }
                }
                Node::Template { name, pipe, .. } => {
                    let inner = match pipe {
                        None => None,
                        Some(pipe) => self.passed(pipe, dot, asked),
                    };
                    let tree = self.template.set.trees.get(name).cloned();
                    if let (Some(tree), Some(inner)) = (tree, inner) {
                        self.tree(&tree, &Dot::At(inner));
                    }
                }
            }
        }
    }

    /// What a template is called with. The whole data is not read by being passed on.
    fn passed(&mut self, pipe: &Pipe, dot: &Dot, asked: &[Vec<String>]) -> Option<Vec<String>> {
        if let ([command], Dot::At(path)) = (pipe.commands.as_slice(), dot)
            && let [Expr { kind: Kind::Dot, .. }] = command.words.as_slice()
        {
            return Some(path.clone());
        }
        self.pipe(pipe, dot, false, asked)
    }

    /// The keys of what the pipe comes to, if it is a parameter.
    fn pipe(&mut self, pipe: &Pipe, dot: &Dot, guarded: bool, asked: &[Vec<String>]) -> Option<Vec<String>> {
        let mut value = None;
        for (index, command) in pipe.commands.iter().enumerate() {
            // What is piped into `default` is guarded as its arguments are.
            let guards = |expr: &Expr| matches!(&expr.kind, Kind::Call(name, _) if GUARDS.contains(&&**name));
            let here = &pipe.commands[index..];
            let guarded = guarded || here.iter().any(|command| command.words.first().is_some_and(guards));
            value = match command.words.as_slice() {
                [Expr { kind: Kind::Call(name, _), .. }, first, keys @ ..] if &**name == "index" => {
                    self.index(first, keys, dot, guarded, asked)
                }
                [one] => self.expr(one, dot, guarded, asked),
                words => {
                    for word in words {
                        self.expr(word, dot, guarded, asked);
                    }
                    None
                }
            };
        }
        if pipe.commands.len() == 1 && pipe.variables.is_empty() { value } else { None }
    }

    /// `index .metadata.labels "env"` reads one key.
    fn index(
        &mut self,
        first: &Expr,
        keys: &[Expr],
        dot: &Dot,
        guarded: bool,
        asked: &[Vec<String>],
    ) -> Option<Vec<String>> {
        let text = |key: &Expr| match &key.kind {
            Kind::Text { bytes, .. } => String::from_utf8(bytes.clone()).ok(),
            Kind::Dot
            | Kind::Nil
            | Kind::Bool(_)
            | Kind::Number(_)
            | Kind::Field(_)
            | Kind::Variable(..)
            | Kind::Call(..)
            | Kind::Chain(..)
            | Kind::Pipe(_) => None,
        };
        let named: Option<Vec<String>> = keys.iter().map(text).collect();
        if let (Some(mut path), Some(named)) = (place(first, dot), named) {
            path.extend(named);
            self.note(path.clone(), guarded, asked);
            return Some(path);
        }
        for expr in std::iter::once(first).chain(keys) {
            self.expr(expr, dot, guarded, asked);
        }
        None
    }

    fn expr(&mut self, expr: &Expr, dot: &Dot, guarded: bool, asked: &[Vec<String>]) -> Option<Vec<String>> {
        if let Some(path) = place(expr, dot) {
            self.note(path.clone(), guarded, asked);
            return Some(path);
        }
        match &expr.kind {
            Kind::Chain(inner, names) => {
                let mut path = self.expr(inner, dot, guarded, asked)?;
                path.extend(names.iter().map(ToString::to_string));
                self.note(path.clone(), guarded, asked);
                Some(path)
            }
            Kind::Pipe(pipe) => self.pipe(pipe, dot, guarded, asked),
            Kind::Dot
            | Kind::Nil
            | Kind::Bool(_)
            | Kind::Number(_)
            | Kind::Text { .. }
            | Kind::Field(_)
            | Kind::Variable(..)
            | Kind::Call(..) => None,
        }
    }

    fn note(&mut self, path: Vec<String>, guarded: bool, asked: &[Vec<String>]) {
        let guarded = guarded || asked.contains(&path);
        self.found.insert(Use { path, guarded });
    }
}

/// The keys that an expression names in the data.
fn place(expr: &Expr, dot: &Dot) -> Option<Vec<String>> {
    let names = |names: &[Arc<str>]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
    match (&expr.kind, dot) {
        (Kind::Dot, Dot::At(path)) => Some(path.clone()),
        (Kind::Field(fields), Dot::At(path)) => Some([path.clone(), names(fields)].concat()),
        (Kind::Variable(name, fields), _) if &**name == "$" => Some(names(fields)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The parameters, with `?` after those that may be absent.
    fn check(text: &str, expect: &[&str]) {
        let template = Template::parse("x", text).expect("it parses");
        let said = |one: Use| format!(".{}{}", one.path.join("."), if one.guarded { "?" } else { "" });
        let found: Vec<String> = template.uses().into_iter().map(said).collect();
        assert_eq!(found, expect, "{text}");
    }

    #[test]
    fn parameters_that_a_text_reads() {
        check("plain", &[]);
        check("{{ .name }}-{{ .path.basename | lower }}", &[".name", ".path.basename"]);
        check("{{ index .metadata.labels \"env\" }}", &[".metadata.labels.env"]);
        check("{{ (index .a \"b\").c }}", &[".a.b", ".a.b.c"]);
        check("{{ printf \"%s\" (upper .x) }}", &[".x"]);
        check("{{ toYaml . }}", &["."]);
        check("{{ range .list }}{{ .item }}{{ $.top }}{{ end }}", &[".list?", ".top"]);
        check("{{ with .a.b }}{{ .c }}{{ end }}", &[".a.b?", ".a.b.c"]);
        check("{{ $x := .a }}{{ $x.b }}", &[".a"]);
        check("{{ define \"t\" }}{{ .n }}{{ end }}{{ template \"t\" . }}", &[".n"]);
    }

    #[test]
    fn what_is_asked_for_may_be_absent() {
        check("{{ if .a }}{{ .a }}{{ .b }}{{ end }}{{ .a }}", &[".a", ".a?", ".b"]);
        check("{{ default \"x\" .a }}{{ .b | default \"y\" }}", &[".a?", ".b?"]);
        check("{{ if hasKey .values \"k\" }}{{ .values.k }}{{ end }}", &[".values?", ".values.k"]);
        check("{{ if and .a (eq .b \"1\") }}{{ .b }}{{ end }}", &[".a?", ".b?"]);
    }
}
