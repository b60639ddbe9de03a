//! The tokens of a text and the place in them: what the parsers of all query languages share.

use super::{QueryError, Reason};

/// A token and where it starts, in bytes.
#[derive(Clone, Debug, PartialEq)]
pub struct Token<K> {
    pub kind: K,
    pub at: usize,
}

/// The kinds of tokens that a language has.
pub trait TokenKind: PartialEq + 'static {
    /// The end of the text.
    const END: &'static Self;

    /// The token as an error message shows it.
    fn describe(&self) -> String;
}

/// A text, its tokens, and the one that is next.
pub struct Tokens<'a, K> {
    text: &'a str,
    tokens: Vec<Token<K>>,
    next: usize,
}

impl<'a, K: TokenKind> Tokens<'a, K> {
    /// The tokens of `text`, from the first on.
    pub fn new(text: &'a str, tokens: Vec<Token<K>>) -> Self {
        Self {
            text,
            tokens,
            next: 0,
        }
    }

    /// The whole text.
    pub fn text(&self) -> &'a str {
        self.text
    }

    /// The next token.
    pub fn peek(&self) -> &K {
        self.peek_at(0)
    }

    /// The token that comes `ahead` after the next one.
    pub fn peek_at(&self, ahead: usize) -> &K {
        self.tokens
            .get(self.next + ahead)
            .map_or(K::END, |token| &token.kind)
    }

    /// Where the next token starts, in bytes.
    pub fn at(&self) -> usize {
        self.tokens
            .get(self.next)
            .map_or(self.text.len(), |token| token.at)
    }

    /// Goes on by so many tokens.
    pub fn skip(&mut self, count: usize) {
        self.next += count;
    }

    /// Goes past the next token if it is this one, and says whether it is.
    pub fn eat(&mut self, kind: &K) -> bool {
        self.eat_if(|next| next == kind)
    }

    /// Goes past the next token if it is such a one, and says whether it is.
    pub fn eat_if(&mut self, wanted: impl FnOnce(&K) -> bool) -> bool {
        let there = wanted(self.peek());
        self.next += usize::from(there);
        there
    }

    /// Goes past the next token, which must be this one.
    pub fn expect(&mut self, kind: &K, expected: &'static str) -> Result<(), QueryError> {
        if self.eat(kind) {
            Ok(())
        } else {
            Err(self.expected(expected))
        }
    }

    /// What is wrong at the next token.
    pub fn fault(&self, reason: Reason) -> QueryError {
        reason.at(self.text, self.at())
    }

    /// That something else should stand in the place of the next token.
    pub fn expected(&self, expected: &'static str) -> QueryError {
        self.fault(Reason::Expected {
            expected,
            found: self.peek().describe(),
        })
    }
}

/// As much of a text as an error message needs.
pub fn excerpt(text: &str) -> String {
    const LONGEST: usize = 40;
    let mut short: String = text.chars().take(LONGEST).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}
