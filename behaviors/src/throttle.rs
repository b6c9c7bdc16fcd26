//! Lets bytes through at a rate.

use crate::line_rate::{CATCH_UP, LineRate};
use chenapan_core::{Behavior, Context, Pace, Rate, Scope, Size, Step, Unit, Verdict, plugin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

plugin! {
    /// Lets bytes through at no more than a rate, in each direction.
    ///
    /// It works like a serial line: a piece leaves when its last byte has been transmitted, and
    /// then the next one starts. Units are cut into pieces that take at most 5 ms each; a piece has
    /// at least a byte, and a unit at most 4096 pieces. The time of each byte is computed, never
    /// added up from sleeps, so the rate does not drift.
    ///
    /// After a pause, `burst` bytes pass at once before the rate applies. A timer that fires late
    /// does not lower the rate: up to 5 ms are always made up for. If this machine was too busy to
    /// read when the line had room again, up to `catch-up` is made up for. The table at the end
    /// shows the time lost beyond that, and the rate that was reached.
    ///
    /// Each connection has a line of its own. With `shared` all connections of the rule share one
    /// line in each direction.
    pub struct Throttle = "throttle" {
        /// Number of bytes a second.
        rate: Rate = "1MiB/s",
        /// Number of bytes that pass at once after a pause.
        burst: Size = "0B",
        /// Longest lateness of this machine that is made up for.
        catch_up as "catch-up": Duration = "50ms",
        /// Shares the rate among all connections of the rule.
        shared: bool = "no",
        ;
        own: u64,
        // The only state that outlives a connection: a clock per direction, in proxy-wide time.
        all: Arc<[AtomicU64; 2]>,
    }
}

const MOST_PIECES: u64 = 4_096;

impl Behavior for Throttle {
    fn on_unit(&mut self, unit: &mut Unit, cx: &mut Context<'_>) -> Verdict {
        let line = LineRate::new(self.rate, self.burst);
        let bytes = unit.bytes.len() as u64;
        let made_up = cx.late.min(self.catch_up);
        let (clock, now) = self.occupy(&line, bytes, made_up, cx);
        // What comes late counts as if it had come in time.
        let since = now.saturating_sub(made_up);
        let lost = line.idle(clock, since).min(cx.late - made_up);
        cx.paced(Pace::new(self.rate, bytes, lost));
        let wait = line.due(clock, since, bytes).saturating_sub(now);
        if wait.is_zero() {
            return Verdict::Forward;
        }
        let piece = self.rate.bytes_in(CATCH_UP).max(bytes.div_ceil(MOST_PIECES)).max(1);
        if bytes <= piece {
            return Verdict::Delay(wait);
        }
        Verdict::Play(pieces(unit.take(), piece, &line, clock, (since, now)))
    }

    fn scope(&self) -> Scope<'_> {
        Scope::default().paced(true).bodies(true)
    }
}

impl Throttle {
    /// Puts bytes on the line; returns where its clock stood before, and the time by that clock.
    fn occupy(
        &mut self,
        line: &LineRate,
        bytes: u64,
        made_up: Duration,
        cx: &Context<'_>,
    ) -> (u64, Duration) {
        if self.shared {
            let now = cx.connection.accepted.saturating_add(cx.now);
            let since = now.saturating_sub(made_up);
            let (Ok(clock) | Err(clock)) = self.all[cx.direction as usize].fetch_update(
                Ordering::Relaxed,
                Ordering::Relaxed,
                |clock| Some(line.after(clock, since, bytes)),
            );
            return (clock, now);
        }
        let clock = self.own;
        self.own = line.after(clock, cx.now.saturating_sub(made_up), bytes);
        (clock, cx.now)
    }
}

