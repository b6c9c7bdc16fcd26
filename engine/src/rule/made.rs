//! Behavior of a rule, and what its instances are made from: options as text, or a value.

use chenapan_core::{
    Behavior, BehaviorEntry, Context, Directions, Instances, OptionSpec, Plugin, Unit, Verdict,
};
use std::fmt;
use std::sync::Arc;

/// Behavior of a rule.
pub(super) struct Made {
    /// Name of the behavior.
    pub(super) name: &'static str,
    /// Directions in which it acts unless the rule says otherwise.
    pub(super) directions: Directions,
    /// Options of the behavior.
    pub(super) options: &'static [OptionSpec],
    /// Entry by which a text names it; none where no text gives the same behavior.
    pub(super) entry: Option<BehaviorEntry>,
    pub(super) instances: Arc<dyn Instances<dyn Behavior>>,
    /// Set where the instances come from a value, of which nobody knows what it shares with others.
    by_value: bool,
}

impl Made {
    /// A behavior with options that were read from text.
    pub(super) fn read(entry: BehaviorEntry, instances: Arc<dyn Instances<dyn Behavior>>) -> Self {
        let BehaviorEntry { name, directions, options, .. } = entry;
        Self { name, directions, options, entry: Some(entry), instances, by_value: false }
    }

    /// A behavior with options, by value. `written` says that its options have texts.
    pub(super) fn plugin<B>(behavior: B, written: bool) -> Self
    where
        B: Behavior + Plugin + Clone + Sync + 'static,
    {
        let entry = BehaviorEntry::of::<B>();
        let made = Self::read(entry, Arc::new(behavior));
        Self { entry: written.then_some(entry), by_value: true, ..made }
    }

    /// A behavior that only has a name.
    pub(super) fn value<B: Behavior + Clone + Sync + 'static>(
        name: &'static str,
        behavior: B,
    ) -> Self {
        let instances = Arc::new(behavior);
        let directions = Directions::Both;
        Self { name, directions, options: &[], entry: None, instances, by_value: true }
    }

    /// Returns `true` if both make the same instances, as far as their options do not say.
    pub(super) fn same(&self, other: &Self) -> bool {
        match self.by_value || other.by_value {
            true => Arc::ptr_eq(&self.instances, &other.instances),
            false => self.name == other.name,
        }
    }
}

impl fmt::Debug for Made {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// A function that is shown units.
#[derive(Clone)]
pub(super) struct Closure<F>(pub(super) F);

impl<F> Behavior for Closure<F>
where
    F: FnMut(&mut Unit, &mut Context<'_>) -> Verdict + Send,
{
    fn on_unit(&mut self, unit: &mut Unit, cx: &mut Context<'_>) -> Verdict {
        self.0(unit, cx)
    }
}
