//! Transitions between items: counting and following them in chunks of rows from the shared counter.

use crate::sparse::{SparseMatrix, matrix_addresses};
use crate::views::{SharedArray, addresses, check_apart};
use aurochs_kernels::transitions::{Output, PlanMut, Scratch, Steps, Training, TransitionsError, TwoSteps};
use napi::bindgen_prelude::*;
use napi_derive::napi;
use std::ops::Range;

/// Which steps count, and what; see `aurochs_kernels::transitions::Steps`.
#[napi(object, object_to_js = false)]
pub struct TransitionSteps {
    /// From 1.
    pub window: u32,
    /// Above 0, at most 1.
    pub decay: f64,
    /// 0 to 1.
    pub backward: f64,
}

impl TransitionSteps {
    pub fn kernel(&self) -> Steps {
        Steps { window: self.window as usize, decay: self.decay, backward: self.backward }
    }
}

/// Sessions, one after the other, and where each item occurs in them.
#[napi(object, object_to_js = false)]
pub struct TransitionSessions {
    /// Items, with 0xffffffff after each session.
    pub tokens: Uint32Array,
    /// (tokens) What a step to each counts, above 0. Default: 1.
    pub weights: Option<Float32Array>,
    /// (items + 1) From `planTransitions`.
    pub indptr: BigUint64Array,
    /// From `planTransitions`.
    pub places: Uint32Array,
}

/// Writes to `indptr` (items + 1) and `places` (tokens that are no ends) where each item occurs, and to `starts` (items + 1) where the
/// transitions of each begin when it has room for as many as it can have, at most `limit`.
#[napi(catch_unwind)]
pub fn plan_transitions(
    tokens: Uint32Array,
    mut indptr: BigUint64Array,
    mut places: Uint32Array,
    mut starts: BigUint64Array,
    steps: TransitionSteps,
    limit: u32,
) -> Result<()> {
    let written = [("indptr", addresses(&indptr)), ("places", addresses(&places)), ("starts", addresses(&starts))];
    check_apart(&written, &[addresses(&tokens)])?;
    check_length("starts", indptr.len(), starts.len())?;
    // SAFETY: one call alone makes the plan, before the phases that read it; its arrays lie apart.
    let plan = unsafe { PlanMut { indptr: indptr.as_mut(), places: places.as_mut(), starts: starts.as_mut() } };
    plan.make(&tokens, steps.kernel(), limit as usize).map_err(refused)
}

/// Where the transitions of all rows go: those of row r from `starts[r]` on, highest value first.
#[napi(object, object_to_js = false)]
pub struct TransitionOutput {
    /// (rows + 1)
    pub starts: BigUint64Array,
    /// (`starts[rows]`)
    #[napi(ts_type = "Uint32Array")]
    pub indices: SharedArray<u32>,
    /// (`starts[rows]`)
    #[napi(ts_type = "Float32Array")]
    pub values: SharedArray<f32>,
    /// (rows) How many each has.
    #[napi(ts_type = "Uint32Array")]
    pub counts: SharedArray<u32>,
}

/// Counts the transitions of chunks of rows until there is none, keeps the `limit` most frequent of each, and writes to `totals` (rows) the
/// sum of all of each. Chunk c is rows `bounds[c]..bounds[c + 1]`.
#[napi(catch_unwind)]
pub fn count_transitions(
    sessions: TransitionSessions,
    steps: TransitionSteps,
    limit: u32,
    output: TransitionOutput,
    #[napi(ts_arg_type = "Float64Array")] totals: SharedArray<f64>,
    bounds: Uint32Array,
    #[napi(ts_arg_type = "Int32Array")] next: SharedArray<i32>,
) -> Result<()> {
    let occurrences = (&sessions.indptr[..], &sessions.places[..]);
    let weights = sessions.weights.as_deref();
    let kernel =
        Training::new(&sessions.tokens, weights, occurrences, steps.kernel(), limit as usize).map_err(refused)?;
    let mut read = vec![addresses(&sessions.tokens), addresses(occurrences.0), addresses(occurrences.1)];
    read.extend(weights.map(addresses));
    let also = [("totals", totals.addresses())];
    let mut totals = totals.rows(1)?;
    check_length("totals", kernel.items(), totals.rows())?;
    let mut scratch = Scratch::default();
    in_chunks(&output, kernel.items(), (&bounds, &next), (&also, &read), |rows, output| {
        // SAFETY: the counter gave these rows to this call alone.
        let totals = unsafe { totals.rows_mut(rows.clone()) };
        kernel.count(rows, output, totals, &mut scratch);
    })
}

