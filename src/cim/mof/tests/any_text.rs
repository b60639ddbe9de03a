//! Whatever a file holds, the compiler answers.

use proptest::prelude::*;

use super::compile_text;

/// Pieces of which faulty sources are made: some fit together, most do not.
const PIECES: [&str; 44] = [
    "class",
    "A",
    "B",
    ":",
    "{",
    "}",
    ";",
    "[",
    "]",
    "(",
    ")",
    ",",
    "=",
    "#pragma",
    "include",
    "namespace",
    "\"test\"",
    "\"A.K=1\"",
    "Qualifier",
    "Q",
    "Key",
    "Association",
    "Scope",
    "any",
    "Flavor",
    "Restricted",
    "string",
    "uint8",
    "datetime",
    "REF",
    "K",
    "instance",
    "of",
    "as",
    "$X",
    "NULL",
    "TRUE",
    "5",
    "-1.5e3",
    "'c'",
    "/*",
    "*/",
    "//",
    "\"",
];

/// A source that is right, with blanks between all of its pieces.
const RIGHT: &str = r#"
    [ Association ] class L : B { [ Key , Override ( "K" ) ] string K ; A REF R = "A.K=1" ; } ;
    class B { [ Key ] string K ; uint8 F ( [ Out ] string p [ ] ) ; } ;
    class A { [ Key ] uint8 K ; } ;
    instance of A as $X { K = 5 ; } ;
    instance of L { K = "k" ; R = $X ; } ;
"#;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn characters(text in any::<String>()) {
        // Either answer is right; a panic or an endless loop is not.
        let _ = compile_text(&text);
    }

    #[test]
    fn pieces(pieces in proptest::collection::vec(prop::sample::select(&PIECES[..]), 0..60), lines in any::<bool>()) {
        let _ = compile_text(&pieces.join(if lines { "\n" } else { " " }));
    }

    /// That source with one piece taken out, doubled or exchanged.
    #[test]
    fn almost_right(at in any::<prop::sample::Index>(), with in prop::sample::select(&PIECES[..]), keep in any::<bool>()) {
        let mut pieces: Vec<&str> = RIGHT.split_whitespace().collect();
        let at = at.index(pieces.len());
        let kept = if keep { Some(pieces[at]) } else { None };
        pieces.splice(at..=at, kept.into_iter().chain([with]));
        let _ = compile_text(&pieces.join(" "));
    }
}

#[test]
fn the_source_of_the_variations_is_right() {
    super::classes(RIGHT);
}
