//! `chenapan decode`: the names and order of its JSON, its dumps, its exit codes.

mod support;

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Output, Stdio};
use std::sync::mpsc::channel;
use std::thread;
use support::{PATIENCE, program, run, run_with_input};

const LINE: &[u8] = b"PROXY TCP4 203.0.113.7 198.51.100.9 51234 8443\r\n";

const INET: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\
    \xcb\0\x71\x07\xc6\x33\x64\x09\xc8\x22\x20\xfb";

/// A checksum behind a NOOP; the right one is 0xe783afc9.
const SUMMED: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x17\
    \xcb\0\x71\x07\xc6\x33\x64\x09\xc8\x22\x20\xfb\x04\0\x01x\x03\0\x04\xe7\x83\xaf\xc9";

const TLS: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x21\0\x4f\
    \x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x07\x20\x01\x0d\xb8\0\x01\0\0\0\0\0\0\0\0\0\x09\
    \xc8\x22\x20\xfb\x02\0\x0bexample.com\
    \x20\0\x1a\x07\0\0\0\0\x21\0\x07TLSv1.3\x22\0\x02bo\x28\0\x03\x30\0\xff";

/// Both ends of the IPv4 examples, as JSON.
const ENDS: &str = r#""src":"203.0.113.7","sport":51234,"dst":"198.51.100.9","dport":8443"#;

fn decode(arguments: &[&str], input: &[u8]) -> Output {
    let mut all = vec!["decode", "proxy"];
    all.extend(arguments);
    run_with_input(&all, input)
}

/// The exit code and standard output of a run that says nothing on stderr.
fn told(arguments: &[&str], input: &[u8]) -> (Option<i32>, String) {
    let output = decode(arguments, input);
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{arguments:?}");
    (output.status.code(), String::from_utf8(output.stdout).unwrap())
}

#[track_caller]
fn accepts(arguments: &[&str], input: &[u8], rest: &str) {
    let expected = format!("{{\"kind\":\"accept\",{rest}}}\n");
    assert_eq!(told(arguments, input), (Some(0), expected));
}

#[track_caller]
fn refuses(arguments: &[&str], input: &[u8], rest: &str) {
    assert_eq!(told(arguments, input), (Some(1), format!("{{\"kind\":{rest}}}\n")));
}

#[test]
fn a_line_is_accepted_with_its_addresses() {
    let rest = format!(
        r#""version":1,"command":"PROXY","family":"inet","transport":"stream",{ENDS},"tlvs":[],"crc":"absent","consumed":48,"details":[]"#
    );
    accepts(&[], LINE, &rest);
    accepts(&["--version", "v1"], LINE, &rest);
    accepts(&["--json"], &[LINE, b"GET / HTTP/1.1\r\n"].concat(), &rest);
    accepts(
        &[],
        b"PROXY UNKNOWN whatever\r\n",
        r#""version":1,"command":"PROXY","family":"unspec","transport":"unspec","src":null,"sport":null,"dst":null,"dport":null,"tlvs":[],"crc":"absent","consumed":24,"details":[]"#,
    );
}

#[test]
fn a_binary_header_is_accepted_with_its_addresses() {
    let rest = format!(
        r#""version":2,"command":"PROXY","family":"inet","transport":"stream",{ENDS},"tlvs":[],"crc":"absent","consumed":28,"details":[]"#
    );
    accepts(&[], INET, &rest);
    accepts(&["--output", "json", "--version", "v2"], &[INET, b"payload"].concat(), &rest);
}

#[test]
fn unix_paths_are_hex_without_their_padding() {
    let mut header = b"\r\n\r\n\0\r\nQUIT\n\x21\x32\0\xd8/run/a\xff".to_vec();
    header.resize(16 + 108, 0);
    header.extend(b"\0b\0");
    header.resize(16 + 216, 0);
    let rest = r#""version":2,"command":"PROXY","family":"unix","transport":"dgram","src":"2f72756e2f61ff","sport":null,"dst":"0062","dport":null,"tlvs":[],"crc":"absent","consumed":232,"details":[]"#;
    accepts(&[], &header, rest);
}

