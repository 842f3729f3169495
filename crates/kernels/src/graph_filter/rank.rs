//! Lists from a filter: every item is scored, a tile at a time, and the best are kept.

use super::propagate::{History, LANES, Signals, value};
use super::selection::Selection;
use super::{Filter, FilterError, LowPass, TILE, check_length};
use crate::matmul::{Strided, add_tile, add_tiles};
use crate::request::Request;
use crate::scratch::Floats;
use crate::simd::{Kernel, Lanes, Simd};

/// Buffers kept from one call to the next.
#[derive(Default)]
pub struct Scratch {
    signals: Signals,
    folded: Floats,
    scores: Floats,
    selections: Vec<Selection>,
}

/// Lists one after the other: list l is `indptr[l]..indptr[l + 1]`.
pub struct Lists {
    /// (lists + 1).
    pub indptr: Vec<u32>,
    /// Best first, of equal scores the lower item first.
    pub items: Vec<u32>,
    /// Finite, never rising within a list.
    pub scores: Vec<f32>,
}

impl Default for Lists {
    fn default() -> Self {
        Lists { indptr: vec![0], items: Vec::new(), scores: Vec::new() }
    }
}

/// Fewer requests than these are answered one by one: a pass of [`LANES`] costs about as much as four of one.
const TOGETHER: usize = 4;

/// Appends to `lists` one for each of `requests`, whose `exclude` and `only` never fall; an empty one for an empty history. The
/// same bits however requests are batched.
///
/// Costs, for each power of P, 4 operations an interaction, and 2·k an item; requests share the memory traffic of both,
/// [`LANES`] at a time. After an error `scratch` and `lists` must not be used again.
///
/// # Errors
/// Names what does not fit together, an item that does not exist, or a damaged row of the interactions.
pub fn rank(
    filter: &Filter<'_>,
    requests: &[Request<'_>],
    scratch: &mut Scratch,
    lists: &mut Lists,
    simd: Simd,
) -> Result<(), FilterError> {
    filter.check()?;
    for request in requests {
        check_request(request, filter.items())?;
    }
    for requests in requests.chunks(LANES) {
        if requests.len() < TOGETHER {
            for request in requests.chunks(1) {
                simd.run(Rank { filter, requests: request, lanes: 1, scratch, lists })?;
            }
        } else {
            simd.run(Rank { filter, requests, lanes: LANES, scratch, lists })?;
        }
    }
    Ok(())
}

/// Writes to `out` (histories × k) the coordinates r D_I^-b V of each history in the basis of the low-pass.
///
/// # Errors
/// As [`rank`].
pub fn fold_in(filter: &Filter<'_>, histories: &[History<'_>], out: &mut [f32]) -> Result<(), FilterError> {
    filter.check()?;
    let factors = filter.low_pass.map_or(0, |low_pass| low_pass.factors);
    check_length("out", histories.len() * factors, out.len())?;
    for (history, out) in histories.iter().zip(out.chunks_exact_mut(factors.max(1))) {
        check_history(history.items, history.weights, filter.items())?;
        fold(filter, *history, out);
    }
    Ok(())
}

fn check_request(request: &Request<'_>, count: usize) -> Result<(), FilterError> {
    check_history(request.items, request.weights, count)?;
    check_items("exclude", request.exclude, count)?;
    check_items("only", request.only.unwrap_or_default(), count)?;
    for (of, list) in [("exclude", request.exclude), ("only", request.only.unwrap_or_default())] {
        if !list.is_sorted() {
            return Err(FilterError::Order { of });
        }
    }
    Ok(())
}

fn check_history(items: &[u32], weights: &[f32], count: usize) -> Result<(), FilterError> {
    check_length("history.weights", items.len(), weights.len())?;
    check_items("history.items", items, count)
}

fn check_items(of: &'static str, list: &[u32], items: usize) -> Result<(), FilterError> {
    match list.iter().find(|&&item| item as usize >= items) {
        Some(&got) => Err(FilterError::Item { of, items, got }),
        None => Ok(()),
    }
}

#[inline(always)]
fn fold(filter: &Filter<'_>, history: History<'_>, out: &mut [f32]) {
    out.fill(0.0);
    let Some(LowPass { factors, vectors, .. }) = filter.low_pass else { return };
    for (place, &item) in history.items.iter().enumerate() {
        let factor = value(filter, history, place) * filter.item_scales[item as usize];
        let row = &vectors[item as usize * factors..][..factors];
        for (sum, &x) in out.iter_mut().zip(row) {
            *sum += factor * x;
        }
    }
}

/// Answers as many requests as there are lanes, or fewer.
struct Rank<'a> {
    filter: &'a Filter<'a>,
    requests: &'a [Request<'a>],
    lanes: usize,
    scratch: &'a mut Scratch,
    lists: &'a mut Lists,
}

