//! From the encoder's hidden state to one that tells more of what is visible.
//!
//! The encoder sums a vector for each visible item, whatever the others are: ten songs of one artist say ten times what one says. A
//! step up the likelihood of the visible items takes back what the state tells anyway:
//!
//! ```text
//! h ← h + η (Σ_j y_j W_j − Σ_i softmax(W h + c)_i W_i)
//! ```
//!
//! with y the weights of the visible items, of sum 1, and i over them and given candidates, those with the highest scores: others have
//! next to no probability. It is a step of inference by gradients after that of an encoder (Kim, Wiseman, Miller, Sontag & Rush 2018,
//! "Semi-amortized variational autoencoders"), here of a trained model alone.

use super::exp::exp;
use crate::csr::{Csr, CsrError};
use crate::simd::{Kernel, Lanes, Simd};

/// Stands after the last candidate of a history that has fewer than others.
pub const NONE: u32 = u32::MAX;

/// The output vectors of a trained model, and the step.
#[derive(Clone, Copy)]
pub struct Refinement<'a> {
    /// (items × (factors + 1)) Each followed by its bias.
    pub outputs: &'a [f32],
    /// Width of the hidden layer.
    pub factors: usize,
    /// η.
    pub step: f32,
}

impl Refinement<'_> {
    /// Steps `hidden` (histories × factors), of `candidates` (histories × any number), of each history distinct, then [`NONE`]; states
    /// of histories without items stay.
    ///
    /// # Errors
    /// Names the first row of `histories` that is damaged.
    ///
    /// # Panics
    /// If a candidate is no item, or the sizes do not agree.
    pub fn refine(
        &self,
        histories: Csr<'_>,
        candidates: &[u32],
        hidden: &mut [f32],
        simd: Simd,
    ) -> Result<(), CsrError> {
        assert!(self.factors > 0 && self.outputs.len().is_multiple_of(self.factors + 1));
        assert_eq!(hidden.len(), histories.rows() * self.factors);
        assert!(candidates.is_empty() || candidates.len().is_multiple_of(histories.rows().max(1)));
        simd.run(Refine { refinement: *self, histories, candidates, hidden })
    }
}

struct Refine<'a> {
    refinement: Refinement<'a>,
    histories: Csr<'a>,
    candidates: &'a [u32],
    hidden: &'a mut [f32],
}

impl Kernel for Refine<'_> {
    type Output = Result<(), CsrError>;

    #[inline(always)]
    fn run<L: Lanes>(self, _: L) -> Self::Output {
        let Refine { refinement: Refinement { outputs, factors, step }, histories, candidates, hidden } = self;
        let width = factors + 1;
        let items = outputs.len() / width;
        let room = candidates.len() / histories.rows().max(1);
        let vector = |item: u32| &outputs[item as usize * width..][..width];
        let (mut columns, mut shares) = (Vec::new(), Vec::new());
        for (row, state) in hidden.chunks_exact_mut(factors).enumerate() {
            let (visible, weights) = histories.checked_row(row, items)?;
            if visible.is_empty() {
                continue;
            }
            columns.clear();
            columns.extend_from_slice(visible);
            let own = candidates[row * room..][..room].iter().take_while(|&&item| item != NONE);
            columns.extend(own.filter(|item| visible.binary_search(item).is_err()));
            shares.clear();
            shares.extend(columns.iter().map(|&item| score(vector(item), state)));
            let most = shares.iter().copied().fold(f32::MIN, f32::max);
            shares.iter_mut().for_each(|share| *share = exp(*share - most));
            let scale = step / shares.iter().sum::<f32>();
            shares.iter_mut().for_each(|share| *share *= -scale);
            let scale = step / weights.iter().sum::<f32>();
            shares.iter_mut().zip(weights).for_each(|(share, &weight)| *share += scale * weight);
            for (&item, &share) in columns.iter().zip(&shares) {
                state.iter_mut().zip(vector(item)).for_each(|(value, &output)| *value += share * output);
            }
        }
        Ok(())
    }
}

