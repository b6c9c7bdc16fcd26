//! A proxy from the command line: a name, and a shell command with placeholders.

use crate::compare::peer::Route;

/// A command to be filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Template {
    /// The name of the peer.
    pub(crate) name: String,
    /// The command with its placeholders.
    pub(crate) text: String,
}

impl Template {
    /// Reads `NAME=COMMAND`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let Some((name, command)) = text.split_once('=') else {
            return Err("expected NAME=COMMAND".to_owned());
        };
        if name.is_empty() || name.contains(|c: char| c.is_whitespace() || ",|".contains(c)) {
            return Err(format!("expected a name without spaces or commas, not {name:?}"));
        }
        for end in ["listen", "backend"] {
            let whole = format!("{{{end}}}");
            let port = format!("{{{end}-port}}");
            if !command.contains(&whole) && !command.contains(&port) {
                return Err(format!("expected {whole} or {port} in the command"));
            }
        }
        Ok(Self { name: name.to_owned(), text: command.to_owned() })
    }

    /// The command for a route. Other text in braces stays as it is: it may be JSON.
    pub(crate) fn command(&self, route: Route) -> String {
        self.text
            .replace("{listen}", &route.listen.to_string())
            .replace("{backend}", &route.backend.to_string())
            .replace("{listen-port}", &route.listen.port().to_string())
            .replace("{backend-port}", &route.backend.port().to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(text: &str) -> String {
        let route = Route {
            listen: "127.0.0.1:1111".parse().unwrap(),
            backend: "127.0.0.1:2222".parse().unwrap(),
        };
        Template::parse(text).unwrap().command(route)
    }

    #[test]
    fn placeholders_are_filled_in() {
        assert_eq!(filled("p=p -l {listen} {backend}"), "p -l 127.0.0.1:1111 127.0.0.1:2222");
        assert_eq!(filled("p=p {listen-port}:{backend-port}"), "p 1111:2222");
    }

    #[test]
    fn the_command_may_hold_equal_signs_and_braces() {
        assert_eq!(
            filled(r#"p=A=1 p '{"to": "{backend}"}' {listen}"#),
            r#"A=1 p '{"to": "127.0.0.1:2222"}' 127.0.0.1:1111"#
        );
    }

    #[test]
    fn faults_are_named() {
        for (text, fault) in [
            ("command", "expected NAME=COMMAND"),
            ("=x {listen} {backend}", "expected a name without spaces or commas, not \"\""),
            ("a,b=x {listen} {backend}", "expected a name without spaces or commas, not \"a,b\""),
            ("p=x {backend}", "expected {listen} or {listen-port} in the command"),
            ("p=x {listen}", "expected {backend} or {backend-port} in the command"),
        ] {
            assert_eq!(Template::parse(text), Err(fault.to_owned()));
        }
    }
}
