//! One row's system, gathered.

use super::{HalfStep, Objective, Scratch, Solver, cg, cholesky, dual};
use crate::scratch::Floats;
use crate::simd::{BLOCK, Lanes};

/// The system of one row: its neighbours in a tile that stays in cache, and the diagonal.
pub(super) struct Row<'s> {
    /// Entries.
    pub n: usize,
    /// Floats in a row of the tile; a multiple of [`BLOCK`].
    pub stride: usize,
    /// The neighbours' factors, (n rounded up to 4) × stride; the rows beyond n are zero.
    pub tile: &'s mut [f32],
    /// w of each entry; zero beyond n.
    pub weights: &'s mut [f32],
    /// t of each entry; zero beyond n.
    pub targets: &'s mut [f32],
    /// Working memory for two values an entry.
    pub work: &'s mut [f32],
    /// D = α₀ Λ + λ, one in the padding.
    pub diagonal: &'s mut [f32],
    /// Working memory for four vectors.
    pub vectors: &'s mut [f32],
    /// Working memory for square matrices.
    pub square: &'s mut Floats,
    /// Whether every w is positive or zero.
    positive: bool,
}

/// Rows of neighbours prefetched ahead of the one being copied.
const AHEAD: usize = 16;

impl<'s> Row<'s> {
    #[inline(always)]
    pub fn gather<L: Lanes>(
        l: L,
        step: &HalfStep<'_>,
        indices: &[u32],
        values: &[f32],
        regularization: f32,
        stride: usize,
        scratch: &'s mut Scratch,
    ) -> Row<'s> {
        let (n, rank) = (indices.len(), step.spectrum.len());
        let padded = n.next_multiple_of(4);
        let Objective { unobserved, alpha, weight_offset, target_offset, .. } = step.objective;

        let tile = scratch.tile.take(padded * stride);
        for (i, row) in tile.chunks_exact_mut(stride).take(n).enumerate() {
            if let Some(&ahead) = indices.get(i + AHEAD) {
                let ahead = step.fixed.as_ptr().wrapping_add(ahead as usize * step.fixed_stride);
                for line in (0..rank).step_by(BLOCK) {
                    l.prefetch(ahead.wrapping_add(line));
                }
            }
            let from = &step.fixed[indices[i] as usize * step.fixed_stride..];
            if rank == stride {
                let from = &from[..stride];
                for f in (0..stride).step_by(L::WIDTH) {
                    // SAFETY: both hold `stride` floats, and the vector's width divides that.
                    unsafe { l.store(row.as_mut_ptr().add(f), l.load(from.as_ptr().add(f))) };
                }
            } else {
                row[..rank].copy_from_slice(&from[..rank]);
                row[rank..].fill(0.0);
            }
        }
        tile[n * stride..].fill(0.0);

        let (weights, rest) = scratch.entries.take(4 * padded.next_multiple_of(BLOCK)).split_at_mut(padded);
        let (targets, work) = rest.split_at_mut(padded);
        weights[n..].fill(0.0);
        targets[n..].fill(0.0);
        let mut positive = true;
        for i in 0..n {
            weights[i] = alpha * values[i] + weight_offset;
            targets[i] = alpha * values[i] + target_offset;
            positive &= weights[i] >= 0.0;
        }

        let (diagonal, vectors) = scratch.vectors.take(5 * stride).split_at_mut(stride);
        // A direction that neither the unobserved part nor λ regularises gets this floor, far below what single precision
        // can resolve beside the others.
        let largest = unobserved * step.spectrum[0] as f32 + regularization;
        let floor = (largest * 1e-7).max(f32::MIN_POSITIVE * 1e6);
        for (d, &eigenvalue) in diagonal.iter_mut().zip(step.spectrum) {
            *d = (unobserved * eigenvalue as f32 + regularization).max(floor);
        }
        diagonal[rank..].fill(1.0);
        Row { n, stride, tile, weights, targets, work, diagonal, vectors, square: &mut scratch.square, positive }
    }

    /// Solves for `x`, starting from it, and returns the minimised expression.
    #[inline(always)]
    pub fn solve<L: Lanes>(&mut self, l: L, solver: Solver, x: &mut [f32]) -> f64 {
        let light = self.positive && self.n <= self.stride;
        match solver {
            Solver::Steps(_) if light && self.n <= DUAL => dual::solve(l, self, x),
            Solver::Steps(steps) if self.stride <= CHOLESKY_STRIDE && self.n >= CHOLESKY_ROWS * self.stride => {
                cholesky::solve(l, self, x, false).unwrap_or_else(|| cg::solve(l, self, x, steps))
            }
            Solver::Steps(steps) => cg::solve(l, self, x, steps),
            Solver::Exact if light => dual::solve(l, self, x),
            // Where the matrix is not positive definite in single precision: iterate until nothing changes.
            Solver::Exact => {
                cholesky::solve(l, self, x, true).unwrap_or_else(|| cg::solve(l, self, x, 8 * self.stride))
            }
        }
    }
}

