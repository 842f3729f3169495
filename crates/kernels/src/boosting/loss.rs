//! What trees minimise, and its derivatives as whole numbers.

use super::histogram::Sums;

/// The loss of a row with the label y and the score s.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// −y ln p − (1 − y) ln (1 − p), p = 1 / (1 + exp(−s)); y from 0 to 1.
    Logistic,
    /// (y − s)² / 2
    Squared,
}

impl Loss {
    /// The loss, and its derivatives by the score.
    pub fn derivatives(self, label: f64, score: f64) -> [f64; 2] {
        match self {
            Loss::Logistic => {
                let p = 1.0 / (1.0 + (-score).exp());
                [p - label, p * (1.0 - p)]
            }
            Loss::Squared => [score - label, 1.0],
        }
    }

    /// Its value.
    pub fn value(self, label: f64, score: f64) -> f64 {
        match self {
            // ln(1 + exp(s)) − y s, without an overflow.
            Loss::Logistic => score.max(0.0) + (-score.abs()).exp().ln_1p() - label * score,
            Loss::Squared => (label - score) * (label - score) / 2.0,
        }
    }

    /// The score that fits all rows best, where all have the same: of the mean label.
    pub fn base(self, mean: f64) -> f64 {
        match self {
            // Labels that are all alike would have an infinite one.
            Loss::Logistic => {
                let p = mean.clamp(1e-6, 1.0 - 1e-6);
                (p / (1.0 - p)).ln()
            }
            Loss::Squared => mean,
        }
    }
}

/// How derivatives are rounded to whole numbers, such that the sums over all rows fit into 64 bits and that of the
/// second leaves room for the number of rows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scale {
    /// What 1 is of the first derivative, a power of 2.
    pub gradient: f64,
    /// What 1 is of the second.
    pub hessian: f64,
    /// Bits of the number of rows.
    pub count_bits: u32,
}

/// Bits of a derivative: more than single precision has.
const BITS: i32 = 30;

impl Scale {
    /// For so many rows with derivatives of at most these sizes.
    pub fn new(rows: usize, most_gradient: f64, most_hessian: f64) -> Self {
        let count_bits = usize::BITS - rows.leading_zeros();
        let hessian_bits = BITS.min(63 - 2 * count_bits as i32);
        Scale { gradient: unit(most_gradient, BITS), hessian: unit(most_hessian, hessian_bits), count_bits }
    }

    /// The derivatives of a row, to sum.
    #[inline(always)]
    pub fn round(&self, [gradient, hessian]: [f64; 2]) -> Sums {
        // 1.5 · 2⁵²: added to a number below 2⁵¹ it leaves its nearest whole number in the low bits. `round` is a call
        // without SSE4.1.
        const SHIFT: f64 = 6_755_399_441_055_744.0;
        let whole = |x: f64| (x + SHIFT).to_bits() as i64 - SHIFT.to_bits() as i64;
        [whole(gradient / self.gradient), (whole(hessian / self.hessian) << self.count_bits) + 1]
    }

    /// Number of rows of a sum.
    #[inline(always)]
    pub fn count(&self, sums: Sums) -> i64 {
        sums[1] & ((1 << self.count_bits) - 1)
    }

    /// The sums of derivatives, in units.
    #[inline(always)]
    pub fn whole(&self, sums: Sums) -> [f64; 2] {
        [sums[0] as f64, (sums[1] >> self.count_bits) as f64]
    }

    /// The sums of derivatives.
    pub fn sums(&self, sums: Sums) -> [f64; 2] {
        let [gradient, hessian] = self.whole(sums);
        [gradient * self.gradient, hessian * self.hessian]
    }
}

/// The power of 2 of which `most` has less than 2^bits.
fn unit(most: f64, bits: i32) -> f64 {
    if most <= f64::MIN_POSITIVE {
        return 1.0;
    }
    // most < 2^exponent
    let exponent = (most.to_bits() >> 52 & 0x7ff) as i32 - 1022;
    2f64.powi((exponent - bits).max(-1000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_of_rounded_derivatives_are_near_those_of_derivatives() {
        for (rows, size) in [(1usize, 1e-9), (1000, 1.0), (70_000, 3e20)] {
            let rows = if cfg!(miri) { rows.min(20) } else { rows };
            let scale = Scale::new(rows, size, size / 4.0);
            let (mut whole, mut exact) = ([0i64; 2], [0f64; 2]);
            for row in 0..rows {
                let derivatives = [(row as f64).sin() * size, ((row as f64).cos() / 4.0).abs() * size];
                let sums = scale.round(derivatives);
                whole = [whole[0] + sums[0], whole[1] + sums[1]];
                exact = [exact[0] + derivatives[0], exact[1] + derivatives[1]];
            }
            let sums = scale.sums(whole);
            assert_eq!(scale.count(whole), rows as i64);
            for at in 0..2 {
                assert!((sums[at] - exact[at]).abs() < size * rows as f64 * 1e-8, "{sums:?} beside {exact:?}");
            }
        }
    }

    #[test]
    fn derivatives_are_those_of_the_loss() {
        for loss in [Loss::Logistic, Loss::Squared] {
            for (label, score) in [(0.0, 0.3), (1.0, -2.0), (0.25, 4.0)] {
                let step = 1e-5;
                let at = |score: f64| loss.value(label, score);
                let first = (at(score + step) - at(score - step)) / (2.0 * step);
                let second = (loss.derivatives(label, score + step)[0] - loss.derivatives(label, score - step)[0])
                    / (2.0 * step);
                let [g, h] = loss.derivatives(label, score);
                assert!((g - first).abs() < 1e-6 && (h - second).abs() < 1e-6, "{loss:?} {g} {first} {h} {second}");
            }
        }
        assert!((Loss::Logistic.base(0.5)).abs() < 1e-12 && Loss::Logistic.base(1.0).is_finite());
    }
}
