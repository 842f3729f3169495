//! Hidden states of histories, as a model is asked for them.

use super::corrupt::normalise;
use super::exp::tanh;
use crate::csr::{Csr, CsrError};
use crate::simd::{Kernel, Lanes, Simd};

/// The input vectors of a trained model.
#[derive(Clone, Copy)]
pub struct Encoder<'a> {
    /// (items + tags + 1) × `factors`, the bias last.
    pub inputs: &'a [f32],
    /// Width of the hidden layer.
    pub factors: usize,
    /// Number of items: the column of a tag is so much higher.
    pub items: usize,
}

impl Encoder<'_> {
    /// Writes to `hidden` (histories × factors) the states of the histories, whose columns are items, and tags after them; rows without
    /// any are 0.
    ///
    /// # Errors
    /// Names the first row that is damaged.
    pub fn encode(&self, histories: Csr<'_>, hidden: &mut [f32], simd: Simd) -> Result<(), CsrError> {
        assert_eq!(hidden.len(), histories.rows() * self.factors);
        assert!(self.inputs.len() > self.items * self.factors && self.inputs.len().is_multiple_of(self.factors));
        simd.run(Encode { encoder: *self, histories, hidden })
    }
}

struct Encode<'a> {
    encoder: Encoder<'a>,
    histories: Csr<'a>,
    hidden: &'a mut [f32],
}

impl Kernel for Encode<'_> {
    type Output = Result<(), CsrError>;

    #[inline(always)]
    fn run<L: Lanes>(self, _: L) -> Self::Output {
        let Encode { encoder: Encoder { inputs, factors, items }, histories, hidden } = self;
        let columns = inputs.len() / factors - 1;
        let mut values = Vec::new();
        for (row, state) in hidden.chunks_exact_mut(factors).enumerate() {
            let (indices, weights) = histories.checked_row(row, columns)?;
            state.fill(0.0);
            if indices.is_empty() {
                continue;
            }
            values.clear();
            values.extend_from_slice(weights);
            let tags = indices.iter().position(|&column| column as usize >= items).unwrap_or(indices.len());
            let (of_items, of_tags) = values.split_at_mut(tags);
            normalise(of_items);
            normalise(of_tags);
            state.copy_from_slice(&inputs[columns * factors..]);
            for (&column, &value) in indices.iter().zip(&values) {
                let vector = &inputs[column as usize * factors..][..factors];
                state.iter_mut().zip(vector).for_each(|(sum, input)| *sum += value * input);
            }
            state.iter_mut().for_each(|value| *value = tanh(*value));
        }
        Ok(())
    }
}
