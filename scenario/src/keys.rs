//! The keys of a scenario file: the one table by which it is read, and from which its schema is made.

use super::shape::{Field, Object, Scalar, Shape, may, must};
use super::words::{Answer, Whole};
use chenapan_core::{Choices, Form};
use chenapan_engine::config::OnRefused;

const TEXT: Shape = Shape::Scalar(Scalar::Text);
const TIME: Shape = form(Form::Time);
const SIZE: Shape = form(Form::Size);
const FLAG: Shape = form(Form::Flag);
const PATTERN: Shape = form(Form::Pattern);
const NAME: Shape = matching(OWN_NAME, "a name of letters, digits, - and _");
const VALUES: Shape = Shape::Map(&TEXT, "{NAME: VALUE}");

/// The most that a count may be where nothing else bounds it.
const MOST: u64 = u64::MAX;

/// Largest number of times that a phase may be repeated.
pub(crate) const MOST_REPEATS: u64 = 10_000;

/// Pattern of the name of a proxy, a service or a variable.
pub const OWN_NAME: &str = "^[A-Za-z0-9_-]+$";

const fn count(least: u64, most: u64) -> Shape {
    Shape::Scalar(Scalar::Count(least, most))
}

const fn form(form: Form) -> Shape {
    Shape::Scalar(Scalar::Form(form))
}

const fn matching(pattern: &'static str, expected: &'static str) -> Shape {
    Shape::Scalar(Scalar::Match(pattern, expected))
}

const fn object(example: &'static str, fields: &'static [Field]) -> Object {
    Object { example, fields, any: None, one: None, clients: false }
}

/// A whole file.
pub const FILE: Object = object(
    "{proxies: {web: {backend: 127.0.0.1:8080}}, phases: [...]}",
    &[
        may("name", "Its name in reports.", TEXT),
        may("seed", "Decides every draw.", count(0, MOST)),
        may("include", "Files that come before this one.", Shape::List(&TEXT, 0)),
        may("vars", "Variables: {name} stands for the value in every text.", VALUES),
        may(
            "proxies",
            "Proxies by their names; {web} stands for the address of the proxy web.",
            Shape::Map(&Shape::Object(&PROXY), "proxies: {web: {backend: 127.0.0.1:8080}}"),
        ),
        may(
            "services",
            "Processes that all phases need, by their names.",
            Shape::Map(&Shape::Object(&SERVICE), "services: {app: {run: ./app}}"),
        ),
        ABORT_WHEN,
        may("phases", "What happens, in order.", Shape::Phases),
    ],
);

/// Keys of a proxy: those of the engine's model, but for those that a scenario has elsewhere.
pub(crate) const PROXY: Object = object(
    "{backend: 127.0.0.1:8080}",
    &[
        may(
            "listen",
            "Where to listen; 127.0.0.1 and a free port if not given.",
            Shape::List(&Shape::Address, 0),
        ),
        must("backend", "Where to connect to.", Shape::Address),
        may("protocol", "What it speaks; tcp if not given.", Shape::Protocol),
        may(
            "buffer",
            "The most bytes that a direction holds of what could go on at once; 64KiB if not given.",
            SIZE,
        ),
        may(
            "in-flight",
            "The most bytes that rules hold back in each direction; 64MiB if not given.",
            SIZE,
        ),
        may(
            "half-closed",
            "The time left after a client's end; 30s under a rule, else 1h, if not given.",
            TIME,
        ),
        may("idle", "The time for a connection without traffic; no bound if not given.", TIME),
        may("connect-timeout", "The time to connect to the backend; 10s if not given.", TIME),
        may("greet-timeout", "The time for a PROXY header or TLS; 10s if not given.", TIME),
        may("max-connections", "The most connections at once; others wait.", count(1, MOST)),
        may("strict", "Closes connections that the protocol cannot parse.", FLAG),
        may(
            "on-refused",
            "End of a client whose backend is not reached: close or reset; close if not given.",
            Shape::Scalar(Scalar::Choice(OnRefused::CHOICES)),
        ),
    ],
);

/// A file of proxies without phases. Each proxy is checked by its own keys and those of [`LIVE`].
pub(crate) const PROXIES: Object = object(
    "{proxies: {web: {backend: 127.0.0.1:8080}}}",
    &[
        must("proxies", "Proxies by their names.", Shape::Map(&ANY, "{web: {backend: 8080}}")),
        ABORT_WHEN,
    ],
);

/// The key for a watch over the system under test.
const ABORT_WHEN: Field = may(
    "abort-when",
    "Takes all rules away when a probe of the system under test fails.",
    Shape::Object(&ABORT),
);

const ABORT: Object = object(
    "{probe: http://127.0.0.1:8080/health, fails: 3}",
    &[
        must(
            "probe",
            "A URL whose status must be 2xx or 3xx, or a shell command that must exit with 0.",
            TEXT,
        ),
        may("fails", "The failures in a row after which rules go; 3 if not given.", count(1, MOST)),
        may("every", "The time between two probes; 1s if not given.", TIME),
        may("timeout", "The most that a probe may take; 1s if not given.", TIME),
    ],
);

/// A value that is checked elsewhere.
const ANY: Shape = Shape::Address;

/// Keys that a proxy without phases has beside those of [`PROXY`].
pub(crate) const LIVE: [Field; 2] = [
    may("rules", "Its rules.", Shape::Rules),
    may("enabled", "Unset where it is not to accept connections.", FLAG),
];

pub(crate) const SERVICE: Object = object(
    "{run: ./app}",
    &[
        must("run", "A shell command; it is stopped with its children at the end.", TEXT),
        may("env", "Its environment variables.", VALUES),
        may("ready", "How to tell that it is ready.", Shape::Object(&READY)),
    ],
);

