//! Scores of users for an article, and the users that score most.

use crate::instructions::instructions;
use crate::views::{SharedArray, addresses, check_apart};
use aurochs_kernels::audience::{self, COUNTS, Leg};
use aurochs_kernels::simd::BLOCK;
use napi::bindgen_prelude::*;
use napi_derive::napi;

/// One way of scoring users; see `aurochs_kernels::audience::Leg`.
#[napi(object, object_to_js = false)]
pub struct AudienceLeg {
    /// (users × stride) No thread writes it meanwhile.
    pub rows: Float32Array,
    /// (stride)
    pub vector: Float32Array,
}

/// Users in chunks.
#[napi(object, object_to_js = false)]
pub struct AudiencePhase {
    /// (users)
    #[napi(ts_type = "Float32Array")]
    pub scores: SharedArray<f32>,
    pub chunk_rows: u32,
    /// The chunk counter: one cell.
    #[napi(ts_type = "Int32Array")]
    pub next: SharedArray<i32>,
    /// `avx512`, `avx2`, `neon` or `plain`; the widest when absent.
    pub simd: Option<String>,
}

/// Writes to the scores the sum of `base` (users; 0 where it is absent) and of all legs.
#[napi(catch_unwind)]
pub fn audience_scores(phase: AudiencePhase, legs: Vec<AudienceLeg>, base: Option<Float32Array>) -> Result<()> {
    let read: Vec<_> = legs
        .iter()
        .flat_map(|leg| [addresses(&leg.rows), addresses(&leg.vector)])
        .chain(base.as_deref().map(addresses))
        .collect();
    check_apart(&[("scores", phase.scores.addresses()), ("next", phase.next.addresses())], &read)?;
    let mut scores = phase.scores.rows(1)?;
    let users = scores.rows();
    for leg in &legs {
        let stride = leg.vector.len();
        if stride == 0 || !stride.is_multiple_of(BLOCK) || Some(leg.rows.len()) != users.checked_mul(stride) {
            let message = format!(
                "a leg of {users} users must have as many rows of a multiple of {BLOCK} values, got {} for vectors of {stride}",
                leg.rows.len()
            );
            return Err(Error::new(Status::InvalidArg, message));
        }
    }
    if let Some(base) = &base
        && base.len() != users
    {
        return Err(Error::new(Status::InvalidArg, format!("base must have {users} values, got {}", base.len())));
    }
    let simd = instructions(&phase.simd)?;
    let chunks = phase.next.chunks(users, phase.chunk_rows)?;
    while let Some((_, rows)) = chunks.take() {
        // SAFETY: the counter gave these users to this call alone.
        let own = unsafe { scores.rows_mut(rows.clone()) };
        match &base {
            Some(base) => own.copy_from_slice(&base[rows.clone()]),
            None => own.fill(0.0),
        }
        for leg in &legs {
            let stride = leg.vector.len();
            let part = &leg.rows[rows.start * stride..rows.end * stride];
            audience::add_leg(Leg { rows: part, vector: &leg.vector }, own, simd);
        }
    }
    Ok(())
}

/// Counts the scores of eligible users (a bit each) by their leading bits, those of the chunks that this call took. What all calls gave
/// adds up.
#[napi(catch_unwind)]
pub fn audience_counts<'env>(
    env: &'env Env,
    phase: AudiencePhase,
    #[napi(ts_arg_type = "Uint32Array | undefined | null")] eligible: Option<SharedArray<u32>>,
) -> Result<Uint32ArraySlice<'env>> {
    check_apart(&[("next", phase.next.addresses())], &[phase.scores.addresses()])?;
    let scores = phase.scores.rows(1)?;
    let chunks = phase.next.chunks(scores.rows(), phase.chunk_rows)?;
    let mut counts = vec![0; COUNTS];
    while let Some((_, rows)) = chunks.take() {
        let first = rows.start as u32;
        // SAFETY: no thread writes scores in this phase.
        let part = unsafe { scores.rows_ref(rows) };
        audience::count(part, first, eligible.as_ref().map(SharedArray::bitmap), &mut counts);
    }
    Uint32ArraySlice::copy_from(env, counts)
}

/// From where on counts have `limit` users together.
#[napi(catch_unwind)]
pub fn audience_bound(counts: &[u32], limit: f64) -> u32 {
    audience::bound(counts, limit as u64)
}

/// Users and their scores, side by side, in no order.
#[napi(object, object_from_js = false)]
pub struct AudiencePart<'env> {
    pub users: Uint32ArraySlice<'env>,
    pub scores: Float32ArraySlice<'env>,
}

/// The eligible users whose scores have the count `bound` or a higher one, of the chunks that this call took.
#[napi(catch_unwind)]
pub fn audience_take<'env>(
    env: &'env Env,
    phase: AudiencePhase,
    #[napi(ts_arg_type = "Uint32Array | undefined | null")] eligible: Option<SharedArray<u32>>,
    bound: u32,
) -> Result<AudiencePart<'env>> {
    check_apart(&[("next", phase.next.addresses())], &[phase.scores.addresses()])?;
    let scores = phase.scores.rows(1)?;
    let chunks = phase.next.chunks(scores.rows(), phase.chunk_rows)?;
    let mut taken = (vec![], vec![]);
    while let Some((_, rows)) = chunks.take() {
        let first = rows.start as u32;
        // SAFETY: no thread writes scores in this phase.
        let part = unsafe { scores.rows_ref(rows) };
        audience::take(part, first, eligible.as_ref().map(SharedArray::bitmap), bound, &mut taken);
    }
    let (users, scores) = taken;
    Ok(AudiencePart {
        users: Uint32ArraySlice::copy_from(env, users)?,
        scores: Float32ArraySlice::copy_from(env, scores)?,
    })
}
