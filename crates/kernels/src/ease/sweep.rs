//! The inverse of a positive definite matrix in place, by sweeping one block of rows after the other.
//!
//! To sweep block K of a symmetric A, with R all other rows (Beaton 1964; Goodnight 1979):
//!
//! ```text
//! D = A_RK A_KK⁻¹,   A_RR ← A_RR − D A_KR,   A_RK ← D,   A_KK ← −A_KK⁻¹
//! ```
//!
//! which leaves A symmetric, so that its lower triangle is enough. Once all blocks are swept A has become −A⁻¹. What is not
//! swept yet is the Schur complement of what is, as in Cholesky's factorization, and as many operations are needed as by
//! that with the inverse and the product of its factors (n³ in all); but all of them are of one kind, a product of tiles, and
//! each block takes three steps whatever the size: [`invert`] the pivot, [`panel`] for each tile beside it, [`update`] for
//! each other. Each step writes its own tile alone, so the bits do not depend on who runs it.
//!
//! `swept` blocks beyond the pivot's would be no more exact if they were factorized: single precision serves while the
//! residual of the inverse is small, which [`super::gramian::Interactions::inverse_error`] measures.

use super::tiles::PANEL;
use crate::matmul::{Strided, add_tiles};
use crate::scratch::Floats;
use crate::simd::{Kernel, Lanes, Simd};

/// Rows of a packed panel of the left operand.
const ROWS: usize = 8;

/// Inverts `pivot` (size × size), of which the lower triangle is read, in double precision: the tile becomes −A⁻¹, and
/// `inverse` A⁻¹, packed as a right operand.
///
/// # Errors
/// The first row where the matrix is not positive definite in single precision, or not finite.
pub fn invert(
    pivot: &mut [f32],
    size: usize,
    inverse: &mut [f32],
    scratch: &mut Vec<f64>,
    simd: Simd,
) -> Result<(), usize> {
    assert!(size.is_multiple_of(PANEL) && pivot.len() == size * size && inverse.len() == pivot.len());
    simd.run(Invert { pivot, size, inverse, scratch })
}

struct Invert<'a> {
    pivot: &'a mut [f32],
    size: usize,
    inverse: &'a mut [f32],
    scratch: &'a mut Vec<f64>,
}

impl Kernel for Invert<'_> {
    type Output = Result<(), usize>;

    #[inline(always)]
    fn run<L: Lanes>(self, _: L) -> Result<(), usize> {
        let Invert { pivot, size, inverse, scratch } = self;
        scratch.clear();
        scratch.extend(pivot.iter().map(|&value| f64::from(value)));
        scratch.resize(size * size + size, 0.0);
        let (matrix, row) = scratch.split_at_mut(size * size);
        for p in 0..size {
            row[..p].copy_from_slice(&matrix[p * size..p * size + p]);
            for r in p..size {
                row[r] = matrix[r * size + p];
            }
            let diagonal = row[p];
            if !(diagonal > 0.0 && diagonal.is_finite()) {
                return Err(p);
            }
            for r in 0..size {
                let by = row[r] / diagonal;
                let lower = &mut matrix[r * size..=r * size + r];
                if r == p {
                    for (value, &of) in lower.iter_mut().zip(&*row) {
                        *value = of / diagonal;
                    }
                    lower[p] = -1.0 / diagonal;
                    continue;
                }
                for (value, &of) in lower.iter_mut().zip(&*row) {
                    *value -= by * of;
                }
                if r > p {
                    lower[p] = by;
                }
            }
        }
        for r in 0..size {
            for c in 0..=r {
                let value = matrix[r * size + c] as f32;
                pivot[r * size + c] = value;
                pivot[c * size + r] = value;
            }
        }
        for (q, panel) in inverse.chunks_exact_mut(size * PANEL).enumerate() {
            for (p, packed) in panel.chunks_exact_mut(PANEL).enumerate() {
                for (to, from) in packed.iter_mut().zip(&pivot[p * size + q * PANEL..]) {
                    *to = -from;
                }
            }
        }
        Ok(())
    }
}

/// Sweeps `tile` (size × size) beside the pivot: C = A_iK becomes D = C A_KK⁻¹. The tile holds the transposed of both where
/// `transposed`: where i is above K. Writes −D to `left`, packed as a left operand, and Cᵀ to `right`, packed as a right one, for
/// [`update`]. `inverse` is that of [`invert`].
#[allow(clippy::too_many_arguments)]
pub fn panel(
    tile: &mut [f32],
    transposed: bool,
    size: usize,
    inverse: &[f32],
    left: &mut [f32],
    right: &mut [f32],
    scratch: &mut Floats,
    simd: Simd,
) {
    let area = size * size;
    assert!(size.is_multiple_of(PANEL) && [tile.len(), inverse.len(), left.len(), right.len()] == [area; 4]);
    simd.run(PanelStep { tile, transposed, size, inverse, left, right, scratch });
}

