//! A chaos proxy that understands what it breaks.
