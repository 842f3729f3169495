//! Sums over sparse rows.

use std::ops::AddAssign;

/// A number that sums start from 0 and only grow: counts, or sums of positive terms that never round to 0.
pub(crate) trait Sum: AddAssign + Copy + Default + PartialEq {}
impl Sum for u32 {}
impl Sum for f64 {}

/// One sum a column in a dense array, and the list of columns that have one: adding and resetting cost nothing for the
/// others. (The sparse accumulator of Gilbert, Moler & Schreiber 1992.)
#[derive(Default)]
pub(crate) struct Accumulator<S> {
    /// (columns) 0 where there is none.
    sums: Vec<S>,
    /// (columns + 1) The first `len` are the columns whose sums were added to, each once; one is room to write without
    /// a branch.
    touched: Vec<u32>,
    len: usize,
}

impl<S: Sum> Accumulator<S> {
    /// Makes room for `columns`. Sums that were not drained stay.
    pub fn grow(&mut self, columns: usize) {
        if self.sums.len() < columns {
            self.sums.resize(columns, S::default());
            self.touched.resize(columns + 1, 0);
        }
    }

    /// Adds `term(k)`, which must be above 0, to the sum of `columns[k]`.
    ///
    /// # Panics
    /// When a column is beyond those that there is room for.
    #[inline(always)]
    pub fn add(&mut self, columns: &[u32], term: impl Fn(usize) -> S) {
        let (sums, touched, mut len) = (&mut self.sums[..], &mut self.touched[..], self.len);
        for (k, &column) in columns.iter().enumerate() {
            let sum = &mut sums[column as usize];
            // Whether a column is new is not to be predicted: a branch cost a tenth more.
            touched[len] = column;
            len += usize::from(*sum == S::default());
            *sum += term(k);
        }
        self.len = len;
    }

    /// The sum of `column`, which is 0 afterwards.
    #[inline(always)]
    pub fn take(&mut self, column: u32) -> S {
        std::mem::take(&mut self.sums[column as usize])
    }

    /// Gives each column that was added to with its sum, 0 where it was taken, and resets all.
    #[inline(always)]
    pub fn drain(&mut self, mut each: impl FnMut(u32, S)) {
        for &column in &self.touched[..self.len] {
            each(column, std::mem::take(&mut self.sums[column as usize]));
        }
        self.len = 0;
    }
}
