//! Exponentials in loops that the compiler turns into vectors.

/// eˣ, within 3 parts in 10⁷ from -87 to 88, and that of these bounds beyond.
///
/// x = n ln 2 + r with |r| ≤ ½ ln 2 (Cody & Waite 1980); eʳ by its Taylor polynomial of degree 6.
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    // Adding it rounds to a whole number, which its lowest bits then are.
    const ROUND: f32 = 12_582_912.0;
    let x = x.clamp(-87.0, 88.0);
    let rounded = x * std::f32::consts::LOG2_E + ROUND;
    let n = rounded - ROUND;
    let r = x - n * 0.693_359_4 + n * 2.121_944_4e-4;
    let tail = 1.0 / 6.0 + r * (1.0 / 24.0 + r * (1.0 / 120.0 + r * (1.0 / 720.0)));
    let fraction = 1.0 + r + r * r * (0.5 + r * tail);
    fraction * f32::from_bits((rounded.to_bits() << 23).wrapping_add(127 << 23))
}

/// tanh x.
#[inline(always)]
pub fn tanh(x: f32) -> f32 {
    let bounded = x.clamp(-15.0, 15.0);
    1.0 - 2.0 / (exp(2.0 * bounded) + 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponentials_agree_with_those_of_the_library() {
        for step in -8700..8800 {
            let x = step as f32 / 100.0;
            let exact = f64::from(x).exp();
            assert!((f64::from(exp(x)) - exact).abs() <= 3e-7 * exact, "{x}");
            assert!((tanh(x) - x.tanh()).abs() < 3e-7, "{x}");
        }
        assert!(exp(-1e30) < 2e-38);
        assert_eq!((tanh(1e30), tanh(-1e30)), (1.0, -1.0));
    }
}
