//! A query in the codes that tiles are scored with, and the bounds that follow from them.

use super::index::{Bounds, QUERY_ZERO};
use super::{Measure, exact};

/// A byte of a query's code is [`QUERY_ZERO`] plus from -`QUERY_LEVELS` to `QUERY_LEVELS`. Seven bits, since without
/// VNNI the instructions add two products in 16 bits: 2 · 127 · 127 fits, twice as much would saturate.
/// Eight bits would leave 21.8 items to score instead of 24.4.
const QUERY_LEVELS: f64 = 63.0;

/// Covers the rounding of double precision: relative to ‖query‖·‖item‖, a thousand times what sums of 1024 terms lose.
const ROUNDING: f64 = 1e-10;

/// Bounds on a query's scores from its codes.
#[derive(Clone, Copy)]
pub struct Coded {
    pub norm: f64,
    scale: f64,
    /// Distance of the query to its codes times `scale`.
    error: f64,
    measure: Measure,
}

impl Coded {
    /// Writes the codes of `query` (rank), four bytes a word.
    #[inline(always)]
    pub fn new(query: &[f32], measure: Measure, codes: &mut [i32]) -> Coded {
        let largest = query.iter().fold(0.0f32, |largest, x| largest.max(x.abs()));
        let scale = if largest == 0.0 { 1.0 } else { f64::from(largest) / QUERY_LEVELS };
        let mut error = 0.0;
        for (word, four) in codes.iter_mut().zip(query.chunks(4)) {
            let mut bytes = [QUERY_ZERO as u8; 4];
            for (byte, &x) in bytes.iter_mut().zip(four) {
                let code = (f64::from(x) / scale).round_ties_even();
                *byte = (code as i32 + QUERY_ZERO) as u8;
                error += (f64::from(x) - code * scale).powi(2);
            }
            *word = i32::from_ne_bytes(bytes);
        }
        Coded { norm: exact::norm(query), scale, error: f64::sqrt(error), measure }
    }

    /// Whether no item of this or any later tile can score `threshold` or more.
    #[inline(always)]
    pub fn ends_at(&self, tile: &Bounds, threshold: f32) -> bool {
        let needed = lowest(threshold);
        match self.measure {
            Measure::Product => self.norm * tile.norm * (1.0 + ROUNDING) < needed,
            Measure::Cosine => needed > 1.0 + ROUNDING || (needed > 0.0 && tile.norm == 0.0),
            // What parallel vectors have, which falls with the norm.
            Measure::ShrunkCosine(shrinkage) => {
                let product = self.norm * tile.norm;
                product * (1.0 + ROUNDING) < needed * (product + shrinkage)
            }
        }
    }

    /// An item of `tile` whose sum of code products is not greater than this scores less than `threshold`.
    ///
    /// With query q = q̂ + e and item x = x̂ + f, where hats are codes times scales,
    /// q·x = q̂·x̂ + e·x̂ + q·f ≤ q̂·x̂ + ‖e‖‖x̂‖ + ‖q‖‖f‖.
    #[inline(always)]
    pub fn cutoff(&self, tile: &Bounds, threshold: f32) -> i32 {
        let needed = match self.measure {
            Measure::Product => lowest(threshold),
            Measure::Cosine => {
                let cosine = lowest(threshold);
                cosine * self.norm * if cosine > 0.0 { tile.least_norm } else { tile.norm }
            }
            Measure::ShrunkCosine(shrinkage) => {
                let cosine = lowest(threshold);
                cosine * (self.norm * if cosine > 0.0 { tile.least_norm } else { tile.norm } + shrinkage)
            }
        };
        let slack = self.norm * tile.error
            + self.error * (tile.norm + tile.error)
            + ROUNDING * self.norm * (tile.norm + tile.error);
        // Sums are whole numbers: one below the next lower whole number is not enough. `as` saturates.
        (((needed - slack) / (self.scale * tile.scale)).floor() as i32).saturating_sub(1)
    }
}

/// The lowest double that a score rounded to `threshold` may have had, and a little lower.
#[inline(always)]
fn lowest(threshold: f32) -> f64 {
    if threshold == f32::NEG_INFINITY {
        return f64::NEG_INFINITY;
    }
    let threshold = f64::from(threshold.min(f32::MAX));
    threshold - threshold.abs() * f64::from(f32::EPSILON) - f64::from(f32::from_bits(1))
}
