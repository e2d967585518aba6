//! Which parameters a template reads, without running it.
//!
//! Follows the dot and variables as far as the text tells what they stand for: through `with`, `range`, `template`, `index`, `get`, `dig` and
//! `hasKey`. What is read of a function's result is not known; what the function was given counts as read as a whole.

use std::sync::Arc;
use std::{collections::BTreeSet, mem};

use super::Template;
use super::ast::{Command, Expr, Kind, List, Node, Pipe, Tree};

/// Functions that stand in for a value that is not there, or ask whether it is.
const GUARDS: [&str; 7] = ["default", "coalesce", "empty", "ternary", "and", "or", "not"];

/// A parameter that a template reads.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Use {
    /// The steps from the data down: `path` and `basename` for `.path.basename`; none for all of the data.
    pub path: Vec<Step>,
    /// How the template provides for its absence.
    pub guard: Guard,
}

/// One step down.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// The value under a key of a map.
    Key(String),
    /// What `range` goes through, or a number indexes: any item of a list, any value of a map.
    Item,
}

/// How a template provides for the absence of what it reads. The more it does, the greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Guard {
    /// It does not.
    None,
    /// It does not, and reads it with `index`, which takes an absence under every `missingkey`.
    Index,
    /// It asks with `if` or `with`, or gives a default: no help under `missingkey=error`, which fails where the name stands.
    Asked,
    /// It asks or reads with `hasKey`, `get` or `dig`, or with `index` and a default: that helps always.
    Safe,
}

type Path = Vec<Step>;

impl Template {
    /// The parameters that the template reads, as far as its text tells.
    pub fn uses(&self) -> Vec<Use> {
        let mut walk = Walk {
            template: self,
            found: Vec::new(),
            entered: BTreeSet::new(),
            asked: Vec::new(),
            variables: Vec::new(),
        };
        if let Some(tree) = self.set.trees.get(&self.set.name) {
            walk.tree(tree, Some(&Vec::new()));
        }
        walk.found.into_iter().collect::<BTreeSet<_>>().into_iter().collect()
    }
}

struct Walk<'t> {
    template: &'t Template,
    /// In the order of the text.
    found: Vec<Use>,
    /// The templates that are being looked at or were, so that a recursion ends.
    entered: BTreeSet<String>,
    /// What has been asked for around here.
    asked: Vec<Use>,
    /// Variables that can be seen here, the latest last, and what they stand for if that is known.
    variables: Vec<(Arc<str>, Option<Path>)>,
}

