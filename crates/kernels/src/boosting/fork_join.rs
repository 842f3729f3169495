//! Tasks in parts that several threads do together: one trains and gives the tasks, the others take parts until it
//! ends.
//!
//! Who trains does all parts that nobody takes, so that it waits only for parts that are under way: others may come
//! late, or never.

use std::hint::spin_loop;
use std::sync::atomic::{AtomicI32, Ordering};

/// Looks at a cell before the thread gives its core to others between them.
const SPINS: u32 = 200;

/// Cells that threads share, 0 at first.
pub const CELLS: usize = 6;

const OPEN: i32 = 0;
const ENDED: i32 = 1;
const BROKEN: i32 = 2;

/// A part of a task failed in another thread, so that the task will never be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken;

/// The state that the threads share.
pub struct ForkJoin<'a> {
    trainer: &'a AtomicI32,
    /// Parts that nobody has taken, or fewer than 0.
    left: &'a AtomicI32,
    done: &'a AtomicI32,
    state: &'a AtomicI32,
    progress: &'a AtomicI32,
    aborted: &'a AtomicI32,
}

impl<'a> ForkJoin<'a> {
    /// # Errors
    /// When there are not [`CELLS`].
    pub fn new(cells: &'a [AtomicI32]) -> Result<Self, String> {
        let [trainer, left, done, state, progress, aborted] = cells else {
            return Err(format!("expected {CELLS} cells of control, got {}", cells.len()));
        };
        Ok(ForkJoin { trainer, left, done, state, progress, aborted })
    }

    /// Whether this thread is the one to train: true for the first that asks.
    pub fn is_first(&self) -> bool {
        self.trainer.compare_exchange(0, 1, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    /// Has a task of so many parts done, by this thread and those that take parts.
    ///
    /// # Errors
    /// [`Broken`] when a part failed in another thread.
    pub fn run(&self, parts: usize, mut part: impl FnMut(usize)) -> Result<(), Broken> {
        self.done.store(0, Ordering::Relaxed);
        // Release: who takes a part sees what was written before.
        self.left.store(parts as i32, Ordering::Release);
        while let Some(number) = self.take() {
            part(number);
            self.done.fetch_add(1, Ordering::Release);
        }
        for look in 1u32.. {
            // Acquire: what the parts have written is seen from here on.
            if self.done.load(Ordering::Acquire) >= parts as i32 {
                break;
            }
            if self.state.load(Ordering::Relaxed) != OPEN {
                return Err(Broken);
            }
            pause(look);
        }
        Ok(())
    }

    /// Takes parts of tasks until the training ends.
    ///
    /// # Errors
    /// [`Broken`] when it failed.
    pub fn join(&self, mut part: impl FnMut(usize)) -> Result<(), Broken> {
        let guard = BreakOff(self);
        let mut look = 0u32;
        loop {
            if let Some(number) = self.take() {
                part(number);
                self.done.fetch_add(1, Ordering::Release);
                look = 0;
                continue;
            }
            let state = self.state.load(Ordering::Relaxed);
            if state != OPEN {
                std::mem::forget(guard);
                return if state == ENDED { Ok(()) } else { Err(Broken) };
            }
            look = look.wrapping_add(1);
            pause(look);
        }
    }

    fn take(&self) -> Option<usize> {
        if self.left.load(Ordering::Relaxed) <= 0 {
            return None;
        }
        usize::try_from(self.left.fetch_sub(1, Ordering::Acquire) - 1).ok()
    }

    /// Ends the training for all threads when it is dropped; [`Training::succeed`] says that it did not fail.
    pub fn training(&self) -> Training<'_> {
        Training(BreakOff(self))
    }

    /// Says how far the training is.
    pub fn report(&self, trees: usize) {
        self.progress.store(trees as i32, Ordering::Relaxed);
    }

    /// Whether the training is to end before it is done.
    pub fn is_aborted(&self) -> bool {
        self.aborted.load(Ordering::Relaxed) != 0
    }
}

#[inline(always)]
fn pause(look: u32) {
    // The thread that is waited for may have no core.
    if look.is_multiple_of(SPINS) { std::thread::yield_now() } else { spin_loop() }
}

struct BreakOff<'a>(&'a ForkJoin<'a>);

impl Drop for BreakOff<'_> {
    fn drop(&mut self) {
        let _ = self.0.state.compare_exchange(OPEN, BROKEN, Ordering::Relaxed, Ordering::Relaxed);
    }
}

/// See [`ForkJoin::training`].
pub struct Training<'a>(BreakOff<'a>);

impl Training<'_> {
    /// The training has its result.
    pub fn succeed(self) {
        self.0.0.state.store(ENDED, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    fn cells() -> Vec<AtomicI32> {
        (0..CELLS).map(|_| AtomicI32::new(0)).collect()
    }

    #[test]
    fn each_part_of_each_task_is_done_once_on_any_number_of_threads() {
        let (tasks, parts) = if cfg!(miri) { (5, 3) } else { (2000, 7) };
        for threads in [1, 2, 4] {
            let cells = cells();
            let task = AtomicI32::new(0);
            let seen: Vec<Mutex<Vec<i32>>> = (0..parts).map(|_| Mutex::default()).collect();
            let part = |number: usize| seen[number].try_lock().unwrap().push(task.load(Ordering::Relaxed));
            std::thread::scope(|scope| {
                for _ in 1..threads {
                    scope.spawn(|| ForkJoin::new(&cells).unwrap().join(part).unwrap());
                }
                let own = ForkJoin::new(&cells).unwrap();
                assert!(own.is_first() && !own.is_first());
                let training = own.training();
                for number in 0..tasks {
                    task.store(number, Ordering::Relaxed);
                    own.run(parts, part).unwrap();
                }
                training.succeed();
            });
            for seen in seen {
                assert_eq!(seen.into_inner().unwrap(), (0..tasks).collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn who_waits_goes_on_when_another_thread_fails() {
        let cells = cells();
        let own = ForkJoin::new(&cells).unwrap();
        std::thread::scope(|scope| {
            let other = scope.spawn(|| own.join(|_| ()));
            drop(own.training());
            assert_eq!(other.join().unwrap(), Err(Broken));
        });
        assert!(ForkJoin::new(&cells[1..]).is_err());
    }
}
