//! Item-item neighbours: training in chunks of items from the shared counter, and lists for batches of requests.

use crate::sparse::{SparseMatrix, matrix_addresses};
use crate::views::{SharedArray, addresses, check_apart};
use aurochs_kernels::csr::CsrError;
use aurochs_kernels::neighbours::rank::{self, Request};
use aurochs_kernels::neighbours::{Cosine, NeighboursError, Output, Scratch, Weighting};
use napi::bindgen_prelude::*;
use napi_derive::napi;
use std::cell::Cell;
use std::ops::Range;

/// The interactions, both ways, and what is made of them; see `aurochs_kernels::neighbours::Cosine`.
#[napi(object, object_to_js = false)]
pub struct NeighbourTraining<'a> {
    /// (items × users)
    pub by_item: SparseMatrix<'a>,
    /// (users × items)
    pub by_user: SparseMatrix<'a>,
    /// Pairs count their weights rather than 1.
    pub weighted: bool,
    /// Not negative.
    pub shrinkage: f64,
    /// Neighbours that are kept of each item.
    pub limit: u32,
}

impl NeighbourTraining<'_> {
    fn kernel(&self) -> Result<Cosine<'_>> {
        let weighting = if self.weighted { Weighting::Weight } else { Weighting::None };
        Cosine::new(self.by_item.view()?, self.by_user.view()?, weighting, self.shrinkage, self.limit as usize)
            .map_err(refused)
    }

    fn addresses(&self) -> Result<Vec<Range<usize>>> {
        Ok([matrix_addresses(self.by_item.view()?), matrix_addresses(self.by_user.view()?)].concat())
    }
}

/// Writes what is to be known before the work is divided: to `norms` (items) the norm of each item; to `costs`
/// (items + 1) where the additions of each begin when those of all are counted; to `starts` (items + 1) where the
/// neighbours of each begin when it has room for as many as it can have.
#[napi(catch_unwind)]
pub fn plan_neighbours(
    training: NeighbourTraining,
    mut norms: Float64Array,
    mut costs: BigUint64Array,
    mut starts: BigUint64Array,
) -> Result<()> {
    let kernel = training.kernel()?;
    check_length("norms", kernel.items(), norms.len())?;
    check_length("costs", kernel.items() + 1, costs.len())?;
    check_length("starts", kernel.items() + 1, starts.len())?;
    let written = [("norms", addresses(&norms)), ("costs", addresses(&costs)), ("starts", addresses(&starts))];
    check_apart(&written, &training.addresses()?)?;
    // SAFETY: one call alone makes the plan, before the phase that reads it; they lie apart.
    let (norms, costs, starts) = unsafe { (norms.as_mut(), costs.as_mut(), starts.as_mut()) };
    kernel.plan(norms, costs, starts);
    Ok(())
}

/// Where the neighbours of all items go: those of item i from `starts[i]` on, most similar first.
#[napi(object, object_to_js = false)]
pub struct NeighbourOutput {
    /// (items + 1) From `planNeighbours`.
    pub starts: BigUint64Array,
    /// (`starts[items]`)
    #[napi(ts_type = "Uint32Array")]
    pub indices: SharedArray<u32>,
    /// (`starts[items]`)
    #[napi(ts_type = "Float32Array")]
    pub similarities: SharedArray<f32>,
    /// (items) How many each has.
    #[napi(ts_type = "Uint32Array")]
    pub counts: SharedArray<u32>,
}

