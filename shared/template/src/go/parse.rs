//! From tokens to trees, as text/template's parser does, error texts included.
//!
//! Differs from Go in one way: blocks and parentheses nest at most [`MAX_NESTING`] deep.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::ast::{Command, Expr, Kind, List, Node, Pipe, Source, Tree};
use super::lex::{Item, Lexer, Token};
use crate::Error;
use crate::functions::Functions;
use crate::number::Number;
use crate::quote::{quote, unquote, unquote_character};

/// How deep blocks and parentheses may nest in a template's text.
pub(super) const MAX_NESTING: usize = 100;

/// All trees of the text by name: its own, and every `define` and `block` in it.
pub(super) fn parse(
    name: &str,
    text: &str,
    functions: &Functions,
) -> Result<BTreeMap<String, Arc<Tree>>, Error> {
    let mut parser = Parser {
        name,
        source: Arc::new(Source { name: name.to_owned(), text: text.to_owned() }),
        functions,
        lexer: Lexer::new(text),
        tokens: [eof(), eof(), eof()],
        peeked: 0,
        variables: vec!["$".to_owned()],
        range_depth: 0,
        nesting: 0,
        action_line: 0,
        trees: BTreeMap::new(),
    };
    parser.whole_text()?;
    Ok(parser.trees)
}

fn eof() -> Item {
    Item { token: Token::Eof, at: 0, text: String::new(), line: 0 }
}

struct Parser<'t> {
    name: &'t str,
    source: Arc<Source>,
    functions: &'t Functions,
    lexer: Lexer<'t>,
    /// Lookahead, the next one last.
    tokens: [Item; 3],
    peeked: usize,
    variables: Vec<String>,
    range_depth: usize,
    nesting: usize,
    /// Where the open action started, 0 outside.
    action_line: usize,
    trees: BTreeMap<String, Arc<Tree>>,
}

/// What ends a list of nodes.
enum End {
    End,
    /// `else`, with the keyword that follows it, if any.
    Else(Token),
}

