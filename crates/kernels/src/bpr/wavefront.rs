//! Turns on the tiles of a grid of (rows × columns), where each row's tiles are to be worked on from the first column to the
//! last, and each column's from the first row to the last: as two nested loops would, but on several threads.
//!
//! A thread takes a column and goes down its rows, waiting at each until the column before has passed it. So no two threads are in
//! one row or one column at a time, and whatever tiles do to what belongs to their row and their column has the same
//! outcome for any number of threads.

use std::hint::spin_loop;
use std::sync::atomic::{AtomicI32, Ordering};

/// In place of the number of columns that have passed a row: nobody goes on any more.
const BROKEN: i32 = i32::MIN;

/// Looks at a row before the thread gives its core to others between them.
const SPINS: u32 = 200;

/// The turns, in cells that threads share and that are 0 at first.
pub struct Wavefront<'a> {
    next: &'a AtomicI32,
    /// (rows) Columns that have passed each.
    passed: &'a [AtomicI32],
    columns: usize,
}

/// A turn that cannot come, since another thread failed or the cells were not 0 at first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken;

impl<'a> Wavefront<'a> {
    /// The turns of as many rows as `passed` has cells.
    pub fn new(next: &'a AtomicI32, passed: &'a [AtomicI32], columns: usize) -> Self {
        Wavefront { next, passed, columns }
    }

    /// The next column that nobody has.
    pub fn take(&self) -> Option<usize> {
        // Relaxed: what columns before have written is ordered by `passed`.
        let column = self.next.fetch_add(1, Ordering::Relaxed);
        usize::try_from(column).ok().filter(|&column| column < self.columns)
    }

    /// Waits until it is the turn of `column` in `row`.
    ///
    /// # Errors
    /// [`Broken`] when it will never be.
    pub fn wait(&self, row: usize, column: usize) -> Result<(), Broken> {
        for look in 1u32.. {
            // Acquire: what was written in this row under the columns before is seen from here on.
            let passed = self.passed[row].load(Ordering::Acquire);
            if passed == column as i32 {
                return Ok(());
            }
            if passed < 0 || passed > column as i32 {
                break;
            }
            // The thread that is waited for may have no core.
            if look.is_multiple_of(SPINS) { std::thread::yield_now() } else { spin_loop() }
        }
        Err(Broken)
    }

    /// Ends the turn of `column` in `row`.
    pub fn pass(&self, row: usize, column: usize) {
        // What has been broken stays so.
        let _ =
            self.passed[row].compare_exchange(column as i32, column as i32 + 1, Ordering::Release, Ordering::Relaxed);
    }

    /// Ends all turns, for all threads.
    pub fn break_off(&self) {
        for row in self.passed {
            row.store(BROKEN, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    fn cells(count: usize) -> Vec<AtomicI32> {
        (0..count).map(|_| AtomicI32::new(0)).collect()
    }

    #[test]
    fn rows_and_columns_see_their_tiles_in_order_on_any_number_of_threads() {
        let (rows, columns) = if cfg!(miri) { (3, 4) } else { (17, 29) };
        for threads in [1, 2, 5] {
            let (next, passed) = (AtomicI32::new(0), cells(rows));
            let by_row: Vec<Mutex<Vec<usize>>> = (0..rows).map(|_| Mutex::default()).collect();
            let by_column: Vec<Mutex<Vec<usize>>> = (0..columns).map(|_| Mutex::default()).collect();
            std::thread::scope(|scope| {
                for _ in 0..threads {
                    scope.spawn(|| {
                        let turns = Wavefront::new(&next, &passed, columns);
                        while let Some(column) = turns.take() {
                            for row in 0..rows {
                                turns.wait(row, column).unwrap();
                                // Nobody else is in the row or the column.
                                by_row[row].try_lock().unwrap().push(column);
                                by_column[column].try_lock().unwrap().push(row);
                                turns.pass(row, column);
                            }
                        }
                    });
                }
            });
            let in_order = |all: Vec<Mutex<Vec<usize>>>, count: usize| {
                all.into_iter().all(|seen| seen.into_inner().unwrap() == (0..count).collect::<Vec<_>>())
            };
            assert!(in_order(by_row, columns) && in_order(by_column, rows));
        }
    }

    #[test]
    fn who_waits_goes_on_when_the_turns_are_broken_off() {
        let (next, passed) = (AtomicI32::new(0), cells(3));
        let turns = Wavefront::new(&next, &passed, 2);
        assert_eq!((turns.take(), turns.take(), turns.take()), (Some(0), Some(1), None));
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| Wavefront::new(&next, &passed, 2).wait(0, 1));
            turns.break_off();
            assert_eq!(waiting.join().unwrap(), Err(Broken));
        });
        turns.pass(0, 0);
        assert_eq!(turns.wait(0, 1), Err(Broken));
    }

    #[test]
    fn cells_that_are_beyond_a_turn_are_refused() {
        let (next, passed) = (AtomicI32::new(-3), cells(1));
        let turns = Wavefront::new(&next, &passed, 4);
        assert_eq!(turns.take(), None);
        passed[0].store(3, Ordering::Relaxed);
        assert_eq!(turns.wait(0, 2), Err(Broken));
    }
}
