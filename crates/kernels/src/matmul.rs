//! Dense products: the Gramian of a range of rows, and rows times a square matrix.

use crate::scratch::Floats;
use crate::simd::{BLOCK, Kernel, Lanes, Simd};

/// Adds to `gram` (stride × stride) the products of all pairs of columns of `rows` (n × stride): YᵀY.
///
/// Only the upper triangle is right afterwards ([`crate::basis::eigenbasis`] reads no other).
/// Costs n·stride² floating-point operations.
pub fn add_gram(rows: &[f32], stride: usize, gram: &mut [f32], simd: Simd) {
    assert_eq!(stride % BLOCK, 0, "the stride must be a multiple of {BLOCK}");
    assert_eq!(rows.len() % stride, 0, "rows must be whole");
    assert_eq!(gram.len(), stride * stride);
    simd.run(Gram { rows, stride, gram });
}

struct Gram<'a> {
    rows: &'a [f32],
    stride: usize,
    gram: &'a mut [f32],
}

impl Kernel for Gram<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, l: L) {
        let Gram { rows, stride, gram } = self;
        // A panel stays in the first-level cache while every tile of the Gramian passes over it.
        let panel = (6144 / stride).max(16) * stride;
        for rows in rows.chunks(panel) {
            let depth = rows.len() / stride;
            for i in (0..stride).step_by(8) {
                for j in (i / BLOCK * BLOCK..stride).step_by(2 * L::WIDTH) {
                    // SAFETY: columns i..i + 8 and the one or two vectors at j lie inside a row, since both divide
                    // the stride; `depth` rows lie in `rows`.
                    unsafe {
                        let a = Strided { at: rows.as_ptr().add(i), row: 1, step: stride };
                        let b = rows.as_ptr().add(j);
                        let c = gram.as_mut_ptr().add(i * stride + j);
                        add_tiles(l, depth, a, b, stride, c, stride, (stride - j) / L::WIDTH);
                    }
                }
            }
        }
    }
}

/// Multiplies `rows` (n × stride) by `by` (stride × stride), an orthogonal basis, in place.
pub fn rotate(rows: &mut [f32], stride: usize, by: &[f32], scratch: &mut Floats, simd: Simd) {
    assert_eq!(stride % BLOCK, 0, "the stride must be a multiple of {BLOCK}");
    assert_eq!(rows.len() % stride, 0, "rows must be whole");
    assert_eq!(by.len(), stride * stride);
    simd.run(Rotate { rows, stride, by, scratch });
}

struct Rotate<'a> {
    rows: &'a mut [f32],
    stride: usize,
    by: &'a [f32],
    scratch: &'a mut Floats,
}

impl Kernel for Rotate<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, l: L) {
        let Rotate { rows, stride, by, scratch } = self;
        for rows in rows.chunks_mut(8 * stride) {
            let rotated = scratch.take(8 * stride);
            rotated.fill(0.0);
            // The last block may have fewer rows: it is padded with rows that are not read back.
            let full = rows.len() == 8 * stride;
            let count = if full { 8 } else { rows.len() / stride };
            for j in (0..stride).step_by(2 * L::WIDTH) {
                // SAFETY: as in `Gram`; with fewer than 8 rows they are taken one by one.
                unsafe {
                    let (b, c) = (by.as_ptr().add(j), rotated.as_mut_ptr().add(j));
                    let vectors = (stride - j) / L::WIDTH;
                    if full {
                        let a = Strided { at: rows.as_ptr(), row: stride, step: 1 };
                        add_tiles(l, stride, a, b, stride, c, stride, vectors);
                    } else {
                        for r in 0..count {
                            let a = Strided { at: rows.as_ptr().add(r * stride), row: stride, step: 1 };
                            let c = c.add(r * stride);
                            if vectors >= 2 {
                                add_tile::<L, 1, 2>(l, stride, a, b, stride, c, stride);
                            } else {
                                add_tile::<L, 1, 1>(l, stride, a, b, stride, c, stride);
                            }
                        }
                    }
                }
            }
            rows.copy_from_slice(&rotated[..count * stride]);
        }
    }
}

/// Element (r, p) of a matrix is at `at + r·row + p·step`.
#[derive(Clone, Copy)]
pub(crate) struct Strided {
    pub at: *const f32,
    pub row: usize,
    pub step: usize,
}

