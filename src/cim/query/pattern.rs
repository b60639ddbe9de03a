//! The patterns of LIKE, compiled to a small automaton.
//!
//! The automaton is walked with the set of all states it may be in, so the time is at most the length of the
//! pattern times that of the text, whatever either holds. A pattern matches the whole text.

/// The longest pattern, in characters.
pub const MAX_CHARS: usize = 512;
/// How deep the groups of a regular expression may nest.
const MAX_GROUPS: usize = 32;

/// A compiled pattern.
#[derive(Clone, Debug, PartialEq)]
pub struct Pattern {
    program: Vec<Instruction>,
    ignore_case: bool,
}

/// One state of the automaton.
#[derive(Clone, Debug, PartialEq)]
enum Instruction {
    /// Consumes one character of the class and goes on with the next state.
    One(Class),
    /// Goes on with both states.
    Split(usize, usize),
    /// Goes on with that state.
    Jump(usize),
    /// The pattern ends here.
    Match,
}

/// A set of characters.
#[derive(Clone, Debug, PartialEq)]
enum Class {
    Any,
    Char(char),
    Set {
        negated: bool,
        ranges: Vec<(char, char)>,
    },
}

impl Class {
    fn has(&self, c: char, ignore_case: bool) -> bool {
        let same = |test: &dyn Fn(char) -> bool| test(c) || ignore_case && (test(fold(c)) || test(unfold(c)));
        match self {
            Self::Any => true,
            Self::Char(own) => same(&|c| c == *own),
            Self::Set { negated, ranges } => {
                same(&|c| ranges.iter().any(|(from, to)| (*from..=*to).contains(&c))) != *negated
            }
        }
    }
}

/// A character as comparisons without case see it.
pub fn fold(c: char) -> char {
    c.to_lowercase().next().unwrap_or(c)
}

fn unfold(c: char) -> char {
    c.to_uppercase().next().unwrap_or(c)
}

impl Pattern {
    /// A pattern of WQL: `%` any text, `_` any character, `[a-z]` and `[^a-z]` one of a set. Case is ignored.
    pub fn wql(pattern: &str) -> Result<Self, &'static str> {
        let mut reader = Reader::new(pattern, false)?;
        let mut parts = Vec::new();
        while let Some(c) = reader.next() {
            parts.push(match c {
                '%' => Node::Repeat(Box::new(Node::One(Class::Any)), Repeat::Any),
                '_' => Node::One(Class::Any),
                '[' => Node::One(reader.set()?),
                other => Node::One(Class::Char(other)),
            });
        }
        Ok(Self::compile(&Node::Sequence(parts), true))
    }

    /// A regular expression, as CQL (DSP0202) and FQL (DSP0212) have it: `.`, `*`, `+`, `?`, `[a-z]`, `[^a-z]`,
    /// `(a|b)` and `\` before a character that is meant as itself. `^` at the start and `$` at the end are
    /// allowed and say what holds anyway.
    pub fn regular(pattern: &str) -> Result<Self, &'static str> {
        let body = pattern.strip_prefix('^').unwrap_or(pattern);
        let escaped = body.bytes().rev().skip(1).take_while(|b| *b == b'\\').count() % 2 == 1;
        let body = if escaped {
            body
        } else {
            body.strip_suffix('$').unwrap_or(body)
        };
        let mut reader = Reader::new(body, true)?;
        let node = reader.alternatives(0)?;
        match reader.next() {
            None => Ok(Self::compile(&node, false)),
            Some(_) => Err("`)` without `(`"),
        }
    }

    fn compile(node: &Node, ignore_case: bool) -> Self {
        let mut program = Vec::new();
        node.emit(&mut program);
        program.push(Instruction::Match);
        Self { program, ignore_case }
    }

    /// Whether the whole of `text` is as the pattern says.
    pub fn matches(&self, text: &str) -> bool {
        let mut now = States::new(self.program.len());
        let mut next = States::new(self.program.len());
        now.enter(&self.program, 0);
        for c in text.chars() {
            for at in now.list.iter().copied() {
                if let Some(Instruction::One(class)) = self.program.get(at)
                    && class.has(c, self.ignore_case)
                {
                    next.enter(&self.program, at + 1);
                }
            }
            if next.list.is_empty() {
                return false;
            }
            std::mem::swap(&mut now, &mut next);
            next.clear();
        }
        now.list
            .iter()
            .any(|at| matches!(self.program.get(*at), Some(Instruction::Match)))
    }
}

