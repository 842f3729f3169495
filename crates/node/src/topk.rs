//! Top-k search. An index is one buffer, which threads may share; only the kernel knows its layout.

use crate::als::instructions;
use aurochs_kernels::simd::Simd;
use aurochs_kernels::topk::index::Index;
use aurochs_kernels::topk::search::{Excluded, Search};
use aurochs_kernels::topk::{Measure, TopKError};
use napi::bindgen_prelude::*;
use napi_derive::napi;

/// Bytes of the buffer that an index of `items` × `rank` factors needs.
#[napi(catch_unwind)]
pub fn top_k_bytes(items: u32, rank: u32) -> f64 {
    Index::bytes(items as usize, rank as usize) as f64
}

/// Lays out `factors` (items × rank) in `buffer`, which must hold `topKBytes` zeros.
#[napi(catch_unwind)]
pub fn top_k_build(factors: &[f32], rank: u32, mut buffer: Uint8Array) -> Result<()> {
    // SAFETY: the caller made the buffer for this call and shares it only afterwards.
    Index::build(factors, rank as usize, unsafe { buffer.as_mut() }, Simd::detect()).map_err(refused)
}

/// The number of items of an index, and the rank of their factors.
#[napi(catch_unwind)]
pub fn top_k_shape(index: &[u8]) -> Result<Vec<u32>> {
    let index = Index::view(index).map_err(refused)?;
    Ok(vec![index.items() as u32, index.rank() as u32])
}

/// The factors of `items`, (items × rank).
#[napi(catch_unwind)]
pub fn top_k_factors(index: &[u8], items: &[u32]) -> Result<Float32Array> {
    let index = Index::view(index).map_err(refused)?;
    if let Some(item) = items.iter().find(|&&item| item as usize >= index.items()) {
        return Err(Error::new(Status::InvalidArg, format!("items must be below {}, got {item}", index.items())));
    }
    Ok(Float32Array::new(items.iter().flat_map(|&item| index.factors(item)).copied().collect()))
}

/// Options of the queries of one call; see `aurochs_kernels::topk::search::Search`.
#[napi(object, object_to_js = false)]
pub struct TopKSearch {
    pub limit: u32,
    /// Cosine instead of inner product.
    pub cosine: bool,
    /// (queries + 1), and items that never fall within a query: the items that each query must not get.
    pub exclude_indptr: Option<Uint32Array>,
    pub exclude_indices: Option<Uint32Array>,
    /// Item numbers that never fall: the only ones that any query may get.
    pub only: Option<Uint32Array>,
    /// `avx512vnni`, `avx512`, `avx2`, `neon` or `plain`; the widest when absent.
    pub simd: Option<String>,
}

/// The work that a search took.
#[napi(object, object_from_js = false)]
pub struct TopKEffort {
    /// Items scored by their codes, over all queries.
    pub coded: f64,
    /// Items scored exactly.
    pub scored: f64,
}

/// Writes the best items of each of `queries` (queries × rank) to `items` and `scores` (queries × limit).
#[napi(catch_unwind)]
pub fn top_k_search(
    index: &[u8],
    queries: &[f32],
    search: TopKSearch,
    mut items: Uint32Array,
    mut scores: Float32Array,
) -> Result<TopKEffort> {
    let index = Index::view(index).map_err(refused)?;
    let simd = instructions(&search.simd)?;
    let exclude = match (&search.exclude_indptr, &search.exclude_indices) {
        (Some(indptr), Some(indices)) => Some(Excluded { indptr, indices }),
        _ => None,
    };
    let kernel = Search {
        queries,
        measure: if search.cosine { Measure::Cosine } else { Measure::Product },
        limit: search.limit as usize,
        exclude,
        only: search.only.as_deref(),
    };
    // SAFETY: the caller gave these rows of the answer to this call alone.
    let (items, scores) = unsafe { (items.as_mut(), scores.as_mut()) };
    let effort = kernel.run(&index, items, scores, simd).map_err(refused)?;
    Ok(TopKEffort { coded: effort.coded as f64, scored: effort.scored as f64 })
}

fn refused(error: TopKError) -> Error {
    Error::new(Status::InvalidArg, error.to_string())
}
