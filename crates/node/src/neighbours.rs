//! Neighbours: training in chunks of rows from the shared counter, look-ups, and lists for batches of requests.

use crate::file::{Operand, values};
use crate::sparse::{SparseMatrix, matrix_addresses};
use crate::views::{SharedArray, addresses, check_apart};
use aurochs_kernels::csr::CsrError;
use aurochs_kernels::neighbours::rank;
use aurochs_kernels::neighbours::{
    Lookup, Measure, NeighboursError, Output, Plan, PlanMut, Query, Scratch, Similarity, Training, Weighting,
};
use aurochs_kernels::request::Request;
use napi::bindgen_prelude::*;
use napi_derive::napi;
use std::cell::Cell;
use std::ops::Range;

/// How alike two rows are; see `aurochs_kernels::neighbours::Measure`. All numbers must be finite.
#[napi(object, object_to_js = false)]
pub struct NeighbourSimilarity {
    #[napi(ts_type = "'cosine' | 'tfidf' | 'bm25' | 'jaccard' | 'asymmetric' | 'rp3beta'")]
    pub measure: String,
    /// Pairs count their weights rather than 1.
    pub weighted: bool,
    /// Not negative.
    pub shrinkage: f64,
    /// Above 0.
    pub locality: f64,
    /// k₁ and b of `bm25`.
    pub k1: f64,
    pub b: f64,
    /// That of `asymmetric`.
    pub asymmetry: f64,
    /// α and β of `rp3beta`.
    pub alpha: f64,
    pub beta: f64,
}

impl NeighbourSimilarity {
    fn kernel(&self) -> Result<Similarity> {
        let &NeighbourSimilarity { weighted, shrinkage, locality, k1, b, asymmetry, alpha, beta, .. } = self;
        let measure = match &self.measure[..] {
            "cosine" => Measure::Cosine,
            "tfidf" => Measure::TfIdf,
            "bm25" => Measure::Bm25 { k1, b },
            "jaccard" => Measure::Jaccard,
            "asymmetric" => Measure::Asymmetric { asymmetry },
            "rp3beta" => Measure::Rp3Beta { alpha, beta },
            other => return Err(Error::new(Status::InvalidArg, format!("there is no similarity called {other}"))),
        };
        let numbers = [shrinkage, locality, k1, b, asymmetry, alpha, beta];
        if let Some(number) = numbers.iter().find(|number| !number.is_finite()) {
            return Err(Error::new(Status::InvalidArg, format!("a similarity takes finite numbers, got {number}")));
        }
        let weighting = if weighted { Weighting::Weight } else { Weighting::None };
        Ok(Similarity { measure, weighting, shrinkage, locality })
    }
}

/// A matrix, both ways, and how alike its rows are.
#[napi(object, object_to_js = false)]
pub struct NeighbourTraining<'a> {
    /// (rows × columns)
    pub by_row: SparseMatrix<'a>,
    /// (columns × rows)
    pub by_column: SparseMatrix<'a>,
    pub similarity: NeighbourSimilarity,
    /// Neighbours that are kept of each row.
    pub limit: u32,
}

impl NeighbourTraining<'_> {
    fn kernel(&self) -> Result<Training<'_>> {
        let similarity = self.similarity.kernel()?;
        Training::new(self.by_row.view()?, self.by_column.view()?, similarity, self.limit as usize).map_err(refused)
    }

    fn addresses(&self) -> Result<Vec<Range<usize>>> {
        Ok([matrix_addresses(self.by_row.view()?), matrix_addresses(self.by_column.view()?)].concat())
    }
}

/// What is to be known before the work is divided; see `aurochs_kernels::neighbours::PlanMut`.
#[napi(object, object_to_js = false)]
pub struct NeighbourPlan {
    /// (rows)
    pub left: Float64Array,
    /// (rows)
    pub right: Float64Array,
    /// (rows)
    pub totals: Float64Array,
    /// (rows)
    pub most: Float64Array,
    /// (columns)
    pub weights: Float64Array,
    /// (rows + 1) Where the additions of each row begin when those of all are counted.
    pub costs: BigUint64Array,
    /// (rows + 1) Where the neighbours of each row begin when it has room for as many as it can have.
    pub starts: BigUint64Array,
}

impl NeighbourPlan {
    fn check(&self, rows: usize, columns: usize) -> Result<()> {
        check_length("left", rows, self.left.len())?;
        check_length("right", rows, self.right.len())?;
        check_length("totals", rows, self.totals.len())?;
        check_length("most", rows, self.most.len())?;
        check_length("weights", columns, self.weights.len())?;
        check_length("costs", rows + 1, self.costs.len())?;
        check_length("starts", rows + 1, self.starts.len())
    }

