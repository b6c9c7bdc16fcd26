//! The codec beside the Python library proxy-protocol, which the project grew from: where their
//! answers differ, `classes` has to say why; where they do not, `oracle` must agree, too.
//!
//! Python is `CHENAPAN_PYTHON`, or else `python3`, with the packages proxy-protocol and crc32c. Without them the test is
//! ignored, so this binary has a harness of its own.

#[allow(dead_code, unused_imports, unused_macros, reason = "its tests are run by `proxy`")]
#[path = "../proxy_protocol/case.rs"]
mod case;
#[allow(dead_code, unused_imports, unused_macros, reason = "its tests are run by `proxy`")]
#[path = "../proxy_protocol/catalogue.rs"]
mod catalogue;
#[allow(dead_code, unused_imports, unused_macros, reason = "its tests are run by `proxy`")]
#[path = "../proxy_protocol/checksum.rs"]
mod checksum;
mod classes;
#[allow(dead_code, unused_imports, unused_macros, reason = "its tests are run by `proxy`")]
#[path = "../proxy_protocol/delivery.rs"]
mod delivery;
mod library;
mod oracle;
#[allow(dead_code, unused_imports, unused_macros, reason = "its tests are run by `proxy`")]
#[path = "../proxy_protocol/pieces.rs"]
mod pieces;
#[allow(dead_code, unused_imports, unused_macros, reason = "its tests are run by `proxy`")]
#[path = "../proxy_protocol/random.rs"]
mod random;
#[allow(dead_code, unused_imports, unused_macros, reason = "its tests are run by `proxy`")]
#[path = "../proxy_protocol/security.rs"]
mod security;
#[allow(dead_code, unused_imports, unused_macros, reason = "its tests are run by `proxy`")]
#[path = "../proxy_protocol/tlv.rs"]
mod tlv;
#[allow(dead_code, unused_imports, unused_macros, reason = "its tests are run by `proxy`")]
#[path = "../proxy_protocol/v1.rs"]
mod v1;
#[allow(dead_code, unused_imports, unused_macros, reason = "its tests are run by `proxy`")]
#[path = "../proxy_protocol/v2.rs"]
mod v2;

use catalogue::catalogue;
use chenapan_protocols::proxy_protocol::{
    self, Addresses, Profile, ProxyCommand, ProxyHeader, Transport, Unpack, Want,
};
use classes::CLASSES;
use library::Library;
use libtest_mimic::{Arguments, Failed, Trial};
use proptest::strategy::{BoxedStrategy, Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use random::{block, damaged, header, packed};
use std::collections::HashSet;
use std::process::ExitCode;

/// Answer of a decoder to a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Answer {
    Accept(Box<Accepted>),
    /// So many bytes are missing at least.
    Bytes(usize),
    /// The end of a line is missing.
    Line,
    Syntax,
    Checksum,
    /// An exception that nobody documented.
    Crash,
}

/// Content of a header.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Accepted {
    consumed: usize,
    version: u8,
    command: String,
    ends: Ends,
    tlvs: Vec<(u8, Vec<u8>)>,
    checksum: Option<u32>,
}

/// The endpoints to go by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Ends {
    /// `local`, `unknown`, `ipv4`, `ipv6` or `unix`.
    family: String,
    /// `SOCK_STREAM` or `SOCK_DGRAM`, in version 2.
    transport: Option<String>,
    /// As bytes, or as they are on the wire without NULs at the end.
    addresses: Option<(Vec<u8>, Vec<u8>)>,
    ports: Option<(u16, u16)>,
    /// Of an IPv6 address; only the library knows such.
    zone: Option<String>,
}

fn where_the_python_library_answers_differently_there_is_a_reason() {
    let library = Library::new();
    let inputs = inputs();
    let theirs = library.answers(&inputs);
    let mut counts = vec![0; CLASSES.len()];
    let (mut same, mut unexplained) = (0, Vec::new());
    for (input, theirs) in inputs.iter().zip(&theirs) {
        let ours = answer(input);
        // Where both are wrong alike, there is no difference to see.
        let right = (ours == Answer::Syntax) != oracle::can_begin(input)
            && (ours == Answer::Checksum) == oracle::wrongly_summed(input);
        match explain(input, &ours, theirs) {
            Explained::Same if right => same += 1,
            Explained::By(classes) if right => {
                classes.into_iter().for_each(|class| counts[class] += 1);
            }
            _ => unexplained.push((input, ours, theirs)),
        }
    }
    eprintln!("{} streams, {same} answered alike; the others:", inputs.len());
    for (class, count) in CLASSES.iter().zip(&counts) {
        eprintln!("{count:6} {}: {}", class.name, class.why);
    }
    for (input, ours, theirs) in unexplained.iter().take(10) {
        eprintln!("\n{}\n  is to us   {ours:?}\n  to library {theirs:?}", hex(input));
    }
    assert!(unexplained.is_empty(), "{} differences without a reason", unexplained.len());
    let unused = CLASSES.iter().zip(&counts).find(|(_, count)| **count == 0);
    assert!(unused.is_none(), "nothing falls into class {}", unused.unwrap().0.name);
}

enum Explained {
    Same,
    /// By the classes of these numbers.
    By(Vec<usize>),
    Not,
}

