//! Table of the selectors that every rule may have.

use super::Per;
use chenapan_core::{Directions, Form, FromValue, OptionSpec};

/// The selectors' options table: names, forms and documentation. [`ALIASES`](super::ALIASES) has older names.
#[doc(hidden)]
pub const SELECTORS: &[OptionSpec] = &[
    text("name", " The rule's name in reports, the journal and its draws.", "slow-replies"),
    row(
        "direction",
        " Direction in which it acts; the default is the behavior's own.",
        Directions::FORM,
        "upstream",
    ),
    row("chance", " Probability that it applies to a unit.", Form::Chance, "30%").default("100%"),
    row(
        "per",
        " Scope of draws and counts: of chance, first, skip, every and at-most; `error` \
         counts per rule unless told.",
        Per::FORM,
        "rule",
    )
    .default("unit"),
    text(
        "only",
        " Only units of these kinds, with commas between them; `reply` is response and error, and \
         `any` is all kinds.",
        "header",
    ),
    text(
        "label",
        " Only units whose label (the method, command or path) fits this glob (* and ?); a reply \
         has the label of its request.",
        "get*",
    ),
    text("id", " Only messages with an id that fits this glob, with or without quotes.", "1*"),
    text("members", " Only batches with this number of messages: 3, 100.. or 2..5.", "100.."),
    text("code", " Only errors with a code that fits this glob.", "-320*"),
    text("status", " Only replies with a status that fits this glob.", "5*"),
    text(
        "header",
        " Only messages with this header, as NAME or NAME=GLOB; a reply also fits by the headers of its \
         request.",
        "x-fault=slow*",
    ),
    text(
        "content-type",
        " Only messages with a body of a type that fits this glob.",
        "application/json*",
    ),
    row("first", " Only the first N units that all other selectors pick.", Form::Count, "3"),
    row("skip", " All but the first N of them.", Form::Count, "2"),
    row("every", " Only every Nth of them.", Form::Count, "3"),
    row(
        "at-most",
        " Nothing more once it has done something to N units and events.",
        Form::Count,
        "3",
    ),
    text("connections", " Only connections with these numbers: 1, 2.., 2..5 or every 3.", "2..5"),
    text("source", " Only clients of these networks, with commas between them.", "10.0.0.0/8"),
    text(
        "window",
        " Only at this age of the connection, from the first time to the last.",
        "2s..5s",
    ),
    row("duration", " The rule ends so long after it was put in force.", Form::Time, "30s"),
    row(
        "idle",
        " Only units before which nothing came in their direction for this long.",
        Form::Time,
        "30s",
    ),
    text(
        "bytes",
        " Only these bytes of the direction, counted from 0, from the first to the last.",
        "0..99",
    ),
    row(
        "matching",
        " Only units that contain a match of this expression.",
        Form::Pattern,
        "SELECT",
    ),
];

const fn row(
    name: &'static str,
    help: &'static str,
    form: Form,
    example: &'static str,
) -> OptionSpec {
    OptionSpec::new(name, help, form, example).optional().default("none")
}

const fn text(name: &'static str, help: &'static str, example: &'static str) -> OptionSpec {
    row(name, help, Form::Text, example)
}
