//! Labels of requests: the method and the path.

/// The longest label, in bytes: a list of requests keeps them.
const LONGEST: usize = 1_024;

/// Returns the label of a request: its method and the path of its target, without query and fragment,
/// such as `GET /api/users`. A target that has no path stays as it is: `OPTIONS *`,
/// `CONNECT example.org:443`.
pub(super) fn label(method: &str, target: &str) -> Box<str> {
    let path = if method == "CONNECT" { target } else { path(target) };
    let room = LONGEST.saturating_sub(method.len() + 1);
    let end = (0..=room.min(path.len())).rev().find(|end| path.is_char_boundary(*end));
    let path = &path[..end.unwrap_or(0)];
    [method, " ", path].concat().into()
}

/// Returns the path of a target in any of its forms [RFC 9112, 3.2].
fn path(target: &str) -> &str {
    let end = target.find(['?', '#']).unwrap_or(target.len());
    let target = &target[..end];
    let Some((_, rest)) = target.split_once("://").filter(|_| !target.starts_with('/')) else {
        return if target.is_empty() { "/" } else { target };
    };
    rest.find('/').map_or("/", |start| &rest[start..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_method_and_the_path_in_every_form_of_a_target() {
        for (method, target, expected) in [
            ("GET", "/api/users", "GET /api/users"),
            ("GET", "/api?q=/x#f", "GET /api"),
            ("GET", "?q", "GET /"),
            ("GET", "http://a.example/x?y", "GET /x"),
            ("GET", "http://a.example", "GET /"),
            ("GET", "http://a.example?x=/y", "GET /"),
            ("GET", "/http://a/b", "GET /http://a/b"),
            ("OPTIONS", "*", "OPTIONS *"),
            ("CONNECT", "a.example:443", "CONNECT a.example:443"),
        ] {
            assert_eq!(&*label(method, target), expected);
        }
    }

    #[test]
    fn it_is_bounded_at_whole_characters() {
        let long = label("GET", &format!("/{}", "é".repeat(2_000)));
        assert!(long.len() <= LONGEST && long.len() >= LONGEST - 1 && long.ends_with('é'));
    }
}
