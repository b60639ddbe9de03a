//! The grammar of MOF (DSP0004, annex A) by recursive descent: one source in, its declarations out.
//!
//! After a fault the parser skips to the end of the declaration and goes on with the next.
//!
//! Every list gives back the room that it does not need: most hold one or two entries, and there are thousands.

mod class;
mod value;

use std::collections::HashSet;
use std::sync::Arc;

use super::ast::{At, Ident, Include, Item, QualifierTypeDecl};
use super::error::Problem;
use super::lexer::{Fault, Lexer, Token};
use super::limits;
use crate::cim::schema::Scopes;
use crate::cim::{ArraySize, CimType, Name, Namespace};

/// Every spelling of a name once, for all sources of a compilation.
#[derive(Default)]
pub(super) struct Names(HashSet<Arc<str>>);

impl Names {
    fn intern(&mut self, text: &str) -> Name {
        if let Some(known) = self.0.get(text) {
            return Name::from(Arc::clone(known));
        }
        let new: Arc<str> = Arc::from(text);
        self.0.insert(Arc::clone(&new));
        Name::from(new)
    }
}

/// What stands in one source: what could be read of it, and the faults.
pub(super) struct Parsed {
    pub(super) items: Vec<Item>,
    pub(super) faults: Vec<(At, Problem)>,
}

/// Parses the source `file` with the text `text`.
pub(super) fn parse(text: &str, file: u32, names: &mut Names) -> Parsed {
    let mut parser = Parser {
        lexer: Lexer::new(text),
        token: Token::End,
        offset: 0,
        braces: 0,
        instances: 0,
        file,
        names,
    };
    let mut parsed = Parsed {
        items: Vec::new(),
        faults: Vec::new(),
    };
    let mut started = parser.advance();
    loop {
        let result = started.and_then(|()| parser.item());
        started = Ok(());
        match result {
            Ok(Some(item)) => parsed.items.push(item),
            Ok(None) => return parsed,
            Err((offset, problem)) => {
                parsed.faults.push((parser.at(offset), problem));
                if parsed.faults.len() >= limits::FAULTS {
                    return parsed;
                }
                parser.recover();
            }
        }
    }
}

type Parse<T> = Result<T, Fault>;

struct Parser<'a, 'n> {
    lexer: Lexer<'a>,
    /// The token to be read next, and where it starts.
    token: Token<'a>,
    offset: usize,
    /// How many `{` are open.
    braces: usize,
    /// How many instances are open.
    instances: usize,
    file: u32,
    names: &'n mut Names,
}