/// What makes probabilities of counts; see `aurochs_kernels::transitions::TwoSteps`.
#[napi(object, object_to_js = false)]
pub struct TransitionCounts<'a> {
    /// (items × items)
    pub counts: SparseMatrix<'a>,
    /// (items)
    pub totals: Float64Array,
    /// (items)
    pub factors: Float64Array,
    /// 0 to 1.
    pub share: f64,
    pub middle: u32,
    pub limit: u32,
}

impl TransitionCounts<'_> {
    fn kernel(&self) -> Result<TwoSteps<'_>> {
        let counts = self.counts.view()?;
        let rows = (&self.totals[..], &self.factors[..]);
        TwoSteps::new(counts, rows, (self.share, self.middle as usize), self.limit as usize).map_err(refused)
    }

    fn addresses(&self) -> Result<Vec<Bytes>> {
        let mut all = matrix_addresses(self.counts.view()?).to_vec();
        all.extend([addresses(&self.totals), addresses(&self.factors)]);
        Ok(all)
    }
}

/// Writes to `starts` (items + 1) where the transitions of each item begin when it has room for as many as it can have.
#[napi(catch_unwind)]
pub fn plan_two_steps(transitions: TransitionCounts, mut starts: BigUint64Array) -> Result<()> {
    let kernel = transitions.kernel()?;
    check_length("starts", kernel.items() + 1, starts.len())?;
    check_apart(&[("starts", addresses(&starts))], &transitions.addresses()?)?;
    // SAFETY: one call alone makes the plan, before the phase that reads it; it lies apart.
    let starts = unsafe { starts.as_mut() };
    starts[0] = 0;
    for row in 0..kernel.items() {
        starts[row + 1] = starts[row] + kernel.most(row).min(transitions.limit as usize) as u64;
    }
    Ok(())
}

/// Follows the transitions of chunks of rows until there is none. Chunk c is rows `bounds[c]..bounds[c + 1]`.
#[napi(catch_unwind)]
pub fn follow_transitions(
    transitions: TransitionCounts,
    output: TransitionOutput,
    bounds: Uint32Array,
    #[napi(ts_arg_type = "Int32Array")] next: SharedArray<i32>,
) -> Result<()> {
    let kernel = transitions.kernel()?;
    let mut scratch = Scratch::default();
    in_chunks(&output, kernel.items(), (&bounds, &next), (&[], &transitions.addresses()?), |rows, output| {
        kernel.follow(rows, output, &mut scratch);
    })
}

/// The bytes that an array takes up.
type Bytes = Range<usize>;

/// Takes chunks of rows until there is none, and calls `each` with their rows and where what is found of them goes.
fn in_chunks(
    output: &TransitionOutput,
    items: usize,
    (bounds, next): (&Uint32Array, &SharedArray<i32>),
    (also, read): (&[(&str, Bytes)], &[Bytes]),
    mut each: impl FnMut(Range<usize>, Output<'_>),
) -> Result<()> {
    let starts = &output.starts[..];
    check_length("starts", items + 1, starts.len())?;
    if !starts.is_sorted() {
        return Err(Error::new(Status::InvalidArg, "starts must never fall"));
    }
    let mut written = vec![
        ("indices", output.indices.addresses()),
        ("values", output.values.addresses()),
        ("counts", output.counts.addresses()),
        ("next", next.addresses()),
    ];
    written.extend_from_slice(also);
    check_apart(&written, &[read, &[addresses(starts), addresses(bounds)]].concat())?;
    let mut indices = output.indices.rows(1)?;
    let mut values = output.values.rows(1)?;
    let mut counts = output.counts.rows(1)?;
    check_length("indices", starts[items] as usize, indices.rows())?;
    check_length("values", indices.rows(), values.rows())?;
    check_length("counts", items, counts.rows())?;
    let chunks = next.chunks_at(bounds, items)?;
    while let Some((_, rows)) = chunks.take() {
        let starts = &starts[rows.start..=rows.end];
        let places = starts[0] as usize..starts[rows.len()] as usize;
        // SAFETY: the counter gave these rows, and so their places, to this call alone.
        let output = unsafe {
            Output {
                starts,
                indices: indices.rows_mut(places.clone()),
                values: values.rows_mut(places),
                counts: counts.rows_mut(rows.clone()),
            }
        };
        each(rows, output);
    }
    Ok(())
}

fn check_length(name: &str, expected: usize, got: usize) -> Result<()> {
    if expected == got {
        return Ok(());
    }
    Err(Error::new(Status::InvalidArg, format!("{name} must have {expected} values, got {got}")))
}

fn refused(error: TransitionsError) -> Error {
    Error::new(Status::InvalidArg, error.to_string())
}
