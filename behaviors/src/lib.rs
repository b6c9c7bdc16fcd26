//! The behaviors of chenapan that suit any protocol, one file each.
