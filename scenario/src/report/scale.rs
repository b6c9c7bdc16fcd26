//! Scales of a chart: their ends, and the marks on the axis.
//!
//! It never knows what is drawn.

use std::time::Duration;

/// The next number up that is easy to halve: 1, 2, 4, 6 or 8 times a power of ten.
pub(super) fn nice(most: f64) -> f64 {
    let power = 10_f64.powf(most.max(1e-9).log10().floor());
    let steps = [1.0, 2.0, 4.0, 6.0, 8.0, 10.0];
    power * steps.into_iter().find(|step| most <= step * power * 1.000_001).unwrap_or(10.0)
}

/// Returns the upper end of a scale of bytes, nice in the unit that they are shown in.
pub(super) fn binary(most: f64) -> f64 {
    let mut unit = 1.0;
    while most / unit >= 1_024.0 {
        unit *= 1_024.0;
    }
    let shown = nice((most / unit).max(2.0));
    unit * if shown > 800.0 { 1_024.0 } else { shown }
}

/// Returns the distance between two times on the axis: there are eight at the most.
pub(super) fn tick(length: f64) -> f64 {
    let steps = [
        0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0,
        600.0, 900.0, 1_800.0, 3_600.0, 7_200.0, 14_400.0, 43_200.0,
    ];
    let fits = |step: &f64| length / step <= 8.0;
    steps.into_iter().find(fits).unwrap_or(86_400.0 * (length / 691_200.0).ceil())
}

/// A time on the axis.
pub(super) fn label(seconds: f64) -> String {
    if seconds < 60.0 {
        return format!("{}s", round(seconds));
    }
    let whole = Duration::from_secs_f64(seconds).as_secs();
    match (whole / 60, whole % 60) {
        (minutes, 0) => format!("{minutes}m"),
        (minutes, seconds) => format!("{minutes}m{seconds:02}"),
    }
}

/// Two digits are enough for a place.
pub(super) fn round(number: f64) -> f64 {
    (number * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::words::size;

    #[test]
    fn scales_end_at_numbers_that_people_can_halve() {
        assert_eq!([0.001, 0.03, 0.95, 1.0, 41.0].map(nice), [0.001, 0.04, 1.0, 1.0, 60.0]);
        let shown = [1.0, 700.0, 900.0, 1_025.0, 3_000_000.0].map(|most| size(binary(most) as u64));
        assert_eq!(shown, ["2 B", "800 B", "1.0 KiB", "2.0 KiB", "4.0 MiB"]);
        assert_eq!([0.3, 12.0, 100.0, 9_000.0].map(tick), [0.05, 2.0, 15.0, 1_800.0]);
        assert_eq!([0.0, 0.15, 45.0, 60.0, 90.0].map(label), ["0s", "0.15s", "45s", "1m", "1m30"]);
    }
}
