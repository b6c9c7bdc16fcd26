//! The faults that a rule may still do: `at-most`.
//!
//! One is taken before the behavior is asked, and given back where it did nothing. So there are never
//! more than allowed, however many connections ask at once.

use super::Rule;
use super::counts::Count;
use chenapan_core::Connection;

/// The faults that a rule may still do in one direction of a connection, or in a larger scope.
#[derive(Debug)]
pub(crate) struct Allowance {
    most: u64,
    count: Count,
    /// Set while one is taken, and it is not known yet whether it is used.
    taken: bool,
}

impl Rule {
    /// Returns the faults that it may do in one direction of a connection, where that is bounded.
    pub(crate) fn allowance(&self, connection: &Connection) -> Option<Box<Allowance>> {
        let most = self.selectors.at_most()?;
        let count = self.hits.of(connection, self.selectors.per);
        Some(Box::new(Allowance { most, count, taken: false }))
    }
}

impl Allowance {
    /// Returns `true` if nothing is left.
    pub(crate) fn is_spent(&self) -> bool {
        !self.taken && self.count.total() >= self.most
    }

    /// Takes one, unless one is taken; `false` if nothing is left.
    pub(crate) fn take(&mut self) -> bool {
        self.taken = self.taken || self.count.take(self.most);
        self.taken
    }

    /// Uses the one that is taken, or gives it back.
    pub(crate) fn settle(&mut self, used: bool) {
        if std::mem::take(&mut self.taken) && !used {
            self.count.give_back();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::Rules;
    use std::sync::Arc;
    use std::thread;

    fn rule(text: &str) -> Arc<Rule> {
        Arc::clone(Rules::parse(&[text]).unwrap().iter().next().unwrap())
    }

    fn from(source: [u8; 4]) -> Connection {
        let mut connection = Connection::new(1);
        connection.source = Some((source, 1).into());
        connection
    }

    #[test]
    fn one_that_is_not_used_is_given_back() {
        let rule = rule("delay:at-most=2");
        let mut allowance = rule.allowance(&from([10, 0, 0, 1])).unwrap();
        for used in [false, true, false, true] {
            assert!(allowance.take() && allowance.take(), "one is taken once");
            allowance.settle(used);
        }
        assert!(allowance.is_spent() && !allowance.take());
        allowance.settle(false);
        assert!(allowance.is_spent(), "nothing was taken, and nothing comes back");
        assert!(!rule.allowance(&from([10, 0, 0, 1])).unwrap().is_spent(), "each has its own");
        assert!(self::rule("delay").allowance(&from([10, 0, 0, 1])).is_none());
    }

    #[test]
    fn each_client_has_its_own_where_that_is_said() {
        let rule = rule("delay:at-most=1:per=source");
        let mut first = rule.allowance(&from([10, 0, 0, 1])).unwrap();
        assert!(first.take());
        first.settle(true);
        assert!(rule.allowance(&from([10, 0, 0, 1])).unwrap().is_spent());
        assert!(!rule.allowance(&from([10, 0, 0, 2])).unwrap().is_spent());
    }

    #[test]
    fn many_threads_never_use_more_than_there_are() {
        let rule = rule("delay:at-most=1000:per=rule");
        let work = |seed: u64| {
            let mut allowance = rule.allowance(&Connection::new(seed)).unwrap();
            (0..2_000_u64)
                .filter(|turn| {
                    let used = !(turn ^ seed).is_multiple_of(3);
                    let took = allowance.take();
                    allowance.settle(used);
                    took && used
                })
                .count()
        };
        let used: usize = thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|seed| scope.spawn(move || work(seed))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(used, 1_000);
    }
}
