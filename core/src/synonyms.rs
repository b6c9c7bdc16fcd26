//! Words that users bring from other tools, and how to say the same here.

/// Returns the spelling here for a word that other tools use; none where the word means nothing in
/// particular.
///
/// Case, `-`, `_` and dashes in front do not count. It is asked wherever a name is unknown: of a
/// behavior, an option, a selector, a flag, a command or a key.
pub fn instead(word: &str) -> Option<&'static str> {
    if word.len() > 64 {
        return None;
    }
    let plain = |text: &str| text.replace(['-', '_', ' '], "").to_lowercase();
    let word = plain(word);
    SYNONYMS
        .iter()
        .find(|(known, _)| known.iter().any(|known| plain(known) == word))
        .map(|(_, written)| *written)
}

/// Words of one meaning, and what to write.
const SYNONYMS: &[(&[&str], &str)] = &[
    (&["latency", "lag", "sleep", "wait"], "write the behavior delay:sleep=250ms"),
    (&["jitter"], "write the behavior delay:sleep=250ms:jitter=50ms"),
    (
        &["bandwidth", "rate", "rate-limit", "speed", "limit-rate"],
        "write the behavior throttle:rate=1MiB/s",
    ),
    (&["slicer", "slice", "fragment", "chunk"], "write the behavior split:size=64B:gap=20ms"),
    (&["slow-close"], "write the behavior slow-close:delay=1s"),
    (
        &["reset-peer", "rst", "connection-reset"],
        "write the behavior reset:after=30s (or reset:bytes=1000)",
    ),
    (&["limit-data", "limit-bytes", "max-bytes"], "write the behavior limit:bytes=1000"),
    (
        &["loss", "packet-loss", "lossy", "lose", "drop-rate"],
        "write the behavior drop:chance=1% (it loses units, not packets)",
    ),
    (&["timeout", "black-hole"], "write the behavior timeout:after=10s"),
    (&["disconnect", "kill", "terminate"], "write the behavior close:after=30s"),
    (
        &["toxicity", "probability", "percent", "percentage", "prob", "ratio"],
        "write the selector chance, as in delay:chance=30%",
    ),
    (
        &["down", "inbound", "incoming", "response", "responses", "to-client"],
        "write the selector direction=downstream",
    ),
    (
        &["up", "outbound", "outgoing", "request", "requests", "to-server"],
        "write the selector direction=upstream",
    ),
    (&["stream", "way", "dir"], "write the selector direction=upstream or direction=downstream"),
    (
        &["upstream", "server", "target", "remote", "to", "forward", "destination-address"],
        "write backend for the address of the server, as in --backend HOST:PORT",
    ),
    (
        &["client", "local", "port", "bind", "from", "address"],
        "write listen for the address of the proxy, as in --listen PORT",
    ),
    (&["toxic", "toxics"], "write the behavior NAME:option=value"),
    (
        &[
            "http",
            "https",
            "http1",
            "http2",
            "h2",
            "grpc",
            "redis",
            "memcache",
            "memcached",
            "mysql",
            "postgres",
            "postgresql",
            "pgsql",
            "mongodb",
            "smtp",
            "imap",
            "ssh",
            "ftp",
            "amqp",
            "mqtt",
            "kafka",
        ],
        "write the protocol tcp, which passes on any service",
    ),
    (&["mcp", "lsp", "ethereum", "bitcoin", "electrum"], "write the protocol json-rpc"),
    (&["proxy-protocol", "haproxy", "pp", "pp2"], "write the protocol proxy, proxy-v1 or proxy-v2"),
    (&["version"], "write --version"),
    (
        &["start", "serve", "proxy", "listen-on", "create", "add", "new"],
        "write chenapan --listen PORT --backend HOST:PORT",
    ),
    (&["config"], "write chenapan scenario run FILE"),
    (&["verbose", "debug"], "write --log-level debug"),
    (&["test", "check", "validate", "lint"], "write chenapan scenario check FILE"),
    (&["completion", "completions"], "write chenapan doc completions SHELL"),
    (&["man", "manual"], "write chenapan doc man"),
    (&["schema"], "write chenapan scenario schema"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_other_tools_say_what_to_write_here() {
        assert_eq!(instead("--latency"), Some("write the behavior delay:sleep=250ms"));
        assert_eq!(instead("reset_peer"), instead("Reset-Peer"));
        assert!(instead("packet_loss").is_some_and(|text| text.contains("drop:chance")));
        assert!(instead("https").is_some_and(|text| text.contains("protocol tcp")));
        assert!(instead("delay").is_none() && instead("").is_none());
        assert!(instead(&"x".repeat(1 << 20)).is_none());
    }

    #[test]
    fn no_word_has_two_meanings() {
        let words: Vec<_> = SYNONYMS.iter().flat_map(|(words, _)| words.iter()).collect();
        for (at, word) in words.iter().enumerate() {
            assert!(!words[..at].contains(word), "{word}");
        }
    }
}
