//! The whole k × k system, for rows with more entries than factors that are to be solved exactly.
//!
//! Costs n k² + k³/3.

use super::row::{Row, add_tile_transposed_times, dot, squared_norm, tile_times};
use crate::matmul::{Strided, add_tiles};
use crate::simd::{BLOCK, Lanes};

/// Solves `row` exactly, or returns nothing and leaves `x` as it was where the matrix is not positive definite in single
/// precision.
/// `refine` takes a step of iterative refinement, which recovers the digits that rounding the matrix lost.
#[inline(always)]
pub(super) fn solve<L: Lanes>(l: L, row: &mut Row<'_>, x: &mut [f32], refine: bool) -> Option<f64> {
    let (n, stride) = (row.n, row.stride);
    let (system, weighted) = row.square.take(stride * stride + PANEL * stride).split_at_mut(stride * stride);
    system.fill(0.0);
    for (i, d) in row.diagonal.iter().enumerate() {
        system[i * stride + i] = *d;
    }
    for (rows, by) in row.tile.chunks(PANEL * stride).zip(row.weights.chunks(PANEL)) {
        for (to, (from, &by)) in weighted.chunks_exact_mut(stride).zip(rows.chunks_exact(stride).zip(by)) {
            for (to, from) in to.iter_mut().zip(from) {
                *to = by * from;
            }
        }
        for i in (0..stride).step_by(8) {
            for j in (i / BLOCK * BLOCK..stride).step_by(2 * L::WIDTH) {
                // SAFETY: as in `matmul::Gram`; both panels hold `by.len()` rows.
                unsafe {
                    let a = Strided { at: weighted.as_ptr().add(i), row: 1, step: stride };
                    let (b, c) = (rows.as_ptr().add(j), system.as_mut_ptr().add(i * stride + j));
                    add_tiles(l, by.len(), a, b, stride, c, stride, (stride - j) / L::WIDTH);
                }
            }
        }
    }
    let (right, rest) = row.vectors.split_at_mut(stride);
    right.fill(0.0);
    add_tile_transposed_times(l, row.tile, stride, row.targets, right);
    let (solution, correction) = rest.split_at_mut(stride);
    let correction = &mut correction[..stride];
    if !factorize(l, system, stride) {
        return None;
    }
    solution.copy_from_slice(right);
    substitute(l, system, stride, solution);

    let (scores, rest) = row.work.split_at_mut(row.weights.len());
    if refine {
        // The residual of the normal equations is formed from the tile, not from the rounded matrix.
        let along = &mut rest[..row.weights.len()];
        tile_times(l, row.tile, stride, solution, scores);
        for i in 0..along.len() {
            along[i] = row.targets[i] - row.weights[i] * scores[i];
        }
        for f in 0..stride {
            correction[f] = -row.diagonal[f] * solution[f];
        }
        add_tile_transposed_times(l, row.tile, stride, along, correction);
        substitute(l, system, stride, correction);
        for f in 0..stride {
            solution[f] += correction[f];
        }
    }
    if !squared_norm(solution).is_finite() {
        return None;
    }
    x.copy_from_slice(solution);
    // At the minimum x·A·x − 2x·b + Σt is Σt − x·b, and x·b = Σ t·s.
    tile_times(l, row.tile, stride, x, scores);
    Some((0..n).map(|i| f64::from(row.targets[i]) * (1.0 - f64::from(scores[i]))).sum())
}

/// Rows of the tile weighted at a time.
const PANEL: usize = 64;

/// Overwrites the upper triangle of `a` with U of A = UᵀU, its diagonal inverted; false when A is not positive definite.
#[inline(always)]
fn factorize<L: Lanes>(l: L, a: &mut [f32], stride: usize) -> bool {
    for i in 0..stride {
        let (done, below) = a.split_at_mut((i + 1) * stride);
        let pivot = &mut done[i * stride..];
        if pivot[i].is_nan() || pivot[i] <= 0.0 {
            return false;
        }
        let inverse = 1.0 / pivot[i].sqrt();
        for value in &mut pivot[i..] {
            *value *= inverse;
        }
        for (r, row) in (i + 1..stride).zip(below.chunks_exact_mut(stride)) {
            let from = r / BLOCK * BLOCK; // whole vectors: what lies left of the diagonal is never read
            let by = l.splat(-pivot[r]);
            for f in (from..stride).step_by(L::WIDTH) {
                // SAFETY: both are rows of `stride` floats.
                unsafe {
                    let at = row.as_mut_ptr().add(f);
                    l.store(at, l.mul_add(by, l.load(pivot.as_ptr().add(f)), l.load(at)));
                }
            }
        }
        pivot[i] = inverse;
    }
    true
}

/// Solves UᵀU x = x.
#[inline(always)]
fn substitute<L: Lanes>(l: L, u: &[f32], stride: usize, x: &mut [f32]) {
    for i in 0..stride {
        x[i] *= u[i * stride + i];
        let known = x[i];
        for f in i + 1..stride {
            x[f] -= known * u[i * stride + f];
        }
    }
    for i in (0..stride).rev() {
        let from = (i + 1).next_multiple_of(BLOCK).min(stride);
        let row = &u[i * stride..(i + 1) * stride];
        let near: f32 = (i + 1..from).map(|f| row[f] * x[f]).sum();
        let far = dot(l, &row[from..], &x[from..]);
        x[i] = (x[i] - near - far) * row[i];
    }
}