/// The states that the automaton may be in, each once.
struct States {
    list: Vec<usize>,
    within: Vec<bool>,
    pending: Vec<usize>,
}

impl States {
    fn new(size: usize) -> Self {
        Self {
            list: Vec::with_capacity(size),
            within: vec![false; size],
            pending: Vec::new(),
        }
    }

    /// Adds a state and what can be reached from it without a character.
    fn enter(&mut self, program: &[Instruction], at: usize) {
        self.pending.push(at);
        while let Some(at) = self.pending.pop() {
            let Some(seen) = self.within.get_mut(at) else {
                continue;
            };
            if std::mem::replace(seen, true) {
                continue;
            }
            match program.get(at) {
                Some(Instruction::Split(a, b)) => self.pending.extend([*b, *a]),
                Some(Instruction::Jump(to)) => self.pending.push(*to),
                _ => self.list.push(at),
            }
        }
    }

    fn clear(&mut self) {
        self.list.clear();
        self.within.fill(false);
    }
}

/// A pattern as a tree, before it becomes an automaton.
enum Node {
    One(Class),
    Sequence(Vec<Node>),
    Alternatives(Vec<Node>),
    Repeat(Box<Node>, Repeat),
}

#[derive(Clone, Copy)]
enum Repeat {
    /// `*`
    Any,
    /// `+`
    Some,
    /// `?`
    Optional,
}

impl Node {
    fn emit(&self, program: &mut Vec<Instruction>) {
        match self {
            Self::One(class) => program.push(Instruction::One(class.clone())),
            Self::Sequence(parts) => parts.iter().for_each(|part| part.emit(program)),
            Self::Alternatives(parts) => emit_alternatives(parts, program),
            Self::Repeat(inner, Repeat::Some) => {
                let start = program.len();
                inner.emit(program);
                program.push(Instruction::Split(start, program.len() + 1));
            }
            Self::Repeat(inner, repeat) => {
                let start = program.len();
                program.push(Instruction::Match);
                inner.emit(program);
                if matches!(repeat, Repeat::Any) {
                    program.push(Instruction::Jump(start));
                }
                let end = program.len();
                replace(program, start, Instruction::Split(start + 1, end));
            }
        }
    }
}

fn emit_alternatives(parts: &[Node], program: &mut Vec<Instruction>) {
    let mut exits = Vec::new();
    for (at, part) in parts.iter().enumerate() {
        let start = program.len();
        let last = at + 1 == parts.len();
        if !last {
            program.push(Instruction::Match);
        }
        part.emit(program);
        if !last {
            exits.push(program.len());
            program.push(Instruction::Match);
            let next = program.len();
            replace(program, start, Instruction::Split(start + 1, next));
        }
    }
    let end = program.len();
    for exit in exits {
        replace(program, exit, Instruction::Jump(end));
    }
}

/// Puts an instruction where a place was kept for it.
fn replace(program: &mut [Instruction], at: usize, instruction: Instruction) {
    if let Some(slot) = program.get_mut(at) {
        *slot = instruction;
    }
}

struct Reader<'a> {
    chars: std::iter::Peekable<std::str::Chars<'a>>,
    /// Whether `\` takes its meaning from the next character.
    escapes: bool,
}

