//! Top-k search. An index is one buffer, which threads may share; only the kernel knows its layout.

use crate::file::{Operand, values};
use crate::instructions::instructions;
use crate::views::{SharedArray, addresses, check_apart};
use aurochs_kernels::simd::Simd;
use aurochs_kernels::topk::index::{self, Factors, Index};
use aurochs_kernels::topk::search::{Excluded, Search};
use aurochs_kernels::topk::{Measure, TILE, TopKError};
use napi::bindgen_prelude::*;
use napi_derive::napi;

/// Bytes of an index of `items` × `rank` factors, a multiple of 64.
#[napi(catch_unwind)]
pub fn top_k_bytes(items: u32, rank: u32) -> f64 {
    index::bytes(items as usize, rank as usize) as f64
}

/// The items of `factors` (items × rank, rows `stride` apart) by descending norm.
#[napi(catch_unwind)]
pub fn top_k_order<'env>(env: &'env Env, factors: &[f32], rank: u32, stride: u32) -> Result<Uint32ArraySlice<'env>> {
    Uint32ArraySlice::copy_from(env, view(factors, rank, stride)?.order().map_err(refused)?)
}

/// The first bytes of an index; its tiles follow. `order` is what `topKOrder` gave.
#[napi(catch_unwind)]
pub fn top_k_head<'env>(env: &'env Env, order: &[u32], rank: u32) -> Result<Uint8ArraySlice<'env>> {
    Uint8ArraySlice::copy_from(env, index::head(order, rank as usize))
}

/// Writes the bytes of the `count` tiles (of 128 items) from `first` on, fewer where the index ends, to the begin of
/// `piece`, and returns how many they are. New buffers would be garbage that nobody collects for a while.
#[napi(catch_unwind)]
pub fn top_k_tiles(
    factors: &[f32],
    rank: u32,
    stride: u32,
    order: &[u32],
    first: u32,
    count: u32,
    mut piece: Uint8Array,
) -> Result<u32> {
    let end = (first as usize + count as usize).min(order.len().div_ceil(TILE));
    let rows = view(factors, rank, stride)?;
    let items = rows.items();
    if order.len() != items {
        return Err(Error::new(Status::InvalidArg, format!("order must have {items} values, got {}", order.len())));
    }
    let tiles = index::tiles(rows, order, (first as usize).min(end)..end, Simd::detect());
    check_apart(&[("piece", addresses(&piece))], &[addresses(factors), addresses(order)])?;
    // SAFETY: the caller made the buffer for this call.
    let room = unsafe { piece.as_mut() };
    let length = room.len();
    let to = room.get_mut(..tiles.len()).ok_or_else(|| {
        Error::new(Status::InvalidArg, format!("piece must have at least {} bytes, got {length}", tiles.len()))
    })?;
    to.copy_from_slice(&tiles);
    Ok(tiles.len() as u32)
}

/// Refuses a buffer that is no index of `factors` (items × rank, rows `stride` apart, `rank` when absent); gives the number of
/// items.
#[napi(catch_unwind)]
pub fn top_k_check(
    index: Operand<Uint8Array>,
    factors: Operand<Float32Array>,
    rank: u32,
    stride: Option<u32>,
) -> Result<u32> {
    let factors = view(values(&factors)?, rank, stride.unwrap_or(rank))?;
    Index::view(values(&index)?, factors).map_err(refused)?;
    Ok(factors.items() as u32)
}

/// What is wrong with an index of `factors` (items × rank), in words, or nothing. Reads all of both.
#[napi(catch_unwind)]
pub fn top_k_fault(
    index: Operand<Uint8Array>,
    factors: Operand<Float32Array>,
    rank: u32,
    stride: Option<u32>,
) -> Result<Option<String>> {
    let factors = view(values(&factors)?, rank, stride.unwrap_or(rank))?;
    let checked = Index::view(values(&index)?, factors).and_then(|index| index.check(Simd::detect()));
    Ok(checked.err().map(|error| error.to_string()))
}

/// The place of the first value that is NaN or infinite, or nothing. Reads up to there.
#[napi(catch_unwind)]
pub fn first_not_finite(values_of: Operand<Float32Array>) -> Result<Option<f64>> {
    Ok(values(&values_of)?.iter().position(|value| !value.is_finite()).map(|place| place as f64))
}