enum Parsed {
    Node(Node),
    End(End),
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "a parser names the tokens it takes; every other one is unexpected"
)]
impl Parser<'_> {
    fn next(&mut self) -> Item {
        if self.peeked > 0 {
            self.peeked -= 1;
        } else {
            self.tokens[0] = self.lexer.next_item();
        }
        self.tokens[self.peeked].clone()
    }

    fn back(&mut self) {
        self.peeked += 1;
    }

    fn peek(&mut self) -> Item {
        if self.peeked == 0 {
            self.peeked = 1;
            self.tokens[0] = self.lexer.next_item();
        }
        self.tokens[self.peeked - 1].clone()
    }

    fn next_non_space(&mut self) -> Item {
        loop {
            let item = self.next();
            if item.token != Token::Space {
                return item;
            }
        }
    }

    fn peek_non_space(&mut self) -> Item {
        let item = self.next_non_space();
        self.back();
        item
    }

    fn error<T>(&self, message: impl Into<String>) -> Result<T, Error> {
        Err(Error::Parse { name: self.name.to_owned(), line: self.tokens[0].line, message: message.into() })
    }

    fn unexpected<T>(&self, item: &Item, context: &str) -> Result<T, Error> {
        if item.token != Token::Error {
            return self.error(format!("unexpected {item} in {context}"));
        }
        let mut extra = String::new();
        if self.action_line != 0 && self.action_line != item.line {
            let verb = if item.text.ends_with(" action") { "" } else { " in action" };
            extra = format!("{verb} started at {}:{}", self.name, self.action_line);
        }
        self.error(format!("{item}{extra}"))
    }

    fn expect(&mut self, token: Token, context: &str) -> Result<Item, Error> {
        let item = self.next_non_space();
        if item.token == token { Ok(item) } else { self.unexpected(&item, context) }
    }

    fn nested<T>(&mut self, parse: impl FnOnce(&mut Self) -> Result<T, Error>) -> Result<T, Error> {
        if self.nesting == MAX_NESTING {
            return self.error("max expression depth exceeded");
        }
        self.nesting += 1;
        let parsed = parse(self);
        self.nesting -= 1;
        parsed
    }

    fn add(&mut self, name: &str, root: List) -> Result<(), Error> {
        match self.trees.get(name) {
            Some(old) if !old.root.is_blank() => {
                if !root.is_blank() {
                    return self.error(format!(
                        "template: multiple definition of template {}",
                        quote(name.as_bytes())
                    ));
                }
            }
            _ => {
                let tree = Tree { name: name.into(), source: Arc::clone(&self.source), root };
                self.trees.insert(name.to_owned(), Arc::new(tree));
            }
        }
        Ok(())
    }

    fn whole_text(&mut self) -> Result<(), Error> {
        let mut root = List::default();
        loop {
            let item = self.peek();
            match item.token {
                Token::Eof => break,
                Token::LeftDelim => {
                    let delim = self.next();
                    if self.next_non_space().token == Token::Define {
                        self.definition()?;
                        continue;
                    }
                    self.tokens[1] = delim;
                    self.peeked = 2;
                }
                _ => {}
            }
            match self.text_or_action()? {
                Parsed::Node(node) => root.0.push(node),
                Parsed::End(End::End) => return self.error("unexpected {{end}}"),
                Parsed::End(End::Else(_)) => return self.error("unexpected {{else}}"),
            }
        }
        self.add(self.name, root)
    }

    fn definition(&mut self) -> Result<(), Error> {
        let item = self.next_non_space();
        let name = self.template_name(&item, "define clause")?;
        self.expect(Token::RightDelim, "define clause")?;
        self.own_tree(&name, "define clause")
    }

    /// The body of a `define` or `block`: it sees none of the variables around it.
    fn own_tree(&mut self, name: &str, context: &str) -> Result<(), Error> {
        let variables = std::mem::replace(&mut self.variables, vec!["$".to_owned()]);
        let range_depth = std::mem::take(&mut self.range_depth);
        let action_line = std::mem::take(&mut self.action_line);
        let (root, end) = self.nested(Self::list)?;
        if matches!(end, End::Else(_)) {
            return self.error(format!("unexpected {{{{else}}}} in {context}"));
        }
        self.add(name, root)?;
        self.variables = variables;
        self.range_depth = range_depth;
        self.action_line = action_line;
        Ok(())
    }

    fn list(&mut self) -> Result<(List, End), Error> {
        let mut list = List::default();
        while self.peek_non_space().token != Token::Eof {
            match self.text_or_action()? {
                Parsed::Node(node) => list.0.push(node),
                Parsed::End(end) => return Ok((list, end)),
            }
        }
        self.error("unexpected EOF")
    }

    fn text_or_action(&mut self) -> Result<Parsed, Error> {
        let item = self.next_non_space();
        match item.token {
            Token::Text => Ok(Parsed::Node(Node::Text(item.text))),
            Token::LeftDelim => {
                self.action_line = item.line;
                let parsed = self.action()?;
                self.action_line = 0;
                Ok(parsed)
            }
            _ => self.unexpected(&item, "input"),
        }
    }

    fn action(&mut self) -> Result<Parsed, Error> {
        let item = self.next_non_space();
        let node = match item.token {
            Token::Block => self.block()?,
            Token::Break => {
                self.loop_control("{{break}}")?;
                Node::Break
            }
            Token::Continue => {
                self.loop_control("{{continue}}")?;
                Node::Continue
            }
            Token::Else => return self.otherwise(),
            Token::End => {
                self.expect(Token::RightDelim, "end")?;
                return Ok(Parsed::End(End::End));
            }
            Token::If => self.nested(|parser| parser.branch("if"))?,
            Token::With => self.nested(|parser| parser.branch("with"))?,
            Token::Range => self.nested(Self::range)?,
            Token::Template => self.template()?,
            _ => {
                self.back();
                let at = self.peek().at;
                Node::Action { at, pipe: self.pipeline("command", Token::RightDelim)? }
            }
        };
        Ok(Parsed::Node(node))
    }

    fn loop_control(&mut self, name: &str) -> Result<(), Error> {
        let item = self.next_non_space();
        if item.token != Token::RightDelim {
            return self.unexpected(&item, name);
        }
        if self.range_depth == 0 { self.error(format!("{name} outside {{{{range}}}}")) } else { Ok(()) }
    }

    fn otherwise(&mut self) -> Result<Parsed, Error> {
        let item = self.peek_non_space();
        if !matches!(item.token, Token::If | Token::With) {
            self.expect(Token::RightDelim, "else")?;
        }
        Ok(Parsed::End(End::Else(item.token)))
    }

    /// `if` or `with`, to the end of its chain of `else if` or `else with`.
    fn branch(&mut self, word: &str) -> Result<Node, Error> {
        let seen = self.variables.len();
        let again = if word == "if" { Token::If } else { Token::With };
        let mut arms = Vec::new();
        let mut otherwise = None;
        loop {
            let pipe = self.pipeline(word, Token::RightDelim)?;
            let (list, end) = self.list()?;
            arms.push((pipe, list));
            match end {
                End::Else(token) if token == again && self.peek().token == again => {
                    self.next();
                }
                End::Else(_) => {
                    otherwise = Some(self.last_list()?);
                    break;
                }
                End::End => break,
            }
        }
        self.variables.truncate(seen);
        Ok(Node::Branch { sets_dot: word == "with", arms, otherwise })
    }

    /// The list after an `else`, which must end the block.
    fn last_list(&mut self) -> Result<List, Error> {
        match self.list()? {
            (list, End::End) => Ok(list),
            (_, End::Else(_)) => self.error("expected end; found {{else}}"),
        }
    }

    fn range(&mut self) -> Result<Node, Error> {
        let seen = self.variables.len();
        let pipe = self.pipeline("range", Token::RightDelim)?;
        self.range_depth += 1;
        let (body, end) = self.list()?;
        self.range_depth -= 1;
        let otherwise = if matches!(end, End::Else(_)) { Some(self.last_list()?) } else { None };
        self.variables.truncate(seen);
        Ok(Node::Range { pipe, body, otherwise })
    }

    fn block(&mut self) -> Result<Node, Error> {
        let item = self.next_non_space();
        let name = self.template_name(&item, "block clause")?;
        let pipe = self.pipeline("block clause", Token::RightDelim)?;
        self.own_tree(&name, "block clause")?;
        Ok(Node::Template { at: item.at, name, pipe: Some(pipe) })
    }

    fn template(&mut self) -> Result<Node, Error> {
        let item = self.next_non_space();
        let name = self.template_name(&item, "template clause")?;
        let mut pipe = None;
        if self.next_non_space().token != Token::RightDelim {
            self.back();
            pipe = Some(self.pipeline("template clause", Token::RightDelim)?);
        }
        Ok(Node::Template { at: item.at, name, pipe })
    }

    fn template_name(&self, item: &Item, context: &str) -> Result<String, Error> {
        if !matches!(item.token, Token::Str | Token::RawStr) {
            return self.unexpected(item, context);
        }
        match unquote(&item.text) {
            Some(name) => Ok(String::from_utf8_lossy(&name).into_owned()),
            None => self.error("invalid syntax"),
        }
    }

    fn pipeline(&mut self, context: &str, end: Token) -> Result<Pipe, Error> {
        let at = self.peek_non_space().at;
        let mut pipe = Pipe { at, assigns: false, variables: Vec::new(), commands: Vec::new() };
        self.declarations(&mut pipe, context)?;
        loop {
            let item = self.next_non_space();
            match item.token {
                token if token == end => {
                    self.check_pipeline(&pipe, context)?;
                    return Ok(pipe);
                }
                Token::Bool
                | Token::CharConstant
                | Token::Dot
                | Token::Field
                | Token::Identifier
                | Token::Number
                | Token::Nil
                | Token::RawStr
                | Token::Str
                | Token::Variable
                | Token::LeftParen => {
                    self.back();
                    let command = self.command()?;
                    pipe.commands.push(command);
                }
                _ => return self.unexpected(&item, context),
            }
        }
    }

    /// `$x :=`, `$x =`, and in a range `$i, $x :=`.
    fn declarations(&mut self, pipe: &mut Pipe, context: &str) -> Result<(), Error> {
        loop {
            let variable = self.peek_non_space();
            if variable.token != Token::Variable {
                return Ok(());
            }
            self.next();
            let after = self.peek();
            let next = self.peek_non_space();
            match next.token {
                Token::Assign | Token::Declare => {
                    pipe.assigns = next.token == Token::Assign;
                    self.next_non_space();
                    self.declare(pipe, variable.text);
                    return Ok(());
                }
                Token::Char if next.text == "," => {
                    self.next_non_space();
                    self.declare(pipe, variable.text);
                    if context != "range" || pipe.variables.len() >= 2 {
                        return self.error(format!("too many declarations in {context}"));
                    }
                    if !matches!(
                        self.peek_non_space().token,
                        Token::Variable | Token::RightDelim | Token::RightParen
                    ) {
                        return self.error("range can only initialize variables");
                    }
                }
                _ if after.token == Token::Space => {
                    self.tokens[1] = after;
                    self.tokens[2] = variable;
                    self.peeked = 3;
                    return Ok(());
                }
                _ => {
                    self.tokens[1] = variable;
                    self.peeked = 2;
                    return Ok(());
                }
            }
        }
    }

    fn declare(&mut self, pipe: &mut Pipe, name: String) {
        pipe.variables.push(name.as_str().into());
        self.variables.push(name);
    }

    fn check_pipeline(&self, pipe: &Pipe, context: &str) -> Result<(), Error> {
        if pipe.commands.is_empty() {
            return self.error(format!("missing value for {context}"));
        }
        for (index, command) in pipe.commands.iter().enumerate().skip(1) {
            let constant = |word: &Expr| {
                matches!(
                    word.kind,
                    Kind::Bool(_) | Kind::Dot | Kind::Nil | Kind::Number(_) | Kind::Text { .. }
                )
            };
            if command.words.first().is_some_and(constant) {
                return self.error(format!("non executable command in pipeline stage {}", index + 1));
            }
        }
        Ok(())
    }

    fn command(&mut self) -> Result<Command, Error> {
        let mut command = Command { at: self.peek_non_space().at, words: Vec::new() };
        loop {
            self.peek_non_space();
            if let Some(word) = self.operand()? {
                command.words.push(word);
            }
            let item = self.next();
            match item.token {
                Token::Space => continue,
                Token::RightDelim | Token::RightParen => self.back(),
                Token::Pipe => {}
                _ => return self.unexpected(&item, "operand"),
            }
            break;
        }
        if command.words.is_empty() { self.error("empty command") } else { Ok(command) }
    }

    /// A term with the fields that follow it. Go places `.a.b` at its second field.
    fn operand(&mut self) -> Result<Option<Expr>, Error> {
        let Some(mut term) = self.term()? else { return Ok(None) };
        let first = self.peek();
        if first.token != Token::Field {
            return Ok(Some(term));
        }
        let mut fields: Vec<Arc<str>> = Vec::new();
        while self.peek().token == Token::Field {
            fields.push(self.next().text[1..].into());
        }
        let written = term.to_string();
        match &mut term.kind {
            Kind::Field(names) | Kind::Variable(_, names) => {
                names.append(&mut fields);
                term.at = first.at;
            }
            Kind::Bool(_) | Kind::Text { .. } | Kind::Number(_) | Kind::Nil | Kind::Dot => {
                return self.error(format!("unexpected . after term {}", quote(written.as_bytes())));
            }
            Kind::Call(..) | Kind::Chain(..) | Kind::Pipe(_) => {
                term = Expr { at: first.at, kind: Kind::Chain(Box::new(term), fields) };
            }
        }
        Ok(Some(term))
    }

    fn term(&mut self) -> Result<Option<Expr>, Error> {
        let item = self.next_non_space();
        let kind = match item.token {
            Token::Identifier => match self.functions.get(&item.text) {
                Some(function) => Kind::Call(item.text.as_str().into(), function),
                None => return self.error(format!("function {} not defined", quote(item.text.as_bytes()))),
            },
            Token::Dot => Kind::Dot,
            Token::Nil => Kind::Nil,
            Token::Variable => {
                if !self.variables.contains(&item.text) {
                    return self.error(format!("undefined variable {}", quote(item.text.as_bytes())));
                }
                Kind::Variable(item.text.as_str().into(), Vec::new())
            }
            Token::Field => Kind::Field(vec![item.text[1..].into()]),
            Token::Bool => Kind::Bool(item.text == "true"),
            Token::CharConstant => match unquote_character(&item.text) {
                Some(value) => Kind::Number(Number::character(&item.text, value)),
                None if item.text.chars().count() > 3 && !item.text.starts_with("'\\") => {
                    return self.error(format!("malformed character constant: {}", item.text));
                }
                None => return self.error("invalid syntax"),
            },
            Token::Number => match Number::parse(&item.text) {
                Ok(number) => Kind::Number(number),
                Err(message) => return self.error(message),
            },
            Token::LeftParen => Kind::Pipe(
                self.nested(|parser| parser.pipeline("parenthesized pipeline", Token::RightParen))?,
            ),
            Token::Str | Token::RawStr => match unquote(&item.text) {
                Some(bytes) => Kind::Text { written: item.text.clone(), bytes },
                None => return self.error("invalid syntax"),
            },
            _ => {
                self.back();
                return Ok(None);
            }
        };
        let at = if let Kind::Pipe(pipe) = &kind { pipe.at } else { item.at };
        Ok(Some(Expr { at, kind }))
    }
}
