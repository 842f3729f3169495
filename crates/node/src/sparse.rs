//! Sparse matrices, in memory or in mapped files.

use crate::file::{Operand, values};
use crate::views::addresses;
use aurochs_kernels::csr::Csr;
use napi::bindgen_prelude::*;
use napi_derive::napi;
use std::ops::Range;

/// A sparse matrix: the entries of row r are `indices[indptr[r]..indptr[r + 1]]`, and their `weights`.
#[napi(object, object_to_js = false)]
pub struct SparseMatrix<'a> {
    /// (rows + 1)
    pub indptr: Operand<'a, BigUint64Array>,
    pub indices: Operand<'a, Uint32Array>,
    pub weights: Operand<'a, Float32Array>,
}

impl SparseMatrix<'_> {
    pub fn view(&self) -> Result<Csr<'_>> {
        Ok(Csr { indptr: values(&self.indptr)?, indices: values(&self.indices)?, weights: values(&self.weights)? })
    }
}

/// The bytes that a matrix takes up.
pub fn matrix_addresses(matrix: Csr<'_>) -> [Range<usize>; 3] {
    [addresses(matrix.indptr), addresses(matrix.indices), addresses(matrix.weights)]
}

/// What is wrong with a matrix of interactions of so many columns, in words, or nothing: each row's entries must lie within
/// it, in columns that rise, with weights that are finite and above 0. Reads all of it.
#[napi(catch_unwind)]
pub fn interactions_fault(matrix: SparseMatrix, columns: u32) -> Result<Option<String>> {
    Ok(matrix.view()?.check_interactions(columns as usize).err().map(|error| error.to_string()))
}
