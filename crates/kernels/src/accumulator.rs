//! Sums over sparse rows.

use std::ops::{AddAssign, Range};

/// A number that sums start from 0 and only grow: counts, or sums of positive terms that never round to 0.
pub(crate) trait Sum: AddAssign + Copy + Default + PartialOrd {
    /// The least sum that is no less than `value`.
    fn least(value: f64) -> Self;
    /// As a double.
    fn value(self) -> f64;
}

macro_rules! counts {
    ($($type:ty)*) => {
        $(impl Sum for $type {
            #[inline(always)]
            fn least(value: f64) -> $type {
                value.ceil() as $type
            }
            #[inline(always)]
            fn value(self) -> f64 {
                f64::from(self)
            }
        })*
    };
}

counts! { u8 u16 u32 }

impl Sum for f64 {
    #[inline(always)]
    fn least(value: f64) -> f64 {
        value
    }
    #[inline(always)]
    fn value(self) -> f64 {
        self
    }
}

/// Bytes of sums that a sweep looks at together.
const SWEPT: usize = 128;

/// One sum a column, of which a sweep finds those that are large enough: where there are many, that costs less than to list them,
/// the more so the narrower the type.
#[derive(Default)]
pub(crate) struct Dense<S>(Vec<S>);

impl<S: Sum> Dense<S> {
    /// Makes room for `columns`, with sums of 0.
    pub fn grow(&mut self, columns: usize) {
        if self.0.len() < columns {
            self.0.resize(columns, S::default());
        }
    }

    /// Adds `term(k)` to the sum of `columns[k]`.
    ///
    /// # Panics
    /// When a column is beyond those that there is room for.
    #[inline(always)]
    pub fn add(&mut self, columns: &[u32], term: impl Fn(usize) -> S) {
        let sums = &mut self.0[..];
        for (k, &column) in columns.iter().enumerate() {
            sums[column as usize] += term(k);
        }
    }

    /// Sets the sum of `column` to 0.
    pub fn clear(&mut self, column: u32) {
        self.0[column as usize] = S::default();
    }

    /// Sets the sums of `columns` to 0.
    pub fn reset(&mut self, columns: Range<u32>) {
        self.0[columns.start as usize..columns.end as usize].fill(S::default());
    }

    /// Gives each of `columns` whose sum is above 0 and at least `least`. `each` gives the next `least`.
    #[inline(always)]
    pub fn sweep(&self, columns: Range<u32>, mut least: S, mut each: impl FnMut(u32, S) -> S) {
        let mut first = columns.start;
        for sums in self.0[columns.start as usize..columns.end as usize].chunks(SWEPT / size_of::<S>()) {
            // Without a branch for each, which the compiler makes vectors of.
            let most = sums.iter().fold(S::default(), |most, &sum| if sum > most { sum } else { most });
            if most >= least && most > S::default() {
                for (column, &sum) in (first..).zip(sums) {
                    if sum >= least && sum > S::default() {
                        least = each(column, sum);
                    }
                }
            }
            first += sums.len() as u32;
        }
    }
}

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

    /// The sum of `column`, which is 0 afterwards, as it is where there is no room for it.
    #[inline(always)]
    pub fn take(&mut self, column: u32) -> S {
        self.sums.get_mut(column as usize).map_or(S::default(), std::mem::take)
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
