//! Dropout (Srivastava et al. 2014).

/// Sets a share of the values to 0 and scales the others so that sums stay; gives what each was multiplied by. The same for the same seed.
pub fn apply(values: &mut [f32], share: f32, seed: u64) -> Vec<f32> {
    let mut state = seed;
    values
        .iter_mut()
        .map(|value| {
            let factor = if share > 0.0 && uniform(&mut state) < share { 0.0 } else { 1.0 / (1.0 - share) };
            *value *= factor;
            factor
        })
        .collect()
}

/// The gradients of what was dropped from, of those of what was left.
pub fn pass_back(gradients: &mut [f32], factors: &[f32]) {
    for (gradient, factor) in gradients.iter_mut().zip(factors) {
        *gradient *= factor;
    }
}

/// SplitMix64 (Steele et al. 2014), in [0, 1).
fn uniform(state: &mut u64) -> f32 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((mixed ^ (mixed >> 31)) >> 40) as f32 / (1u64 << 24) as f32
}
