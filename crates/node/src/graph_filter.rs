//! Graph filters: products of the normalised matrix in chunks of rows from the shared counter, and lists for batches of requests.

use crate::file::{Operand, values};
use crate::instructions::instructions;
use crate::sparse::{SparseMatrix, matrix_addresses};
use crate::views::{SharedArray, addresses, check_apart, finite_option};
use aurochs_kernels::graph_filter::product::{Added, Product};
use aurochs_kernels::graph_filter::propagate::History;
use aurochs_kernels::graph_filter::rank::{self, Lists, Scratch};
use aurochs_kernels::graph_filter::{Filter, LowPass, TILE, scales};
use aurochs_kernels::request::Request;
use aurochs_kernels::simd::stride;
use napi::bindgen_prelude::*;
use napi_derive::napi;
use std::cell::Cell;

/// Items whose responses lie side by side in the tensor of a model.
#[napi(catch_unwind)]
pub fn filter_tile() -> u32 {
    TILE as u32
}

/// Writes to `out` (rows) each row's sum of weights, or number of entries, to the power of -`exponent`; 0 for empty rows.
#[napi(catch_unwind)]
pub fn filter_scales(
    matrix: SparseMatrix,
    columns: u32,
    weighted: bool,
    exponent: f64,
    mut out: Float32Array,
) -> Result<()> {
    let matrix = matrix.view()?;
    check_length("out", matrix.rows(), out.len())?;
    check_apart(&[("out", addresses(&out))], &matrix_addresses(matrix))?;
    // SAFETY: one call alone makes the scales, before any that reads them; they lie apart.
    scales(matrix, columns as usize, weighted, exponent, unsafe { out.as_mut() }).map_err(refused)
}

/// A product; see `aurochs_kernels::graph_filter::product::Product`.
#[napi(object, object_to_js = false)]
pub struct FilterProduct<'a> {
    /// (rows × columns)
    pub matrix: SparseMatrix<'a>,
    pub weighted: bool,
    /// (rows)
    pub row_scales: Float32Array,
    /// (columns)
    pub column_scales: Float32Array,
    /// (columns × stride), with the stride that `factorStride` gives
    pub dense: Float32Array,
    pub rank: u32,
    /// `coefficient / rowScales[r]` times row r of `rows` (rows × stride) is added to row r of the product.
    pub added: Option<FilterAdded>,
    pub simd: Option<String>,
}

#[napi(object, object_to_js = false)]
pub struct FilterAdded {
    pub coefficient: f64,
    pub rows: Float32Array,
}

/// Writes chunks of rows of the product to `out` (rows × stride) until there is none. Chunk c is rows `bounds[c]..bounds[c + 1]`.
#[napi(catch_unwind)]
pub fn filter_multiply(
    product: FilterProduct,
    #[napi(ts_arg_type = "Float32Array")] out: SharedArray<f32>,
    bounds: Uint32Array,
    #[napi(ts_arg_type = "Int32Array")] next: SharedArray<i32>,
) -> Result<()> {
    let stride = stride(product.rank as usize);
    let FilterProduct { weighted, row_scales, column_scales, dense, .. } = &product;
    let matrix = product.matrix.view()?;
    let added = match &product.added {
        None => None,
        Some(FilterAdded { coefficient, rows }) => {
            check_length("added.rows", matrix.rows() * stride, rows.len())?;
            Some(Added { coefficient: finite_option("coefficient", *coefficient)?, rows })
        }
    };
    let written = [("out", out.addresses()), ("next", next.addresses())];
    let others = [row_scales, column_scales, dense].map(|array| addresses(array));
    let beside = [addresses(&bounds), addresses(added.map_or(&[][..], |added| added.rows))];
    check_apart(&written, &[&matrix_addresses(matrix)[..], &others, &beside].concat())?;
    let mut out = out.rows(stride)?;
    check_length("matrix.weights", matrix.indices.len(), matrix.weights.len())?;
    check_length("rowScales", matrix.rows(), row_scales.len())?;
    check_length("dense", column_scales.len() * stride, dense.len())?;
    check_length("out", matrix.rows() * stride, out.rows() * stride)?;
    let kernel = Product { matrix, weighted: *weighted, row_scales, column_scales, dense, stride, added };
    let simd = instructions(&product.simd)?;
    let chunks = next.chunks_at(&bounds, out.rows())?;
    while let Some((_, rows)) = chunks.take() {
        // SAFETY: the counter gave these rows to this call alone.
        let own = unsafe { out.rows_mut(rows.clone()) };
        kernel.rows(rows, own, simd).map_err(refused)?;
    }
    Ok(())
}

