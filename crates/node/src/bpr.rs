//! The phases of an epoch of Bayesian personalized ranking, and vectors of histories.

use crate::file::{Operand, values};
use crate::instructions::instructions;
use crate::sparse::{SparseMatrix, matrix_addresses};
use crate::views::{SharedArray, addresses, check_apart, finite_option};
use aurochs_kernels::bpr::Step;
use aurochs_kernels::bpr::deal::Deal;
use aurochs_kernels::bpr::epoch::{Block, Epoch};
use aurochs_kernels::bpr::fold_in::{self, FoldIn, Scratch, gramian};
use aurochs_kernels::bpr::partition;
use aurochs_kernels::bpr::random::Random;
use aurochs_kernels::bpr::wavefront::Wavefront;
use aurochs_kernels::simd::stride;
use napi::bindgen_prelude::*;
use napi_derive::napi;
use std::cell::Cell;
use std::sync::atomic::AtomicI32;

/// What the draws of an epoch depend on; each use of them has a stream of its own.
fn key(seed: u32, epoch: u32) -> u64 {
    u64::from(seed) << 32 | u64::from(epoch)
}

/// Divides items into `blocks` anew: writes their order, block after block, to `order` (items), and where each came to be to
/// `places` (items).
#[napi(catch_unwind)]
pub fn bpr_partition(
    #[napi(ts_arg_type = "Uint32Array")] order: SharedArray<u32>,
    #[napi(ts_arg_type = "Uint32Array")] places: SharedArray<u32>,
    blocks: u32,
    seed: u32,
    epoch: u32,
) -> Result<()> {
    check_apart(&[("order", order.addresses()), ("places", places.addresses())], &[])?;
    let (mut order, mut places) = (order.rows(1)?, places.rows(1)?);
    let (items, others) = (order.rows(), places.rows());
    // SAFETY: one call alone makes the partition, before the phases that read it; they lie apart.
    let (order, places) = unsafe { (order.rows_mut(0..items), places.rows_mut(0..others)) };
    let mut random = Random::new(&[key(seed, epoch), u64::MAX]);
    partition::shuffle(order, places, blocks as usize, &mut random).map_err(Error::from_reason)
}

/// How the samples of an epoch lie; see `aurochs_kernels::bpr::epoch::Epoch`.
#[napi(object, object_to_js = false)]
pub struct BprSamples {
    /// (2 × room)
    #[napi(ts_type = "Uint32Array")]
    pub samples: SharedArray<u32>,
    /// (chunks + 1)
    pub rooms: BigUint64Array,
    /// (chunks × (blocks + 1))
    #[napi(ts_type = "Uint32Array")]
    pub bounds: SharedArray<u32>,
    /// (chunks + 1) First user of each chunk.
    pub users: Uint32Array,
    /// (items)
    pub order: Uint32Array,
    /// (items)
    pub places: Uint32Array,
    pub blocks: u32,
    pub seed: u32,
    pub epoch: u32,
}

/// Deals the pairs of chunks of users to blocks until there is no chunk. `visits` is how often a pair of weight 1 comes on
/// average; absent: each pair comes once.
#[napi(catch_unwind)]
pub fn bpr_deal(
    entries: SparseMatrix,
    to: BprSamples,
    visits: Option<f64>,
    #[napi(ts_arg_type = "Int32Array")] next: SharedArray<i32>,
) -> Result<()> {
    let deal = Deal {
        entries: entries.view()?,
        places: &to.places,
        blocks: to.blocks as usize,
        visits: visits.map(|visits| finite_option("visits", visits)).transpose()?,
        key: key(to.seed, to.epoch),
    };
    if deal.blocks == 0 || deal.blocks > partition::MAX_BLOCKS {
        return Err(invalid(format!("blocks must be from 1 to {}, got {}", partition::MAX_BLOCKS, deal.blocks)));
    }
    let written = [("samples", to.samples.addresses()), ("bounds", to.bounds.addresses()), ("next", next.addresses())];
    let beside = [addresses(&to.rooms), addresses(&to.users), addresses(&to.places)];
    check_apart(&written, &[&matrix_addresses(deal.entries)[..], &beside].concat())?;
    let (mut samples, mut bounds) = (to.samples.rows(2)?, to.bounds.rows(deal.blocks + 1)?);
    let chunks = next.chunks_at(&to.users, deal.entries.rows())?;
    if bounds.rows() != chunks.len() || to.rooms.len() != chunks.len() + 1 || !to.rooms.is_sorted() {
        return Err(invalid(format!(
            "{} rows of bounds and {} rooms, which must rise, for {} chunks",
            bounds.rows(),
            to.rooms.len(),
            chunks.len()
        )));
    }
    while let Some((chunk, users)) = chunks.take() {
        let room = to.rooms[chunk] as usize..to.rooms[chunk + 1] as usize;
        // SAFETY: the counter gave this chunk, and so its room and its bounds, to this call alone.
        let (samples, bounds) = unsafe { (samples.rows_mut(room), bounds.rows_mut(chunk..chunk + 1)) };
        deal.deal(users, samples, bounds).map_err(|error| Error::from_reason(error.to_string()))?;
    }
    Ok(())
}

