use crate::scenario::*;
use std::io::Write;
pub(crate) struct Console<W>(W);
impl<W: Write> Console<W> {
    pub(crate) fn new(w: W, _: bool, _: bool) -> Self {
        Self(w)
    }
    pub(crate) fn verdict(&mut self, o: &Outcome) {
        let _ = writeln!(self.0, "{} seed {} held {}", o.name, o.seed, o.held);
    }
}
impl<W: Write + Send> Watcher for Console<W> {
    fn begins(&mut self, _: &str, _: u64, _: u64) {}
    fn progress(&mut self, _: &Progress) {}
    fn ended(&mut self, o: &PhaseOutcome) {
        let _ = writeln!(self.0, "{} {} {:?}", o.held, o.name, o.took);
        for c in &o.checks {
            let _ = writeln!(
                self.0,
                "   {} {} expected {} found {}",
                c.held, c.subject, c.expected, c.found
            );
        }
        if !o.held {
            if let Some(c) = &o.command {
                let _ = writeln!(self.0, "{}{}", c.output, c.errors);
            }
        }
    }
}
