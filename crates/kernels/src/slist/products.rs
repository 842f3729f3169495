//! What items have in common in sessions.

use crate::accumulator::Accumulator;
use crate::transitions::SESSION_END;
use std::fmt;
use std::ops::Range;

/// What pairs of events in a session count.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Terms {
    /// α: the share of the consistency of sessions beside that of transitions, 0 to 1.
    pub consistency: f64,
    /// What an item of a past counts beside the one after it, above 0 and at most 1.
    pub past_decay: f64,
    /// What an item of a future counts beside the one before it, above 0 and at most 1.
    pub future_decay: f64,
}

/// Why sessions are refused.
#[allow(missing_docs)]
#[derive(Clone, Debug, PartialEq)]
pub enum SessionsError {
    /// There is no such item.
    Item { place: usize, item: u32, items: usize },
    /// There are not as many weights as places.
    Weights { expected: usize, got: usize },
    /// The places of an item do not lie within the sessions.
    Occurrences { item: usize },
    /// A number is out of its range.
    Terms(Terms),
}

impl fmt::Display for SessionsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SessionsError::Item { place, item, items } => {
                write!(f, "sessions must hold items below {items}, but place {place} has {item}")
            }
            SessionsError::Weights { expected, got } => {
                write!(f, "{expected} places need as many weights, got {got}")
            }
            SessionsError::Occurrences { item } => {
                write!(f, "the places of item {item} must lie within the sessions, but do not")
            }
            SessionsError::Terms(Terms { consistency, past_decay, future_decay }) => write!(
                f,
                "consistency must be from 0 to 1, decays above 0 and at most 1, got {consistency}, {past_decay}, {future_decay}"
            ),
        }
    }
}

impl std::error::Error for SessionsError {}

/// The products of sessions with each other, a row at a time, in double precision.
///
/// With place a of item i and place b of item j in one session of length n and weight w, g = |a − b| and d and e the decays of past and
/// future,
///
/// ```text
/// XᵀWX(i, j) = Σ w
/// SᵀWS(i, j) = Σ w d^g (1 + d² + d⁴ + … ), one term for each of the n − 1 − max(a, b) pasts that have both
/// SᵀWT(i, j) = Σ w (d^(g−1) + d^(g−2) e + … + e^(g−1)) where a < b
/// ```
pub struct Products<'a> {
    tokens: &'a [u32],
    weights: Option<&'a [f32]>,
    indptr: &'a [u64],
    places: &'a [u32],
    terms: Terms,
    /// (longest session) d^g.
    powers: Vec<f64>,
    /// (longest session) The sum of so many terms of SᵀWS, without d^g.
    pasts: Vec<f64>,
    /// (longest session) SᵀWT by g.
    steps: Vec<f64>,
}

impl<'a> Products<'a> {
    /// `tokens` are items with [`SESSION_END`] after each session; `weights` (tokens), above 0, are those of the sessions; the places of item i
    /// are `places[indptr[i]]..places[indptr[i + 1]]`. Reads all.
    ///
    /// # Errors
    /// Says what is out of range.
    pub fn new(
        tokens: &'a [u32],
        weights: Option<&'a [f32]>,
        (indptr, places): (&'a [u64], &'a [u32]),
        terms: Terms,
    ) -> Result<Self, SessionsError> {
        let Terms { consistency, past_decay, future_decay } = terms;
        let is_decay = |decay: f64| decay > 0.0 && decay <= 1.0;
        if !(0.0..=1.0).contains(&consistency) || !is_decay(past_decay) || !is_decay(future_decay) {
            return Err(SessionsError::Terms(terms));
        }
        if let Some(weights) = weights.filter(|weights| weights.len() != tokens.len()) {
            return Err(SessionsError::Weights { expected: tokens.len(), got: weights.len() });
        }
        let items = indptr.len().saturating_sub(1);
        let is_item = |&token: &u32| token == SESSION_END || (token as usize) < items;
        if let Some(place) = tokens.iter().position(|token| !is_item(token)) {
            return Err(SessionsError::Item { place, item: tokens[place], items });
        }
        for item in 0..items {
            let own = places.get(indptr[item] as usize..indptr[item + 1] as usize);
            let is_place = |&place: &u32| tokens.get(place as usize).is_some_and(|&token| token != SESSION_END);
            if own.is_none_or(|own| !own.iter().all(is_place)) {
                return Err(SessionsError::Occurrences { item });
            }
        }
        let longest = tokens.split(|&token| token == SESSION_END).map(<[u32]>::len).max().unwrap_or(0);
        let mut products =
            Products { tokens, weights, indptr, places, terms, powers: vec![1.0], pasts: vec![0.0], steps: vec![0.0] };
        for gap in 0..longest {
            let power = products.powers[gap];
            products.powers.push(power * past_decay);
            products.pasts.push(products.pasts[gap] + power * power);
            products.steps.push(products.steps[gap] * future_decay + power);
        }
        Ok(products)
    }

    /// Number of items.
    pub fn items(&self) -> usize {
        self.indptr.len() - 1
    }

    /// Adds row `item` of G to `sums`.
    pub(super) fn add_gramian(&self, item: usize, sums: &mut Accumulator<f64>) {
        let alpha = self.terms.consistency;
        self.each(item, sums, |place, other, length| {
            let shared = self.powers[place.abs_diff(other)] * self.pasts[length - 1 - place.max(other)];
            alpha + (1.0 - alpha) * shared
        });
    }

    /// Adds column `item` of C to `sums`.
    pub(super) fn add_targets(&self, item: usize, sums: &mut Accumulator<f64>) {
        let alpha = self.terms.consistency;
        self.each(item, sums, |place, other, _| alpha + (1.0 - alpha) * self.steps[place.saturating_sub(other)]);
    }

    /// Adds what `term` gives for each place of the item and each other of its session, of so many.
    #[inline(always)]
    fn each(&self, item: usize, sums: &mut Accumulator<f64>, term: impl Fn(usize, usize, usize) -> f64) {
        sums.grow(self.items());
        for &place in &self.places[self.indptr[item] as usize..self.indptr[item + 1] as usize] {
            let place = place as usize;
            let Range { start, end } = self.session(place);
            let weight = self.weights.map_or(1.0, |weights| f64::from(weights[place]));
            for other in start..end {
                let value = weight * term(place - start, other - start, end - start);
                if value > 0.0 {
                    sums.add(&[self.tokens[other]], |_| value);
                }
            }
        }
    }

    /// The places of the session that `place` is in.
    fn session(&self, place: usize) -> Range<usize> {
        let is_end = |&token: &u32| token == SESSION_END;
        let start = self.tokens[..place].iter().rposition(is_end).map_or(0, |end| end + 1);
        let end = self.tokens[place..].iter().position(is_end).map_or(self.tokens.len(), |length| place + length);
        start..end
    }
}
