//! Vectors of words from those of their character n-grams (Bojanowski, Grave, Joulin & Mikolov 2017, "Enriching Word Vectors
//! with Subword Information").
//!
//! A word's input vector is the mean of its *parts*: a vector of its own and those of its n-grams. Gradient descent moves each
//! part by what the word moves. N-grams are shared by words of all blocks, so that no cut of the vocabulary leaves each to one
//! worker. So [`compose`] makes the words' vectors before a round, the round moves them as any row, and [`spread`] gives what
//! each moved by, d_w, to its parts afterwards: each part is one worker's, and goes over its words in order.
//!
//! An n-gram of thousands of words would move by the sum of what they all moved by, each as if alone: where they agree, far
//! beyond where the first of them would have stopped pushing. As in the adaptive sum of Maleki et al. (2021), what is orthogonal
//! is added, and of what is parallel the mean is taken: with S = Σ d_w, the part moves by
//! S · min(1, Σ‖d_w‖² / ‖S‖², 2 max‖d_w‖ / ‖S‖).

use crate::csr::CsrError;
use std::ops::Range;

/// Which parts make up which rows: those of row r are `indices[indptr[r]..indptr[r + 1]]`; or, the other way, the rows of a part.
#[derive(Clone, Copy, Debug)]
pub struct Parts<'a> {
    /// (rows + 1)
    pub indptr: &'a [u64],
    /// Parts, or rows.
    pub indices: &'a [u32],
}

impl<'a> Parts<'a> {
    fn of(&self, row: usize, most: usize) -> Result<&'a [u32], CsrError> {
        let &[begin, end] = self
            .indptr
            .get(row..)
            .and_then(<[u64]>::first_chunk)
            .ok_or(CsrError::Row { row, rows: self.indptr.len().saturating_sub(1) })?;
        let found = self.indices.get(begin as usize..end as usize).ok_or(CsrError::Pointers { row })?;
        match found.iter().find(|&&column| column as usize >= most) {
            Some(&column) => Err(CsrError::Column { row, column, columns: most }),
            None => Ok(found),
        }
    }
}

/// Writes to `words`, the rows `rows` of the vocabulary, (rows.len() × stride), the mean of `parts` (parts × stride) of each.
///
/// # Errors
/// When a row has no or other parts than there are.
pub fn compose(
    rows: Range<usize>,
    parts_of: Parts<'_>,
    parts: &[f32],
    stride: usize,
    words: &mut [f32],
) -> Result<(), CsrError> {
    for (row, word) in rows.zip(words.chunks_exact_mut(stride)) {
        let own = parts_of.of(row, parts.len() / stride)?;
        word.fill(0.0);
        for &part in own {
            add(word, &parts[part as usize * stride..][..stride], 1.0);
        }
        let share = 1.0 / own.len().max(1) as f32;
        word.iter_mut().for_each(|value| *value *= share);
    }
    Ok(())
}

/// Moves `parts`, the parts `range`, (range.len() × stride), by what their words have moved by: from `before` to `after` (words ×
/// stride).
///
/// # Errors
/// When a part has other words than there are.
pub fn spread(
    range: Range<usize>,
    words_of: Parts<'_>,
    before: &[f32],
    after: &[f32],
    stride: usize,
    parts: &mut [f32],
) -> Result<(), CsrError> {
    let mut sum = vec![0.0; stride];
    for (part, row) in range.zip(parts.chunks_exact_mut(stride)) {
        sum.fill(0.0);
        let (mut squares, mut largest) = (0.0f64, 0.0f64);
        for &word in words_of.of(part, after.len().min(before.len()) / stride)? {
            let place = word as usize * stride;
            let (old, new) = (&before[place..][..stride], &after[place..][..stride]);
            let square = f64::from(add_difference(&mut sum, new, old));
            squares += square;
            largest = largest.max(square);
        }
        let square: f64 = f64::from(dot(&sum, &sum));
        if square > 0.0 {
            let share = 1f64.min(squares / square).min(2.0 * (largest / square).sqrt());
            add(row, &sum, share as f32);
        }
    }
    Ok(())
}

// Loops over whole rows of eight independent sums: compilers make vectors of them.

#[inline(always)]
fn add(to: &mut [f32], from: &[f32], times: f32) {
    to.iter_mut().zip(from).for_each(|(to, from)| *to += times * from);
}

/// Adds `new` − `old` to `to`, and gives its squared norm.
#[inline(always)]
fn add_difference(to: &mut [f32], new: &[f32], old: &[f32]) -> f32 {
    let mut squares = [0.0; 8];
    for ((to, new), old) in to.chunks_exact_mut(8).zip(new.chunks_exact(8)).zip(old.chunks_exact(8)) {
        for lane in 0..8 {
            let difference = new[lane] - old[lane];
            to[lane] += difference;
            squares[lane] += difference * difference;
        }
    }
    squares.iter().sum()
}

#[inline(always)]
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0; 8];
    for (a, b) in a.chunks_exact(8).zip(b.chunks_exact(8)) {
        for lane in 0..8 {
            sums[lane] += a[lane] * b[lane];
        }
    }
    sums.iter().sum()
}
