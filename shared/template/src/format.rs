//! Go's `fmt`: how values print, plainly and by verbs.
//!
//! Everything printed is counted against the rendering's memory first, so a shared list printed a million times ends as an error.
//! Differs from Go where Go shows addresses (`%p`), and for hexadecimal floats, which print as a bad verb.

mod number;
mod verbs;

use crate::error::Exceeded;
use crate::functions::Fail;
use crate::go::Scope;
use crate::quote::{quote, quote_ascii, replaced};
use crate::value::exotic::Exotic;
use crate::{Fields, List, Map, Object, Value};

/// How deep lists and maps may nest in something printed.
const MAX_DEPTH: usize = 200;

/// Collects what `print`, `println` or `printf` write.
#[derive(Debug)]
pub(crate) struct Printer<'a, 't> {
    scope: &'a mut Scope<'t>,
    out: Vec<u8>,
}

/// One `%…` directive: flags, width and precision.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Directive {
    pub(crate) verb: char,
    plus: bool,
    minus: bool,
    sharp: bool,
    space: bool,
    zero: bool,
    /// `%#v`
    sharp_v: bool,
    /// `%+v`
    plus_v: bool,
    width: Option<usize>,
    precision: Option<usize>,
}

const PLAIN: Directive = Directive {
    verb: 'v',
    plus: false,
    minus: false,
    sharp: false,
    space: false,
    zero: false,
    sharp_v: false,
    plus_v: false,
    width: None,
    precision: None,
};

/// `fmt.Sprintf("%s", value)`.
pub(crate) fn as_string(scope: &mut Scope<'_>, value: &Value) -> Result<String, Fail> {
    let mut printer = Printer::new(scope);
    printer.value(Directive { verb: 's', ..PLAIN }, value, 0)?;
    Ok(replaced(&printer.into_bytes()))
}

/// `fmt.Sprintf("%v", value)`.
pub(crate) fn plain(scope: &mut Scope<'_>, value: &Value) -> Result<Vec<u8>, Fail> {
    let mut printer = Printer::new(scope);
    printer.value(PLAIN, value, 0)?;
    Ok(printer.into_bytes())
}

impl<'a, 't> Printer<'a, 't> {
    pub(crate) fn new(scope: &'a mut Scope<'t>) -> Self {
        Self { scope, out: Vec::new() }
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.out
    }

    /// `fmt.Sprint`: a space between two values when neither is a string.
    pub(crate) fn print(&mut self, values: &[Value]) -> Result<(), Fail> {
        let mut after_string = true;
        for (index, value) in values.iter().enumerate() {
            let is_string = matches!(value, Value::Str(_));
            if index > 0 && !is_string && !after_string {
                self.emit(b" ")?;
            }
            self.value(PLAIN, value, 0)?;
            after_string = is_string;
        }
        Ok(())
    }

    /// `fmt.Sprintln`.
    pub(crate) fn println(&mut self, values: &[Value]) -> Result<(), Fail> {
        for (index, value) in values.iter().enumerate() {
            if index > 0 {
                self.emit(b" ")?;
            }
            self.value(PLAIN, value, 0)?;
        }
        self.emit(b"\n")
    }

    fn emit(&mut self, bytes: &[u8]) -> Result<(), Fail> {
        self.scope.charge(bytes.len())?;
        self.out.extend_from_slice(bytes);
        Ok(())
    }

    fn repeat(&mut self, byte: u8, count: usize) -> Result<(), Fail> {
        self.scope.charge(count)?;
        self.out.extend(std::iter::repeat_n(byte, count));
        Ok(())
    }

    /// Pads to the width, counted in characters.
    fn pad(&mut self, directive: Directive, bytes: &[u8]) -> Result<(), Fail> {
        let Some(width) = directive.width else { return self.emit(bytes) };
        let missing = width.saturating_sub(count_runes(bytes));
        if directive.minus {
            self.emit(bytes)?;
            return self.repeat(b' ', missing);
        }
        self.repeat(if directive.zero { b'0' } else { b' ' }, missing)?;
        self.emit(bytes)
    }