impl Kernel for Rank<'_> {
    type Output = Result<(), FilterError>;

    #[inline(always)]
    fn run<L: Lanes>(self, l: L) -> Self::Output {
        let Rank { filter, requests, lanes, scratch, lists } = self;
        let Scratch { signals, folded, scores, selections } = scratch;
        let mut histories = [History { items: &[], weights: &[] }; LANES];
        for (history, request) in histories.iter_mut().zip(requests) {
            *history = History { items: request.items, weights: request.weights };
        }
        let signal = signals.polynomial(l, filter, &histories[..requests.len()], lanes)?;
        let factors = filter.low_pass.map_or(0, |low_pass| low_pass.factors);
        let folded = folded.take(lanes * factors);
        if factors > 0 {
            for (&history, folded) in histories.iter().zip(folded.chunks_exact_mut(factors)) {
                fold(filter, history, folded);
            }
        }
        selections.resize_with(LANES, Selection::default);
        let mut cursors = [Cursor::default(); LANES];
        for (selection, request) in selections.iter_mut().zip(requests) {
            // Of a user of whom nothing is known there is no opinion.
            selection.reset(if request.items.is_empty() { 0 } else { request.limit });
        }
        let scores = scores.take(lanes * TILE);
        let restricted = requests.iter().all(|request| request.only.is_some());
        for first in (0..filter.items()).step_by(TILE) {
            let end = (first + TILE).min(filter.items());
            if restricted && !requests.iter().zip(&cursors).any(|(request, cursor)| cursor.has_only(request, end)) {
                continue;
            }
            score_tile(l, filter, signal, lanes, requests.len(), folded, first, scores);
            for (lane, request) in requests.iter().enumerate() {
                let scores = &mut scores[lane * TILE..][..end - first];
                cursors[lane].exclude(request, first, end, scores);
                match request.only {
                    Some(only) => cursors[lane].offer_only(request, only, first, end, scores, &mut selections[lane]),
                    None => offer_all(l, request, first, scores, &mut selections[lane]),
                }
            }
        }
        for selection in &mut selections[..requests.len()] {
            for (item, score) in selection.sorted() {
                lists.items.push(item);
                lists.scores.push(score);
            }
            lists.indptr.push(lists.items.len() as u32);
        }
        Ok(())
    }
}

/// Writes to `scores` (lanes × TILE) those of the items from `first` on, for as many lanes as there are requests.
#[inline(always)]
#[allow(clippy::too_many_arguments)]
fn score_tile<L: Lanes>(
    l: L,
    filter: &Filter<'_>,
    signal: &[f32],
    lanes: usize,
    requests: usize,
    folded: &[f32],
    first: usize,
    scores: &mut [f32],
) {
    let signal = &signal[first * lanes..];
    let signal = &signal[..signal.len().min(TILE * lanes)];
    for (item, values) in signal.chunks_exact(lanes).enumerate() {
        for (lane, &value) in values.iter().enumerate() {
            scores[lane * TILE + item] = value;
        }
    }
    let Some(LowPass { factors, response, .. }) = filter.low_pass else { return };
    let tile = &response[first * factors..][..factors * TILE];
    assert!(scores.len() == lanes * TILE && folded.len() == lanes * factors);
    // A value is the same bits in a block of rows as in one row: its terms are added in the same order.
    // SAFETY: A is one row, or whole blocks of 8 rows, of `factors` floats; B is `factors` rows of TILE floats, and C as many rows
    // of TILE floats as A; 4 vectors, or a pair of them, divide TILE.
    unsafe {
        if lanes == 1 {
            let a = Strided { at: folded.as_ptr(), row: factors, step: 1 };
            for j in (0..TILE).step_by(4 * L::WIDTH) {
                let (b, c) = (tile.as_ptr().add(j), scores.as_mut_ptr().add(j));
                add_tile::<L, 1, 4>(l, factors, a, b, TILE, c, TILE);
            }
            return;
        }
        for row in (0..requests).step_by(8) {
            let a = Strided { at: folded.as_ptr().add(row * factors), row: factors, step: 1 };
            for j in (0..TILE).step_by(2 * L::WIDTH) {
                let (b, c) = (tile.as_ptr().add(j), scores.as_mut_ptr().add(row * TILE + j));
                add_tiles(l, factors, a, b, TILE, c, TILE, 2);
            }
        }
    }
}

#[inline(always)]
fn offer_all<L: Lanes>(l: L, request: &Request<'_>, first: usize, scores: &[f32], selection: &mut Selection) {
    let (whole, rest) = scores.split_at(scores.len() / L::WIDTH * L::WIDTH);
    for (block, values) in whole.chunks_exact(L::WIDTH).enumerate() {
        // SAFETY: a block is one vector.
        let mut above = unsafe { l.greater(l.load(values.as_ptr()), l.splat(selection.threshold())) };
        while above != 0 {
            let at = above.trailing_zeros() as usize;
            above &= above - 1;
            let item = (first + block * L::WIDTH + at) as u32;
            if request.allows(item) {
                selection.offer(item, values[at]);
            }
        }
    }
    for (at, &score) in rest.iter().enumerate() {
        let item = (first + whole.len() + at) as u32;
        if request.allows(item) {
            selection.offer(item, score);
        }
    }
}

/// How far the sorted lists of a request have been passed.
#[derive(Clone, Copy, Default)]
struct Cursor {
    exclude: usize,
    only: usize,
}

impl Cursor {
    /// Whether an item below `end` is left of the only ones that may come.
    #[inline(always)]
    fn has_only(&self, request: &Request<'_>, end: usize) -> bool {
        request.only.and_then(|only| only.get(self.only)).is_some_and(|&item| (item as usize) < end)
    }

    /// Takes the scores of the items from `first` to `end` that must not come away.
    #[inline(always)]
    fn exclude(&mut self, request: &Request<'_>, first: usize, end: usize, scores: &mut [f32]) {
        while let Some(&item) = request.exclude.get(self.exclude).filter(|&&item| (item as usize) < end) {
            self.exclude += 1;
            // Those of tiles that were left out are passed.
            if let Some(place) = (item as usize).checked_sub(first) {
                scores[place] = f32::NEG_INFINITY;
            }
        }
    }

    #[inline(always)]
    fn offer_only(
        &mut self,
        request: &Request<'_>,
        only: &[u32],
        first: usize,
        end: usize,
        scores: &[f32],
        selection: &mut Selection,
    ) {
        while let Some(&item) = only.get(self.only).filter(|&&item| (item as usize) < end) {
            if (self.only == 0 || only[self.only - 1] != item) && request.allows(item) {
                selection.offer(item, scores[item as usize - first]);
            }
            self.only += 1;
        }
    }
}
