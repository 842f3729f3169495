//! Register tiles of the products that convolutions are made of.

use aurochs_kernels::simd::Lanes;

/// Rows and vectors of a tile: sixteen sums hide the latency of the additions, and leave registers for what is multiplied.
pub(super) const ROWS: usize = 8;

/// One of the products that a tile is the sum of: element (r, p) of A is at `a + r·row + p·step`, row p of B at `b + p·b_row`.
#[derive(Clone, Copy)]
pub(super) struct Part {
    pub a: *const f32,
    pub b: *const f32,
}

/// What all parts of a tile have in common.
#[derive(Clone, Copy)]
pub(super) struct Strides {
    pub depth: usize,
    pub row: usize,
    pub step: usize,
    pub b_row: usize,
}

/// Writes the sum of A·B over the parts to [`ROWS`] rows of C, `columns` wide, a multiple of the vectors' width; adds it where `adds`.
///
/// # Safety
/// All of A, B and C that the strides say must be readable, and C writable.
#[inline(always)]
pub(super) unsafe fn tiles<L: Lanes>(
    l: L,
    parts: &[Part],
    strides: Strides,
    (c, c_row): (*mut f32, usize),
    columns: usize,
    adds: bool,
) {
    let mut column = 0;
    // SAFETY: the caller's promise, of each of the columns.
    unsafe {
        while column < columns {
            let (wide, c) = (column + 2 * L::WIDTH <= columns, c.add(column));
            match (L::MANY_REGISTERS, wide) {
                (true, true) => tile::<L, 8, 2>(l, parts, strides, (c, c_row), (0, column), adds),
                (true, false) => tile::<L, 8, 1>(l, parts, strides, (c, c_row), (0, column), adds),
                (false, true) => {
                    tile::<L, 4, 2>(l, parts, strides, (c, c_row), (0, column), adds);
                    tile::<L, 4, 2>(l, parts, strides, (c.add(4 * c_row), c_row), (4, column), adds);
                }
                (false, false) => {
                    tile::<L, 4, 1>(l, parts, strides, (c, c_row), (0, column), adds);
                    tile::<L, 4, 1>(l, parts, strides, (c.add(4 * c_row), c_row), (4, column), adds);
                }
            }
            column += if wide { 2 * L::WIDTH } else { L::WIDTH };
        }
    }
}

/// `R` rows and `V` vectors of C, all in registers meanwhile; `(row, column)`: the first of A and of B.
#[inline(always)]
unsafe fn tile<L: Lanes, const R: usize, const V: usize>(
    l: L,
    parts: &[Part],
    Strides { depth, row, step, b_row }: Strides,
    (c, c_row): (*mut f32, usize),
    (first_row, column): (usize, usize),
    adds: bool,
) {
    // SAFETY: the caller's promise.
    unsafe {
        let mut sums = [[l.splat(0.0); V]; R];
        for part in parts {
            let (a, b) = (part.a.add(first_row * row), part.b.add(column));
            for p in 0..depth {
                let mut right = [l.splat(0.0); V];
                for (v, right) in right.iter_mut().enumerate() {
                    *right = l.load(b.add(p * b_row + v * L::WIDTH));
                }
                for (r, sums) in sums.iter_mut().enumerate() {
                    let left = l.splat(*a.add(r * row + p * step));
                    for (sum, right) in sums.iter_mut().zip(right) {
                        *sum = l.mul_add(left, right, *sum);
                    }
                }
            }
        }
        for (r, sums) in sums.into_iter().enumerate() {
            for (v, sum) in sums.into_iter().enumerate() {
                let at = c.add(r * c_row + v * L::WIDTH);
                l.store(at, if adds { l.add(l.load(at), sum) } else { sum });
            }
        }
    }
}