/// What an epoch changes, and how.
#[napi(object, object_to_js = false)]
pub struct BprModel {
    /// (users × stride)
    #[napi(ts_type = "Float32Array")]
    pub users: SharedArray<f32>,
    /// (items × stride)
    #[napi(ts_type = "Float32Array")]
    pub items: SharedArray<f32>,
    /// (items), or none where items have no biases.
    #[napi(ts_type = "Float32Array")]
    pub biases: SharedArray<f32>,
    /// Factors of a row.
    pub rank: u32,
    pub rate: f64,
    pub regularization: f64,
    /// (items) How often each is drawn as a negative, in proportion. Absent: all alike.
    pub frequencies: Option<Float32Array>,
    /// `avx512`, `avx2`, `neon` or `plain`; the widest when absent.
    pub simd: Option<String>,
}

/// Takes blocks of items until there is none, and goes down the chunks of users with each. Writes to `tallies` (blocks × 2) of each
/// block the loss, Σ −ln σ(x), and the number of samples.
///
/// `turns` (1 + chunks) must be 0 when the phase begins; see `aurochs_kernels::bpr::wavefront`.
#[napi(catch_unwind)]
pub fn bpr_epoch(
    from: BprSamples,
    model: BprModel,
    #[napi(ts_arg_type = "Float64Array")] tallies: SharedArray<f64>,
    #[napi(ts_arg_type = "Int32Array")] turns: SharedArray<i32>,
) -> Result<()> {
    let stride = stride(model.rank as usize);
    let (blocks, biased) = (from.blocks as usize, model.biases.len() > 0);
    let written = [
        ("users", model.users.addresses()),
        ("items", model.items.addresses()),
        ("biases", model.biases.addresses()),
        ("tallies", tallies.addresses()),
        ("turns", turns.addresses()),
    ];
    let frequencies = model.frequencies.as_deref();
    let read = [
        from.samples.addresses(),
        from.bounds.addresses(),
        addresses(&from.rooms),
        addresses(&from.users),
        addresses(&from.order),
        addresses(frequencies.unwrap_or(&[])),
    ];
    check_apart(&written, &read)?;
    if model.rank == 0 {
        return Err(invalid("rank must be from 1, got 0".into()));
    }
    let (samples, bounds) = (from.samples.rows(1)?, from.bounds.rows(1)?);
    // SAFETY: no thread writes the samples and their bounds in this phase.
    let (samples, bounds) = unsafe { (samples.rows_ref(0..samples.rows()), bounds.rows_ref(0..bounds.rows())) };
    let epoch = Epoch {
        samples,
        rooms: &from.rooms,
        bounds,
        users: &from.users,
        order: &from.order,
        frequencies,
        blocks,
        stride,
        step: Step {
            rate: finite_option("rate", model.rate)?,
            regularization: finite_option("regularization", model.regularization)?,
            biases: biased,
        },
        key: key(from.seed, from.epoch),
    };
    epoch.check().map_err(|error| invalid(error.to_string()))?;
    let (mut users, mut items) = (model.users.rows(stride)?, model.items.rows(stride)?);
    let mut biases = model.biases.rows(1)?;
    let mut tallies = tallies.rows(2)?;
    let expected = [(items.rows(), epoch.order.len()), (tallies.rows(), blocks), (turns.len(), 1 + epoch.chunks())];
    if expected.iter().any(|(got, expected)| got != expected) || (biased && biases.rows() != items.rows()) {
        return Err(invalid(format!(
            "{} rows of items, {} biases, {} tallies and {} turns for {} items, {blocks} blocks and {} chunks",
            items.rows(),
            biases.rows(),
            tallies.rows(),
            turns.len(),
            epoch.order.len(),
            epoch.chunks()
        )));
    }
    let simd = instructions(&model.simd)?;
    // SAFETY: the cells live as long as the call, are aligned, and are touched only atomically; an atomic lies as its integer does.
    let cells = unsafe { std::slice::from_raw_parts(turns.as_ptr().cast::<AtomicI32>(), turns.len()) };
    let turns = Wavefront::new(&cells[0], &cells[1..], blocks);
    let others = BreakOff(&turns);
    let mut block = Block::default();
    while let Some(number) = turns.take() {
        // SAFETY: this call alone has the block, and so its items, biases and tally.
        unsafe { epoch.enter(number, &mut biases, &mut block) };
        let (mut loss, mut count) = (0.0, 0);
        for chunk in 0..epoch.chunks() {
            turns.wait(chunk, number).map_err(|_| Error::from_reason("another part of the epoch has failed"))?;
            // SAFETY: it is this block's turn, so that the chunk's users are this call's alone.
            let tally = unsafe { epoch.run(chunk, &mut users, &mut items, &mut block, simd) };
            let tally = tally.map_err(|error| Error::from_reason(error.to_string()))?;
            loss += tally.loss;
            count += tally.samples;
            turns.pass(chunk, number);
        }
        // SAFETY: as above.
        unsafe {
            epoch.leave(&mut biases, &mut block);
            tallies.rows_mut(number..number + 1).copy_from_slice(&[loss, count as f64]);
        }
    }
    std::mem::forget(others);
    Ok(())
}

