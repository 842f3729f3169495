//! Events in order of time, in memory or in mapped files.

use crate::file::{Operand, values};
use napi::bindgen_prelude::*;
use napi_derive::napi;

/// Sequences of events: those of row r are `items[indptr[r]..indptr[r + 1]]`, with equal places in `times` and `weights`.
#[napi(object, object_to_js = false)]
pub struct Sequences<'a> {
    /// (rows + 1)
    pub indptr: Operand<'a, BigUint64Array>,
    pub items: Operand<'a, Uint32Array>,
    /// Never falling within a row.
    pub times: Operand<'a, BigInt64Array>,
    pub weights: Option<Operand<'a, Float32Array>>,
}

/// What is wrong with sequences over so many columns, in words, or nothing: each row must lie within the events, with items
/// below `columns`, times that do not fall and weights that are finite. Reads all of it.
#[napi(catch_unwind)]
pub fn sequences_fault(sequences: Sequences, columns: u32) -> Result<Option<String>> {
    let weights = sequences.weights.as_ref().map(values).transpose()?;
    let (indptr, items) = (values(&sequences.indptr)?, values(&sequences.items)?);
    let events = aurochs_kernels::sequences::Sequences { indptr, items, times: values(&sequences.times)?, weights };
    Ok(events.check(columns as usize).err().map(|error| error.to_string()))
}