impl<'a> Parser<'a, '_> {
    fn at(&self, offset: usize) -> At {
        At {
            file: self.file,
            offset: u32::try_from(offset).unwrap_or(u32::MAX),
        }
    }

    fn here(&self) -> At {
        self.at(self.offset)
    }

    /// Goes on to the next token.
    fn advance(&mut self) -> Parse<()> {
        match self.token {
            Token::Sign('{') => self.braces += 1,
            Token::Sign('}') => self.braces = self.braces.saturating_sub(1),
            _ => {}
        }
        // A fault leaves a sign that fits nowhere, so that the brace before it does not count twice.
        self.token = Token::Sign('\0');
        (self.offset, self.token) = self.lexer.token()?;
        Ok(())
    }

    /// Skips behind the `;` that ends the declaration with the fault.
    fn recover(&mut self) {
        self.instances = 0;
        loop {
            let end = self.token == Token::End || (self.token == Token::Sign(';') && self.braces == 0);
            // Faults on the way are in what is skipped.
            let fault = self.advance().is_err();
            if end && !fault {
                return;
            }
        }
    }

    fn expected<T>(&self, wanted: &'static str) -> Parse<T> {
        let found = match self.token {
            Token::Word(text) | Token::Number(text) => format!("`{}`", shortened(text)),
            Token::Alias(text) => format!("`${}`", shortened(text)),
            Token::String(_) => "a string".to_owned(),
            Token::Char(_) => "a char literal".to_owned(),
            Token::Sign(sign) => format!("`{sign}`"),
            Token::End => "the end of the file".to_owned(),
        };
        Err((self.offset, Problem::Expected { wanted, found }))
    }

    fn is_sign(&self, sign: char) -> bool {
        self.token == Token::Sign(sign)
    }

    fn is_keyword(&self, keyword: &str) -> bool {
        matches!(self.token, Token::Word(word) if word.eq_ignore_ascii_case(keyword))
    }

    /// Takes `sign` if it is next.
    fn accept(&mut self, sign: char) -> Parse<bool> {
        let found = self.is_sign(sign);
        if found {
            self.advance()?;
        }
        Ok(found)
    }

    /// Takes `keyword`, in whatever case, if it is next.
    fn accept_keyword(&mut self, keyword: &str) -> Parse<bool> {
        let found = self.is_keyword(keyword);
        if found {
            self.advance()?;
        }
        Ok(found)
    }

    fn expect(&mut self, sign: char, wanted: &'static str) -> Parse<()> {
        if self.accept(sign)? {
            Ok(())
        } else {
            self.expected(wanted)
        }
    }

    fn word(&mut self, wanted: &'static str) -> Parse<&'a str> {
        let Token::Word(word) = self.token else {
            return self.expected(wanted);
        };
        self.advance()?;
        Ok(word)
    }

    fn ident(&mut self, wanted: &'static str) -> Parse<Ident> {
        let at = self.here();
        let word = self.word(wanted)?;
        Ok(Ident {
            name: self.names.intern(word),
            at,
        })
    }

    /// One declaration or directive; `None` at the end.
    fn item(&mut self) -> Parse<Option<Item>> {
        loop {
            return Ok(Some(match self.token {
                Token::End => return Ok(None),
                Token::Sign('#') => match self.pragma()? {
                    Some(item) => item,
                    None => continue,
                },
                Token::Word(_) if self.is_keyword("qualifier") => Item::QualifierType(self.qualifier_type()?),
                _ => self.class_or_instance()?,
            }));
        }
    }

    /// `#pragma name (parameter)`; `None` for those that mean nothing to a compiler.
    fn pragma(&mut self) -> Parse<Option<Item>> {
        self.advance()?;
        if !self.accept_keyword("pragma")? {
            return self.expected("`pragma`");
        }
        let name = self.word("the name of the directive")?;
        self.expect('(', "`(`")?;
        let at = self.here();
        if name.eq_ignore_ascii_case("include") {
            let name = self.string("the name of the file as a string")?;
            self.expect(')', "`)`")?;
            return Ok(Some(Item::Include(Include { name, at, file: None })));
        }
        if name.eq_ignore_ascii_case("namespace") {
            let name = self.string("the namespace as a string")?;
            self.expect(')', "`)`")?;
            return Ok(Some(Item::Namespace(local_namespace(&name))));
        }
        while !self.accept(')')? {
            if matches!(self.token, Token::End | Token::Sign('#' | ';')) {
                return self.expected("`)`");
            }
            self.advance()?;
        }
        Ok(None)
    }

    fn qualifier_type(&mut self) -> Parse<QualifierTypeDecl> {
        self.advance()?;
        let name = self.ident("the name of the qualifier")?;
        self.expect(':', "`:` and the type of the qualifier")?;
        let cim_type = self.intrinsic_type("a type: boolean, string, uint8 ...")?;
        let array = self.array_size()?;
        let default = if self.accept('=')? {
            Some(self.value()?)
        } else {
            None
        };
        let mut scopes = None;
        let mut flavor = Default::default();
        while self.accept(',')? {
            if self.accept_keyword("scope")? {
                scopes = Some(self.scopes()?);
            } else if self.accept_keyword("flavor")? {
                flavor = self.flavors_of_type()?;
            } else {
                return self.expected("`Scope(...)` or `Flavor(...)`");
            }
        }
        let Some(scopes) = scopes else {
            return self.expected("`, Scope(...)`");
        };
        self.expect(';', "`,` or `;`")?;
        Ok(QualifierTypeDecl {
            name,
            cim_type,
            array,
            default,
            scopes,
            flavor,
        })
    }

    fn scopes(&mut self) -> Parse<Scopes> {
        self.expect('(', "`(`")?;
        let mut scopes = Scopes::NONE;
        loop {
            let offset = self.offset;
            let word = self.word("a scope: class, association, property ...")?;
            let Some(scope) = Scopes::from_keyword(word) else {
                return Err((offset, Problem::UnknownScope(shortened(word))));
            };
            scopes = scopes.with(scope);
            if !self.accept(',')? {
                break;
            }
        }
        self.expect(')', "`,` or `)`")?;
        Ok(scopes)
    }

    fn intrinsic_type(&mut self, wanted: &'static str) -> Parse<CimType> {
        match self.token {
            Token::Word(word) => match intrinsic_type(word) {
                Some(cim_type) => {
                    self.advance()?;
                    Ok(cim_type)
                }
                None => self.expected(wanted),
            },
            _ => self.expected(wanted),
        }
    }

    /// `[]`, `[5]` or nothing.
    fn array_size(&mut self) -> Parse<ArraySize> {
        if !self.accept('[')? {
            return Ok(ArraySize::Scalar);
        }
        if self.accept(']')? {
            return Ok(ArraySize::Variable);
        }
        let size = match self.token {
            Token::Number(text) => text.parse().ok().filter(|size: &u32| *size > 0),
            _ => None,
        };
        let Some(size) = size else {
            return self.expected("`]` or the size of the array, from 1");
        };
        self.advance()?;
        self.expect(']', "`]`")?;
        Ok(ArraySize::Fixed(size))
    }
}

/// The intrinsic type of that name. References have a syntax of their own.
fn intrinsic_type(word: &str) -> Option<CimType> {
    word.parse().ok().filter(|ty| *ty != CimType::Reference)
}

/// The namespace that a directive names: a host before it (`//host/`, `\\.\`) is ours, whatever it is called.
fn local_namespace(text: &str) -> Namespace {
    let path = text.replace('\\', "/");
    let local = path
        .strip_prefix("//")
        .and_then(|rest| rest.split_once('/'))
        .map_or(path.as_str(), |(_host, local)| local);
    Namespace::new(local)
}

/// A text of the source, cut to a readable length.
fn shortened(text: &str) -> String {
    const READABLE: usize = 60;
    match text.char_indices().nth(READABLE) {
        Some((cut, _)) => format!("{}…", text.get(..cut).unwrap_or_default()),
        None => text.to_owned(),
    }
}
