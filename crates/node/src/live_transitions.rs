//! Transitions that are counted as events come, and lists by them.

use crate::file::{Operand, values};
use crate::neighbours::{NeighbourLists, NeighbourRequest};
use crate::sparse::SparseMatrix;
use crate::transitions::TransitionSteps;
use crate::views::SharedArray;
use aurochs_kernels::transitions::{LiveScratch, LiveTable, LiveTransitions, Moment, Steps, live_words};
use napi::bindgen_prelude::*;
use napi_derive::napi;
use std::cell::Cell;

/// A table in shared memory, of `rows` items and so many `slabs`; see `aurochs_kernels::transitions::LiveTable`.
#[napi(object, object_to_js = false)]
pub struct LiveTransitionTable {
    /// (`liveTransitionWords`) 0 at first; written by `learnTransitions` alone, on one thread.
    #[napi(ts_type = "Uint32Array")]
    pub words: SharedArray<u32>,
    pub rows: u32,
    /// How many items may have transitions: a new one takes the place of the one that was taken first.
    pub slabs: u32,
}

impl LiveTransitionTable {
    fn view(&self) -> Result<LiveTable<'_>> {
        LiveTable::new(self.words.words(), self.rows as usize, self.slabs as usize)
            .map_err(|message| Error::new(Status::InvalidArg, message))
    }
}

/// 32-bit words of a table of `rows` items and so many `slabs`.
#[napi(catch_unwind)]
pub fn live_transition_words(rows: u32, slabs: u32) -> f64 {
    live_words(rows as usize, slabs as usize) as f64
}

/// Counts the steps between `item` and those of `session`, newest first. `seconds` since 1970; what was counted before weighs half after `half_life`
/// seconds, which may be infinite.
#[napi(catch_unwind)]
pub fn learn_transitions(
    table: LiveTransitionTable,
    session: Uint32Array,
    item: u32,
    steps: TransitionSteps,
    seconds: u32,
    half_life: f64,
) -> Result<()> {
    let live = table.view()?;
    let Steps { window, decay, backward } = steps.kernel();
    if window == 0
        || !(decay > 0.0 && decay <= 1.0)
        || !(0.0..=1.0).contains(&backward)
        || half_life.is_nan()
        || half_life <= 0.0
    {
        let message = format!(
            "window must be from 1, decay above 0 and at most 1, backward from 0 to 1, half_life above 0, got {window}, {decay}, {backward}, {half_life}"
        );
        return Err(Error::new(Status::InvalidArg, message));
    }
    if let Some(got) = session.iter().chain([&item]).find(|&&item| item as usize >= live.rows()) {
        let message = format!("items must be below {}, got {got}", live.rows());
        return Err(Error::new(Status::InvalidArg, message));
    }
    live.learn(&session, item, steps.kernel(), Moment { now: seconds, half_life: half_life as f32 });
    Ok(())
}

thread_local! {
    /// Taken by a call and put back when it succeeds.
    static RANKING: Cell<LiveScratch> = Cell::default();
}

/// What is ranked by beside the table.
#[napi(object, object_to_js = false)]
pub struct LiveTransitionWeights {
    /// What is trained counts as so many steps at the most, above 0.
    pub prior: f64,
    /// Seconds after which what was counted weighs half; may be infinite.
    pub half_life: f64,
    /// (requests) When each list is asked for, in seconds since 1970.
    pub seconds: Uint32Array,
}

/// The best items of each request, best first, by `probabilities` (items × items) that were made of so many `totals` (items) and, from
/// `prior` of these at the most, what the table has.
#[napi(catch_unwind)]
pub fn rank_by_live_transitions<'env>(
    env: &'env Env,
    probabilities: SparseMatrix,
    totals: Operand<Float64Array>,
    table: LiveTransitionTable,
    weights: LiveTransitionWeights,
    requests: Vec<NeighbourRequest>,
) -> Result<NeighbourLists<'env>> {
    let (trained, totals, live) = (probabilities.view()?, values(&totals)?, table.view()?);
    let LiveTransitionWeights { prior, half_life, seconds } = weights;
    if seconds.len() != requests.len() || half_life.is_nan() || half_life <= 0.0 {
        let message = format!(
            "{} requests need as many seconds, and half_life must be above 0, got {}, {half_life}",
            requests.len(),
            seconds.len()
        );
        return Err(Error::new(Status::InvalidArg, message));
    }
    if trained.rows() != totals.len() || totals.len() > live.rows() || prior.is_nan() || prior <= 0.0 {
        let message = format!(
            "{} rows need as many totals and no fewer rows of the table, and prior must be above 0, got {}, {}, {prior}",
            trained.rows(),
            totals.len(),
            live.rows()
        );
        return Err(Error::new(Status::InvalidArg, message));
    }
    let kernel = LiveTransitions { trained, totals, live, prior };
    let mut scratch = RANKING.take();
    let (mut indptr, mut items, mut scores) = (vec![0], Vec::new(), Vec::new());
    for (request, &now) in requests.iter().zip(seconds.iter()) {
        let at = Moment { now, half_life: half_life as f32 };
        kernel
            .rank(&request.kernel(), request.own.as_deref(), at, &mut scratch, &mut items, &mut scores)
            .map_err(|error| Error::new(Status::InvalidArg, error.to_string()))?;
        indptr.push(items.len() as u32);
    }
    RANKING.set(scratch);
    NeighbourLists::copied(env, indptr, items, scores)
}