    fn addresses(&self) -> [(&'static str, Range<usize>); 7] {
        [
            ("left", addresses(&self.left)),
            ("right", addresses(&self.right)),
            ("totals", addresses(&self.totals)),
            ("most", addresses(&self.most)),
            ("weights", addresses(&self.weights)),
            ("costs", addresses(&self.costs)),
            ("starts", addresses(&self.starts)),
        ]
    }
}

/// Writes the plan of a training, and gives the mean length of its rows.
#[napi(catch_unwind)]
pub fn plan_neighbours(training: NeighbourTraining, mut plan: NeighbourPlan) -> Result<f64> {
    let kernel = training.kernel()?;
    plan.check(kernel.rows(), kernel.columns())?;
    check_apart(&plan.addresses(), &training.addresses()?)?;
    // SAFETY: one call alone makes the plan, before the phase that reads it; its arrays lie apart.
    unsafe {
        kernel.plan(PlanMut {
            left: plan.left.as_mut(),
            right: plan.right.as_mut(),
            totals: plan.totals.as_mut(),
            most: plan.most.as_mut(),
            weights: plan.weights.as_mut(),
            costs: plan.costs.as_mut(),
            starts: plan.starts.as_mut(),
        });
    }
    Ok(kernel.similarity.mean_length(training.by_row.view()?))
}

/// Where the neighbours of all rows go: those of row r from `starts[r]` of the plan on, most similar first.
#[napi(object, object_to_js = false)]
pub struct NeighbourOutput {
    /// (`starts[rows]`)
    #[napi(ts_type = "Uint32Array")]
    pub indices: SharedArray<u32>,
    /// (`starts[rows]`)
    #[napi(ts_type = "Float32Array")]
    pub similarities: SharedArray<f32>,
    /// (rows) How many each has.
    #[napi(ts_type = "Uint32Array")]
    pub counts: SharedArray<u32>,
}

/// Finds the neighbours of chunks of rows until there is none. Chunk c is rows `bounds[c]..bounds[c + 1]`.
#[napi(catch_unwind)]
pub fn find_neighbours(
    training: NeighbourTraining,
    plan: NeighbourPlan,
    output: NeighbourOutput,
    bounds: Uint32Array,
    #[napi(ts_arg_type = "Int32Array")] next: SharedArray<i32>,
) -> Result<()> {
    let kernel = training.kernel()?;
    plan.check(kernel.rows(), kernel.columns())?;
    let starts = &plan.starts;
    if !starts.is_sorted() {
        return Err(Error::new(Status::InvalidArg, "starts must never fall"));
    }
    let written = [
        ("indices", output.indices.addresses()),
        ("similarities", output.similarities.addresses()),
        ("counts", output.counts.addresses()),
        ("next", next.addresses()),
    ];
    let planned = plan.addresses().map(|(_, range)| range);
    check_apart(&written, &[&training.addresses()?[..], &planned, &[addresses(&bounds)]].concat())?;
    let mut indices = output.indices.rows(1)?;
    let mut similarities = output.similarities.rows(1)?;
    let mut counts = output.counts.rows(1)?;
    check_length("indices", starts[kernel.rows()] as usize, indices.rows())?;
    check_length("similarities", indices.rows(), similarities.rows())?;
    check_length("counts", kernel.rows(), counts.rows())?;
    let chunks = next.chunks_at(&bounds, kernel.rows())?;
    let search = kernel.search(Plan {
        left: &plan.left,
        right: &plan.right,
        totals: &plan.totals,
        most: &plan.most,
        weights: &plan.weights,
    });
    let mut scratch = Scratch::default();
    while let Some((_, rows)) = chunks.take() {
        let starts = &starts[rows.start..=rows.end];
        let places = starts[0] as usize..starts[rows.len()] as usize;
        // SAFETY: the counter gave these rows, and so their places, to this call alone.
        let output = unsafe {
            Output {
                starts,
                indices: indices.rows_mut(places.clone()),
                similarities: similarities.rows_mut(places),
                counts: counts.rows_mut(rows.clone()),
            }
        };
        search.neighbours(rows, output, &mut scratch);
    }
    Ok(())
}

/// A matrix to look in; see `aurochs_kernels::neighbours::Lookup`.
#[napi(object, object_to_js = false)]
pub struct NeighbourLookup<'a> {
    pub similarity: NeighbourSimilarity,
    /// (columns × rows)
    pub by_column: SparseMatrix<'a>,
    /// (rows) From `planNeighbours`.
    pub right: Operand<'a, Float64Array>,
    /// (columns) From `planNeighbours`.
    pub weights: Operand<'a, Float64Array>,
    /// From `planNeighbours`.
    pub mean_length: f64,
}

