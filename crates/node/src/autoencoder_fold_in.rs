//! Hidden states of a trained autoencoder.

use crate::autoencoder::invalid;
use crate::entries::check_length;
use crate::file::{Operand, values};
use crate::instructions::instructions;
use crate::sparse::SparseMatrix;
use crate::views::finite_option;
use aurochs_kernels::autoencoder::encode::Encoder;
use aurochs_kernels::autoencoder::refine::{NONE, Refinement};
use napi::bindgen_prelude::*;
use napi_derive::napi;

/// Hidden states (histories × factors) of histories whose columns are items and, after them, tags; of those without any, 0.
#[napi(catch_unwind)]
pub fn autoencoder_encode<'env>(
    env: &'env Env,
    inputs: Operand<Float32Array>,
    factors: u32,
    items: u32,
    histories: SparseMatrix,
    simd: Option<String>,
) -> Result<Float32ArraySlice<'env>> {
    let (inputs, factors, items) = (values(&inputs)?, factors as usize, items as usize);
    if factors == 0 || !inputs.len().is_multiple_of(factors) || inputs.len() / factors <= items {
        return Err(invalid(format!("{} values are no {factors} factors of more than {items} inputs", inputs.len())));
    }
    let histories = histories.view()?;
    // Else a wrong number of rows would ask for more memory than there is, which ends the process.
    let mut hidden = Vec::new();
    hidden
        .try_reserve_exact(histories.rows().saturating_mul(factors))
        .map_err(|_| invalid(format!("there is no memory for {} histories", histories.rows())))?;
    hidden.resize(histories.rows() * factors, 0.0);
    let encoder = Encoder { inputs, factors, items };
    encoder.encode(histories, &mut hidden, instructions(&simd)?).map_err(|error| invalid(error.to_string()))?;
    Float32ArraySlice::copy_from(env, hidden)
}

/// Hidden states (histories × factors) that tell more of the items of `histories`: see `aurochs_kernels::autoencoder::refine`.
///
/// `outputs` (items × (factors + 1)) has each vector followed by its bias; `candidates` (histories × any number) the items that are
/// likely by `hidden`, of each history distinct, padded with 0xffffffff.
#[napi(catch_unwind)]
#[allow(clippy::too_many_arguments)]
pub fn autoencoder_refine<'env>(
    env: &'env Env,
    outputs: Operand<Float32Array>,
    factors: u32,
    step: f64,
    histories: SparseMatrix,
    candidates: Uint32Array,
    hidden: Float32Array,
    simd: Option<String>,
) -> Result<Float32ArraySlice<'env>> {
    let (outputs, factors, histories) = (values(&outputs)?, factors as usize, histories.view()?);
    if factors == 0 || !outputs.len().is_multiple_of(factors + 1) {
        return Err(invalid(format!("{} values are no {factors} factors of outputs and their biases", outputs.len())));
    }
    check_length("hidden", histories.rows().saturating_mul(factors), hidden.len())?;
    if !candidates.is_empty() && !candidates.len().is_multiple_of(histories.rows().max(1)) {
        let rows = histories.rows();
        return Err(invalid(format!("{} candidates are not equally many of {rows} histories", candidates.len())));
    }
    let items = outputs.len() / (factors + 1);
    if let Some(item) = candidates.iter().find(|&&item| item != NONE && item as usize >= items) {
        return Err(invalid(format!("candidates must be below {items}, got {item}")));
    }
    let mut refined = hidden.to_vec();
    let refinement = Refinement { outputs, factors, step: finite_option("step", step)? };
    let result = refinement.refine(histories, &candidates, &mut refined, instructions(&simd)?);
    result.map_err(|error| invalid(error.to_string()))?;
    Float32ArraySlice::copy_from(env, refined)
}