/// The inner product of a state and a vector, and the bias that follows the vector.
#[inline(always)]
fn score(vector: &[f32], state: &[f32]) -> f32 {
    const LANES: usize = 16;
    let (vector, bias) = (&vector[..state.len()], vector[state.len()]);
    let ((a, rest_a), (b, rest_b)) = (vector.as_chunks::<LANES>(), state.as_chunks::<LANES>());
    let mut sums = [0.0; LANES];
    for (a, b) in a.iter().zip(b) {
        for lane in 0..LANES {
            sums[lane] += a[lane] * b[lane];
        }
    }
    let rest: f32 = rest_a.iter().zip(rest_b).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f32>() + rest + bias
}

#[cfg(test)]
mod tests {
    use super::super::Shape;
    use super::super::naive::Model;
    use super::*;
    use crate::bpr::random::Random;
    use crate::initialise::fill_normal;
    use proptest::prelude::*;

    const ROWS: usize = 5;

    proptest! {
        #![proptest_config(crate::cases(12))]

        #[test]
        fn a_refined_state_went_up_the_naive_likelihood(
            items in 1..crate::most(20), factors in 1..crate::most(40), room in 0usize..8, seed: u64,
        ) {
            let width = factors + 1;
            let mut random = Random::new(&[seed]);
            let (mut outputs, mut before) = (vec![0.0; items * width], vec![0.0; ROWS * factors]);
            fill_normal(&mut outputs, width, width, 0, 0.7, seed);
            fill_normal(&mut before, factors, factors, 0, 0.5, !seed);
            let (mut indptr, mut indices, mut weights, mut candidates) = (vec![0], vec![], vec![], vec![]);
            for _ in 0..ROWS {
                let own: Vec<_> = (0..items as u32).filter(|_| random.below(3) == 0).collect();
                weights.extend(own.iter().map(|_| 0.5 + random.below(4) as f32));
                indices.extend(own);
                indptr.push(indices.len() as u64);
                let likely: Vec<_> = (0..items as u32).filter(|_| random.below(3) == 0).take(room).collect();
                candidates.extend(likely.into_iter().chain(std::iter::repeat(NONE)).take(room));
            }
            let histories = Csr { indptr: &indptr, indices: &indices, weights: &weights };
            let shape = Shape { items, tags: 0, factors };
            let mut padded = vec![0.0; items * shape.stride()];
            for (to, from) in padded.chunks_mut(shape.stride()).zip(outputs.chunks(width)) {
                to.iter_mut().zip(from).for_each(|(to, &from)| *to = f64::from(from));
            }
            let model = Model { shape, inputs: vec![], outputs: padded };
            for simd in Simd::available() {
                let mut hidden = before.clone();
                let refinement = Refinement { outputs: &outputs, factors, step: 1.5 };
                refinement.refine(histories, &candidates, &mut hidden, simd).unwrap();
                for row in 0..ROWS {
                    let (own, weights) = histories.row(row);
                    let sum: f32 = weights.iter().sum();
                    let shares = weights.iter().map(|&weight| f64::from(weight / sum));
                    let visible: Vec<_> = own.iter().map(|&item| item as usize).zip(shares).collect();
                    let likely = candidates[row * room..][..room].iter().filter(|&&item| item != NONE);
                    let mut active: Vec<_> = likely.chain(own).map(|&item| item as usize).collect();
                    active.sort_unstable();
                    active.dedup();
                    let state: Vec<_> = before[row * factors..][..factors].iter().map(|&value| f64::from(value)).collect();
                    for factor in 0..factors {
                        let at = |by: f64| {
                            let mut moved = state.clone();
                            moved[factor] += by;
                            model.likelihood(&moved, &visible, &active)
                        };
                        let slope = if own.is_empty() { 0.0 } else { (at(1e-4) - at(-1e-4)) / 2e-4 };
                        let (expected, value) = (state[factor] + 1.5 * slope, f64::from(hidden[row * factors + factor]));
                        prop_assert!((value - expected).abs() < 1e-4 * (1.0 + expected.abs()), "{} {value} {expected}", simd.name());
                    }
                }
            }
            let damaged = Csr { indices: &vec![items as u32; indices.len()], ..histories };
            let refinement = Refinement { outputs: &outputs, factors, step: 1.0 };
            prop_assert!(indices.is_empty() || refinement.refine(damaged, &candidates, &mut before, Simd::detect()).is_err());
        }
    }
}