    fn value(&mut self, directive: Directive, value: &Value, depth: usize) -> Result<(), Fail> {
        self.scope.step()?;
        if depth > MAX_DEPTH {
            return Err(Exceeded::Depth(MAX_DEPTH).into());
        }
        match (directive.verb, value) {
            ('T', _) if depth == 0 => {
                self.text(Directive { verb: 's', ..directive }, value, value.type_name().as_bytes())
            }
            ('v', Value::Missing | Value::Nil) if directive.sharp_v && depth > 0 => {
                self.emit(b"interface {}(nil)")
            }
            ('v', Value::Missing | Value::Nil) if depth > 0 => self.emit(b"<nil>"),
            ('v', Value::Missing | Value::Nil) => self.pad(directive, b"<nil>"),
            (_, Value::Missing | Value::Nil) if depth > 0 => self.emit(b"<nil>"),
            (_, Value::Missing | Value::Nil) => self.bad_verb(directive, value),
            ('w', _) if depth == 0 => self.bad_verb(directive, value),
            ('p', _) => self.bad_verb(directive, value),
            (_, Value::Bool(truth)) => self.bool(directive, value, *truth),
            (_, Value::Int(number) | Value::Int64(number)) => {
                self.integer(directive, value, (*number).into())
            }
            ('v', Value::Byte(number)) if directive.sharp_v => self.emit(format!("{number:#x}").as_bytes()),
            (_, Value::Byte(number)) => self.integer(directive, value, (*number).into()),
            (_, Value::Float(number)) => self.float(directive, value, *number),
            (_, Value::Str(text)) => self.text(directive, value, text.as_bytes()),
            (_, Value::List(list)) => self.list(directive, list, depth),
            (_, Value::Map(map)) => self.map(directive, map, depth),
            (_, Value::Object(object)) => self.object(directive, value, object.as_ref(), depth),
        }
    }

    /// By its own method where the verb shows text, by its fields otherwise.
    fn object(
        &mut self,
        directive: Directive,
        value: &Value,
        object: &dyn Object,
        depth: usize,
    ) -> Result<(), Fail> {
        if let Some(exotic) = Exotic::of(value) {
            return self.exotic(directive, value, exotic);
        }
        if directive.sharp_v
            && let Some(syntax) = object.go_syntax()
        {
            return self.emit(syntax.as_bytes());
        }
        match object.fields() {
            Some(fields)
                if fields.printed
                    || directive.sharp_v
                    || !matches!(directive.verb, 'v' | 's' | 'q' | 'x' | 'X') =>
            {
                self.fields(directive, object, &fields, depth)
            }
            _ => self.text(directive, value, object.print().as_bytes()),
        }
    }

    fn fields(
        &mut self,
        directive: Directive,
        object: &dyn Object,
        fields: &Fields,
        depth: usize,
    ) -> Result<(), Fail> {
        let pointer = object.kind() == "ptr";
        self.emit(if pointer { b"&" } else { b"" })?;
        if directive.sharp_v {
            self.emit(object.type_name().trim_start_matches('*').as_bytes())?;
        }
        self.emit(b"{")?;
        for (index, (name, field)) in fields.values.iter().enumerate() {
            let between: &[u8] = if directive.sharp_v { b", " } else { b" " };
            self.emit(if index > 0 { between } else { b"" })?;
            if directive.sharp_v || directive.plus_v {
                self.emit(format!("{name}:").as_bytes())?;
            }
            self.value(directive, field, depth + 1)?;
        }
        self.emit(b"}")
    }

    fn exotic(&mut self, directive: Directive, value: &Value, exotic: Exotic) -> Result<(), Fail> {
        match exotic {
            Exotic::Unsigned(number) if directive.sharp_v => self.emit(format!("{number:#x}").as_bytes()),
            Exotic::Unsigned(number) => self.integer(directive, value, number.into()),
            Exotic::NilPointer(_) if matches!(directive.verb, 'b' | 'o' | 'd' | 'x' | 'X') => {
                self.integer(directive, value, 0)
            }
            Exotic::NilPointer(name) if directive.sharp_v => self.emit(format!("({name})(nil)").as_bytes()),
            Exotic::NilPointer(_) if directive.verb == 'v' => self.pad(directive, b"<nil>"),
            Exotic::NilPointer(name) => self.emit(format!("%!{}({name}=<nil>)", directive.verb).as_bytes()),
            Exotic::Complex(real, imaginary) => {
                if !matches!(directive.verb, 'v' | 'b' | 'g' | 'G' | 'x' | 'X' | 'f' | 'F' | 'e' | 'E') {
                    return self.bad_verb(directive, value);
                }
                self.emit(b"(")?;
                self.float(directive, value, real)?;
                self.float(Directive { plus: true, ..directive }, value, imaginary)?;
                self.emit(b"i)")
            }
        }
    }

    /// `%!d(string=x)`.
    fn bad_verb(&mut self, directive: Directive, value: &Value) -> Result<(), Fail> {
        self.emit(format!("%!{}(", directive.verb).as_bytes())?;
        if matches!(value, Value::Missing | Value::Nil) {
            self.emit(b"<nil>")?;
        } else {
            self.emit(value.type_name().as_bytes())?;
            self.emit(b"=")?;
            self.value(Directive { verb: 'v', ..directive }, value, 0)?;
        }
        self.emit(b")")
    }

