//! Room for the entries of a sparse matrix that workers find by chunks of rows.

use crate::views::SharedArray;
use napi::bindgen_prelude::*;
use napi_derive::napi;
use std::ops::Range;

/// Entries of rows or columns of a matrix, those of each item from a place of its own on.
#[napi(object, object_to_js = false)]
pub struct Entries {
    /// (items + 1) Where those of each item have room.
    pub starts: BigUint64Array,
    /// (`starts[items]`)
    #[napi(ts_type = "Uint32Array")]
    pub indices: SharedArray<u32>,
    /// (`starts[items]`)
    #[napi(ts_type = "Float32Array")]
    pub weights: SharedArray<f32>,
    /// (items) How many each has.
    #[napi(ts_type = "Uint32Array")]
    pub counts: SharedArray<u32>,
}

impl Entries {
    /// Checks that there is room for `items` as the starts say.
    pub fn check(&self, items: usize) -> Result<()> {
        check_length("starts", items + 1, self.starts.len())?;
        if !self.starts.is_sorted() {
            return Err(Error::new(Status::InvalidArg, "starts must never fall"));
        }
        check_length("indices", self.starts[items] as usize, self.indices.len())?;
        check_length("weights", self.indices.len(), self.weights.len())?;
        check_length("counts", items, self.counts.len())
    }

    /// The bytes that are written.
    pub fn written(&self) -> [(&'static str, Range<usize>); 3] {
        let Self { indices, weights, counts, .. } = self;
        [("indices", indices.addresses()), ("weights", weights.addresses()), ("counts", counts.addresses())]
    }

    /// Where the entries of `item` go.
    pub fn places(&self, item: usize) -> Range<usize> {
        self.starts[item] as usize..self.starts[item + 1] as usize
    }
}

/// Refuses `of` where it has not so many values.
pub fn check_length(of: &str, expected: usize, got: usize) -> Result<()> {
    if expected == got { Ok(()) } else { Err(length(of, expected, got)) }
}

/// That `of` has not so many values.
pub fn length(of: &str, expected: usize, got: usize) -> Error {
    Error::new(Status::InvalidArg, format!("{of} must have {expected} values, got {got}"))
}
