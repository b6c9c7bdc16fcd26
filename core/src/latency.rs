//! The longest times from requests to their replies.

use crate::counts::{Amount, Counted, part_of};
use std::collections::BTreeMap;
use std::time::Duration;

/// The longest times from requests to their replies, of all and by label, since they were taken last.
///
/// Whatever labels a peer sends, no more than 1,000 are told apart.
#[derive(Clone, Debug, Default)]
pub struct Latency {
    slowest: Option<Duration>,
    labels: BTreeMap<Box<str>, Duration>,
}

impl Latency {
    /// Takes note that a reply has taken a time, and of the label of its request.
    pub fn took(&mut self, label: Option<&str>, time: Duration) {
        self.slowest = self.slowest.max(Some(time));
        if let Some(label) = label {
            part_of(&mut self.labels, label, time, |known| *known = time.max(*known));
        }
    }

    /// Takes the times: `slowest`, and by label under a name such as `latency.*`.
    pub fn take(&mut self, by_label: &'static str) -> impl Iterator<Item = Counted> + use<> {
        let by_label = by_label.trim_end_matches('*');
        let Self { slowest, labels } = std::mem::take(self);
        let longest = |name, time| Counted { name, amount: Amount::Longest(time) };
        let slowest = slowest.map(|time| longest("slowest".into(), time));
        let labels = labels.into_iter();
        let labels =
            labels.map(move |(label, time)| longest(format!("{by_label}{label}").into(), time));
        slowest.into_iter().chain(labels)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_time_of_each_label_counts_and_labels_are_bounded() {
        let ms = Duration::from_millis;
        let mut latency = Latency::default();
        for (label, time) in [(Some("a"), 3), (None, 9), (Some("a"), 2), (Some("b"), 4)] {
            latency.took(label, ms(time));
        }
        let told: Vec<_> = latency.take("time.*").map(|one| (one.name, one.amount)).collect();
        let expected = [("slowest", 9), ("time.a", 3), ("time.b", 4)];
        assert_eq!(told, expected.map(|(name, time)| (name.into(), Amount::Longest(ms(time)))));
        for label in 0..3_000 {
            latency.took(Some(&label.to_string()), ms(1));
        }
        assert_eq!(latency.take("time.*").count(), 1 + 1_000 + 1);
        assert_eq!(latency.take("time.*").count(), 0);
    }
}
