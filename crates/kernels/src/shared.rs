//! A matrix that several threads write at once, each its own rows, and the counter that hands the rows out.
//!
//! The whole is known by pointer alone: a slice is made only of rows that nobody else writes meanwhile.

use std::marker::PhantomData;
use std::ops::Range;
use std::sync::atomic::{AtomicI32, Ordering};

/// A matrix in shared memory of which each thread reads and writes only the rows that it owns.
pub struct SharedRows<'a, T> {
    data: *mut T,
    rows: usize,
    width: usize,
    memory: PhantomData<&'a T>,
}

impl<T> SharedRows<'_, T> {
    /// Views the `len` values at `data` as rows of `width`.
    ///
    /// # Errors
    /// When they are not whole rows.
    ///
    /// # Safety
    /// While this lives, `data` must be aligned and valid for reading and writing `len` initialised values, also where
    /// there are none; and no slice may be made of rows that another thread writes meanwhile.
    pub unsafe fn new(data: *mut T, len: usize, width: usize) -> Result<Self, String> {
        if width == 0 || !len.is_multiple_of(width) {
            return Err(format!("{len} values are not whole rows of {width}"));
        }
        Ok(SharedRows { data, rows: len / width, width, memory: PhantomData })
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Values of a row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Where the first row begins.
    pub fn as_mut_ptr(&mut self) -> *mut T {
        self.data
    }

    /// The values of `rows`, to write.
    ///
    /// # Safety
    /// Until the slice is dropped no other thread may read or write these rows.
    pub unsafe fn rows_mut(&mut self, rows: Range<usize>) -> &mut [T] {
        assert!(rows.start <= rows.end && rows.end <= self.rows);
        // SAFETY: inside the buffer, by the check above, and unaliased, by the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(self.data.add(rows.start * self.width), rows.len() * self.width) }
    }

    /// The values of `rows`, to read.
    ///
    /// # Safety
    /// Until the slice is dropped no thread may write these rows.
    pub unsafe fn rows_ref(&self, rows: Range<usize>) -> &[T] {
        assert!(rows.start <= rows.end && rows.end <= self.rows);
        // SAFETY: as above.
        unsafe { std::slice::from_raw_parts(self.data.add(rows.start * self.width), rows.len() * self.width) }
    }
}

/// Chunks of rows handed out by an atomic counter in shared memory, each to one taker.
pub struct Chunks<'a> {
    next: &'a AtomicI32,
    len: usize,
    cut: Cut<'a>,
}

enum Cut<'a> {
    Even { rows: usize, each: usize },
    At(&'a [u32]),
}

impl<'a> Chunks<'a> {
    /// `rows` in chunks of `each`, the last perhaps smaller.
    ///
    /// # Errors
    /// When `each` is 0.
    pub fn even(rows: usize, each: u32, next: &'a AtomicI32) -> Result<Self, String> {
        let each = each as usize;
        if each == 0 {
            return Err("a chunk needs at least one row, got 0".into());
        }
        Ok(Chunks { next, len: rows.div_ceil(each), cut: Cut::Even { rows, each } })
    }

    /// Chunk c is rows `bounds[c]..bounds[c + 1]`.
    ///
    /// # Errors
    /// When they are not together `rows`.
    pub fn at(bounds: &'a [u32], rows: usize, next: &'a AtomicI32) -> Result<Self, String> {
        let covers = bounds.first() == Some(&0) && bounds.last().map(|&last| last as usize) == Some(rows);
        if !covers || !bounds.is_sorted() {
            return Err(format!("the bounds of chunks must rise from 0 to {rows}"));
        }
        Ok(Chunks { next, len: bounds.len() - 1, cut: Cut::At(bounds) })
    }

    /// Number of chunks.
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> usize {
        self.len
    }

