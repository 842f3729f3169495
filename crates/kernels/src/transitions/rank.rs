//! Lists from what was trained and what was counted since.

use super::count::positive;
use super::live::{LiveRow, LiveTable, Moment};
use crate::csr::Csr;
use crate::neighbours::rank::{self, RankError, check_request};
use crate::request::Request;

/// Probabilities of steps, of which some were counted live: of item i to item j (C p(i, j) + l(i, j)) / (C + L(i)), where p is what was trained, l what
/// was counted since, by its age when the list is asked for, L its sum, and C the steps that p stands for, `prior` at the most. (The mean of a Dirichlet
/// distribution with the prior C p.) So a list is the same whether something was counted just before or not.
#[derive(Clone, Copy)]
pub struct LiveTransitions<'a> {
    /// (items × items) Probabilities.
    pub trained: Csr<'a>,
    /// (items) What each row of `trained` was made of.
    pub totals: &'a [f64],
    /// What was counted since, of these items and new ones, which come after them.
    pub live: LiveTable<'a>,
    /// Above 0.
    pub prior: f64,
}

/// Buffers kept from one call to the next.
#[derive(Default)]
pub struct LiveScratch {
    ranking: rank::Scratch,
    row: LiveRow,
}

impl LiveTransitions<'_> {
    /// As [`rank::rank`] by these probabilities, at a moment.
    ///
    /// # Errors
    /// Names an item that does not exist, or a damaged row.
    pub fn rank(
        &self,
        request: &Request<'_>,
        own: Option<&[f32]>,
        at: Moment,
        scratch: &mut LiveScratch,
        items: &mut Vec<u32>,
        scores: &mut Vec<f32>,
    ) -> Result<(), RankError> {
        let LiveScratch { ranking, row } = scratch;
        let all = self.live.rows();
        check_request(request, all, all)?;
        ranking.sums.grow(all);
        for (&item, &weight) in request.items.iter().zip(request.weights) {
            self.live.read(item, row);
            let steps = self.totals.get(item as usize).map_or(0.0, |total| total.min(self.prior));
            // Of what was counted alone the shares do not change with its age, however old it is.
            let decay = if steps > 0.0 { f64::from(at.decay_since(row.last)) } else { 1.0 };
            let total = steps + decay * f64::from(row.total);
            if total > 0.0 {
                let factor = f64::from(weight) / total;
                if steps > 0.0 {
                    let (others, probabilities) =
                        self.trained.checked_row(item as usize, all).map_err(RankError::Neighbours)?;
                    ranking.sums.add(others, |k| positive(factor * steps * f64::from(probabilities[k])));
                }
                // What another thread writes may be anything: what is no item is passed over.
                let factor = factor * decay;
                if row.items.iter().all(|&item| (item as usize) < all) {
                    ranking.sums.add(&row.items, |k| positive(factor * f64::from(row.counts[k])));
                }
            }
        }
        ranking.take_best(request, own, items, scores);
        Ok(())
    }
}