#[test]
fn local_and_unspec_have_no_addresses_and_keep_what_they_state() {
    accepts(
        &[],
        b"\r\n\r\n\0\r\nQUIT\n\x20\x11\0\x10\xcb\0\x71\x07\xc6\x33\x64\x09\xc8\x22\x20\xfb\x04\0\x01x",
        r#""version":2,"command":"LOCAL","family":"inet","transport":"stream","src":null,"sport":null,"dst":null,"dport":null,"tlvs":[[4,"78"]],"crc":"absent","consumed":32,"details":[["noop","1 bytes"]]"#,
    );
    accepts(
        &[],
        b"\r\n\r\n\0\r\nQUIT\n\x21\x10\0\x0c\xcb\0\x71\x07\xc6\x33\x64\x09\xc8\x22\x20\xfb",
        r#""version":2,"command":"PROXY","family":"inet","transport":"unspec","src":null,"sport":null,"dst":null,"dport":null,"tlvs":[],"crc":"absent","consumed":28,"details":[]"#,
    );
    accepts(
        &[],
        b"\r\n\r\n\0\r\nQUIT\n\x21\0\0\0",
        r#""version":2,"command":"PROXY","family":"unspec","transport":"unspec","src":null,"sport":null,"dst":null,"dport":null,"tlvs":[],"crc":"absent","consumed":16,"details":[]"#,
    );
}

#[test]
fn vectors_come_in_wire_order_with_details() {
    accepts(
        &[],
        TLS,
        r#""version":2,"command":"PROXY","family":"inet6","transport":"stream","src":"2001:db8::7","sport":51234,"dst":"2001:db8:1::9","dport":8443,"tlvs":[[2,"6578616d706c652e636f6d"],[32,"0700000000210007544c5376312e33220002626f2800033000ff"]],"crc":"absent","consumed":95,"details":[["authority","example.com"],["ssl-client","tls certificate-on-connection certificate-in-session"],["ssl-verify","0"],["ssl-version","TLSv1.3"],["ssl-common-name","bo"],["ssl-client-certificate","0x3000ff"]]"#,
    );
}

/// Returns the description of [`SUMMED`] from its version on.
fn summed(sum: &str, crc: &str) -> String {
    format!(
        r#""version":2,"command":"PROXY","family":"inet","transport":"stream",{ENDS},"tlvs":[[4,"78"],[3,"{sum}"]],"crc":"{crc}","consumed":39,"details":[["noop","1 bytes"],["crc32c","0x{sum}"]]"#
    )
}

#[test]
fn a_checksum_is_ok_unchecked_or_a_reason_to_refuse() {
    accepts(&[], SUMMED, &summed("e783afc9", "ok"));
    accepts(&["--require-checksum"], SUMMED, &summed("e783afc9", "ok"));
    accepts(&["--skip-checksum"], SUMMED, &summed("e783afc9", "unchecked"));
    let mut wrong = SUMMED.to_vec();
    wrong[35] = 0;
    accepts(&["--skip-checksum"], &wrong, &summed("0083afc9", "unchecked"));
    let expected = format!(
        r#""reject","error":"checksum","message":"checksum 0x0083afc9 should be 0xe783afc9","offset":35,{}"#,
        summed("0083afc9", "wrong")
    );
    refuses(&[], &wrong, &expected);
    refuses(
        &["--require-checksum"],
        INET,
        r#""reject","error":"syntax","message":"the header ends without a checksum","offset":27"#,
    );
    let both = decode(&["--require-checksum", "--skip-checksum"], SUMMED);
    assert_eq!(both.status.code(), Some(2));
    let said = String::from_utf8_lossy(&both.stderr);
    assert!(said.contains("cannot be used with skip-checksum"), "{said}");
}