/// Finds the neighbours of chunks of items until there is none. Chunk c is items `bounds[c]..bounds[c + 1]`.
#[napi(catch_unwind)]
pub fn find_neighbours(
    training: NeighbourTraining,
    norms: Float64Array,
    output: NeighbourOutput,
    bounds: Uint32Array,
    #[napi(ts_arg_type = "Int32Array")] next: SharedArray<i32>,
) -> Result<()> {
    let kernel = training.kernel()?;
    let starts = &output.starts;
    check_length("norms", kernel.items(), norms.len())?;
    check_length("starts", kernel.items() + 1, starts.len())?;
    if !starts.is_sorted() {
        return Err(Error::new(Status::InvalidArg, "starts must never fall"));
    }
    let written = [
        ("indices", output.indices.addresses()),
        ("similarities", output.similarities.addresses()),
        ("counts", output.counts.addresses()),
        ("next", next.addresses()),
    ];
    let beside = [addresses(&norms), addresses(starts), addresses(&bounds)];
    check_apart(&written, &[&training.addresses()?[..], &beside].concat())?;
    let mut indices = output.indices.rows(1)?;
    let mut similarities = output.similarities.rows(1)?;
    let mut counts = output.counts.rows(1)?;
    check_length("indices", starts[kernel.items()] as usize, indices.rows())?;
    check_length("similarities", indices.rows(), similarities.rows())?;
    check_length("counts", kernel.items(), counts.rows())?;
    let chunks = next.chunks_at(&bounds, kernel.items())?;
    let mut scratch = Scratch::default();
    while let Some((_, items)) = chunks.take() {
        let starts = &starts[items.start..=items.end];
        let places = starts[0] as usize..starts[items.len()] as usize;
        // SAFETY: the counter gave these items, and so their places, to this call alone.
        let output = unsafe {
            Output {
                starts,
                indices: indices.rows_mut(places.clone()),
                similarities: similarities.rows_mut(places),
                counts: counts.rows_mut(items.clone()),
            }
        };
        kernel.neighbours(items, &norms, output, &mut scratch);
    }
    Ok(())
}

/// What one list is made from; see `aurochs_kernels::neighbours::rank::Request`.
#[napi(object, object_to_js = false)]
pub struct NeighbourRequest {
    /// Items of the history, each once.
    pub items: Uint32Array,
    /// Their weights, above 0.
    pub weights: Float32Array,
    pub limit: u32,
    /// Items that must not come.
    pub exclude: Uint32Array,
    /// The only items that may come; all when absent.
    pub only: Option<Uint32Array>,
}

/// Lists one after the other: list l is `indptr[l]..indptr[l + 1]`.
#[napi(object, object_from_js = false)]
pub struct NeighbourLists<'env> {
    pub indptr: Uint32ArraySlice<'env>,
    pub items: Uint32ArraySlice<'env>,
    pub scores: Float32ArraySlice<'env>,
}

thread_local! {
    /// Taken by a call and put back when it succeeds.
    static RANKING: Cell<rank::Scratch> = Cell::default();
}

/// The best items of each request, best first: those with the highest sums of similarities to the history.
/// `neighbours` is (items × items), similarities as weights.
#[napi(catch_unwind)]
pub fn rank_by_neighbours<'env>(
    env: &'env Env,
    neighbours: SparseMatrix,
    requests: Vec<NeighbourRequest>,
) -> Result<NeighbourLists<'env>> {
    let neighbours = neighbours.view()?;
    let mut scratch = RANKING.take();
    let (mut indptr, mut items, mut scores) = (vec![0], Vec::new(), Vec::new());
    for request in &requests {
        let request = Request {
            items: &request.items,
            weights: &request.weights,
            limit: request.limit as usize,
            exclude: &request.exclude,
            only: request.only.as_deref(),
        };
        rank::rank(neighbours, &request, &mut scratch, &mut items, &mut scores).map_err(refused)?;
        indptr.push(items.len() as u32);
    }
    RANKING.set(scratch);
    Ok(NeighbourLists {
        indptr: Uint32ArraySlice::copy_from(env, indptr)?,
        items: Uint32ArraySlice::copy_from(env, items)?,
        scores: Float32ArraySlice::copy_from(env, scores)?,
    })
}

/// What is wrong with neighbours, and where.
#[napi(object, object_from_js = false)]
pub struct NeighboursFault {
    #[napi(ts_type = "'indptr' | 'indices' | 'similarities'")]
    pub tensor: &'static str,
    pub message: String,
}

/// What is wrong with `neighbours` (items × items), similarities as weights, or nothing. Reads all of it.
#[napi(catch_unwind)]
pub fn neighbours_fault(neighbours: SparseMatrix) -> Result<Option<NeighboursFault>> {
    let error = aurochs_kernels::neighbours::check(neighbours.view()?).err();
    Ok(error.map(|error| {
        let tensor = match error {
            NeighboursError::Matrix(CsrError::Column { .. }) | NeighboursError::Twice { .. } => "indices",
            NeighboursError::Matrix(_) => "indptr",
            NeighboursError::Similarity { .. } | NeighboursError::Order { .. } => "similarities",
        };
        NeighboursFault { tensor, message: error.to_string() }
    }))
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