fn explain(input: &[u8], ours: &Answer, theirs: &Answer) -> Explained {
    let differences = classes::differences(input, ours, theirs);
    if differences.is_empty() {
        return Explained::Same;
    }
    let classes = differences.into_iter().map(|difference| {
        let explains = |class: &classes::Class| {
            class.differences.contains(&difference) && (class.applies)(input)
        };
        CLASSES.iter().position(explains)
    });
    classes.collect::<Option<Vec<_>>>().map_or(Explained::Not, Explained::By)
}

/// The catalogue, whole and cut at every byte, headers with one bit flipped, and generated ones.
fn inputs() -> Vec<Vec<u8>> {
    let mut inputs: Vec<Vec<u8>> = Vec::new();
    for case in catalogue() {
        let (bytes, delivered) = (case.bytes(), case.delivered());
        // Later cuts of the few long ones tell nothing that these do not.
        let cuts = 0..bytes.len().min(800);
        inputs.extend(cuts.map(|cut| bytes[..cut].to_vec()));
        inputs.extend([bytes, delivered]);
    }
    let flipped = ["V1S-01", "V1S-02", "V1S-09", "V2H-02", "V2H-04", "V2A-10", "CRC-01", "CRC-07"];
    for case in catalogue().filter(|case| flipped.contains(&case.id)) {
        for place in 0..case.bytes().len() * 8 {
            let mut bytes = case.delivered();
            bytes[place / 8] ^= 1 << (place % 8);
            inputs.push(bytes);
        }
    }
    // A fixed seed, so that what is found once is found again.
    let mut runner = TestRunner::deterministic();
    let mut generate = |strategy: &BoxedStrategy<Vec<u8>>, count| {
        for _ in 0..count {
            inputs.push(strategy.new_tree(&mut runner).unwrap().current());
        }
    };
    generate(&header().prop_map(|header| packed(&header).to_vec()).boxed(), 1_500);
    generate(&damaged(), 3_000);
    generate(&block(), 1_500);
    let mut seen = HashSet::new();
    inputs.retain(|input| seen.insert(input.clone()));
    inputs
}

/// Our answer, in the words that the library has, too.
fn answer(input: &[u8]) -> Answer {
    match proxy_protocol::unpack(input, &Profile::default()) {
        Ok((header, consumed)) => Answer::Accept(Box::new(accepted(&header, consumed))),
        Err(Unpack::Incomplete(Want::Line { .. })) => Answer::Line,
        Err(Unpack::Incomplete(want)) => Answer::Bytes(want.at_least()),
        Err(Unpack::Syntax { .. }) => Answer::Syntax,
        Err(Unpack::Checksum(_)) => Answer::Checksum,
    }
}

fn accepted(header: &ProxyHeader, consumed: usize) -> Accepted {
    let tlvs: Vec<_> = header.tlvs().map(|tlv| (tlv.kind, tlv.value.to_vec())).collect();
    let sum =
        header.tlvs().find(|tlv| tlv.kind == proxy_protocol::tlv::CRC32C).map(|tlv| tlv.value);
    Accepted {
        consumed,
        version: header.version(),
        command: header.command().name().to_lowercase(),
        ends: ends(header),
        tlvs,
        checksum: sum.and_then(|sum| Some(u32::from_be_bytes(sum.try_into().ok()?))),
    }
}

fn ends(header: &ProxyHeader) -> Ends {
    let Some(addresses) = header.addresses() else {
        let family = match header.command() {
            ProxyCommand::Local => "local",
            ProxyCommand::Proxy => "unknown",
        };
        return Ends { family: family.to_owned(), ..Ends::default() };
    };
    let (family, addresses, ports) = match addresses {
        Addresses::Inet(pair) => (
            "ipv4",
            (pair.source.octets().to_vec(), pair.destination.octets().to_vec()),
            Some((pair.source_port, pair.destination_port)),
        ),
        Addresses::Inet6(pair) => (
            "ipv6",
            (pair.source.octets().to_vec(), pair.destination.octets().to_vec()),
            Some((pair.source_port, pair.destination_port)),
        ),
        Addresses::Unix(pair) => {
            ("unix", (pair.source.trimmed().to_vec(), pair.destination.trimmed().to_vec()), None)
        }
    };
    let transport = match (header, header.transport()) {
        (ProxyHeader::V1(_), _) | (_, Transport::Unspec) => None,
        (_, Transport::Stream) => Some("SOCK_STREAM".to_owned()),
        (_, Transport::Dgram) => Some("SOCK_DGRAM".to_owned()),
    };
    Ends { family: family.to_owned(), transport, addresses: Some(addresses), ports, zone: None }
}

fn hex(bytes: &[u8]) -> String {
    let digit = |half: u8| char::from(b"0123456789abcdef"[usize::from(half)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 0x0f)]).collect()
}

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let required = std::env::var_os("CHENAPAN_REQUIRE_SERVERS").is_some_and(|set| set == "1");
    let missing = Library::new().missing();
    let (left_out, why) = (missing.is_some() && !required, missing.clone().unwrap_or_default());
    let name = "where_the_python_library_answers_differently_there_is_a_reason";
    let trial = Trial::test(name, move || match missing {
        Some(missing) => Err(Failed::from(missing)),
        None => {
            where_the_python_library_answers_differently_there_is_a_reason();
            Ok(())
        }
    });
    let conclusion = libtest_mimic::run(&arguments, vec![trial.with_ignored_flag(left_out)]);
    if conclusion.num_ignored > 0 && left_out && !arguments.list {
        println!("left out, 1 of this binary's tests:\n    {why}: {name}");
    }
    conclusion.exit_code()
}
