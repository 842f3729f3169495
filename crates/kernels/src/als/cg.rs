//! Conjugate gradients, preconditioned by the diagonal, from the last solution (after Takács, Pilászy & Tikk 2011).
//!
//! In the eigenbasis a step costs 4kn + O(k): two passes over the tile.

use super::row::{Row, add_tile_transposed_times, dot, tile_times};
use crate::simd::Lanes;

/// Takes up to `steps` steps from `x`, and returns the minimised expression; stops when the residual is below what single
/// precision can resolve, and, with the last `x`, at a direction along which the system does not curve upwards: where it is
/// not positive definite. Returns a number that is not finite where the arithmetic overflows.
#[inline(always)]
pub(super) fn solve<L: Lanes>(l: L, row: &mut Row<'_>, x: &mut [f32], steps: usize) -> f64 {
    let (n, stride) = (row.n, row.stride);
    let padded = row.weights.len();
    let (inverse, rest) = row.vectors.split_at_mut(stride);
    let (residual, rest) = rest.split_at_mut(stride);
    let (direction, product) = rest.split_at_mut(stride);
    let product = &mut product[..stride];
    let (scores, rest) = row.work.split_at_mut(padded);
    let along = &mut rest[..padded];

    // M = D + diag(Σ w y²) costs a pass of its own, but saves about a step over D alone where w is large.
    diagonal_of_system(l, row.tile, row.weights, row.diagonal, inverse);
    for d in inverse.iter_mut() {
        *d = 1.0 / *d;
    }

    // r = b − A x = Tᵀ(t − w∘s) − D∘x, with the scores s = T x.
    tile_times(l, row.tile, stride, x, scores);
    for i in 0..padded {
        along[i] = row.targets[i] - row.weights[i] * scores[i];
    }
    for (r, (d, x)) in residual.iter_mut().zip(row.diagonal.iter().zip(&*x)) {
        *r = -d * x;
    }
    add_tile_transposed_times(l, row.tile, stride, along, residual);

    for f in 0..stride {
        direction[f] = residual[f] * inverse[f];
    }
    let mut progress = dot(l, residual, direction);
    let negligible = progress * 1e-12;
    for step in 0..steps {
        if !progress.is_finite() {
            return f64::NAN;
        }
        if progress <= negligible {
            break;
        }
        tile_times(l, row.tile, stride, direction, along);
        for (product, (d, p)) in product.iter_mut().zip(row.diagonal.iter().zip(&*direction)) {
            *product = d * p;
        }
        // `along` is needed again, unweighted, to carry the scores on.
        let curvature: f32 = (0..padded).map(|i| row.weights[i] * along[i] * along[i]).sum();
        let curvature = curvature + dot(l, product, direction);
        let length = progress / curvature;
        if !curvature.is_finite() {
            return f64::NAN;
        }
        if curvature <= 0.0 || !length.is_finite() {
            break;
        }
        for i in 0..padded {
            scores[i] += length * along[i];
            along[i] *= row.weights[i];
        }
        add_tile_transposed_times(l, row.tile, stride, along, product);
        for f in 0..stride {
            x[f] += length * direction[f];
            residual[f] -= length * product[f];
        }
        if step + 1 == steps {
            break;
        }
        // M⁻¹r goes where A·p was.
        for f in 0..stride {
            product[f] = residual[f] * inverse[f];
        }
        let next = dot(l, residual, product);
        let carry = next / progress;
        for f in 0..stride {
            direction[f] = product[f] + carry * direction[f];
        }
        progress = next;
    }
    // x·A·x − 2x·b + Σt = Σt − x·b − x·r, and x·b = Σ t·s.
    let linear: f64 = (0..n).map(|i| f64::from(row.targets[i]) * (1.0 - f64::from(scores[i]))).sum();
    linear - f64::from(dot(l, x, residual))
}

/// Writes D + diag(Σ wᵢ yᵢ²) to `out`.
#[inline(always)]
fn diagonal_of_system<L: Lanes>(l: L, tile: &[f32], weights: &[f32], diagonal: &[f32], out: &mut [f32]) {
    let stride = diagonal.len();
    assert!(out.len() == stride && tile.len() == weights.len() * stride);
    out.copy_from_slice(diagonal);
    for (rows, by) in tile.chunks_exact(4 * stride).zip(weights.chunks_exact(4)) {
        let by = [l.splat(by[0]), l.splat(by[1]), l.splat(by[2]), l.splat(by[3])];
        for f in (0..stride).step_by(L::WIDTH) {
            // SAFETY: as in `row::tile_times`.
            unsafe {
                let out = out.as_mut_ptr().add(f);
                let mut sum = l.load(out);
                for (r, by) in by.iter().enumerate() {
                    let y = l.load(rows.as_ptr().add(r * stride + f));
                    sum = l.mul_add(l.mul(*by, y), y, sum);
                }
                l.store(out, sum);
            }
        }
    }
}