/// The row that others are to be like; see `aurochs_kernels::neighbours::Query`.
#[napi(object, object_to_js = false)]
pub struct NeighbourQuery {
    /// Its columns, each once.
    pub columns: Uint32Array,
    /// Their weights, above 0.
    pub weights: Float32Array,
    /// Its number, where the matrix has it: it is left out.
    pub own: Option<u32>,
    pub limit: u32,
    /// Additions from which only every second, third … column is read, so that it takes no more.
    pub most_additions: u32,
    /// Of the rows that it may get, a bit each; all when absent. Another thread may change it.
    #[napi(ts_type = "Uint32Array")]
    pub allowed: Option<SharedArray<u32>>,
}

thread_local! {
    /// Taken by a call and put back when it succeeds.
    static LOOKING_UP: Cell<Scratch> = Cell::default();
}

/// The rows most like each query, most similar first.
#[napi(catch_unwind)]
pub fn nearest_neighbours<'env>(
    env: &'env Env,
    lookup: NeighbourLookup,
    queries: Vec<NeighbourQuery>,
) -> Result<NeighbourLists<'env>> {
    let kernel = Lookup {
        similarity: lookup.similarity.kernel()?,
        by_column: lookup.by_column.view()?,
        right: values(&lookup.right)?,
        weights: values(&lookup.weights)?,
        mean_length: lookup.mean_length,
    };
    let mut scratch = LOOKING_UP.take();
    let (mut indptr, mut rows, mut scores) = (vec![0], Vec::new(), Vec::new());
    for query in &queries {
        let query = Query {
            columns: &query.columns,
            weights: &query.weights,
            own: query.own,
            limit: query.limit as usize,
            most_additions: u64::from(query.most_additions),
            allowed: query.allowed.as_ref().map(SharedArray::bitmap),
        };
        kernel.nearest(&query, &mut scratch, &mut rows, &mut scores).map_err(refused)?;
        indptr.push(rows.len() as u32);
    }
    LOOKING_UP.set(scratch);
    NeighbourLists::copied(env, indptr, rows, scores)
}

impl NeighbourRequest {
    pub fn kernel(&self) -> Request<'_> {
        Request {
            items: &self.items,
            weights: &self.weights,
            limit: self.limit as usize,
            exclude: &self.exclude,
            only: self.only.as_deref(),
            allowed: self.allowed.as_ref().map(SharedArray::bitmap),
        }
    }
}

/// What one list is made from; see `aurochs_kernels::request::Request`.
#[napi(object, object_to_js = false)]
pub struct NeighbourRequest {
    /// Items of the history, each once.
    pub items: Uint32Array,
    /// Their weights, above 0.
    pub weights: Float32Array,
    /// What they score themselves, beside what they give others. Default: nothing.
    pub own: Option<Float32Array>,
    pub limit: u32,
    /// Items that must not come.
    pub exclude: Uint32Array,
    /// The only items that may come; all when absent.
    pub only: Option<Uint32Array>,
    /// Of the items that may come, a bit each; all when absent. Another thread may change it.
    #[napi(ts_type = "Uint32Array")]
    pub allowed: Option<SharedArray<u32>>,
}

/// Lists one after the other: list l is `indptr[l]..indptr[l + 1]`.
#[napi(object, object_from_js = false)]
pub struct NeighbourLists<'env> {
    pub indptr: Uint32ArraySlice<'env>,
    pub items: Uint32ArraySlice<'env>,
    pub scores: Float32ArraySlice<'env>,
}

impl<'env> NeighbourLists<'env> {
    pub fn copied(env: &'env Env, indptr: Vec<u32>, items: Vec<u32>, scores: Vec<f32>) -> Result<Self> {
        Ok(NeighbourLists {
            indptr: Uint32ArraySlice::copy_from(env, indptr)?,
            items: Uint32ArraySlice::copy_from(env, items)?,
            scores: Float32ArraySlice::copy_from(env, scores)?,
        })
    }
}

thread_local! {
    /// Taken by a call and put back when it succeeds.
    static RANKING: Cell<rank::Scratch> = Cell::default();
}

/// The best items of each request, best first: those with the highest sums of similarities to the history.
/// `neighbours` is (items × items), similarities as weights; or the pairs of users, (users × `columns`), where the history of a
/// request is of similar users.
#[napi(catch_unwind)]
pub fn rank_by_neighbours<'env>(
    env: &'env Env,
    neighbours: SparseMatrix,
    columns: u32,
    requests: Vec<NeighbourRequest>,
) -> Result<NeighbourLists<'env>> {
    let neighbours = neighbours.view()?;
    let mut scratch = RANKING.take();
    let (mut indptr, mut items, mut scores) = (vec![0], Vec::new(), Vec::new());
    for given in &requests {
        let (request, own) = (given.kernel(), given.own.as_deref());
        rank::rank(neighbours, columns as usize, &request, own, &mut scratch, &mut items, &mut scores)
            .map_err(refused)?;
        indptr.push(items.len() as u32);
    }
    RANKING.set(scratch);
    NeighbourLists::copied(env, indptr, items, scores)
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