struct PanelStep<'a> {
    tile: &'a mut [f32],
    transposed: bool,
    size: usize,
    inverse: &'a [f32],
    left: &'a mut [f32],
    right: &'a mut [f32],
    scratch: &'a mut Floats,
}

impl Kernel for PanelStep<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, l: L) {
        let PanelStep { tile, transposed, size, inverse, left, right, scratch } = self;
        // C, by rows.
        let (block, product) = scratch.take(2 * size * size).split_at_mut(size * size);
        if transposed {
            transpose(tile, size, block);
        } else {
            block.copy_from_slice(tile);
        }
        // Column c of Cᵀ is row c of C.
        for (q, panel) in right.chunks_exact_mut(size * PANEL).enumerate() {
            for (p, packed) in panel.chunks_exact_mut(PANEL).enumerate() {
                for (c, to) in packed.iter_mut().enumerate() {
                    *to = block[(q * PANEL + c) * size + p];
                }
            }
        }
        pack_left(block, size, 1.0, left);
        product.fill(0.0);
        multiply(l, product, left, inverse, size);
        pack_left(product, size, -1.0, left);
        if transposed {
            transpose(product, size, tile);
        } else {
            tile.copy_from_slice(product);
        }
    }
}

/// Subtracts D_i A_Kj from `tile` (i, j), given −D_i and A_Kj, packed by [`panel`]. Costs 2 size³ operations.
pub fn update(tile: &mut [f32], left: &[f32], right: &[f32], size: usize, simd: Simd) {
    assert!(size.is_multiple_of(PANEL) && [tile.len(), left.len(), right.len()] == [size * size; 3]);
    simd.run(Update { tile, left, right, size });
}

struct Update<'a> {
    tile: &'a mut [f32],
    left: &'a [f32],
    right: &'a [f32],
    size: usize,
}

impl Kernel for Update<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, l: L) {
        multiply(l, self.tile, self.left, self.right, self.size);
    }
}

/// Adds to `to` (size × size) the product of packed operands. A panel of the right one stays in the first-level cache
/// (32 KiB at a size of 256) while all panels of the left one (8 KiB each) pass over it. Prefetching the rows of `to` that come next
/// gained nothing: 100 to 107 GFLOP/s a core with and without, about what the processor can.
#[inline(always)]
fn multiply<L: Lanes>(l: L, to: &mut [f32], left: &[f32], right: &[f32], size: usize) {
    for q in 0..size / PANEL {
        for m in 0..size / ROWS {
            for j in (0..PANEL).step_by(2 * L::WIDTH) {
                // SAFETY: panels of PANEL columns and of ROWS rows are whole in operands and tile, as the callers checked;
                // two vectors at j lie inside one, since twice the width divides PANEL.
                unsafe {
                    let a = Strided { at: left.as_ptr().add(m * ROWS * size), row: 1, step: ROWS };
                    let b = right.as_ptr().add(q * PANEL * size + j);
                    let c = to.as_mut_ptr().add(m * ROWS * size + q * PANEL + j);
                    add_tiles(l, size, a, b, PANEL, c, size, 2);
                }
            }
        }
    }
}

/// Packs `from` (size × size), times `by`, as a left operand: panels of [`ROWS`] rows, column by column.
#[inline(always)]
fn pack_left(from: &[f32], size: usize, by: f32, to: &mut [f32]) {
    for (rows, panel) in from.chunks_exact(ROWS * size).zip(to.chunks_exact_mut(ROWS * size)) {
        for (p, packed) in panel.chunks_exact_mut(ROWS).enumerate() {
            for (r, to) in packed.iter_mut().enumerate() {
                *to = by * rows[r * size + p];
            }
        }
    }
}

/// In blocks that stay in the first-level cache.
#[inline(always)]
fn transpose(from: &[f32], size: usize, to: &mut [f32]) {
    for i in (0..size).step_by(PANEL) {
        for j in (0..size).step_by(PANEL) {
            for r in i..i + PANEL {
                for c in j..j + PANEL {
                    to[c * size + r] = from[r * size + c];
                }
            }
        }
    }
}
