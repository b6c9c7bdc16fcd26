//! A command line, split into words as a shell would, without anything that a shell fills in.

use super::error::{Code, Fault};
use super::tokens::Piece;

/// Splits a piece at blanks; quotes and backslashes keep them.
pub(super) fn words(piece: Piece<'_>) -> Result<Vec<String>, Fault> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut characters = piece.text.char_indices();
    while let Some((at, character)) = characters.next() {
        let open = |quote: char| {
            let message = format!("the {quote} is never closed; write \\{quote} for a plain one");
            piece.part(at..piece.text.len()).fault(Code::BadValue, message)
        };
        match character {
            '\'' => {
                let word = word.get_or_insert_default();
                loop {
                    match characters.next() {
                        Some((_, '\'')) => break,
                        Some((_, other)) => word.push(other),
                        None => return Err(open('\'')),
                    }
                }
            }
            '"' => {
                let word = word.get_or_insert_default();
                loop {
                    match characters.next() {
                        Some((_, '"')) => break,
                        Some((_, '\\')) => match characters.next() {
                            Some((_, '\n')) => {}
                            Some((_, known @ ('"' | '\\' | '$' | '`'))) => word.push(known),
                            Some((_, other)) => word.extend(['\\', other]),
                            None => return Err(open('"')),
                        },
                        Some((_, other)) => word.push(other),
                        None => return Err(open('"')),
                    }
                }
            }
            '\\' => match characters.next() {
                Some((_, '\n')) => {}
                Some((_, other)) => word.get_or_insert_default().push(other),
                None => {
                    let message = r"the string ends in a lone backslash; write \\ for one";
                    return Err(piece.part(at..at + 1).fault(Code::TrailingBackslash, message));
                }
            },
            blank if blank.is_whitespace() => words.extend(word.take()),
            other => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &str) -> Result<Vec<String>, Code> {
        words(Piece { text, start: 0 }).map_err(|fault| fault.code)
    }

    #[test]
    fn words_are_those_of_a_shell() {
        for (text, expected) in [
            ("npx -y some-server", &["npx", "-y", "some-server"][..]),
            ("  a\t b\n", &["a", "b"]),
            ("sh -c 'echo \"$x\":y'", &["sh", "-c", "echo \"$x\":y"]),
            (r#"a "b \" \\ \n" c\ d"#, &["a", r#"b " \ \n"#, "c d"]),
            ("a'b c'\"d e\"f", &["ab cd ef"]),
            ("a '' \"\"", &["a", "", ""]),
            ("", &[]),
        ] {
            assert_eq!(split(text), Ok(expected.iter().map(|word| (*word).to_owned()).collect()));
        }
        assert_eq!(split("a 'b"), Err(Code::BadValue));
        assert_eq!(split("a \"b\\"), Err(Code::BadValue));
        assert_eq!(split("a\\"), Err(Code::TrailingBackslash));
    }
}