#[test]
fn the_start_of_a_header_is_incomplete() {
    refuses(&[], b"", r#""incomplete","want_bytes":1"#);
    refuses(&[], &INET[..5], r#""incomplete","want_bytes":11"#);
    refuses(&[], &SUMMED[..20], r#""incomplete","want_bytes":19"#);
    refuses(&[], b"P", r#""incomplete","want_line":106"#);
    refuses(&[], &LINE[..47], r#""incomplete","want_line":60"#);
    refuses(&["--version", "v1"], b"", r#""incomplete","want_line":107"#);
    refuses(&["--version", "v2"], b"", r#""incomplete","want_bytes":16"#);
}

#[test]
fn what_cannot_be_is_rejected_at_its_first_wrong_byte() {
    let syntax = |message, offset: usize| {
        format!(r#""reject","error":"syntax","message":"{message}","offset":{offset}"#)
    };
    refuses(&[], b"GET / HTTP/1.1\r\n", &syntax("neither version starts so", 0));
    refuses(&[], b"PROXY TCP4 203.0.113.07 ", &syntax("a number has no leading zeroes", 22));
    let version = syntax("the version is not 2", 12);
    refuses(&[], b"\r\n\r\n\0\r\nQUIT\n\x31", &version);
    refuses(&["--version", "v1"], INET, &syntax("expected PROXY", 0));
    refuses(&["--version", "v2"], LINE, &syntax("expected the signature", 0));
}

#[test]
fn what_is_let_pass_can_be_chosen() {
    let code = |arguments: &[&str], input: &[u8]| told(arguments, input).0;
    let dotted = b"PROXY TCP6 ::ffff:203.0.113.7 ::1 1 2\r\n";
    let unspec = b"\r\n\r\n\0\r\nQUIT\n\x21\0\0\0";
    for (flag, input) in [
        ("--refuse-unknown", &b"PROXY UNKNOWN\r\n"[..]),
        ("--refuse-dotted", dotted),
        ("--refuse-unspec", unspec),
        ("--limit=27", INET),
    ] {
        assert_eq!((code(&[], input), code(&[flag], input)), (Some(0), Some(1)), "{flag}");
    }
    assert_eq!(code(&["--limit", "28"], INET), Some(0));
    let stray = [&INET[..15], b"\x0d", &INET[16..], b"x"].concat();
    assert_eq!((code(&[], &stray), code(&["--lenient-tlvs"], &stray)), (Some(1), Some(0)));
}

#[test]
fn a_name_can_fix_the_version() {
    for (name, right, wrong) in [("proxy-v1", LINE, INET), ("proxy-v2", INET, LINE)] {
        assert_eq!(run_with_input(&["decode", name], right).status.code(), Some(0));
        assert_eq!(run_with_input(&["decode", name], wrong).status.code(), Some(1));
    }
}

#[track_caller]
fn dumps(input: &[u8], code: i32, expected: &str) {
    let (ended, text) = told(&["--output", "text"], input);
    assert_eq!(text, expected, "\n{text}");
    assert_eq!(ended, Some(code));
}

#[test]
fn a_dump_of_a_line_names_every_word() {
    dumps(
        &[LINE, b"GET / HTTP/1.1\r\n"].concat(),
        0,
        "\
offset  bytes                    field                meaning
     0  50 52 4f 58 59           keyword              version 1
     5  20                       space
     6  54 43 50 34              family               TCP4: inet, stream
    10  20                       space
    11  32 30 33 2e 30 2e 31 31  source address       203.0.113.7
    19  33 2e 37
    22  20                       space
    23  31 39 38 2e 35 31 2e 31  destination address  198.51.100.9
    31  30 30 2e 39
    35  20                       space
    36  35 31 32 33 34           source port          51234
    41  20                       space
    42  38 34 34 33              destination port     8443
    46  0d 0a                    line end             CRLF
    48  47 45 54 20 2f 20 48 54  payload              16 bytes

accept: 203.0.113.7:51234 to 198.51.100.9:8443
48 bytes of header, 16 bytes of payload
",
    );
}

#[test]
fn a_dump_of_vectors_shows_those_inside_too() {
    dumps(
        TLS,
        0,
        "\
offset  bytes                    field                meaning
     0  0d 0a 0d 0a 00 0d 0a 51  signature            version 2
     8  55 49 54 0a
    12  21                       version, command     2, PROXY
    13  21                       family, transport    inet6, stream
    14  00 4f                    length               79 bytes more
    16  20 01 0d b8 00 00 00 00  source address       2001:db8::7
    24  00 00 00 00 00 00 00 07
    32  20 01 0d b8 00 01 00 00  destination address  2001:db8:1::9
    40  00 00 00 00 00 00 00 09
    48  c8 22                    source port          51234
    50  20 fb                    destination port     8443
    52  02                       TLV type             0x02 AUTHORITY
    53  00 0b                    TLV length           11 bytes
    55  65 78 61 6d 70 6c 65 2e  TLV value            \"example.com\"
    63  63 6f 6d
    66  20                       TLV type             0x20 SSL
    67  00 1a                    TLV length           26 bytes
    69  07                         client             SSL, CERT_CONN, CERT_SESS
    70  00 00 00 00                verify             0: certificate verified
    74  21                         TLV type           0x21 VERSION
    75  00 07                      TLV length         7 bytes
    77  54 4c 53 76 31 2e 33       TLV value          \"TLSv1.3\"
    84  22                         TLV type           0x22 CN
    85  00 02                      TLV length         2 bytes
    87  62 6f                      TLV value          \"bo\"
    89  28                         TLV type           0x28 CLIENT_CERT
    90  00 03                      TLV length         3 bytes
    92  30 00 ff                   TLV value          3 bytes

accept: [2001:db8::7]:51234 to [2001:db8:1::9]:8443
95 bytes of header, no payload
",
    );
}

#[test]
fn a_dump_marks_a_wrong_checksum_and_says_the_right_one() {
    let mut wrong = SUMMED.to_vec();
    wrong[36] = 0;
    dumps(
        &wrong,
        1,
        "\
offset  bytes                    field                meaning
     0  0d 0a 0d 0a 00 0d 0a 51  signature            version 2
     8  55 49 54 0a
    12  21                       version, command     2, PROXY
    13  11                       family, transport    inet, stream
    14  00 17                    length               23 bytes more
    16  cb 00 71 07              source address       203.0.113.7
    20  c6 33 64 09              destination address  198.51.100.9
    24  c8 22                    source port          51234
    26  20 fb                    destination port     8443
    28  04                       TLV type             0x04 NOOP
    29  00 01                    TLV length           1 byte
    31  78                       TLV value            ignored
    32  03                       TLV type             0x03 CRC32C
    33  00 04                    TLV length           4 bytes
    35  e7 00 af c9              checksum             0xe700afc9, wrong
        ^^ ^^ ^^ ^^              should be 0xe783afc9

reject: checksum 0xe700afc9 should be 0xe783afc9, at byte 35
PROXY protocol, section 2.2.3
",
    );
}

#[test]
fn a_dump_marks_the_first_wrong_byte_of_a_vector() {
    let header = [&INET[..15], b"\x16", &INET[16..], b"\x02\0\x07ex\xffmple"].concat();
    dumps(
        &header,
        1,
        "\
offset  bytes                    field                meaning
     0  0d 0a 0d 0a 00 0d 0a 51  signature            version 2
     8  55 49 54 0a
    12  21                       version, command     2, PROXY
    13  11                       family, transport    inet, stream
    14  00 16                    length               22 bytes more
    16  cb 00 71 07              source address       203.0.113.7
    20  c6 33 64 09              destination address  198.51.100.9
    24  c8 22                    source port          51234
    26  20 fb                    destination port     8443
    28  02                       TLV type             0x02 AUTHORITY
    29  00 07                    TLV length           7 bytes
    31  65 78 ff 6d 70 6c 65     TLV value            7 bytes
              ^^                 the text is not UTF-8

reject: the text is not UTF-8, at byte 33
PROXY protocol, section 2.2.2
",
    );
}

#[test]
fn a_dump_marks_the_first_wrong_byte_of_a_line() {
    dumps(
        b"PROXY  TCP4 203.0.113.7 198.51.100.9 51234 8443\r\n",
        1,
        "\
offset  bytes                    field                meaning
     0  50 52 4f 58 59           keyword              version 1
     5  20                       space
     6  20 54 43 50 34 20 32 30  not expected         \" TCP4 20\"
        ^^                       expected TCP4, TCP6 or UNKNOWN

reject: expected TCP4, TCP6 or UNKNOWN, at byte 6
PROXY protocol, section 2.1
",
    );
}

#[test]
fn a_dump_of_any_input_ends_in_its_verdict() {
    let text = |arguments: &[&str], input: &[u8]| {
        let all: Vec<_> = ["--output", "text"].iter().chain(arguments).copied().collect();
        told(&all, input).1
    };
    assert_eq!(text(&[], b""), "incomplete: 1 byte or more are missing\n");
    assert!(text(&[], b"GET").contains("\nreject: neither version starts so, at byte 0\n"));
    assert!(text(&[], &INET[..18]).contains("source address       2 of 4 bytes\n\nincomplete: "));
    let lacking = text(&["--require-checksum"], INET);
    assert!(lacking.ends_with("PROXY protocol, section 2.2.3\n"), "{lacking}");
    let block = text(&[], b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\x02ab");
    assert!(block.contains("block                ignored\n"), "{block}");
    // No colours where nobody asked for them, no escapes from the network ever.
    let sneaky = [&INET[..15], b"\x13", &INET[16..], b"\x02\0\x04\x1b[2J"].concat();
    assert!(!text(&[], &sneaky).contains('\x1b'));
    // Whatever is cut or flipped, the dump goes on to its end.
    for header in [TLS, SUMMED, LINE] {
        for end in 0..header.len() {
            let mut flipped = header.to_vec();
            flipped[end] ^= 0x41;
            let lines: String = [&header[..end], &flipped]
                .iter()
                .map(|bytes| bytes.iter().fold(String::new(), hex) + "\n")
                .collect();
            let output = decode(&["--hex", "--output", "text", "--lenient-tlvs"], lines.as_bytes());
            assert!(matches!(output.status.code(), Some(0 | 1)), "{end}");
        }
    }
}

/// Adds a byte in hex.
fn hex(mut text: String, byte: &u8) -> String {
    let _ = write!(text, "{byte:02x}");
    text
}

#[test]
fn a_thousand_lines_have_a_thousand_answers_in_their_order() {
    let mut input = String::new();
    for number in 0..1_000_u16 {
        let mut header = INET.to_vec();
        header[24..26].copy_from_slice(&number.to_be_bytes());
        if number % 10 == 3 {
            header[12] = 0x31;
        }
        input += &header.iter().fold(String::new(), hex);
        // None of this makes a difference.
        input += ["\n", " \r\n", "\n\n", "\t\n \n"][usize::from(number % 4)];
    }
    let (code, out) = told(&["--hex"], input.as_bytes());
    assert_eq!(code, Some(1));
    let lines: Vec<serde_json::Value> =
        out.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    assert_eq!(lines.len(), 1_000);
    for (number, line) in lines.iter().enumerate() {
        match number % 10 {
            3 => assert_eq!((&line["kind"], &line["offset"]), (&"reject".into(), &12.into())),
            _ => assert_eq!(line["sport"], number),
        }
    }
}

#[test]
fn a_line_that_is_not_hex_has_its_answer_too() {
    let output = decode(&["--hex"], b"50\n\n0d0\nPROXY\n50 52 4f 58 59");
    let out = String::from_utf8(output.stdout).unwrap();
    let expected = r#"{"kind":"incomplete","want_line":106}
{"kind":"error","message":"the number of hexadecimal digits is odd"}
{"kind":"error","message":"\"P\" in column 1 is no hexadecimal digit"}
{"kind":"incomplete","want_line":102}
"#;
    assert_eq!(out, expected);
    let err = String::from_utf8(output.stderr).unwrap();
    let expected = "line 3: the number of hexadecimal digits is odd\n\
        line 4: \"P\" in column 1 is no hexadecimal digit\nerror: 2 lines are not hex\n";
    assert_eq!(err, expected);
    assert_eq!(output.status.code(), Some(2));
    let text = decode(&["--hex", "--output", "text"], b"47\nx\n47\n");
    let dump = "\
offset  bytes                    field                meaning
     0  47                       not expected         \"G\"
        ^^                       neither version starts so

reject: neither version starts so, at byte 0
PROXY protocol, section 2

";
    assert_eq!(String::from_utf8(text.stdout).unwrap(), dump.repeat(2));
}

#[test]
fn an_answer_comes_before_the_next_line() {
    let mut command = program(&["decode", "proxy", "--hex"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = support::Guarded(command.spawn().unwrap());
    let mut stdin = child.0.stdin.take().unwrap();
    let stdout = child.0.stdout.take().unwrap();
    let (says, said) = channel();
    let reader = thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            let _ = says.send(line);
        }
    });
    for want in [106, 105, 104] {
        let line = ["50\n", "5052\n", "50524f\n"][106 - want];
        stdin.write_all(line.as_bytes()).unwrap();
        let answer = said.recv_timeout(PATIENCE).expect("an answer");
        assert_eq!(answer, format!(r#"{{"kind":"incomplete","want_line":{want}}}"#));
    }
    drop(stdin);
    reader.join().unwrap();
    assert_eq!(child.0.wait().unwrap().code(), Some(1));
}

#[test]
fn exit_codes_tell_how_it_went() {
    let code = |arguments: &[&str], input: &[u8]| decode(arguments, input).status.code();
    assert_eq!(code(&["--hex"], b""), Some(0));
    assert_eq!(code(&["--hex"], b"50\n"), Some(1));
    assert_eq!(code(&["--hex"], b"x\n50\n"), Some(2));
    assert_eq!(code(&["--version", "v3"], LINE), Some(2));
    assert_eq!(code(&["--json", "--output", "text"], LINE), Some(2));
    assert_eq!(code(&["--limit", "many"], LINE), Some(2));
    assert_eq!(run(&["decode"]).status.code(), Some(2));
    assert_eq!(run(&["decode", "telnet"]).status.code(), Some(2));
    // A folder can be opened, not read.
    let mut folder = program(&["decode", "proxy"]);
    let output = folder.stdin(std::fs::File::open("/").unwrap()).output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(err, "error: standard input: is a directory\n");
    let help = run(&["decode", "proxy", "--help"]);
    assert_eq!(help.status.code(), Some(0));
    assert!(String::from_utf8(help.stdout).unwrap().contains("Exit codes: 0 accepted"));
    assert_eq!(run(&["help", "decode"]).status.code(), Some(0));
}

#[test]
#[cfg(target_os = "linux")]
fn input_without_end_takes_no_memory() {
    // 64 MiB of address space are enough for whatever comes.
    let bounded = |arguments: &str| {
        let program = env!("CARGO_BIN_EXE_chenapan");
        let mut command = Command::new("sh");
        let script = format!("ulimit -v 65536; exec {program} decode proxy {arguments}");
        command.args(["-c", &script]).env("NO_COLOR", "1");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    };
    let feed = |arguments: &str, start: &[u8], piece: &[u8], most: usize| {
        let mut child = bounded(arguments);
        let mut stdin = child.stdin.take().unwrap();
        let (start, piece) = (start.to_vec(), piece.repeat(65_536 / piece.len()));
        let writer = thread::spawn(move || {
            let mut pieces = most / piece.len();
            let mut sent = stdin.write_all(&start);
            // It may go away before it has read everything.
            while sent.is_ok() && pieces > 0 {
                sent = stdin.write_all(&piece);
                pieces -= 1;
            }
        });
        let output = child.wait_with_output().unwrap();
        writer.join().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        (output.status.code(), text, String::from_utf8(output.stderr).unwrap())
    };
    let endless = usize::MAX;
    let (code, out, _) = feed("", INET, b"payload ", endless);
    assert_eq!((code, out.lines().count()), (Some(0), 1));
    let (code, out, _) = feed("--output text", INET, b"payload ", endless);
    let payload = 2 * 65_551 - INET.len();
    assert!(out.ends_with(&format!("28 bytes of header, at least {payload} bytes of payload\n")));
    assert_eq!(code, Some(0));
    let (code, ..) = feed("", b"PROXY UNKNOWN ", b"x", endless);
    assert_eq!(code, Some(1));
    let (code, out, err) = feed("--hex", b"\n", b"50", 256 << 20);
    assert_eq!(
        out,
        "{\"kind\":\"error\",\"message\":\"more than 1048576 characters are too many\"}\n"
    );
    assert!(err.starts_with("line 2: more than"), "{err}");
    assert_eq!(code, Some(2));
}

#[test]
fn the_options_of_a_protocol_are_choices_too() {
    let code = |arguments: &[&str], input: &[u8]| told(arguments, input).0;
    let stray = [&INET[..14], b"\0\x0e", &INET[16..28], b"\x01\x02"].concat();
    let local = b"\r\n\r\n\0\r\nQUIT\n\x20\xf1\0\0";
    for (options, flag, input, accepts) in [
        ("proxy:lenient", "--lenient-tlvs", &stray[..], true),
        ("proxy:refuse=local-family", "--refuse-local-family", local, false),
        ("proxy-v2:refuse=local-family", "--refuse-local-family", local, false),
        ("proxy:refuse=unknown", "--refuse-unknown", b"PROXY UNKNOWN\r\n", false),
        ("proxy:verify=require", "--require-checksum", INET, false),
        ("proxy:limit=27", "--limit=27", INET, false),
    ] {
        let plain = code(&[], input);
        let expected = Some(i32::from(!accepts));
        assert_ne!(plain, expected, "{options}");
        assert_eq!(code(&["--protocol", options], input), expected, "{options}");
        assert_eq!(code(&[flag], input), expected, "{flag}");
    }
    for (wrong, part) in [
        ("proxy:header=add", "header says nothing to a receiver"),
        ("proxy:lenyent=yes", "lenient"),
        ("prxy", "did you mean"),
    ] {
        let output = decode(&["--protocol", wrong], INET);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{wrong}: {said}");
        assert!(said.contains(part), "{wrong}: {said}");
    }
}