/// Ends the turns of all threads when it is dropped: those that wait for one that failed would wait for ever.
struct BreakOff<'a>(&'a Wavefront<'a>);

impl Drop for BreakOff<'_> {
    fn drop(&mut self) {
        self.0.break_off();
    }
}

/// The rows of items, and what is made of them; see `aurochs_kernels::bpr::fold_in::FoldIn`.
#[napi(object, object_to_js = false)]
pub struct BprFoldIn<'a> {
    /// (items × width)
    pub items: Operand<'a, Float32Array>,
    pub width: u32,
    /// (width × width) The Gramian of the items' rows times the weight of what is unobserved, and the regularisation.
    pub unobserved: Float64Array,
}

thread_local! {
    /// Taken by a call and put back when it succeeds.
    static FOLD_IN: Cell<Scratch> = Cell::default();
}

/// The vectors of users with these histories, (histories × width). Those of history h are `items[indptr[h]..indptr[h + 1]]`, with
/// their weights.
#[napi(catch_unwind)]
pub fn bpr_fold_in<'env>(
    env: &'env Env,
    by: BprFoldIn,
    indptr: &[u32],
    items: &[u32],
    weights: &[f32],
) -> Result<Float32ArraySlice<'env>> {
    let (width, rows) = (by.width as usize, values(&by.items)?);
    check_rows(rows, width)?;
    if by.unobserved.len() != width * width || items.len() != weights.len() {
        return Err(invalid(format!(
            "{} values for {width} × {width}, and {} weights for {} items",
            by.unobserved.len(),
            weights.len(),
            items.len()
        )));
    }
    let kernel = FoldIn { items: rows, unobserved: &by.unobserved, width };
    let simd = instructions(&None)?;
    let mut scratch = FOLD_IN.take();
    let mut vectors = Vec::new();
    for bounds in indptr.windows(2) {
        let history = bounds[0] as usize..bounds[1] as usize;
        let (Some(own), Some(weights)) = (items.get(history.clone()), weights.get(history)) else {
            return Err(invalid(format!("histories must lie within the {} items", items.len())));
        };
        let begin = vectors.len();
        vectors.resize(begin + width, 0.0);
        kernel.solve(own, weights, &mut vectors[begin..], &mut scratch, simd).map_err(invalid)?;
    }
    FOLD_IN.set(scratch);
    Float32ArraySlice::copy_from(env, vectors)
}

/// The Gramian (width × width) of rows (n × width).
#[napi(catch_unwind)]
pub fn bpr_gramian<'env>(env: &'env Env, rows: &[f32], width: u32) -> Result<Float64ArraySlice<'env>> {
    check_rows(rows, width as usize)?;
    Float64ArraySlice::copy_from(env, gramian(rows, width as usize, instructions(&None)?))
}

/// Whether a matrix (width × width) is finite and positive definite.
#[napi(catch_unwind)]
pub fn is_positive_definite(matrix: &[f64], width: u32) -> bool {
    let width = width as usize;
    matrix.len() == width * width && fold_in::is_positive_definite(matrix, width)
}

/// Also where there is no row: a wrong width would ask for more memory than there is, which ends the process.
fn check_rows(rows: &[f32], width: usize) -> Result<()> {
    if width == 0 || rows.len() < width || !rows.len().is_multiple_of(width) {
        return Err(invalid(format!("{} values are not whole rows of {width}", rows.len())));
    }
    Ok(())
}

fn invalid(message: String) -> Error {
    Error::new(Status::InvalidArg, message)
}
