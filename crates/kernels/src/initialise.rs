//! Initial values of factor matrices.

/// Fills columns `..rank` of `rows` (n × stride) with normal deviates of standard deviation `deviation`, the padding
/// with zeros. Row `i` depends only on `seed` and on its number `first + i`, so any cut of the rows gives the same matrix.
pub fn fill_normal(rows: &mut [f32], stride: usize, rank: usize, first: usize, deviation: f32, seed: u64) {
    for (i, row) in rows.chunks_exact_mut(stride).enumerate() {
        let mut state = mix(seed ^ mix((first + i) as u64));
        let mut uniform = || {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            ((mix(state) >> 11) as f64 + 0.5) / (1u64 << 53) as f64
        };
        let (used, padding) = row.split_at_mut(rank);
        for pair in used.chunks_mut(2) {
            // Box & Muller (1958): two uniform numbers make two normal ones.
            let (radius, angle) = ((-2.0 * uniform().ln()).sqrt(), std::f64::consts::TAU * uniform());
            for (value, part) in pair.iter_mut().zip([angle.cos(), angle.sin()]) {
                *value = (radius * part) as f32 * deviation;
            }
        }
        padding.fill(0.0);
    }
}

/// The finalizer of SplitMix64 (Steele, Lea & Flood 2014).
pub(crate) fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_does_not_depend_on_how_the_rows_are_cut() {
        let (stride, rank) = (16, 11);
        let mut whole = vec![1.0; 10 * stride];
        fill_normal(&mut whole, stride, rank, 0, 0.1, 7);
        let mut part = vec![1.0; 3 * stride];
        fill_normal(&mut part, stride, rank, 4, 0.1, 7);
        assert_eq!(part, whole[4 * stride..7 * stride]);
        assert!(whole.chunks(stride).all(|row| row[rank..].iter().all(|&x| x == 0.0)));
    }

    #[test]
    #[cfg_attr(miri, ignore = "takes minutes")]
    fn deviates_have_the_requested_mean_and_deviation() {
        let mut values = vec![0.0; 1 << 16];
        fill_normal(&mut values, 64, 64, 0, 0.5, 1);
        let n = values.len() as f64;
        let mean = values.iter().map(|&x| f64::from(x)).sum::<f64>() / n;
        let variance = values.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>() / n;
        assert!(mean.abs() < 0.01, "{mean}");
        assert!((variance.sqrt() - 0.5).abs() < 0.005, "{variance}");
    }
}
