//! Lists from the sessions most like the running one.

use super::nearest::Nearest;
use super::{Index, LiveSessions, Sessions};
use crate::accumulator::Accumulator;
use crate::bitmap::{Bitmap, allows};
use crate::selection::Selection;

/// What other items score in sum, at the least.
const LEAST_LEFT: f64 = 0.01;

/// How alike sessions are, and what their items count.
///
/// With w(i) what item i of the running session counts, the similarity of session s is
/// Σ w(i) idf(i) · f(s) over the items i of both, idf(i) = ln(1 + sessions / sessions of i), and f being the sessions' factors: of the
/// `latest` sessions of i. Of the `nearest` most similar sessions, item j counts the similarity times d(j): with x its place after that of the latest shared
/// item (that with the highest w), d = `decay`^(x − 1) after it and `backward` · `decay`^(−x − 1) before.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Terms {
    /// Sessions that a list is made from.
    pub nearest: usize,
    /// Sessions of each item that are looked at.
    pub latest: usize,
    /// Above 0, at most 1.
    pub decay: f64,
    /// 0 to 1.
    pub backward: f64,
}

/// What a list is made from.
#[derive(Clone, Copy)]
pub struct Query<'a> {
    /// Items of the running session, each once, newest first where some sessions are live.
    pub items: &'a [u32],
    /// What each counts, above 0.
    pub weights: &'a [f32],
    /// How likely each comes again, as long as `items`, in sum at most 1; where there are none, no item of the session comes.
    pub own: Option<&'a [f32]>,
    /// Items in the list at most.
    pub limit: usize,
    /// Items that must not come.
    pub exclude: &'a [u32],
    /// The only items that may come; each comes once.
    pub only: Option<&'a [u32]>,
    /// Of the items that may come, a bit each; all may when absent.
    pub allowed: Option<Bitmap<'a>>,
}

/// Buffers kept from one call to the next.
#[derive(Default)]
pub struct Scratch {
    nearest: Nearest,
    sums: Accumulator<f64>,
    selection: Selection,
    /// (items) What each counts in the running session; 0 between calls.
    own: Vec<f32>,
}

/// Sessions to look in, which were checked, as was their index.
#[derive(Clone, Copy)]
pub struct Rank<'a> {
    /// The past.
    pub sessions: Sessions<'a>,
    /// Of the same sessions.
    pub index: Index<'a>,
    /// (items) In how many sessions each is: also those that the index has no room for.
    pub counts: &'a [u32],
    /// Sessions that came since, of no fewer items.
    pub live: Option<LiveSessions<'a>>,
    /// How.
    pub terms: Terms,
}

impl Rank<'_> {
    /// Number of items.
    pub fn items(&self) -> usize {
        self.live.map_or(self.counts.len(), |live| live.rows())
    }

    /// In how many of the trained sessions `item` is, and the latest of these.
    pub(super) fn past(&self, item: u32) -> (u32, &[u32]) {
        match self.counts.get(item as usize) {
            Some(&count) => (count, self.index.of(item as usize)),
            None => (0, &[]),
        }
    }

    /// Appends to `items` and `scores` the best items for `query`, best first, of equal scores the lower item first. Scores of other
    /// items than those of the query are in proportion to what they count, and in sum what is left to 1 by those that come again.
    pub fn rank(&self, query: &Query<'_>, scratch: &mut Scratch, items: &mut Vec<u32>, scores: &mut Vec<f32>) {
        let Terms { decay, backward, .. } = self.terms;
        let Scratch { nearest, sums, selection, own } = scratch;
        let mut total = 0.0;
        own.resize(self.items().max(own.len()), 0.0);
        sums.grow(self.items());
        for (&item, &weight) in query.items.iter().zip(query.weights) {
            own[item as usize] = weight;
        }
        nearest.find(self, query, |session, similarity| {
            let weight = |at: usize| own[session[at] as usize];
            let Some(anchor) = (0..session.len()).max_by(|&a, &b| weight(a).total_cmp(&weight(b))) else { return };
            let mut add = |at: usize, factor: f64| {
                if weight(at) == 0.0 {
                    let term = (f64::from(similarity) * factor).max(f64::MIN_POSITIVE);
                    total += term;
                    sums.add(&[session[at]], |_| term);
                }
            };
            let mut factor = 1.0;
            for at in anchor + 1..session.len() {
                add(at, factor);
                factor *= decay;
            }
            let mut factor = backward;
            for at in (0..anchor).rev().take_while(|_| backward > 0.0) {
                add(at, factor);
                factor *= decay;
            }
        });
        for &item in query.items {
            own[item as usize] = 0.0;
        }
        let again = query.own.unwrap_or_default();
        let left = (1.0 - again.iter().map(|&share| f64::from(share)).sum::<f64>()).max(LEAST_LEFT);
        let scale = if total > 0.0 { left / total } else { 1.0 };
        for (&item, &share) in query.items.iter().zip(again) {
            sums.add(&[item], |_| (f64::from(share) / scale).max(f64::MIN_POSITIVE));
        }
        for &item in query.exclude {
            sums.take(item);
        }
        selection.reset(query.limit);
        for &item in query.only.unwrap_or_default() {
            let sum = sums.take(item);
            if allows(query.allowed, item) {
                selection.offer(item, (sum * scale) as f32);
            }
        }
        sums.drain(|item, sum| {
            if query.only.is_none() && allows(query.allowed, item) {
                selection.offer(item, (sum * scale) as f32);
            }
        });
        for (item, score) in selection.sorted() {
            items.push(item);
            scores.push(score);
        }
    }
}
