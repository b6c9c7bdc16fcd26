//! Families of series, and their text.

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;
use std::collections::BTreeMap;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

/// Most series of a response.
const MOST: usize = 50_000;

/// Longest value of a label, in bytes; a longer one is cut there and gets a hash of the whole.
const LONGEST: usize = 128;

/// Names and values of the labels of a series.
type Labels = Vec<(&'static str, String)>;

/// Format of a text for Prometheus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// Prometheus's own text, version 0.0.4.
    Text,
    /// OpenMetrics, version 1.0.0.
    OpenMetrics,
}

/// Series with one meaning.
#[derive(Debug)]
pub(super) struct Family {
    pub(super) name: String,
    pub(super) help: String,
    /// Counters grow; the others are gauges.
    pub(super) grows: bool,
    pub(super) series: BTreeMap<Labels, Value>,
}

/// A series: labels and a value.
#[derive(Debug)]
pub(super) struct Series {
    labels: Labels,
    value: Value,
}

/// A value of a series.
#[derive(Clone, Copy, Debug)]
pub(super) enum Value {
    Number(u64),
    Time(Duration),
}

/// All families of a response, as many series as there is room for.
#[derive(Debug)]
pub(super) struct Sheet {
    families: Vec<Family>,
    room: usize,
    left_out: u64,
}