/// The factors of `items`, (items × rank), of those of all.
#[napi(catch_unwind)]
pub fn top_k_rows<'env>(
    env: &'env Env,
    factors: Operand<Float32Array>,
    rank: u32,
    items: &[u32],
    stride: Option<u32>,
) -> Result<Float32ArraySlice<'env>> {
    let (all, rank, stride) = (values(&factors)?, rank as usize, stride.unwrap_or(rank) as usize);
    // Grows with what is found: a wrong rank would ask for more memory than there is, which ends the process.
    let mut rows = Vec::new();
    for &item in items {
        let begin = item as usize * stride;
        let row = all.get(begin..begin + rank).ok_or_else(|| {
            Error::new(Status::InvalidArg, format!("items must be below {}, got {item}", all.len() / stride.max(1)))
        })?;
        rows.extend_from_slice(row);
    }
    Float32ArraySlice::copy_from(env, rows)
}

/// Options of the queries of one call; see `aurochs_kernels::topk::search::Search`.
#[napi(object, object_to_js = false)]
pub struct TopKSearch {
    pub limit: u32,
    /// Cosine instead of inner product.
    pub cosine: bool,
    /// Added to the product of the norms, by which a cosine is divided; not negative. 0 when absent.
    pub shrinkage: Option<f64>,
    /// (queries + 1), and items that never fall within a query: the items that each query must not get.
    pub exclude_indptr: Option<Uint32Array>,
    pub exclude_indices: Option<Uint32Array>,
    /// Item numbers that never fall: the only ones that any query may get.
    pub only: Option<Uint32Array>,
    /// Of the items that may come, a bit each; all when absent. Another thread may change it.
    #[napi(ts_type = "Uint32Array")]
    pub allowed: Option<SharedArray<u32>>,
    /// Values from one item's factors to the next one's; the rank when absent.
    pub stride: Option<u32>,
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

/// Writes the best items of each of `queries` (queries × rank), by the index of `factors` (items × rank), to `items` and `scores` (queries × limit).
#[napi(catch_unwind)]
pub fn top_k_search(
    index: Operand<Uint8Array>,
    factors: Operand<Float32Array>,
    rank: u32,
    queries: &[f32],
    search: TopKSearch,
    mut items: Uint32Array,
    mut scores: Float32Array,
) -> Result<TopKEffort> {
    let (index_bytes, factors) = (values(&index)?, values(&factors)?);
    let index = Index::view(index_bytes, view(factors, rank, search.stride.unwrap_or(rank))?).map_err(refused)?;
    let simd = instructions(&search.simd)?;
    let exclude = match (&search.exclude_indptr, &search.exclude_indices) {
        (Some(indptr), Some(indices)) => Some(Excluded { indptr, indices }),
        _ => None,
    };
    let kernel = Search {
        queries,
        measure: measure(&search)?,
        limit: search.limit as usize,
        exclude,
        only: search.only.as_deref(),
        allowed: search.allowed.as_ref().map(SharedArray::bitmap),
    };
    let lists = [&search.exclude_indptr, &search.exclude_indices, &search.only]
        .map(|list| addresses(list.as_deref().unwrap_or(&[])));
    let beside = [addresses(index_bytes), addresses(factors), addresses(queries)];
    check_apart(&[("items", addresses(&items)), ("scores", addresses(&scores))], &[&lists[..], &beside].concat())?;
    // SAFETY: the caller gave these rows of the answer to this call alone; they lie apart.
    let (items, scores) = unsafe { (items.as_mut(), scores.as_mut()) };
    let effort = kernel.run(&index, items, scores, simd).map_err(refused)?;
    Ok(TopKEffort { coded: effort.coded as f64, scored: effort.scored as f64 })
}

fn measure(search: &TopKSearch) -> Result<Measure> {
    match search.shrinkage.unwrap_or(0.0) {
        _ if !search.cosine => Ok(Measure::Product),
        0.0 => Ok(Measure::Cosine),
        shrinkage if shrinkage > 0.0 && shrinkage.is_finite() => Ok(Measure::ShrunkCosine(shrinkage)),
        other => {
            let message = format!("shrinkage must be finite and not below 0, got {other}");
            Err(Error::new(Status::InvalidArg, message))
        }
    }
}

fn view(factors: &[f32], rank: u32, stride: u32) -> Result<Factors<'_>> {
    if rank == 0 || rank > stride {
        return Err(Error::new(Status::InvalidArg, format!("rank must be from 1 to the stride {stride}, got {rank}")));
    }
    Factors::new(factors, rank as usize, stride as usize).map_err(refused)
}

fn refused(error: TopKError) -> Error {
    Error::new(Status::InvalidArg, error.to_string())
}