fn pieces(
    mut unit: Unit,
    piece: u64,
    line: &LineRate,
    clock: u64,
    (since, now): (Duration, Duration),
) -> Vec<Step> {
    let mut steps = Vec::new();
    let (mut gone, mut time) = (0, now);
    // What need not wait goes in one piece.
    let mut length = line.free(clock, since, now).max(piece);
    while !unit.bytes.is_empty() {
        let front = unit.split_to(usize::try_from(length).unwrap_or(usize::MAX));
        gone += front.bytes.len() as u64;
        let due = line.due(clock, since, gone);
        if due > time {
            steps.push(Step::Wait(due - time));
            time = due;
        }
        steps.push(Step::Send(front));
        length = piece;
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;
    use chenapan_core::testing::{Judge, configured};

    /// When which pieces leave, in milliseconds.
    fn schedule(judge: &mut Judge, throttle: &mut Throttle, bytes: usize) -> Vec<(u128, usize)> {
        match judge.data(throttle, &vec![b'x'; bytes]) {
            (Verdict::Forward, unit) => vec![(judge.now.as_millis(), unit.bytes.len())],
            (Verdict::Delay(time), unit) => {
                vec![((judge.now + time).as_millis(), unit.bytes.len())]
            }
            (Verdict::Play(steps), _) => {
                let mut time = judge.now;
                let mut sent = Vec::new();
                for step in steps {
                    match step {
                        Step::Wait(gap) => time += gap,
                        Step::Send(unit) => sent.push((time.as_millis(), unit.bytes.len())),
                        other => panic!("{other:?}"),
                    }
                }
                sent
            }
            (other, _) => panic!("{other:?}"),
        }
    }

    #[test]
    fn pieces_are_five_milliseconds_and_leave_when_transmitted() {
        let mut throttle = configured::<Throttle>(&[("rate", "1kB/s")]);
        let sent = schedule(&mut Judge::new(1), &mut throttle, 18);
        assert_eq!(sent, [(0, 5), (5, 5), (10, 5), (13, 3)]);
    }

    #[test]
    fn units_on_a_busy_line_queue_behind_each_other() {
        let (mut judge, mut throttle) = (Judge::new(1), configured(&[("rate", "1kB/s")]));
        schedule(&mut judge, &mut throttle, 1_005);
        judge.now = Duration::from_millis(300);
        assert_eq!(schedule(&mut judge, &mut throttle, 2), [(1_002, 2)]);
    }

    #[test]
    fn a_burst_passes_at_once_after_a_pause() {
        let mut throttle = configured(&[("rate", "1kB/s"), ("burst", "100B")]);
        let mut judge = Judge::new(1);
        assert_eq!(schedule(&mut judge, &mut throttle, 110), [(0, 105), (5, 5)]);
        judge.now = Duration::from_secs(10);
        assert_eq!(schedule(&mut judge, &mut throttle, 105), [(10_000, 105)]);
    }

    #[test]
    fn what_need_not_wait_is_not_touched() {
        let (mut judge, mut throttle) = (Judge::new(1), configured::<Throttle>(&[]));
        assert_eq!(judge.data(&mut throttle, &[0; 5_000]).0, Verdict::Forward);
        judge.now = Duration::from_millis(5);
        assert_eq!(judge.data(&mut throttle, &[0; 5_000]).0, Verdict::Forward);
    }

    #[test]
    fn late_timers_do_not_lower_the_rate() {
        let (mut judge, mut throttle) = (Judge::new(1), configured(&[("rate", "1MB/s")]));
        let mut last = 0;
        for _ in 0..1_000 {
            // The next 10 ms worth of bytes come 4 ms after the line wanted them.
            last = schedule(&mut judge, &mut throttle, 10_000).last().unwrap().0;
            judge.now = Duration::from_millis(last as u64 + 4);
        }
        assert_eq!(last, 10_000 - 5);
    }

    #[test]
    fn lateness_of_the_machine_is_made_up_for_and_what_is_not_is_told() {
        for (late, made_up, lost) in [(30, 30, 0), (80, 50, 30)] {
            let (mut judge, mut throttle) = (Judge::new(1), configured(&[("rate", "1MB/s")]));
            schedule(&mut judge, &mut throttle, 10_000);
            // The line was through after 10 ms.
            judge.now = Duration::from_millis(10 + late);
            judge.late = Duration::from_millis(late);
            let sent = schedule(&mut judge, &mut throttle, 100_000);
            let bytes = u64::try_from(sent[0].1).unwrap();
            assert_eq!((sent[0].0, bytes), (u128::from(10 + late), 1_000 * (made_up + 5)));
            let (rate, lost) = (Rate(1_000_000), Duration::from_millis(lost));
            assert_eq!(judge.pace, Some(Pace::new(rate, 100_000, lost)));
            // And only once.
            schedule(&mut judge, &mut throttle, 10_000);
            assert_eq!(judge.pace.unwrap().lost, Duration::ZERO);
        }
    }

    #[test]
    fn every_byte_arrives_in_order_and_in_few_pieces() {
        let mut throttle = configured::<Throttle>(&[("rate", "1B/s")]);
        let bytes: Vec<u8> = (0..16_384_u32).map(|n| n as u8).collect();
        let judged = Judge::new(1).data(&mut throttle, &bytes);
        let sent = chenapan_core::testing::sent(judged);
        assert_eq!(sent.len(), 4_096);
        assert_eq!(sent.concat(), bytes);
    }

    #[test]
    fn connections_share_a_line_only_when_told_to() {
        // The second connection comes half a second later and behind a second's worth of bytes.
        for (shared, due) in [("yes", 1_505), ("no", 1_000)] {
            let throttle: Throttle = configured(&[("rate", "1kB/s"), ("shared", shared)]);
            let (mut first, mut second) = (Judge::new(1), Judge::new(1));
            second.connection.accepted = Duration::from_millis(500);
            schedule(&mut first, &mut throttle.clone(), 1_005);
            let sent = schedule(&mut second, &mut throttle.clone(), 1_005);
            assert_eq!(sent.last().unwrap().0, due, "shared: {shared}");
        }
    }

    #[test]
    fn directions_never_share_a_line() {
        let configured: Throttle = configured(&[("rate", "1kB/s"), ("shared", "yes")]);
        let (mut up, mut down) = (Judge::new(1), Judge::new(1));
        down.direction = chenapan_core::Direction::Downstream;
        schedule(&mut up, &mut configured.clone(), 1_005);
        assert_eq!(schedule(&mut down, &mut configured.clone(), 5), [(0, 5)]);
    }
}