impl Format {
    pub(super) fn media_type(self) -> &'static str {
        match self {
            Format::Text => "text/plain; version=0.0.4; charset=utf-8",
            Format::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

impl Family {
    /// Returns a family of counters; its name goes without `_total`.
    pub(super) fn counter(name: impl Into<String>, help: impl Into<String>) -> Self {
        let (name, help) = (name.into(), help.into());
        Self { name, help, grows: true, series: BTreeMap::new() }
    }

    /// Returns a family of gauges.
    pub(super) fn gauge(name: impl Into<String>, help: impl Into<String>) -> Self {
        Self { grows: false, ..Self::counter(name, help) }
    }

    /// Adds a series. Those that nobody can tell apart are one.
    fn add(&mut self, series: Series) {
        let Series { labels, value } = series;
        self.series
            .entry(labels)
            .and_modify(|before| *before = before.with(value))
            .or_insert(value);
    }

    fn encode(&self, format: Format, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let kind = if self.grows { MetricType::Counter } else { MetricType::Gauge };
        // In the older text the name of a family is that of its series.
        let suffix = if self.grows && format == Format::Text { "_total" } else { "" };
        let name = format!("{}{suffix}", self.name);
        let mut family = encoder.encode_descriptor(&name, &self.help, None, kind)?;
        let ends = self.grows && format == Format::OpenMetrics;
        for (labels, value) in &self.series {
            match labels.is_empty() {
                true => value.encode(&mut family, ends)?,
                false => value.encode(&mut family.encode_family(labels)?, ends)?,
            }
        }
        Ok(())
    }
}

impl Series {
    /// Returns a series whose labels are no longer than they may be.
    pub(super) fn new<const N: usize>(labels: [(&'static str, &str); N], value: Value) -> Self {
        let labels = labels.into_iter().map(|(name, text)| (name, bounded(text))).collect();
        Self { labels, value }
    }
}

impl Value {
    fn with(self, other: Self) -> Self {
        match (self, other) {
            (Value::Number(one), Value::Number(other)) => Value::Number(one.saturating_add(other)),
            (Value::Time(one), Value::Time(other)) => Value::Time(one.max(other)),
            (_, other) => other,
        }
    }

    /// Writes a line. The encoder adds `_total` to its name if `ends`.
    fn encode(self, encoder: &mut MetricEncoder<'_>, ends: bool) -> fmt::Result {
        match self {
            Value::Number(number) if ends => {
                encoder.encode_counter::<[(&str, &str); 0], _, u64>(&number, None)
            }
            Value::Number(number) => encoder.encode_gauge(&number),
            Value::Time(time) => encoder.encode_gauge(&time.as_secs_f64()),
        }
    }
}

impl Sheet {
    pub(super) fn new() -> Self {
        Self { families: Vec::new(), room: MOST, left_out: 0 }
    }

    /// Adds series to a family. If there is one of its name already, they go there.
    pub(super) fn fill(&mut self, family: Family, series: impl IntoIterator<Item = Series>) {
        let known = self.families.iter().position(|known| known.name == family.name);
        let place = known.unwrap_or(self.families.len());
        match self.families.get_mut(place) {
            Some(known) if known.help == family.help => {}
            Some(known) => known.help = format!("{} {}", known.help, family.help),
            None => self.families.push(family),
        }
        let family = &mut self.families[place];
        for one in series {
            match self.room.checked_sub(1) {
                Some(room) => {
                    self.room = room;
                    family.add(one);
                }
                None => self.left_out += 1,
            }
        }
    }

    /// Returns all families that have a series, and one of how many series there was no room for.
    pub(super) fn families(mut self) -> Vec<Family> {
        let mut last =
            Family::gauge("chenapan_series_left_out", "Series that had no room in this response.");
        last.add(Series::new([], Value::Number(self.left_out)));
        self.families.push(last);
        self.families.retain(|family| !family.series.is_empty());
        self.families
    }

    /// Writes all families that have a series.
    pub(super) fn written(self, format: Format) -> Result<String, fmt::Error> {
        let families = self.families();
        let mut registry = Registry::default();
        registry.register_collector(Box::new(Written { families, format }));
        let mut text = String::new();
        encode_registry(&mut text, &registry)?;
        if format == Format::OpenMetrics {
            encode_eof(&mut text)?;
        }
        Ok(text)
    }
}

/// Families in a format.
#[derive(Debug)]
struct Written {
    families: Vec<Family>,
    format: Format,
}

impl Collector for Written {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        self.families.iter().try_for_each(|family| family.encode(self.format, &mut encoder))
    }
}

/// Returns a text, or its front and a hash of the whole if it is too long for a label.
fn bounded(text: &str) -> String {
    if text.len() <= LONGEST {
        return text.to_owned();
    }
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    let end = (0..=LONGEST).rev().find(|end| text.is_char_boundary(*end)).unwrap_or_default();
    format!("{}~{:016x}", &text[..end], hasher.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(names: impl IntoIterator<Item = String>) -> impl Iterator<Item = Series> {
        names.into_iter().map(|name| Series::new([("name", &*name)], Value::Number(1)))
    }

    #[test]
    fn both_formats_name_a_counter_as_their_parsers_want_it() {
        let written = |format| {
            let mut sheet = Sheet::new();
            sheet.fill(Family::counter("a", "Help."), numbers(["x".to_owned()]));
            let time = Value::Time(Duration::from_millis(1_500));
            sheet.fill(Family::gauge("b_seconds", "Longest."), [Series::new([], time)]);
            sheet.fill(Family::counter("empty", "Nothing."), []);
            sheet.written(format).unwrap()
        };
        let rest = "# HELP b_seconds Longest.\n# TYPE b_seconds gauge\nb_seconds 1.5\n\
            # HELP chenapan_series_left_out Series that had no room in this response.\n\
            # TYPE chenapan_series_left_out gauge\nchenapan_series_left_out 0\n";
        let text = format!(
            "# HELP a_total Help.\n# TYPE a_total counter\na_total{{name=\"x\"}} 1\n{rest}"
        );
        assert_eq!(written(Format::Text), text);
        let open =
            format!("# HELP a Help.\n# TYPE a counter\na_total{{name=\"x\"}} 1\n{rest}# EOF\n");
        assert_eq!(written(Format::OpenMetrics), open);
    }

    #[test]
    fn series_are_bounded_and_those_left_out_are_counted() {
        let mut sheet = Sheet::new();
        sheet.fill(Family::counter("a", "A."), numbers((0..MOST + 7).map(|at| at.to_string())));
        sheet.fill(Family::counter("b", "B."), numbers(["x".to_owned()]));
        let text = sheet.written(Format::Text).unwrap();
        assert_eq!(text.lines().filter(|line| line.starts_with("a_total{")).count(), MOST);
        assert!(!text.contains("b_total") && text.contains("chenapan_series_left_out 8\n"));
    }

    #[test]
    fn long_labels_are_cut_between_characters_and_stay_apart() {
        let long = |last: &str| format!("{}{last}", "é".repeat(LONGEST));
        let mut sheet = Sheet::new();
        sheet.fill(Family::counter("a", "A."), numbers([long("x"), long("y"), long("y")]));
        let text = sheet.written(Format::Text).unwrap();
        let values: Vec<_> =
            text.lines().filter_map(|line| line.strip_prefix("a_total{name=\"")).collect();
        assert_eq!(values.len(), 2, "{text}");
        assert!(values.iter().any(|line| line.ends_with("\"} 2")), "{text}");
        assert!(values.iter().all(|line| line.len() < LONGEST + 24), "{text}");
        assert_eq!(bounded(&"a".repeat(LONGEST)).len(), LONGEST);
    }

    #[test]
    fn labels_are_escaped() {
        let mut sheet = Sheet::new();
        sheet.fill(Family::counter("a", "A."), numbers(["q\"b\\n\nz".to_owned()]));
        let text = sheet.written(Format::Text).unwrap();
        assert!(text.contains("a_total{name=\"q\\\"b\\\\n\\nz\"} 1\n"), "{text}");
    }
}
