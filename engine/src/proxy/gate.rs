//! The task of a listener, which others can end at once: its socket is closed when they return.
//!
//! It knows nothing of listeners; what they hold is held by the task.

use std::cell::Cell;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

thread_local! {
    /// Set while this thread is in a task of a gate, which holds a lock.
    static WITHIN: Cell<bool> = const { Cell::new(false) };
}

/// A task that can be ended from outside.
#[derive(Clone, Default)]
pub(super) struct Gate(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    /// The task, until it has ended.
    task: Option<Task>,
    waker: Option<Waker>,
    shut: bool,
}

impl Gate {
    /// Runs a task until it has ended, or the gate is shut.
    pub(super) fn run(
        self,
        task: impl Future<Output = ()> + Send + 'static,
    ) -> impl Future<Output = ()> + Send {
        // The runtime may end first, and drops this then.
        let gate = Ended(self);
        {
            let mut state = gate.0.state();
            if !state.shut {
                state.task = Some(Box::pin(task));
            }
        }
        async move { poll_fn(|cx| gate.0.poll(cx)).await }
    }

    fn poll(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.state();
        if state.waker.as_ref().is_none_or(|known| !known.will_wake(cx.waker())) {
            state.waker = Some(cx.waker().clone());
        }
        let Some(task) = &mut state.task else {
            return Poll::Ready(());
        };
        let within = Within(WITHIN.replace(true));
        let polled = task.as_mut().poll(cx);
        drop(within);
        polled
    }

    /// Ends the task: what it held is dropped when this returns. Within a task of a gate nothing
    /// happens: that one is to be told otherwise.
    pub(super) fn shut(&self) {
        if WITHIN.get() {
            return;
        }
        let (task, waker) = {
            let mut state = self.state();
            state.shut = true;
            (state.task.take(), state.waker.take())
        };
        drop(task);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Puts back what was known about this thread.
struct Within(bool);

impl Drop for Within {
    fn drop(&mut self) {
        WITHIN.set(self.0);
    }
}

/// Drops the task that has ended, or whose runtime has.
struct Ended(Gate);

impl Drop for Ended {
    fn drop(&mut self) {
        let task = self.0.state().task.take();
        drop(task);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_a_task_held_is_dropped_when_its_gate_is_shut() {
        for polled in [false, true] {
            let gate = Gate::default();
            let held = Arc::new(());
            let task = {
                let held = Arc::clone(&held);
                async move {
                    let _held = held;
                    std::future::pending::<()>().await;
                }
            };
            let running = tokio::spawn(gate.clone().run(task));
            if polled {
                tokio::task::yield_now().await;
                assert_eq!(Arc::strong_count(&held), 2);
            }
            gate.shut();
            assert_eq!(Arc::strong_count(&held), 1);
            running.await.unwrap();
        }
    }

    #[tokio::test]
    async fn a_task_that_shuts_its_own_gate_goes_on() {
        let gate = Gate::default();
        let own = gate.clone();
        let (tell, told) = tokio::sync::oneshot::channel();
        let task = async move {
            own.shut();
            tell.send(()).unwrap();
        };
        tokio::spawn(gate.run(task));
        told.await.unwrap();
    }

    #[test]
    fn a_runtime_that_ends_takes_the_task_with_it() {
        let held = Arc::new(());
        let gate = Gate::default();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let held = Arc::clone(&held);
            tokio::spawn(gate.clone().run(async move {
                let _held = held;
                std::future::pending::<()>().await;
            }));
            tokio::task::yield_now().await;
        });
        assert_eq!(Arc::strong_count(&held), 2);
        drop(runtime);
        assert_eq!(Arc::strong_count(&held), 1);
    }
}