impl Walk<'_> {
    fn tree(&mut self, tree: &Arc<Tree>, dot: Option<&Path>) {
        if self.entered.insert(format!("{} {dot:?}", tree.name)) {
            let outside = mem::replace(&mut self.variables, vec![("$".into(), dot.cloned())]);
            self.list(&tree.root, dot);
            self.variables = outside;
        }
    }

    /// What is declared and asked within holds within.
    fn within(&mut self, look: impl FnOnce(&mut Self)) {
        let (asked, variables) = (self.asked.len(), self.variables.len());
        look(self);
        self.asked.truncate(asked);
        self.variables.truncate(variables);
    }

    fn list(&mut self, list: &List, dot: Option<&Path>) {
        for node in &list.0 {
            match node {
                Node::Text(_) | Node::Break | Node::Continue => {}
                Node::Action { pipe, .. } => drop(self.pipe(pipe, dot, Guard::None)),
                Node::Branch { sets_dot, arms, otherwise } => {
                    self.within(|walk| walk.branch(*sets_dot, arms, otherwise.as_ref(), dot));
                }
                Node::Range { pipe, body, otherwise } => {
                    self.within(|walk| walk.range(pipe, body, otherwise.as_ref(), dot));
                }
                Node::Template { name, pipe, .. } => {
                    let inner = pipe.as_ref().and_then(|pipe| self.passed(pipe, dot));
                    if let Some(tree) = self.template.set.trees.get(name).cloned() {
                        self.tree(&tree, inner.as_ref());
                    }
                }
            }
        }
    }

    fn branch(
        &mut self,
        sets_dot: bool,
        arms: &[(Pipe, List)],
        otherwise: Option<&List>,
        dot: Option<&Path>,
    ) {
        for (pipe, body) in arms {
            let before = self.found.len();
            let value = self.pipe(pipe, dot, Guard::Asked);
            self.asked.extend_from_slice(&self.found[before..]);
            let inner = if sets_dot { value.as_ref() } else { dot };
            self.within(|walk| walk.list(body, inner));
        }
        if let Some(otherwise) = otherwise {
            self.within(|walk| walk.list(otherwise, dot));
        }
    }

    fn range(&mut self, pipe: &Pipe, body: &List, otherwise: Option<&List>, dot: Option<&Path>) {
        let declared = self.variables.len();
        let item = self.pipe(pipe, dot, Guard::Asked).map(|mut path| {
            path.push(Step::Item);
            path
        });
        // `$value`, or `$key, $value`: the last one is the item.
        for (index, (_, place)) in self.variables[declared..].iter_mut().rev().enumerate() {
            *place = item.clone().filter(|_| index == 0);
        }
        self.within(|walk| walk.list(body, item.as_ref()));
        self.variables.truncate(declared);
        if let Some(otherwise) = otherwise {
            self.list(otherwise, dot);
        }
    }

    /// What a template is called with. All of the data is not read by being passed on.
    fn passed(&mut self, pipe: &Pipe, dot: Option<&Path>) -> Option<Path> {
        self.all(pipe, dot).or_else(|| self.pipe(pipe, dot, Guard::None))
    }

    /// Whether a pipe is nothing but the name of all of the data.
    fn all(&self, pipe: &Pipe, dot: Option<&Path>) -> Option<Path> {
        let [Command { words, .. }] = pipe.commands.as_slice() else { return None };
        let [expr] = words.as_slice() else { return None };
        self.place(expr, dot).filter(|path| path.is_empty() && !pipe.assigns)
    }

    /// What the pipe comes to, if that is a parameter.
    fn pipe(&mut self, pipe: &Pipe, dot: Option<&Path>, guard: Guard) -> Option<Path> {
        if let ([name], Some(all)) = (pipe.variables.as_slice(), self.all(pipe, dot)) {
            self.variables.push((Arc::clone(name), Some(all.clone())));
            return Some(all);
        }
        let mut value = None;
        for (index, command) in pipe.commands.iter().enumerate() {
            // What is piped into `default` is guarded as its arguments are.
            let guards = |expr: &Expr| matches!(&expr.kind, Kind::Call(name, _) if GUARDS.contains(&&**name));
            let here = &pipe.commands[index..];
            let is_guarded = here.iter().any(|command| command.words.first().is_some_and(guards));
            value = self.command(command, dot, if is_guarded { guard.max(Guard::Asked) } else { guard });
        }
        let value = value.filter(|_| pipe.commands.len() == 1);
        for name in &pipe.variables {
            if !pipe.assigns {
                self.variables.push((Arc::clone(name), value.clone()));
            } else if let Some((_, place)) = self.variables.iter_mut().rev().find(|(known, _)| known == name)
            {
                // Whether it stands for the old or the new from here on nobody knows.
                *place = None;
            }
        }
        value
    }

    fn command(&mut self, command: &Command, dot: Option<&Path>, guard: Guard) -> Option<Path> {
        let words = command.words.as_slice();
        if let [Expr { kind: Kind::Call(name, _), .. }, given @ ..] = words
            && let Some(value) = self.lookup(name, given, dot, guard)
        {
            return value;
        }
        if let [one] = words {
            return self.expr(one, dot, guard);
        }
        for word in words {
            self.expr(word, dot, guard);
        }
        None
    }

    /// A function that reads what its arguments name: what it comes to, if that is a parameter. `None`: it is another function, or nobody
    /// knows what it reads.
    fn lookup(
        &mut self,
        name: &str,
        given: &[Expr],
        dot: Option<&Path>,
        guard: Guard,
    ) -> Option<Option<Path>> {
        let (holder, steps, default) = match (name, given) {
            ("index", [holder, steps @ ..]) => (holder, steps, None),
            ("get" | "hasKey", [holder, _]) => (holder, &given[1..], None),
            ("dig", [steps @ .., default, holder]) if !steps.is_empty() => (holder, steps, Some(default)),
            _ => return None,
        };
        let steps: Path = steps.iter().map(|step| as_step(step, name)).collect::<Option<_>>()?;
        let mut path = if matches!(holder.kind, Kind::Pipe(_) | Kind::Chain(..)) {
            self.expr(holder, dot, guard)
        } else {
            self.place(holder, dot)
        }?;
        path.extend(steps);
        if let Some(default) = default {
            self.expr(default, dot, guard);
        }
        let guard = match (name, guard) {
            ("index", Guard::None | Guard::Index) => Guard::Index,
            _ => Guard::Safe,
        };
        self.note(path.clone(), guard);
        // `and (hasKey . "a") .a` goes on only when it is there.
        if name == "hasKey" {
            self.asked.push(Use { path: path.clone(), guard });
        }
        // Of `dig` it may be the default.
        Some(matches!(name, "index" | "get").then_some(path))
    }

    fn expr(&mut self, expr: &Expr, dot: Option<&Path>, guard: Guard) -> Option<Path> {
        if let Some(path) = self.place(expr, dot) {
            self.note(path.clone(), guard);
            return Some(path);
        }
        match &expr.kind {
            Kind::Chain(inner, names) => {
                let mut path = self.expr(inner, dot, guard)?;
                path.extend(keys(names));
                self.note(path.clone(), guard);
                Some(path)
            }
            Kind::Pipe(pipe) => self.pipe(pipe, dot, guard),
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

    /// What an expression names, if that is a parameter.
    fn place(&self, expr: &Expr, dot: Option<&Path>) -> Option<Path> {
        let (from, names) = match &expr.kind {
            Kind::Dot => (dot, &[][..]),
            Kind::Field(names) => (dot, &names[..]),
            Kind::Variable(name, names) => {
                let known = self.variables.iter().rev().find(|(known, _)| known == name);
                (known.and_then(|(_, place)| place.as_ref()), &names[..])
            }
            Kind::Nil
            | Kind::Bool(_)
            | Kind::Number(_)
            | Kind::Text { .. }
            | Kind::Call(..)
            | Kind::Chain(..)
            | Kind::Pipe(_) => return None,
        };
        Some(from?.iter().cloned().chain(keys(names)).collect())
    }

    fn note(&mut self, path: Path, guard: Guard) {
        let asked = self.asked.iter().filter(|asked| asked.path == path).map(|asked| asked.guard);
        let guard = asked.fold(guard, Guard::max);
        self.found.push(Use { path, guard });
    }
}

fn keys(names: &[Arc<str>]) -> impl Iterator<Item = Step> {
    names.iter().map(|name| Step::Key(name.to_string()))
}

/// A text names a key; a number, an item of what `index` is given.
fn as_step(expr: &Expr, function: &str) -> Option<Step> {
    match &expr.kind {
        Kind::Text { bytes, .. } => String::from_utf8(bytes.clone()).ok().map(Step::Key),
        Kind::Number(_) if function == "index" => Some(Step::Item),
        Kind::Number(_)
        | Kind::Dot
        | Kind::Nil
        | Kind::Bool(_)
        | Kind::Field(_)
        | Kind::Variable(..)
        | Kind::Call(..)
        | Kind::Chain(..)
        | Kind::Pipe(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The parameters, with `!` after those that `index` reads, `?` after those that are asked for and `??` after those that may be absent
    /// under every `missingkey`.
    fn check(text: &str, expect: &[&str]) {
        let template = Template::parse("x", text).expect("it parses");
        let step = |step: &Step| match step {
            Step::Key(name) => format!(".{name}"),
            Step::Item => "[]".to_owned(),
        };
        let said = |one: Use| {
            let guard = match one.guard {
                Guard::None => "",
                Guard::Index => "!",
                Guard::Asked => "?",
                Guard::Safe => "??",
            };
            let path: String = one.path.iter().map(step).collect();
            format!("{}{guard}", if path.is_empty() { "." } else { &path })
        };
        let found: Vec<String> = template.uses().into_iter().map(said).collect();
        assert_eq!(found, expect, "{text}");
    }

    #[test]
    fn parameters_that_a_text_reads() {
        check("plain", &[]);
        check("{{ .name }}-{{ .path.basename | lower }}", &[".name", ".path.basename"]);
        check("{{ index .metadata.labels \"env\" }}", &[".metadata.labels.env!"]);
        check("{{ index . \"a\" \"b\" 0 }}", &[".a.b[]!"]);
        check("{{ index .a .b }}", &[".a", ".b"]);
        check("{{ (index .a \"b\").c }}", &[".a.b!", ".a.b.c"]);
        check("{{ printf \"%s\" (upper .x) }}", &[".x"]);
        check("{{ toYaml . }}", &["."]);
        check("{{ define \"t\" }}{{ .n }}{{ $.m }}{{ end }}{{ template \"t\" . }}", &[".m", ".n"]);
        check("{{ define \"t\" }}{{ .n }}{{ $.m }}{{ end }}{{ template \"t\" .a }}", &[".a", ".a.m", ".a.n"]);
    }

    #[test]
    fn the_dot_and_variables_are_followed() {
        check("{{ with .a.b }}{{ .c }}{{ $.d }}{{ end }}", &[".a.b?", ".a.b.c", ".d"]);
        check("{{ range .list }}{{ .item }}{{ $.top }}{{ end }}", &[".list?", ".list[].item", ".top"]);
        check("{{ range $i, $x := .l }}{{ $i }}{{ $x.a }}{{ .b }}{{ end }}", &[".l?", ".l[].a", ".l[].b"]);
        check(
            "{{ range $x := .l }}{{ range $x.m }}{{ . }}{{ end }}{{ end }}",
            &[".l?", ".l[].m?", ".l[].m[]"],
        );
        check("{{ $x := .a }}{{ $x.b }}", &[".a", ".a.b"]);
        check("{{ $x := . }}{{ with .a }}{{ $x.b }}{{ end }}", &[".a?", ".b"]);
        check("{{ $x := . }}{{ toYaml $x }}", &["."]);
        // One of the two; nothing is known of what is below.
        check("{{ $x := .a }}{{ if .c }}{{ $x = .b }}{{ end }}{{ $x.d }}", &[".a", ".b", ".c?"]);
        check(
            "{{ if .c }}{{ $x := .a }}{{ end }}{{ with .b }}{{ .x }}{{ end }}",
            &[".a", ".b?", ".b.x", ".c?"],
        );
        check("{{ range (list .a .b) }}{{ .c }}{{ end }}", &[".a?", ".b?"]);
        check("{{ $x := default .a .b }}{{ $x.c }}", &[".a?", ".b?"]);
    }

    #[test]
    fn what_is_asked_for_may_be_absent() {
        check("{{ if .a }}{{ .a }}{{ .b }}{{ end }}{{ .a }}", &[".a", ".a?", ".b"]);
        check("{{ if eq .a \"x\" }}{{ end }}{{ if eq .a \"x\" }}{{ .a }}{{ end }}", &[".a?"]);
        check("{{ default \"x\" .a }}{{ .b | default \"y\" }}", &[".a?", ".b?"]);
        check("{{ if and .a (eq .b \"1\") }}{{ .b }}{{ end }}", &[".a?", ".b?"]);
    }

    #[test]
    fn what_is_looked_up_may_be_absent_always() {
        check(
            "{{ if hasKey .values \"k\" }}{{ .values.k }}{{ .values.l }}{{ end }}",
            &[".values.k??", ".values.l"],
        );
        check("{{ if and (hasKey . \"a\") (eq .a \"1\") }}{{ .a }}{{ end }}{{ .a }}", &[".a", ".a??"]);
        check("{{ if not (hasKey . \"a\") }}{{ else }}{{ .a }}{{ end }}", &[".a??"]);
        check("{{ get .values \"k\" }}{{ (get .a \"b\").c }}", &[".a.b??", ".a.b.c", ".values.k??"]);
        check("{{ dig \"a\" \"b\" .c . }}", &[".a.b??", ".c"]);
        check("{{ dig .a \"b\" \"x\" .d }}", &[".a", ".d"]);
        check("{{ index .a \"b\" | default \"x\" }}", &[".a.b??"]);
        check("{{ with index .a \"b\" }}{{ .c }}{{ end }}", &[".a.b??", ".a.b.c"]);
        check("{{ .d | dig \"a\" \"x\" }}", &[".d"]);
    }
}
