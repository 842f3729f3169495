//! The normalised matrix, or its transpose, times dense rows.

use crate::csr::{Csr, CsrError};
use crate::simd::{BLOCK, Kernel, Lanes, Simd};
use std::ops::Range;

/// `row_scales · matrix · column_scales · dense`, plus a multiple of other rows: everything but the rows to make.
#[derive(Clone, Copy)]
pub struct Product<'a> {
    /// (rows × columns).
    pub matrix: Csr<'a>,
    /// Entries count their weights rather than 1.
    pub weighted: bool,
    /// (rows).
    pub row_scales: &'a [f32],
    /// (columns).
    pub column_scales: &'a [f32],
    /// (columns × stride).
    pub dense: &'a [f32],
    /// Floats from one row of `dense` to the next: a multiple of [`BLOCK`].
    pub stride: usize,
    /// What is added, where anything is.
    pub added: Option<Added<'a>>,
}

/// `coefficient · rows[r] / row_scales[r]` for row r, or nothing where the scale is 0.
#[derive(Clone, Copy)]
pub struct Added<'a> {
    /// Of all rows.
    pub coefficient: f32,
    /// (rows × stride).
    pub rows: &'a [f32],
}

/// Entries ahead whose rows are prefetched.
const AHEAD: usize = 8;

impl Product<'_> {
    /// Writes `rows` of the product to `out` (rows.len() × stride). Costs 2·stride floating-point operations an entry.
    ///
    /// Each value is a sum in the order of the row's entries: the same bits however rows are divided.
    ///
    /// # Errors
    /// Names the first row whose pointers or columns are out of range.
    pub fn rows(&self, rows: Range<usize>, out: &mut [f32], simd: Simd) -> Result<(), CsrError> {
        let (count, columns) = (self.matrix.rows(), self.column_scales.len());
        assert_eq!(self.stride % BLOCK, 0, "the stride must be a multiple of {BLOCK}");
        assert_eq!((self.row_scales.len(), self.dense.len()), (count, columns * self.stride));
        assert!(rows.end <= count && self.matrix.indices.len() == self.matrix.weights.len());
        assert!(self.added.is_none_or(|added| added.rows.len() == count * self.stride));
        assert_eq!(out.len(), rows.len() * self.stride);
        for row in rows.clone() {
            self.matrix.checked_row(row, columns)?;
        }
        simd.run(Rows { product: *self, rows, out });
        Ok(())
    }
}

struct Rows<'a, 'o> {
    product: Product<'a>,
    rows: Range<usize>,
    out: &'o mut [f32],
}

impl Kernel for Rows<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, l: L) {
        let Rows { product, rows, out } = self;
        let stride = product.stride;
        for (row, out) in rows.zip(out.chunks_exact_mut(stride)) {
            let mut first = 0;
            while first < stride {
                // SAFETY: `Product::rows` checked the columns of the row and the lengths; the vectors lie inside the stride.
                let vectors = unsafe {
                    match (stride - first) / L::WIDTH {
                        8.. => sum::<L, 8>(l, &product, row, first, out),
                        4.. => sum::<L, 4>(l, &product, row, first, out),
                        2.. => sum::<L, 2>(l, &product, row, first, out),
                        _ => sum::<L, 1>(l, &product, row, first, out),
                    }
                };
                first += vectors * L::WIDTH;
            }
        }
    }
}

/// Makes `V` vectors of `row`, from column `first` on, with all sums in registers. Gives `V`.
///
/// # Safety
/// The row's columns must be below the number of rows of `dense`, and the vectors must lie inside the stride.
#[inline(always)]
unsafe fn sum<L: Lanes, const V: usize>(
    l: L,
    product: &Product<'_>,
    row: usize,
    first: usize,
    out: &mut [f32],
) -> usize {
    let (indices, weights) = product.matrix.row(row);
    let (stride, scales) = (product.stride, product.column_scales);
    let mut sums = [l.splat(0.0); V];
    for (k, &column) in indices.iter().enumerate() {
        let ahead = indices[(k + AHEAD).min(indices.len() - 1)] as usize;
        for v in (0..V * L::WIDTH).step_by(BLOCK) {
            l.prefetch(product.dense.as_ptr().wrapping_add(ahead * stride + first + v));
        }
        let scale = scales[column as usize];
        let factor = l.splat(if product.weighted { weights[k] * scale } else { scale });
        // SAFETY: the caller's promise.
        unsafe {
            let from = product.dense.as_ptr().add(column as usize * stride + first);
            for (v, sum) in sums.iter_mut().enumerate() {
                *sum = l.mul_add(factor, l.load(from.add(v * L::WIDTH)), *sum);
            }
        }
    }
    let scale = product.row_scales[row];
    for (v, sum) in sums.into_iter().enumerate() {
        let place = first + v * L::WIDTH;
        let mut sum = l.mul(sum, l.splat(scale));
        if let Some(Added { coefficient, rows }) = product.added
            && scale != 0.0
        {
            // SAFETY: `rows` is as large as the product, by the check of `Product::rows`.
            let other = unsafe { l.load(rows.as_ptr().add(row * stride + place)) };
            sum = l.mul_add(l.splat(coefficient / scale), other, sum);
        }
        // SAFETY: the caller's promise.
        unsafe { l.store(out.as_mut_ptr().add(place), sum) };
    }
    V
}
