//! State that the instances of a rule share in one connection.

use std::any::Any;

/// States of all rules in one connection, kept by the engine and dropped with the connection.
#[derive(Default)]
pub struct States {
    /// Made with the first state: most connections have none.
    slots: Option<Box<Slots>>,
}

#[derive(Default)]
struct Slots {
    list: Vec<Slot>,
}

struct Slot {
    rule: usize,
    state: Box<dyn Any + Send>,
}

/// Way to the state of one rule in one connection.
pub struct StateOf<'a> {
    states: &'a mut States,
    rule: usize,
}

impl States {
    /// Returns the way to the state of a rule, which goes by any number that is its own.
    pub fn of(&mut self, rule: usize) -> StateOf<'_> {
        StateOf { states: self, rule }
    }

    /// Returns `true` while no rule has a state.
    pub fn is_empty(&self) -> bool {
        self.slots.as_ref().is_none_or(|slots| slots.list.is_empty())
    }

    /// Drops the states of rules that do not stay.
    pub fn retain(&mut self, stays: impl Fn(usize) -> bool) {
        if let Some(slots) = &mut self.slots {
            slots.list.retain(|slot| stays(slot.rule));
        }
    }
}

impl StateOf<'_> {
    /// The state of this type, made when it is asked for first.
    pub(super) fn get<T: Default + Send + 'static>(&mut self) -> &mut T {
        let slots = &mut self.states.slots.get_or_insert_default().list;
        let rule = self.rule;
        let is_it = |slot: &Slot| slot.rule == rule && slot.state.is::<T>();
        let at = slots.iter().position(is_it).unwrap_or_else(|| {
            slots.push(Slot { rule, state: Box::new(T::default()) });
            slots.len() - 1
        });
        match slots[at].state.downcast_mut() {
            Some(state) => state,
            None => unreachable!("a slot is found by the type of its state"),
        }
    }
}

impl std::fmt::Debug for States {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("States").finish_non_exhaustive()
    }
}

impl std::fmt::Debug for StateOf<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StateOf").field("rule", &self.rule).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_and_type_has_a_state_of_its_own_until_it_goes() {
        let mut states = States::default();
        *states.of(1).get::<u64>() += 1;
        *states.of(2).get::<u64>() += 2;
        *states.of(1).get::<u64>() += 1;
        states.of(1).get::<String>().push('a');
        assert_eq!((*states.of(1).get::<u64>(), *states.of(2).get::<u64>()), (2, 2));
        assert_eq!(states.of(1).get::<String>(), "a");
        states.retain(|rule| rule != 1);
        assert_eq!((*states.of(1).get::<u64>(), *states.of(2).get::<u64>()), (0, 2));
    }
}
