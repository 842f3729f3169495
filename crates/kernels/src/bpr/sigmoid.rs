//! The logistic function, in a few cycles.

/// Beyond this the logistic function is 0 or 1 to within 10⁻¹³.
const MOST: f32 = 30.0;

/// σ(−x) and σ(x), with a relative error below 10⁻⁵. NaN where `x` is.
#[inline(always)]
pub fn sigmoids(x: f32) -> (f32, f32) {
    let power = exp(x.clamp(-MOST, MOST));
    let against = 1.0 / (1.0 + power);
    // Not 1 − σ(−x), which is 0 where σ(x) is small.
    (against, power * against)
}

/// eˣ for |x| ≤ [`MOST`]: 2ⁿ · 2ᶠ with n whole and |f| ≤ ½, and the Taylor polynomial of 2ᶠ to f⁵.
#[inline(always)]
fn exp(x: f32) -> f32 {
    /// Added and taken away again, it rounds to a whole number.
    const ROUND: f32 = 12_582_912.0;
    let t = x * std::f32::consts::LOG2_E;
    let n = (t + ROUND) - ROUND;
    let f = t - n;
    let p = 1.333_355_8e-3;
    let p = p * f + 9.618_129e-3;
    let p = p * f + 5.550_411e-2;
    let p = p * f + 0.240_226_5;
    let p = p * f + std::f32::consts::LN_2;
    let p = p * f + 1.0;
    f32::from_bits(((n as i32 + 127) << 23) as u32) * p
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sigmoids_are_those_of_the_definition() {
        for at in -3200..3200 {
            let x = at as f32 * 0.01;
            let exact = |x: f64| 1.0 / (1.0 + (-x).exp());
            let bound = f64::from(x.clamp(-MOST, MOST));
            let (against, towards) = sigmoids(x);
            assert!((f64::from(against) / exact(-bound) - 1.0).abs() < 1e-5, "σ(−{x}) is not {against}");
            assert!((f64::from(towards) / exact(bound) - 1.0).abs() < 1e-5, "σ({x}) is not {towards}");
        }
        assert_eq!(sigmoids(0.0), (0.5, 0.5));
        assert!(sigmoids(f32::NAN).0.is_nan() && sigmoids(f32::NAN).1.is_nan());
        assert!(sigmoids(f32::INFINITY).0 < 1e-12 && sigmoids(f32::NEG_INFINITY).0 > 0.999);
    }
}