    fn bool(&mut self, directive: Directive, value: &Value, truth: bool) -> Result<(), Fail> {
        match directive.verb {
            't' | 'v' => self.pad(directive, if truth { b"true" } else { b"false" }),
            _ => self.bad_verb(directive, value),
        }
    }

    fn text(&mut self, directive: Directive, value: &Value, bytes: &[u8]) -> Result<(), Fail> {
        match directive.verb {
            'v' if directive.sharp_v => {
                self.pad(directive, quote(truncate(bytes, directive.precision)).as_bytes())
            }
            'v' | 's' => self.pad(directive, truncate(bytes, directive.precision)),
            'q' => {
                let bytes = truncate(bytes, directive.precision);
                self.scope.charge(bytes.len().saturating_mul(4))?;
                let quoted = match directive {
                    Directive { sharp: true, .. } if can_backquote(bytes) => [b"`", bytes, b"`"].concat(),
                    Directive { plus: true, .. } => quote_ascii(bytes).into_bytes(),
                    _ => quote(bytes).into_bytes(),
                };
                self.pad(directive, &quoted)
            }
            'x' | 'X' => self.hex(directive, bytes),
            _ => self.bad_verb(directive, value),
        }
    }

    fn hex(&mut self, directive: Directive, bytes: &[u8]) -> Result<(), Fail> {
        let bytes = &bytes[..bytes.len().min(directive.precision.unwrap_or(bytes.len()))];
        self.scope.charge(bytes.len().saturating_mul(4))?;
        let prefix = match (directive.sharp, directive.verb) {
            (false, _) => "",
            (true, 'x') => "0x",
            (true, _) => "0X",
        };
        let digits: &[u8; 16] = if directive.verb == 'x' { b"0123456789abcdef" } else { b"0123456789ABCDEF" };
        let mut text = Vec::with_capacity(bytes.len().saturating_mul(2));
        for (index, byte) in bytes.iter().enumerate() {
            if directive.space && index > 0 {
                text.push(b' ');
            }
            if directive.space || index == 0 {
                text.extend_from_slice(prefix.as_bytes());
            }
            text.extend([digits[usize::from(byte >> 4)], digits[usize::from(byte & 15)]]);
        }
        self.pad(directive, &text)
    }

    fn list(&mut self, directive: Directive, list: &List, depth: usize) -> Result<(), Fail> {
        let (open, between, close): (String, &[u8], &[u8]) = if directive.sharp_v {
            if list.is_nil() {
                return self.emit(format!("[]{}(nil)", list.element().type_name()).as_bytes());
            }
            (format!("[]{}{{", list.element().type_name()), b", ", b"}")
        } else {
            ("[".to_owned(), b" ", b"]")
        };
        self.emit(open.as_bytes())?;
        self.scope.steps(list.len())?;
        for (index, item) in list.items().iter().enumerate() {
            if index > 0 {
                self.emit(between)?;
            }
            self.value(directive, item, depth + 1)?;
        }
        self.emit(close)
    }

    fn map(&mut self, directive: Directive, map: &Map, depth: usize) -> Result<(), Fail> {
        let (open, between, close): (String, &[u8], &[u8]) = if directive.sharp_v {
            (format!("map[string]{}{{", map.element().type_name()), b", ", b"}")
        } else {
            ("map[".to_owned(), b" ", b"]")
        };
        self.emit(open.as_bytes())?;
        self.scope.steps(map.len())?;
        for (index, (key, item)) in map.entries().into_iter().enumerate() {
            if index > 0 {
                self.emit(between)?;
            }
            self.value(directive, &Value::Str(key), depth + 1)?;
            self.emit(b":")?;
            self.value(directive, &item, depth + 1)?;
        }
        self.emit(close)
    }
}

/// Characters, where a byte that is not UTF-8 counts as one.
pub(crate) fn count_runes(bytes: &[u8]) -> usize {
    bytes.utf8_chunks().map(|chunk| chunk.valid().chars().count() + chunk.invalid().len()).sum()
}

fn truncate(bytes: &[u8], precision: Option<usize>) -> &[u8] {
    let Some(mut left) = precision else { return bytes };
    let mut end = 0;
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            if left == 0 {
                return &bytes[..end];
            }
            left -= 1;
            end += character.len_utf8();
        }
        let taken = chunk.invalid().len().min(left);
        left -= taken;
        end += taken;
    }
    &bytes[..end]
}

fn can_backquote(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    text.chars().all(|character| {
        character == '\t' || !(character < ' ' || matches!(character, '`' | '\u{7f}' | '\u{feff}'))
    })
}