// Where an exact solver costs no more than two conjugate-gradient steps, it is taken. Measured with AVX-512 on Zen 4, µs
// a row:
//
//   two steps / the dual       k = 64   n = 4: 0.26 / 0.26    n = 8: 0.33 / 0.55    n = 16: 0.52 / 1.65
//                              k = 128  n = 4: 0.40 / 0.36    n = 8: 0.55 / 0.74    n = 16: 0.89 / 2.12
//   two steps / Cholesky       k = 16   n = 256: 4.3 / 4.1    n = 1024: 17.6 / 13.4    n = 16384: 274 / 204
//                              k = 32   n = 256: 4.9 / 8.4    n = 1024: 20.6 / 26.6    n = 16384: 312 / 393

/// Entries up to which the dual is taken.
const DUAL: usize = 6;
/// Cholesky is taken up to this stride, from this many entries for each float of it.
const CHOLESKY_STRIDE: usize = 16;
const CHOLESKY_ROWS: usize = 16;

/// ‖x‖².
#[inline(always)]
pub(super) fn squared_norm(x: &[f32]) -> f64 {
    x.iter().map(|&x| f64::from(x) * f64::from(x)).sum()
}

/// Writes to `out` (n rounded up to 4) the dot products of the tile's rows with `x`: T x.
#[inline(always)]
pub(super) fn tile_times<L: Lanes>(l: L, tile: &[f32], stride: usize, x: &[f32], out: &mut [f32]) {
    assert!(x.len() == stride && tile.len() == out.len() * stride);
    for (rows, out) in tile.chunks_exact(4 * stride).zip(out.chunks_exact_mut(4)) {
        let mut sums = [l.splat(0.0); 4];
        for f in (0..stride).step_by(L::WIDTH) {
            // SAFETY: `rows` holds four rows of `stride` floats, `x` one, and the vector's width divides the stride.
            unsafe {
                let x = l.load(x.as_ptr().add(f));
                for (r, sum) in sums.iter_mut().enumerate() {
                    *sum = l.mul_add(l.load(rows.as_ptr().add(r * stride + f)), x, *sum);
                }
            }
        }
        out.copy_from_slice(&l.sum4(sums));
    }
}

/// Adds to `out` the tile's rows, each times its value in `by`: Tᵀ by.
#[inline(always)]
pub(super) fn add_tile_transposed_times<L: Lanes>(l: L, tile: &[f32], stride: usize, by: &[f32], out: &mut [f32]) {
    assert!(out.len() == stride && tile.len() == by.len() * stride);
    for (rows, by) in tile.chunks_exact(4 * stride).zip(by.chunks_exact(4)) {
        let by = [l.splat(by[0]), l.splat(by[1]), l.splat(by[2]), l.splat(by[3])];
        for f in (0..stride).step_by(L::WIDTH) {
            // SAFETY: as in `tile_times`.
            unsafe {
                let at = |r: usize| l.load(rows.as_ptr().add(r * stride + f));
                let out = out.as_mut_ptr().add(f);
                let even = l.mul_add(by[0], at(0), l.mul_add(by[2], at(2), l.load(out)));
                let odd = l.mul_add(by[1], at(1), l.mul(by[3], at(3)));
                l.store(out, l.add(even, odd));
            }
        }
    }
}

/// a·b.
#[inline(always)]
pub(super) fn dot<L: Lanes>(l: L, a: &[f32], b: &[f32]) -> f32 {
    assert!(a.len() == b.len());
    let mut sum = l.splat(0.0);
    for f in (0..a.len()).step_by(L::WIDTH) {
        // SAFETY: both hold a multiple of the vector's width.
        unsafe { sum = l.mul_add(l.load(a.as_ptr().add(f)), l.load(b.as_ptr().add(f)), sum) };
    }
    l.sum(sum)
}
