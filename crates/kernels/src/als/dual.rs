//! Rows with few entries: the n × n system of Woodbury's identity, whose inner inverse is the diagonal D.
//!
//! With K = T D⁻¹ Tᵀ and W = diag(w), the solution is x = D⁻¹ Tᵀ p where (I + W K) p = t. With S = √W and p = S u that is
//! the symmetric (I + S K S) u = S⁻¹ t. Where some w is (near) zero, p = t − S v with (I + S K S) v = S K t instead, which
//! loses digits when w is large. Costs O(n² k + n³).

use super::row::{Row, add_tile_transposed_times};
use crate::simd::Lanes;

/// Solves `row` exactly; all w must be positive or zero.
#[inline(always)]
pub(super) fn solve<L: Lanes>(l: L, row: &mut Row<'_>, x: &mut [f32]) -> f64 {
    let (n, stride) = (row.n, row.stride);
    let padded = row.weights.len();
    let (inverse, _) = row.vectors.split_at_mut(stride);
    for (inverse, d) in inverse.iter_mut().zip(&*row.diagonal) {
        *inverse = 1.0 / d;
    }
    let (kernel, system) = row.square.take(2 * padded * padded).split_at_mut(padded * padded);
    scaled_gram(l, row.tile, inverse, padded, kernel);

    let (root, rest) = row.work.split_at_mut(padded);
    let p = &mut rest[..padded];
    let mut smallest = f32::INFINITY;
    for i in 0..n {
        root[i] = row.weights[i].sqrt();
        smallest = smallest.min(row.weights[i] / row.targets[i]);
    }
    for i in 0..n {
        for j in 0..=i {
            system[i * padded + j] = root[i] * root[j] * kernel[i * padded + j];
        }
        system[i * padded + i] += 1.0;
    }
    let direct = smallest > 1e-2;
    for i in 0..n {
        p[i] = if direct {
            row.targets[i] / root[i]
        } else {
            root[i] * (0..n).map(|j| kernel[i * padded + j] * row.targets[j]).sum::<f32>()
        };
    }
    solve_in_place(system, padded, n, p);
    for i in 0..n {
        p[i] = if direct { root[i] * p[i] } else { row.targets[i] - root[i] * p[i] };
    }
    p[n..].fill(0.0);

    x.fill(0.0);
    add_tile_transposed_times(l, row.tile, stride, p, x);
    for (x, inverse) in x.iter_mut().zip(&*inverse) {
        *x *= inverse;
    }
    // The residual is zero, so that the minimum is Σ t − Σ t·s with the scores s = T x = K p.
    let mut fit = 0.0;
    for i in 0..n {
        let score = (0..n).map(|j| f64::from(kernel[i * padded + j]) * f64::from(p[j])).sum::<f64>();
        fit += f64::from(row.targets[i]) * (1.0 - score);
    }
    fit
}

/// Writes T diag(`scale`) Tᵀ, whole, to `out` (padded × padded).
#[inline(always)]
fn scaled_gram<L: Lanes>(l: L, tile: &[f32], scale: &[f32], padded: usize, out: &mut [f32]) {
    let stride = scale.len();
    assert!(tile.len() == padded * stride && out.len() == padded * padded);
    for i in (0..padded).step_by(2) {
        for j in (0..=i).step_by(4) {
            let mut sums = [[l.splat(0.0); 4]; 2];
            for f in (0..stride).step_by(L::WIDTH) {
                // SAFETY: rows i, i + 1 and j..j + 4 are below `padded`, a multiple of 4, and the vector's width divides the stride.
                unsafe {
                    let at = |r: usize| l.load(tile.as_ptr().add(r * stride + f));
                    let scale = l.load(scale.as_ptr().add(f));
                    let left = [l.mul(at(i), scale), l.mul(at(i + 1), scale)];
                    for c in 0..4 {
                        let right = at(j + c);
                        sums[0][c] = l.mul_add(left[0], right, sums[0][c]);
                        sums[1][c] = l.mul_add(left[1], right, sums[1][c]);
                    }
                }
            }
            for (r, sums) in sums.into_iter().enumerate() {
                for (c, sum) in l.sum4(sums).into_iter().enumerate() {
                    out[(i + r) * padded + j + c] = sum;
                    out[(j + c) * padded + i + r] = sum;
                }
            }
        }
    }
}

/// Solves A p = p for the leading n × n of `a`, of which the lower triangle is read and overwritten by its Cholesky factor.
#[inline(always)]
fn solve_in_place(a: &mut [f32], stride: usize, n: usize, p: &mut [f32]) {
    for i in 0..n {
        let (above, at) = a.split_at_mut(i * stride);
        for j in 0..i {
            let other = &above[j * stride..j * stride + n];
            let sum: f32 = (0..j).map(|f| at[f] * other[f]).sum();
            at[j] = (at[j] - sum) * other[j];
        }
        let sum: f32 = (0..i).map(|f| at[f] * at[f]).sum();
        // The diagonal of I + S K S is at least 1; the factor keeps its inverse, since all that follows divides by it.
        // Unlike `max` this leaves a NaN, of numbers that overflowed, what it is.
        let pivot = at[i] - sum;
        at[i] = 1.0 / (if pivot < f32::MIN_POSITIVE { f32::MIN_POSITIVE } else { pivot }).sqrt();
        let sum: f32 = (0..i).map(|f| at[f] * p[f]).sum();
        p[i] = (p[i] - sum) * at[i];
    }
    for i in (0..n).rev() {
        p[i] *= a[i * stride + i];
        for f in 0..i {
            p[f] -= a[i * stride + f] * p[i];
        }
    }
}