/// Adds A·B to an 8 × (1 or 2 vectors) tile of C, in register tiles that suit the instruction set.
///
/// # Safety
/// As [`add_tile`].
#[inline(always)]
#[allow(clippy::too_many_arguments)]
pub(crate) unsafe fn add_tiles<L: Lanes>(
    l: L,
    depth: usize,
    a: Strided,
    b: *const f32,
    b_step: usize,
    c: *mut f32,
    c_row: usize,
    vectors: usize,
) {
    // SAFETY: the caller's promise.
    unsafe {
        let below = Strided { at: a.at.add(4 * a.row), ..a };
        match (L::MANY_REGISTERS, vectors >= 2) {
            (true, true) => add_tile::<L, 8, 2>(l, depth, a, b, b_step, c, c_row),
            (true, false) => add_tile::<L, 8, 1>(l, depth, a, b, b_step, c, c_row),
            (false, true) => {
                add_tile::<L, 4, 2>(l, depth, a, b, b_step, c, c_row);
                add_tile::<L, 4, 2>(l, depth, below, b, b_step, c.add(4 * c_row), c_row);
            }
            (false, false) => {
                add_tile::<L, 4, 1>(l, depth, a, b, b_step, c, c_row);
                add_tile::<L, 4, 1>(l, depth, below, b, b_step, c.add(4 * c_row), c_row);
            }
        }
    }
}

/// C[r][v] += Σₚ A[r][p]·B[p][v] for `R` rows and `V` vectors, all of C in registers meanwhile.
///
/// # Safety
/// A must be readable at all (r < R, p < depth), B at `depth` rows of `V` vectors, C writable at `R` rows of `V` vectors.
#[inline(always)]
pub(crate) unsafe fn add_tile<L: Lanes, const R: usize, const V: usize>(
    l: L,
    depth: usize,
    a: Strided,
    b: *const f32,
    b_step: usize,
    c: *mut f32,
    c_row: usize,
) {
    // SAFETY: the caller's promise.
    unsafe {
        let mut sums = [[l.splat(0.0); V]; R];
        for p in 0..depth {
            let mut right = [l.splat(0.0); V];
            for (v, right) in right.iter_mut().enumerate() {
                *right = l.load(b.add(p * b_step + v * L::WIDTH));
            }
            for (r, sums) in sums.iter_mut().enumerate() {
                let left = l.splat(*a.at.add(r * a.row + p * a.step));
                for (sum, right) in sums.iter_mut().zip(right) {
                    *sum = l.mul_add(left, right, *sum);
                }
            }
        }
        for (r, sums) in sums.into_iter().enumerate() {
            for (v, sum) in sums.into_iter().enumerate() {
                let at = c.add(r * c_row + v * L::WIDTH);
                l.store(at, l.add(l.load(at), sum));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn matrix(rows: usize, columns: usize, seed: u64) -> Vec<f32> {
        let mut values = vec![0.0; rows * columns];
        crate::initialise::fill_normal(&mut values, columns, columns, 0, 1.0, seed);
        values
    }

    proptest! {
        #![proptest_config(crate::cases(24))]

        #[test]
        fn the_gramian_agrees_with_its_definition(n in 0..crate::most(300), blocks in 1usize..6, seed: u64) {
            let k = blocks * BLOCK;
            let y = matrix(n, k, seed);
            for simd in Simd::available() {
                let mut gram = vec![0.0; k * k];
                add_gram(&y, k, &mut gram, simd);
                for i in 0..k {
                    for j in i..k {
                        let exact: f64 = (0..n).map(|r| f64::from(y[r * k + i]) * f64::from(y[r * k + j])).sum();
                        prop_assert!((f64::from(gram[i * k + j]) - exact).abs() < 1e-3, "{} {i} {j}", simd.name());
                    }
                }
            }
        }

        #[test]
        fn rotating_agrees_with_its_definition(n in 0..crate::most(40), blocks in 1usize..6, seed: u64) {
            let k = blocks * BLOCK;
            let (x, q) = (matrix(n, k, seed), matrix(k, k, seed ^ 1));
            for simd in Simd::available() {
                let mut rotated = x.clone();
                rotate(&mut rotated, k, &q, &mut Floats::default(), simd);
                for r in 0..n {
                    for j in 0..k {
                        let exact: f64 = (0..k).map(|f| f64::from(x[r * k + f]) * f64::from(q[f * k + j])).sum();
                        prop_assert!((f64::from(rotated[r * k + j]) - exact).abs() < 1e-3);
                    }
                }
            }
        }
    }
}
