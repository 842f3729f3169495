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
