//! The synchronisation of the intake, from the standard library and crossbeam or, under
//! `--cfg loom`, from loom, which tests every interleaving:
//!
//! ```console
//! $ RUSTFLAGS="--cfg loom" cargo test --release -p anaquel-engine --lib --target-dir target/loom models
//! ```
//!
//! The models are beside the intake, in `engine/intake.rs`; those of cells and of the durable view in `anaquel-cells`.
//! Everything else that threads share is behind a mutex, a concurrent map or a channel.

pub(crate) use std::sync::atomic::Ordering;

#[cfg(not(loom))]
pub(crate) use {
    crossbeam::queue::SegQueue as Queue,
    crossbeam::sync::{Parker, Unparker},
    std::sync::atomic::AtomicUsize,
};

#[cfg(loom)]
pub(crate) use {
    loom::sync::atomic::AtomicUsize,
    stand_ins::{Parker, Queue, Unparker},
};

/// The internals of crossbeam, in a form that loom can see.
#[cfg(loom)]
mod stand_ins {
    use std::collections::VecDeque;
    use std::time::Duration;

    use loom::sync::{Arc, Condvar, Mutex};

    #[derive(Debug)]
    pub(crate) struct Queue<T>(Mutex<VecDeque<T>>);

    impl<T> Queue<T> {
        pub fn new() -> Self {
            Self(Mutex::new(VecDeque::new()))
        }

        pub fn push(&self, item: T) {
            self.0.lock().unwrap().push_back(item);
        }

        pub fn pop(&self) -> Option<T> {
            self.0.lock().unwrap().pop_front()
        }

        pub fn len(&self) -> usize {
            self.0.lock().unwrap().len()
        }
    }

    /// A token that is present or absent, and its waiter.
    type Token = Arc<(Mutex<bool>, Condvar)>;

    #[derive(Debug)]
    pub(crate) struct Parker(Unparker);

    #[derive(Debug, Clone)]
    pub(crate) struct Unparker(Token);

    impl Parker {
        pub fn new() -> Self {
            Self(Unparker(Arc::new((Mutex::new(false), Condvar::new()))))
        }

        pub fn unparker(&self) -> &Unparker {
            &self.0
        }

        /// For ever: a model has no time, so a lost wake-up is visible.
        pub fn park_timeout(&self, _: Duration) {
            let (token, came) = &*self.0.0;
            let mut is_there = token.lock().unwrap();
            while !*is_there {
                is_there = came.wait(is_there).unwrap();
            }
            *is_there = false;
        }
    }

    impl Unparker {
        pub fn unpark(&self) {
            let (token, came) = &*self.0;
            *token.lock().unwrap() = true;
            came.notify_one();
        }
    }
}