/// A filter; see `aurochs_kernels::graph_filter::Filter`.
#[napi(object, object_to_js = false)]
pub struct GraphFilter<'a> {
    /// (users × items)
    pub interactions: SparseMatrix<'a>,
    pub weighted: bool,
    /// (users)
    pub user_scales: Operand<'a, Float32Array>,
    /// (items)
    pub item_scales: Operand<'a, Float32Array>,
    /// Coefficients of the powers of P, from the 0th on; at least one.
    pub polynomial: Float32Array,
    /// 0 where there is no low-pass.
    pub factors: u32,
    /// (items × factors); not read where there is no low-pass.
    pub vectors: Operand<'a, Float32Array>,
    /// (⌈items / `filterTile()`⌉ × factors × `filterTile()`); not read where there is no low-pass.
    pub response: Operand<'a, Float32Array>,
}

impl GraphFilter<'_> {
    fn kernel(&self) -> Result<Filter<'_>> {
        let low_pass = match self.factors {
            0 => None,
            factors => Some(LowPass {
                factors: factors as usize,
                vectors: values(&self.vectors)?,
                response: values(&self.response)?,
            }),
        };
        Ok(Filter {
            interactions: self.interactions.view()?,
            weighted: self.weighted,
            user_scales: values(&self.user_scales)?,
            item_scales: values(&self.item_scales)?,
            polynomial: &self.polynomial,
            low_pass,
        })
    }
}

/// What one list is made from; see `aurochs_kernels::request::Request`.
#[napi(object, object_to_js = false)]
pub struct FilterRequest {
    /// Items of the history, each once.
    pub items: Uint32Array,
    pub weights: Float32Array,
    pub limit: u32,
    /// Items that must not come, never falling.
    pub exclude: Uint32Array,
    /// The only items that may come, never falling; all when absent.
    pub only: Option<Uint32Array>,
    /// Of the items that may come, a bit each; all when absent. Another thread may change it.
    #[napi(ts_type = "Uint32Array")]
    pub allowed: Option<SharedArray<u32>>,
}

/// Lists one after the other: list l is `indptr[l]..indptr[l + 1]`.
#[napi(object, object_from_js = false)]
pub struct FilterLists<'env> {
    pub indptr: Uint32ArraySlice<'env>,
    pub items: Uint32ArraySlice<'env>,
    pub scores: Float32ArraySlice<'env>,
}

thread_local! {
    /// Taken by a call and put back when it succeeds.
    static RANKING: Cell<Scratch> = Cell::default();
}

/// The best items of each request, best first.
#[napi(catch_unwind)]
pub fn rank_by_filter<'env>(
    env: &'env Env,
    filter: GraphFilter,
    requests: Vec<FilterRequest>,
    simd: Option<String>,
) -> Result<FilterLists<'env>> {
    let kernel = filter.kernel()?;
    let requests: Vec<Request> = requests
        .iter()
        .map(|request| Request {
            items: &request.items,
            weights: &request.weights,
            limit: request.limit as usize,
            exclude: &request.exclude,
            only: request.only.as_deref(),
            allowed: request.allowed.as_ref().map(SharedArray::bitmap),
        })
        .collect();
    let (mut scratch, mut lists) = (RANKING.take(), Lists::default());
    rank::rank(&kernel, &requests, &mut scratch, &mut lists, instructions(&simd)?).map_err(refused)?;
    RANKING.set(scratch);
    Ok(FilterLists {
        indptr: Uint32ArraySlice::copy_from(env, lists.indptr)?,
        items: Uint32ArraySlice::copy_from(env, lists.items)?,
        scores: Float32ArraySlice::copy_from(env, lists.scores)?,
    })
}

/// The coordinates of histories, the rows of `histories`, in the basis of the low-pass: (histories × factors).
#[napi(catch_unwind)]
pub fn filter_fold_in<'env>(
    env: &'env Env,
    filter: GraphFilter,
    histories: SparseMatrix,
) -> Result<Float32ArraySlice<'env>> {
    let kernel = filter.kernel()?;
    let histories = histories.view()?;
    histories.check(kernel.items()).map_err(refused)?;
    let rows: Vec<History> = (0..histories.rows())
        .map(|row| {
            let (items, weights) = histories.row(row);
            History { items, weights }
        })
        .collect();
    // Grows to what the histories and the checked vectors call for, not to what a wrong number of factors would.
    let factors = kernel.low_pass.map_or(0, |low_pass| low_pass.vectors.len() / kernel.items().max(1));
    let mut out = vec![0.0; rows.len() * factors];
    rank::fold_in(&kernel, &rows, &mut out).map_err(refused)?;
    Float32ArraySlice::copy_from(env, out)
}

fn check_length(of: &str, expected: usize, got: usize) -> Result<()> {
    if expected == got {
        return Ok(());
    }
    Err(Error::new(Status::InvalidArg, format!("{of} must have {expected} values, got {got}")))
}

fn refused(error: impl std::error::Error) -> Error {
    Error::new(Status::InvalidArg, error.to_string())
}
