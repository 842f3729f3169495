//! Polynomials of P = R̃ᵀ R̃ times the histories of some users at once, by passes over the interactions.
//!
//! A signal has a value for each item and history: (items × lanes), with [`LANES`] histories side by side in one cache line,
//! or one alone. A pass reads each user's row twice in a row: y = Σ over its items of what they have, then y back to each of them.
//! The transpose of R is not needed, nor room for the users' values.

use super::{Filter, FilterError};
use crate::csr::CsrError;
use crate::scratch::Floats;
use crate::simd::{BLOCK, Lanes};

/// Histories that share a pass.
pub const LANES: usize = BLOCK;

/// A history: items, each once, and their weights.
#[derive(Clone, Copy)]
pub struct History<'a> {
    /// In any order.
    pub items: &'a [u32],
    /// As many.
    pub weights: &'a [f32],
}

/// Buffers kept from one call to the next.
#[derive(Default)]
pub struct Signals {
    current: Floats,
    next: Floats,
}

impl Signals {
    /// Gives Σⱼ cⱼ r Pʲ for each of `histories`, r being its row: (items × `lanes`), those of history h in lane h. `lanes` is
    /// 1 or [`LANES`]; a value is the same bits either way, whatever the other lanes hold: products are rounded before they are added.
    ///
    /// Costs 4 operations an interaction and lane for each power, the powers by Horner's rule.
    ///
    /// # Errors
    /// Names the first row of the interactions that is damaged.
    #[inline(always)]
    pub fn polynomial<'s, L: Lanes>(
        &'s mut self,
        l: L,
        filter: &Filter<'_>,
        histories: &[History<'_>],
        lanes: usize,
    ) -> Result<&'s [f32], FilterError> {
        assert!(histories.len() <= lanes && (lanes == 1 || lanes == LANES));
        let size = filter.items() * lanes;
        let Signals { current, next } = self;
        let (mut current, mut next) = (current.take(size), next.take(size));
        let (last, lower) = filter.polynomial.split_last().expect("a polynomial has a coefficient");
        current.fill(0.0);
        add_histories(filter, histories, *last, lanes, current);
        for &coefficient in lower.iter().rev() {
            scale(current, filter.item_scales, lanes);
            next.fill(0.0);
            match (lanes == 1, filter.weighted) {
                (true, false) => pass_one::<false>(filter, current, next)?,
                (true, true) => pass_one::<true>(filter, current, next)?,
                (false, false) => pass::<L, false>(l, filter, current, next)?,
                (false, true) => pass::<L, true>(l, filter, current, next)?,
            }
            scale(next, filter.item_scales, lanes);
            if coefficient != 0.0 {
                add_histories(filter, histories, coefficient, lanes, next);
            }
            (current, next) = (next, current);
        }
        Ok(current)
    }
}

/// What an item of a history counts.
#[inline(always)]
pub(super) fn value(filter: &Filter<'_>, history: History<'_>, place: usize) -> f32 {
    if filter.weighted { history.weights[place] } else { 1.0 }
}

#[inline(always)]
fn add_histories(filter: &Filter<'_>, histories: &[History<'_>], coefficient: f32, lanes: usize, signal: &mut [f32]) {
    for (lane, &history) in histories.iter().enumerate() {
        for (place, &item) in history.items.iter().enumerate() {
            signal[item as usize * lanes + lane] += coefficient * value(filter, history, place);
        }
    }
}

/// Multiplies each item's values by its scale.
#[inline(always)]
fn scale(signal: &mut [f32], scales: &[f32], lanes: usize) {
    for (values, &scale) in signal.chunks_exact_mut(lanes).zip(scales) {
        for value in values {
            *value *= scale;
        }
    }
}

/// Columns and weights of a user's row, whose columns are all below the number of items.
#[inline(always)]
fn checked_row<'a>(filter: &Filter<'a>, user: usize) -> Result<(&'a [u32], &'a [f32]), CsrError> {
    let matrix = filter.interactions;
    let entries = matrix.indptr[user] as usize..matrix.indptr[user + 1] as usize;
    let (Some(indices), Some(weights)) = (matrix.indices.get(entries.clone()), matrix.weights.get(entries)) else {
        return Err(CsrError::Pointers { row: user });
    };
    // By the greatest, in vectors: `Csr::checked_row`, which looks at one after the other, took as long as all else for one history.
    let greatest = indices.iter().fold(0, |greatest, &column| greatest.max(column));
    if !indices.is_empty() && greatest as usize >= filter.items() {
        return Err(CsrError::Column { row: user, column: greatest, columns: filter.items() });
    }
    Ok((indices, weights))
}

/// Adds `from` Rᵀ D_U^-2a R to `to`, both (items × 1).
#[inline(always)]
fn pass_one<const WEIGHTED: bool>(filter: &Filter<'_>, from: &[f32], to: &mut [f32]) -> Result<(), CsrError> {
    for (user, &scale) in filter.user_scales.iter().enumerate() {
        let (indices, weights) = checked_row(filter, user)?;
        let mut sum = 0.0f32;
        for (k, &item) in indices.iter().enumerate() {
            let value = from[item as usize];
            sum += if WEIGHTED { value * weights[k] } else { value };
        }
        if sum == 0.0 {
            continue;
        }
        let back = sum * (scale * scale);
        for (k, &item) in indices.iter().enumerate() {
            to[item as usize] += if WEIGHTED { back * weights[k] } else { back };
        }
    }
    Ok(())
}

/// [`pass_one`] of (items × [`LANES`]).
#[inline(always)]
fn pass<L: Lanes, const WEIGHTED: bool>(
    l: L,
    filter: &Filter<'_>,
    from: &[f32],
    to: &mut [f32],
) -> Result<(), CsrError> {
    assert!(from.len() == filter.items() * LANES && to.len() == from.len());
    let zero = l.splat(0.0);
    for (user, &scale) in filter.user_scales.iter().enumerate() {
        let (indices, weights) = checked_row(filter, user)?;
        let scale = l.splat(scale * scale);
        for first in (0..LANES).step_by(L::WIDTH) {
            let mut sum = zero;
            for (k, &item) in indices.iter().enumerate() {
                let place = item as usize * LANES + first;
                l.prefetch(to.as_ptr().wrapping_add(place));
                // SAFETY: `checked_row` gives columns below the number of items, and both signals hold LANES values of each.
                let value = unsafe { l.load(from.as_ptr().add(place)) };
                sum = l.add(sum, if WEIGHTED { l.mul(value, l.splat(weights[k])) } else { value });
            }
            let back = l.mul(sum, scale);
            if l.greater(back, zero) == 0 && l.greater(zero, back) == 0 {
                continue;
            }
            for (k, &item) in indices.iter().enumerate() {
                let back = if WEIGHTED { l.mul(back, l.splat(weights[k])) } else { back };
                // SAFETY: as above.
                unsafe {
                    let at = to.as_mut_ptr().add(item as usize * LANES + first);
                    l.store(at, l.add(l.load(at), back));
                }
            }
        }
    }
    Ok(())
}
