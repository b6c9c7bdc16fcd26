//! Pair of values, one for each direction of a connection.

use crate::Direction;
use std::ops::{Index, IndexMut};

/// A value for each direction of a connection, indexed by [`Direction`].
///
/// ```
/// use chenapan_core::{Direction, Each};
///
/// let mut bytes = Each::default();
/// bytes[Direction::Upstream] += 3;
/// assert_eq!(bytes, Each { upstream: 3, downstream: 0 });
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Each<T> {
    /// The value for the way from the source to the backend.
    pub upstream: T,
    /// The value for the way from the backend to the source.
    pub downstream: T,
}

impl<T> Each<T> {
    /// Makes a value for each direction, upstream first.
    pub fn from_fn(mut make: impl FnMut(Direction) -> T) -> Self {
        Self { upstream: make(Direction::Upstream), downstream: make(Direction::Downstream) }
    }

    /// Makes another value of each, upstream first.
    pub fn map<U>(self, mut change: impl FnMut(T) -> U) -> Each<U> {
        Each { upstream: change(self.upstream), downstream: change(self.downstream) }
    }

    /// Returns both values, upstream first.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        [&self.upstream, &self.downstream].into_iter()
    }

    /// Returns both values to change, upstream first.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        [&mut self.upstream, &mut self.downstream].into_iter()
    }

    /// Returns the value of a direction, and that of the opposite one.
    pub fn facing(&mut self, direction: Direction) -> (&mut T, &mut T) {
        match direction {
            Direction::Upstream => (&mut self.upstream, &mut self.downstream),
            Direction::Downstream => (&mut self.downstream, &mut self.upstream),
        }
    }
}

impl<T> Index<Direction> for Each<T> {
    type Output = T;

    fn index(&self, direction: Direction) -> &T {
        match direction {
            Direction::Upstream => &self.upstream,
            Direction::Downstream => &self.downstream,
        }
    }
}

impl<T> IndexMut<Direction> for Each<T> {
    fn index_mut(&mut self, direction: Direction) -> &mut T {
        self.facing(direction).0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_direction_has_its_own_value() {
        let mut names = Each::from_fn(|direction| direction.name().to_owned());
        for direction in Direction::BOTH {
            assert_eq!(names[direction], direction.name());
            let (own, other) = names.facing(direction);
            assert_eq!((&**own, &**other), (direction.name(), direction.opposite().name()));
        }
        names[Direction::Downstream].push('!');
        names.iter_mut().for_each(|name| name.push('?'));
        assert!(names.iter().eq(["upstream?", "downstream!?"]));
        assert_eq!(names.map(|name| name.len()), Each { upstream: 9, downstream: 12 });
    }
}