impl<'a> Reader<'a> {
    fn new(pattern: &'a str, escapes: bool) -> Result<Self, &'static str> {
        if pattern.chars().nth(MAX_CHARS).is_some() {
            return Err("it has more than 512 characters");
        }
        Ok(Self {
            chars: pattern.chars().peekable(),
            escapes,
        })
    }

    fn next(&mut self) -> Option<char> {
        self.chars.next()
    }

    fn eat(&mut self, wanted: char) -> bool {
        self.chars.next_if_eq(&wanted).is_some()
    }

    fn alternatives(&mut self, depth: usize) -> Result<Node, &'static str> {
        let first = self.sequence(depth)?;
        let mut parts = vec![first];
        while self.eat('|') {
            parts.push(self.sequence(depth)?);
        }
        Ok(Node::Alternatives(parts))
    }

    fn sequence(&mut self, depth: usize) -> Result<Node, &'static str> {
        let mut parts = Vec::new();
        while let Some(c) = self.chars.next_if(|c| !matches!(c, '|' | ')')) {
            let node = match c {
                '.' => Node::One(Class::Any),
                '[' => Node::One(self.set()?),
                '(' if depth < MAX_GROUPS => {
                    let inner = self.alternatives(depth + 1)?;
                    if !self.eat(')') {
                        return Err("`(` without `)`");
                    }
                    inner
                }
                '(' => return Err("groups nest too deep"),
                '\\' => Node::One(Class::Char(self.escaped()?)),
                '*' | '+' | '?' => return Err("there is nothing to repeat; write `\\` before the character"),
                '^' | '$' => {
                    return Err("`^` and `$` stand only at the ends; write `\\` before the character");
                }
                '{' | '}' => return Err("counted repeats are not offered; write `\\` before the character"),
                other => Node::One(Class::Char(other)),
            };
            parts.push(match self.repeat() {
                Some(repeat) => Node::Repeat(Box::new(node), repeat),
                None => node,
            });
        }
        Ok(Node::Sequence(parts))
    }

    fn repeat(&mut self) -> Option<Repeat> {
        let repeat = match self.chars.peek()? {
            '*' => Repeat::Any,
            '+' => Repeat::Some,
            '?' => Repeat::Optional,
            _ => return None,
        };
        self.next();
        Some(repeat)
    }

    /// Letters and digits after `\` have meanings elsewhere that are not offered here.
    fn escaped(&mut self) -> Result<char, &'static str> {
        match self.next() {
            Some(c) if !c.is_alphanumeric() => Ok(c),
            Some(_) => Err("`\\` stands before a letter or digit"),
            None => Err("`\\` at the end"),
        }
    }

    /// The rest of a set, after its `[`.
    fn set(&mut self) -> Result<Class, &'static str> {
        let negated = self.eat('^');
        let mut ranges = Vec::new();
        loop {
            let from = match self.set_char()? {
                Some(c) => c,
                None if ranges.is_empty() => return Err("a set is empty"),
                None => return Ok(Class::Set { negated, ranges }),
            };
            if !self.eat('-') {
                ranges.push((from, from));
                continue;
            }
            match self.set_char()? {
                Some(to) if from <= to => ranges.push((from, to)),
                Some(_) => return Err("a range of a set runs backwards"),
                None => {
                    ranges.extend([(from, from), ('-', '-')]);
                    return Ok(Class::Set { negated, ranges });
                }
            }
        }
    }

    /// The next character of a set; `None` at its end.
    fn set_char(&mut self) -> Result<Option<char>, &'static str> {
        match self.next() {
            None => Err("`[` without `]`"),
            Some(']') => Ok(None),
            Some('\\') if self.escapes => self.escaped().map(Some),
            Some(c) => Ok(Some(c)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn wql(pattern: &str, yes: &[&str], no: &[&str]) {
        check(&Pattern::wql(pattern).unwrap(), pattern, yes, no);
    }

    #[track_caller]
    fn regular(pattern: &str, yes: &[&str], no: &[&str]) {
        check(&Pattern::regular(pattern).unwrap(), pattern, yes, no);
    }

    #[track_caller]
    fn check(compiled: &Pattern, pattern: &str, yes: &[&str], no: &[&str]) {
        for text in yes {
            assert!(compiled.matches(text), "{pattern:?} should match {text:?}");
        }
        for text in no {
            assert!(!compiled.matches(text), "{pattern:?} should not match {text:?}");
        }
    }

    #[test]
    fn wql_patterns() {
        wql("", &[""], &["a"]);
        wql("%", &["", "abc", "ü\n"], &[]);
        wql("a%", &["a", "abc", "ABC"], &["", "ba"]);
        wql("%b%", &["b", "abc", "bbb"], &["", "ac"]);
        wql("%ab%ba", &["abba", "xab_ba"], &["aba"]);
        wql("_b_", &["abc", "üb€"], &["ab", "abcd"]);
        wql("[a-c]x[^0-9]", &["axy", "Bxy"], &["dxy", "ax1"]);
        wql("100[%]", &["100%"], &["100x"]);
        wql("[a-]", &["a", "-"], &["b"]);
        wql(r"C:\%", &[r"c:\temp"], &["c:temp"]);
        wql("GRÖSSE", &["größe".replace('ß', "ss").as_str()], &["grosse"]);
        wql("(.*)", &["(.*)"], &["abc"]);
    }

    #[test]
    fn regular_expressions() {
        regular("", &[""], &["a"]);
        regular("a.c", &["abc", "a€c"], &["ac", "ABC"]);
        regular(".*", &["", "abc"], &[]);
        regular("ab*c", &["ac", "abbbc"], &["adc"]);
        regular("ab+c?", &["ab", "abbc"], &["ac", "abcc"]);
        regular("[a-c_]+", &["ab_c"], &["", "abd"]);
        regular(r"a\.b\\", &[r"a.b\"], &["axb"]);
        regular(r"[\]\-a]", &["]", "-", "a"], &["b"]);
        regular("(ab|c)*d", &["d", "abcabd"], &["abad"]);
        regular("|a", &["", "a"], &["b"]);
        regular("^abc$", &["abc"], &["abcd"]);
        regular(r"a\$", &["a$"], &["a"]);
        regular(r"a\\$", &[r"a\"], &["a$"]);
        regular("((a*)*)*b", &["b", "aab"], &["aac"]);
        regular("(a|b|c)(d|e)", &["ad", "ce"], &["a", "d", "ab"]);
    }

    #[test]
    fn bad_patterns() {
        for (pattern, error) in [
            ("[abc", "`[` without `]`"),
            ("[]", "a set is empty"),
            ("[z-a]", "a range of a set runs backwards"),
        ] {
            assert_eq!(Pattern::wql(pattern), Err(error), "{pattern:?}");
            assert_eq!(Pattern::regular(pattern), Err(error), "{pattern:?}");
        }
        for (pattern, error) in [
            ("(a", "`(` without `)`"),
            ("a)", "`)` without `(`"),
            ("*", "there is nothing to repeat; write `\\` before the character"),
            (
                "a**",
                "there is nothing to repeat; write `\\` before the character",
            ),
            (
                "a{2}",
                "counted repeats are not offered; write `\\` before the character",
            ),
            (
                "a^b",
                "`^` and `$` stand only at the ends; write `\\` before the character",
            ),
            (r"\d", "`\\` stands before a letter or digit"),
            (r"a\", "`\\` at the end"),
        ] {
            assert_eq!(Pattern::regular(pattern), Err(error), "{pattern:?}");
        }
        assert_eq!(Pattern::regular(&"(".repeat(100)), Err("groups nest too deep"));
        assert_eq!(
            Pattern::wql(&"a".repeat(513)),
            Err("it has more than 512 characters")
        );
    }

    #[test]
    fn time_does_not_explode() {
        let text = "a".repeat(20_000);
        assert!(!Pattern::regular("(a*)*(a*)*(a|aa)+b").unwrap().matches(&text));
        assert!(
            !Pattern::wql(&"%a".repeat(50).replace('b', ""))
                .unwrap()
                .matches(&"b".repeat(20_000))
        );
    }
}
