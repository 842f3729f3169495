//! The definition of a score, and the exhaustive search.

use super::{Measure, best::Best};

/// Partial sums of a dot product.
const LANES: usize = 16;

/// The inner product in double precision: coordinate `j` is added to sum `j % 16`, then the upper half of the sums to
/// the lower until one is left.
///
/// A product of two floats is exact in double precision, so with this order the result is the same on every
/// processor, fused multiplication or not. `a` and `b` may be padded with zeros alike.
#[inline(always)]
pub fn dot(a: &[f32], b: &[f32]) -> f64 {
    let mut sums = [0.0; LANES];
    let (a, a_rest) = a.as_chunks::<LANES>();
    let (b, b_rest) = b.as_chunks::<LANES>();
    for (a, b) in a.iter().zip(b) {
        for lane in 0..LANES {
            sums[lane] += f64::from(a[lane]) * f64::from(b[lane]);
        }
    }
    for (sum, (&a, &b)) in sums.iter_mut().zip(a_rest.iter().zip(b_rest)) {
        *sum += f64::from(a) * f64::from(b);
    }
    let mut half = LANES / 2;
    while half > 0 {
        for lane in 0..half {
            sums[lane] += sums[lane + half];
        }
        half /= 2;
    }
    sums[0]
}

/// The score of `item` for `query`, whose own norm is `norm` (see [`norm`]): the measure in double precision, rounded.
#[inline(always)]
pub fn score(query: &[f32], query_norm: f64, item: &[f32], measure: Measure) -> f32 {
    let product = dot(query, item);
    match measure {
        Measure::Product => product as f32,
        Measure::Cosine => {
            let norms = query_norm * norm(item);
            if norms == 0.0 { 0.0 } else { (product / norms) as f32 }
        }
        Measure::ShrunkCosine(shrinkage) => (product / (query_norm * norm(item) + shrinkage)) as f32,
    }
}

/// The Euclidean norm.
#[inline(always)]
pub fn norm(row: &[f32]) -> f64 {
    dot(row, row).sqrt()
}

/// Writes the best of `items` (n × rank) for one `query` (rank): those for which `admits` holds, highest score first,
/// of equal ones the lower index; `u32::MAX` and -∞ where there are fewer. Scores every item.
pub fn naive(
    items: &[f32],
    query: &[f32],
    measure: Measure,
    admits: impl Fn(u32) -> bool,
    best_items: &mut [u32],
    best_scores: &mut [f32],
) {
    let query_norm = norm(query);
    let mut best = Best::new(best_items, best_scores);
    for (item, row) in (0..).zip(items.chunks_exact(query.len())) {
        if admits(item) {
            best.offer(item, score(query, query_norm, row, measure));
        }
    }
}
