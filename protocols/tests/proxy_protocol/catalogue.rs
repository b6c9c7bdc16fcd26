//! All cases together.

use crate::case::Case;
use crate::{checksum, delivery, security, tlv, v1, v2};

/// All cases that one decoder decides by itself.
pub(crate) fn catalogue() -> impl Iterator<Item = &'static Case> {
    [v1::CASES, v2::CASES, tlv::CASES, checksum::CASES, delivery::CASES, security::CASES]
        .into_iter()
        .flatten()
}
