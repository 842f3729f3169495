//! Session neighbours: the index of past sessions, and lists for batches of requests.

use crate::file::{Operand, values};
use crate::live_sessions::LiveSessionTable;
use crate::neighbours::{NeighbourLists, NeighbourRequest};
use crate::views::{SharedArray, addresses, check_apart};
use aurochs_kernels::session_neighbours::{
    Index, Query, Rank, Scratch, Sessions, SessionsError, Terms, fill_index, index_bounds,
};
use napi::bindgen_prelude::*;
use napi_derive::napi;
use std::cell::Cell;

/// Sessions in order of time, one after the other: session s has the items `items[indptr[s]..indptr[s + 1]]`.
#[napi(object, object_to_js = false)]
pub struct PastSessions<'a> {
    /// (sessions + 1)
    pub indptr: Operand<'a, BigUint64Array>,
    pub items: Operand<'a, Uint32Array>,
    /// (sessions) What similarities to each are multiplied with, above 0.
    pub factors: Operand<'a, Float32Array>,
}

impl PastSessions<'_> {
    fn view(&self) -> Result<Sessions<'_>> {
        Ok(Sessions { indptr: values(&self.indptr)?, items: values(&self.items)?, factors: values(&self.factors)? })
    }
}

/// The sessions that have each item, latest first: those of item i are `sessions[indptr[i]..indptr[i + 1]]`.
#[napi(object, object_to_js = false)]
pub struct PastSessionIndex<'a> {
    /// (items + 1)
    pub indptr: Operand<'a, BigUint64Array>,
    pub sessions: Operand<'a, Uint32Array>,
}

/// Writes to `indptr` (items + 1) where the sessions of each item begin, where the latest `most` are kept of each. Reads all of the sessions.
#[napi(catch_unwind)]
pub fn plan_session_index(sessions: PastSessions, most: u32, mut indptr: BigUint64Array) -> Result<()> {
    let sessions = checked(&sessions, indptr.len(), &[("indptr", addresses(&indptr))])?;
    // SAFETY: one call alone makes the plan, before what reads it; it lies apart.
    index_bounds(sessions, most as usize, unsafe { indptr.as_mut() });
    Ok(())
}

/// Writes to `index` (`indptr[items]`) the sessions of each item, latest first. `indptr` is from `planSessionIndex`.
#[napi(catch_unwind)]
pub fn fill_session_index(sessions: PastSessions, indptr: BigUint64Array, mut index: Uint32Array) -> Result<()> {
    let sessions = checked(&sessions, indptr.len(), &[("index", addresses(&index))])?;
    check_apart(&[("index", addresses(&index))], &[addresses(&indptr)])?;
    if !indptr.is_sorted() || indptr.last() != Some(&(index.len() as u64)) {
        let message = format!("indptr must rise to the {} places of the index", index.len());
        return Err(Error::new(Status::InvalidArg, message));
    }
    // SAFETY: one call alone fills the index, before what reads it; it lies apart.
    fill_index(sessions, &indptr, unsafe { index.as_mut() });
    Ok(())
}

fn checked<'a>(
    sessions: &'a PastSessions,
    bounds: usize,
    written: &[(&str, std::ops::Range<usize>)],
) -> Result<Sessions<'a>> {
    let sessions = sessions.view()?;
    let read = [addresses(sessions.indptr), addresses(sessions.items), addresses(sessions.factors)];
    check_apart(written, &read)?;
    sessions.check(bounds.saturating_sub(1)).map_err(refused)?;
    Ok(sessions)
}

/// What is wrong with sessions or their index, and where.
#[napi(object, object_from_js = false)]
pub struct SessionsFault {
    #[napi(ts_type = "'sessionIndptr' | 'sessionItems' | 'sessionFactors' | 'counts' | 'indptr' | 'index'")]
    pub tensor: &'static str,
    pub message: String,
}

