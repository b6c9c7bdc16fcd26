//! Names that users type, as the compiler makes and checks them.

/// The name without the sign of a raw identifier.
pub const fn plain(name: &'static str) -> &'static str {
    match name.as_bytes() {
        [b'r', b'#', ..] => name.split_at(2).1,
        _ => name,
    }
}

/// A name with hyphens for its underscores, as bytes.
pub const fn kebab<const LENGTH: usize>(name: &str) -> [u8; LENGTH] {
    let mut bytes = [0; LENGTH];
    let mut at = 0;
    while at < LENGTH {
        let byte = name.as_bytes()[at];
        bytes[at] = if byte == b'_' { b'-' } else { byte };
        at += 1;
    }
    bytes
}

/// Those bytes as text again.
pub const fn kebab_text(bytes: &'static [u8], name: &'static str) -> &'static str {
    match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(_) => name,
    }
}

/// Returns `true` for small letters, digits and hyphens that begin with a letter.
pub(crate) const fn is_name(name: &str) -> bool {
    let name = name.as_bytes();
    let mut at = 0;
    while at < name.len()
        && (name[at].is_ascii_lowercase() || name[at].is_ascii_digit() || name[at] == b'-')
    {
        at += 1;
    }
    at == name.len() && !name.is_empty() && name[0].is_ascii_lowercase()
}

/// Returns `true` for two equal texts.
pub(crate) const fn same(one: &[u8], other: &[u8]) -> bool {
    let mut at = 0;
    while at < one.len() && at < other.len() && one[at] == other[at] {
        at += 1;
    }
    at == one.len() && at == other.len()
}
