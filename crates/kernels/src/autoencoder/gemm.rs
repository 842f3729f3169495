//! Products of matrices of any number of rows.

use crate::matmul::{Strided, add_tile, add_tiles};
use crate::simd::Lanes;

/// C += A·B, with A of `rows` × `depth`, B of `depth` × `columns` (its rows `b_step` apart) and C of `rows` × `columns` (`c_row` apart).
///
/// # Safety
/// All must be readable, and C writable, at those places; `columns` must be a multiple of the lanes' width.
#[inline(always)]
#[allow(clippy::too_many_arguments)]
pub unsafe fn add_product<L: Lanes>(
    l: L,
    rows: usize,
    depth: usize,
    a: Strided,
    b: *const f32,
    b_step: usize,
    c: *mut f32,
    c_row: usize,
    columns: usize,
) {
    // SAFETY: the caller's promise.
    unsafe {
        for first in (0..rows).step_by(8) {
            for column in (0..columns).step_by(2 * L::WIDTH) {
                let vectors = (columns - column) / L::WIDTH;
                let b = b.add(column);
                if first + 8 <= rows {
                    let a = Strided { at: a.at.add(first * a.row), ..a };
                    add_tiles(l, depth, a, b, b_step, c.add(first * c_row + column), c_row, vectors);
                    continue;
                }
                for row in first..rows {
                    let a = Strided { at: a.at.add(row * a.row), ..a };
                    let c = c.add(row * c_row + column);
                    if vectors >= 2 {
                        add_tile::<L, 1, 2>(l, depth, a, b, b_step, c, c_row);
                    } else {
                        add_tile::<L, 1, 1>(l, depth, a, b, b_step, c, c_row);
                    }
                }
            }
        }
    }
}