    /// The next chunk, by number and rows. Relaxed is enough: the numbers are unique in any order, and a phase is
    /// ordered before and after by the messages that start and end it.
    pub fn take(&self) -> Option<(usize, Range<usize>)> {
        let chunk = self.next.fetch_add(1, Ordering::Relaxed) as usize;
        (chunk < self.len).then(|| match self.cut {
            Cut::Even { rows, each } => (chunk, chunk * each..((chunk + 1) * each).min(rows)),
            Cut::At(bounds) => (chunk, bounds[chunk] as usize..bounds[chunk + 1] as usize),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{initialise, matmul, simd::Simd};

    /// A pointer that threads share, as they do the address of a `SharedArrayBuffer`.
    #[derive(Clone, Copy)]
    struct Address<T>(*mut T);
    // SAFETY: what is done with it is up to those who make a slice of it.
    unsafe impl<T> Sync for Address<T> {}

    /// Runs `work` on three threads, each with its own view of `data` as rows of `width`.
    fn on_three_threads<T: Send>(data: &mut [T], width: usize, work: impl Fn(SharedRows<'_, T>) + Sync) {
        let (address, len) = (Address(data.as_mut_ptr()), data.len());
        std::thread::scope(|scope| {
            for _ in 0..3 {
                let (address, work) = (&address, &work);
                // SAFETY: the data outlive the threads, which take the rows that they own from a counter.
                scope.spawn(move || work(unsafe { SharedRows::new(address.0, len, width) }.unwrap()));
            }
        });
    }

    #[test]
    fn threads_write_chunks_of_one_matrix_at_once() {
        const STRIDE: usize = 16;
        let (rows, each) = (37, 4);
        let mut factors = vec![9.0; rows * STRIDE];
        let next = AtomicI32::new(0);
        on_three_threads(&mut factors, STRIDE, |mut factors| {
            let chunks = Chunks::even(factors.rows(), each, &next).unwrap();
            while let Some((_, rows)) = chunks.take() {
                let first = rows.start;
                // SAFETY: the counter gave these rows to this thread alone.
                let own = unsafe { factors.rows_mut(rows) };
                initialise::fill_normal(own, STRIDE, 11, first, 0.5, 7);
            }
        });
        let mut expected = vec![0.0; rows * STRIDE];
        initialise::fill_normal(&mut expected, STRIDE, 11, 0, 0.5, 7);
        assert_eq!(factors, expected);

        // Each chunk's Gramian beside the others', from rows that no thread writes.
        let bounds: Vec<u32> = vec![0, 9, 9, 20, 37];
        let mut partials = vec![1.0; 4 * STRIDE * STRIDE];
        let next = AtomicI32::new(0);
        let fixed = Address(factors.as_mut_ptr());
        on_three_threads(&mut partials, STRIDE * STRIDE, |mut partials| {
            let fixed = &fixed;
            // SAFETY: the factors outlive the threads, and none writes them.
            let fixed = unsafe { SharedRows::new(fixed.0, rows * STRIDE, STRIDE) }.unwrap();
            let chunks = Chunks::at(&bounds, fixed.rows(), &next).unwrap();
            while let Some((chunk, rows)) = chunks.take() {
                // SAFETY: the counter gave this chunk to this thread alone.
                let (partial, rows) = unsafe { (partials.rows_mut(chunk..chunk + 1), fixed.rows_ref(rows)) };
                partial.fill(0.0);
                matmul::add_gram(rows, STRIDE, partial, Simd::detect());
            }
        });
        for (c, range) in bounds.windows(2).enumerate() {
            let mut gram = vec![0.0; STRIDE * STRIDE];
            let own = &expected[range[0] as usize * STRIDE..range[1] as usize * STRIDE];
            matmul::add_gram(own, STRIDE, &mut gram, Simd::detect());
            assert_eq!(partials[c * STRIDE * STRIDE..][..STRIDE * STRIDE], gram, "chunk {c}");
        }
    }

    #[test]
    fn what_is_no_matrix_and_no_chunks_is_refused_in_words() {
        let mut data = [0.0; 7];
        // SAFETY: the data live on, and one thread has them.
        let rows = unsafe { SharedRows::new(data.as_mut_ptr(), data.len(), 3) };
        assert_eq!(rows.err().unwrap(), "7 values are not whole rows of 3");
        let next = AtomicI32::new(0);
        assert_eq!(Chunks::even(5, 0, &next).err().unwrap(), "a chunk needs at least one row, got 0");
        for bounds in [&[][..], &[0], &[0, 4], &[1, 5], &[0, 3, 2, 5]] {
            assert_eq!(Chunks::at(bounds, 5, &next).err().unwrap(), "the bounds of chunks must rise from 0 to 5");
        }
        next.store(-3, Ordering::Relaxed);
        assert_eq!(Chunks::even(5, 2, &next).unwrap().take(), None);
    }
}