const READY: Object = object(
    "{tcp: 127.0.0.1:8080, within: 10s}",
    &[
        may("tcp", "Ready when this address takes connections.", Shape::Address),
        may("output", "Ready when its output matches this pattern.", PATTERN),
        may("within", "The most that this may take; 10s if not given.", TIME),
    ],
);

/// Keys of a phase.
pub const PHASE: Object = Object {
    example: "{name: ..., run: ...}",
    fields: &[
        may("name", "Its name.", TEXT),
        may("repeat", "The number of times that it is done.", count(1, MOST_REPEATS)),
        may("matrix", "Values by name; there is a phase for each combination.", MATRIX),
        may("rules", "The rules of the only proxy, or of each by its name.", Shape::Rules),
        may("ramp", "Options that move while it lasts.", Shape::List(&Shape::Object(&RAMP), 0)),
        may("schedule", "Rules that hold from a time on.", Shape::List(&Shape::Object(&STEP), 0)),
        may("run", "A shell command; {web} is the address of the proxy web.", TEXT),
        may("env", "The command's environment variables.", VALUES),
        may("timeout", "The most that the command may take; 60s if not given.", TIME),
        may("load", "Traffic from the built-in client.", Shape::Object(&LOAD)),
        may("until", "A time, or counts that are reached within a time.", Shape::Until),
        may("expect", "Subjects and what must hold of them at the end.", Shape::Bounds),
        may("idle", "Lets rules go without any traffic.", FLAG),
    ],
    any: Some((
        &["run", "load", "until"],
        "a phase that does nothing ends at once",
        "add run, load or until",
    )),
    one: Some((
        &["ramp", "schedule"],
        "a phase has either a ramp or a schedule: both change the same rules",
    )),
    clients: false,
};

pub(crate) const MATRIX: Shape = Shape::Map(&Shape::List(&TEXT, 1), "matrix: {size: [1, 2]}");

const RAMP: Object = object(
    "{rule: throttle, option: rate, from: 1MiB/s, to: 64kB/s, over: 10s}",
    &[
        may("proxy", "The proxy; the first if not given.", NAME),
        must("rule", "The rule, by its behavior's or its own name.", TEXT),
        must("option", "The option that moves.", TEXT),
        must("from", "Its value at the start.", TEXT),
        must("to", "Its value at the end.", TEXT),
        must("over", "The time that this takes.", TIME),
        may("steps", "The number of steps; 20 if not given.", count(1, 1_000)),
    ],
);

const STEP: Object = object(
    "{at: 10s, rules: [...]}",
    &[
        must("at", "The time from which on they hold.", TIME),
        may("rules", "The rules, as those of a phase.", Shape::Rules),
    ],
);

const LOAD: Object = Object {
    example: "{connections: 100, http: /health}",
    fields: &[
        may("to", "The proxy; the only one if not given.", NAME),
        may("connections", "The number of exchanges in all.", count(0, MOST)),
        may("duration", "The time in which exchanges are started.", TIME),
        may(
            "rate",
            "How many are started a second, whatever became of those before.",
            matching(
                "^([0-9]+[.]?[0-9]*|[.][0-9]+) */s$",
                "a rate from 0.001/s to 1000000/s, such as 10/s",
            ),
        ),
        may("concurrency", "The most exchanges at once.", count(0, MOST)),
        may(
            "send",
            "The bytes that are sent: text with escapes, or hex after 0x.",
            form(Form::Bytes),
        ),
        may("http", "A GET request for a path, or its parts.", Shape::Short(&PATH, &HTTP)),
        may("header", "The protocol whose header goes first.", Shape::Protocol),
        may(
            "receive",
            "When the answer is whole: close, line, nothing or a number of bytes.",
            Shape::Scalar(Scalar::ChoiceOr(
                Whole::CHOICES,
                &Scalar::Form(Form::Size),
                "a number of bytes",
            )),
        ),
        may(
            "verify",
            "What the answer must be: none, any, echo or ~ PATTERN.",
            Shape::Scalar(Scalar::ChoiceOr(
                Answer::CHOICES,
                &Scalar::Match("^~.*$", "~ PATTERN"),
                "~ PATTERN",
            )),
        ),
        may("timeout", "The most that an exchange may take; 10s if not given.", TIME),
    ],
    any: Some((
        &["connections", "duration"],
        "a load needs an end",
        "add connections: 100, or duration: 10s",
    )),
    one: Some((&["http", "send"], "expected one of http and send")),
    clients: true,
};

const PATH: Scalar = Scalar::Match("^[^ \r\n]+$", "a path without spaces");
const WORD: Shape = matching("^[^ \r\n]+$", "a word without spaces");

const HTTP: Object = object(
    "{path: /health}",
    &[
        may("method", "GET, POST ...", WORD),
        may("path", "The path.", WORD),
        may("host", "The Host header.", WORD),
        may("status", "The status that the answer must have; 200 if not given.", count(100, 599)),
    ],
);

/// The key that every client has beside its options.
pub const REQUESTS: Field = may(
    "requests",
    "The number of requests that follow each other on a connection.",
    count(1, MOST),
);

#[cfg(test)]
mod tests {
    use super::*;
    use chenapan_engine::config::ProxyModel;

    #[test]
    fn a_proxy_has_the_keys_of_the_engine() {
        let mut here: Vec<_> = PROXY.fields.iter().map(|field| field.name).collect();
        // Its name is its key, and its rules are those of phases.
        here.extend(["name", "rules", "enabled"]);
        here.sort_unstable();
        let mut there: Vec<_> = ProxyModel::keys().collect();
        there.sort_unstable();
        assert_eq!(here, there);
    }
}
