//! Doc comments as text for people.

/// A doc comment as one line of text.
pub(crate) fn one_line(doc: &str) -> String {
    doc.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The paragraphs of a doc comment, each as one line.
pub(crate) fn paragraphs(doc: &str) -> Vec<String> {
    let mut paragraphs = vec![String::new()];
    for line in doc.lines().map(str::trim) {
        let last = paragraphs.len() - 1;
        match (line, paragraphs[last].as_str()) {
            ("", "") => {}
            ("", _) => paragraphs.push(String::new()),
            (line, "") => paragraphs[last].push_str(line),
            (line, _) => {
                paragraphs[last].push(' ');
                paragraphs[last].push_str(line);
            }
        }
    }
    paragraphs.retain(|paragraph| !paragraph.is_empty());
    paragraphs
}