/// What is wrong with sessions, their index, and in how many of them each item is (items), or nothing. Reads all.
#[napi(catch_unwind)]
pub fn sessions_fault(
    sessions: PastSessions,
    index: PastSessionIndex,
    counts: Operand<Uint32Array>,
) -> Result<Option<SessionsFault>> {
    let (sessions, counts) = (sessions.view()?, values(&counts)?);
    let index = Index { indptr: values(&index.indptr)?, sessions: values(&index.sessions)? };
    let checked = sessions.check(counts.len()).and_then(|()| sessions.check_counts(counts));
    Ok(checked.and_then(|()| index.check(sessions.len())).err().map(|error| {
        let tensor = match error {
            SessionsError::Bounds { of: "session", .. } => "sessionIndptr",
            SessionsError::Bounds { .. } => "indptr",
            SessionsError::Member { of: "session", .. } | SessionsError::Twice { .. } => "sessionItems",
            SessionsError::Member { .. } | SessionsError::Latest { .. } => "index",
            SessionsError::Factor { .. } | SessionsError::Length { .. } => "sessionFactors",
            SessionsError::Count { .. } => "counts",
        };
        SessionsFault { tensor, message: error.to_string() }
    }))
}

/// How alike sessions are, and what their items count; see `aurochs_kernels::session_neighbours::Terms`.
#[napi(object, object_to_js = false)]
pub struct SessionTerms {
    pub nearest: u32,
    pub latest: u32,
    pub decay: f64,
    pub backward: f64,
}

thread_local! {
    /// Taken by a call and put back when it succeeds.
    static RANKING: Cell<Scratch> = Cell::default();
}

/// The best items of each request by the sessions most like its items, best first: the past ones, and those of `live` that came since. `counts` (items)
/// says in how many of the past ones each is. With `live` requests have the newest item first.
#[napi(catch_unwind)]
pub fn rank_by_sessions<'env>(
    env: &'env Env,
    sessions: PastSessions,
    index: PastSessionIndex,
    counts: Operand<Uint32Array>,
    terms: SessionTerms,
    requests: Vec<NeighbourRequest>,
    live: Option<LiveSessionTable>,
) -> Result<NeighbourLists<'env>> {
    let SessionTerms { nearest, latest, decay, backward } = terms;
    let rank = Rank {
        sessions: sessions.view()?,
        index: Index { indptr: values(&index.indptr)?, sessions: values(&index.sessions)? },
        counts: values(&counts)?,
        live: live.as_ref().map(LiveSessionTable::view).transpose()?,
        terms: Terms { nearest: nearest as usize, latest: latest as usize, decay, backward },
    };
    if let Some(live) = rank.live {
        let (items, numbers) = (rank.counts.len(), rank.sessions.len() + live.slots());
        if live.rows() < items || numbers > u32::MAX as usize {
            let message = format!(
                "live sessions must be of no fewer than {items} items, and with the others no more than {}, got {} and {numbers}",
                u32::MAX,
                live.rows()
            );
            return Err(Error::new(Status::InvalidArg, message));
        }
    }
    let mut scratch = RANKING.take();
    let (mut indptr, mut items, mut scores) = (vec![0], Vec::new(), Vec::new());
    for request in &requests {
        let query = Query {
            items: &request.items,
            weights: &request.weights,
            own: request.own.as_deref(),
            limit: request.limit as usize,
            exclude: &request.exclude,
            only: request.only.as_deref(),
            allowed: request.allowed.as_ref().map(SharedArray::bitmap),
        };
        let of_all = [query.items, query.exclude, query.only.unwrap_or_default()];
        if let Some(got) = of_all.into_iter().flatten().find(|&&item| item as usize >= rank.items()) {
            return Err(refused(SessionsError::Member { of: "request", at: 0, got: *got, expected: rank.items() }));
        }
        rank.rank(&query, &mut scratch, &mut items, &mut scores);
        indptr.push(items.len() as u32);
    }
    RANKING.set(scratch);
    NeighbourLists::copied(env, indptr, items, scores)
}

fn refused(error: SessionsError) -> Error {
    Error::new(Status::InvalidArg, error.to_string())
}
