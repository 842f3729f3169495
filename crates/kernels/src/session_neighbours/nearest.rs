//! The sessions most like the running one.

use super::live_read::Begun;
use super::{Query, Rank};
use crate::accumulator::Accumulator;
use crate::selection::Selection;

/// Live sessions of the one who asks that may be among the nearest, and are left out: the running one, and some before.
pub(super) const OWN_SESSIONS: usize = 4;

/// Buffers kept from one call to the next.
#[derive(Default)]
pub(super) struct Nearest {
    similarities: Accumulator<f64>,
    selection: Selection,
    /// Where live sessions lie.
    places: Vec<u32>,
    found: Vec<(u32, f32)>,
    /// (found) Where the items of sessions of the training lie.
    bounds: Vec<(usize, usize)>,
    /// Items of a live session.
    session: Vec<u32>,
}

impl Nearest {
    /// Gives `each` the items of the most similar sessions and how similar they are, most similar first.
    pub fn find(&mut self, rank: &Rank<'_>, query: &Query<'_>, mut each: impl FnMut(&[u32], f32)) {
        let live = rank.live.map(|live| live.begun());
        self.compare(rank, live, query);
        self.read_ahead(rank, live);
        let mut left = rank.terms.nearest;
        for (&(session, similarity), &(begin, end)) in self.found.iter().zip(&self.bounds) {
            let items = match (live, (session as usize).checked_sub(rank.sessions.len())) {
                (Some(live), Some(place)) => {
                    live.read(place, &mut self.session);
                    if is_own(&self.session, query.items) {
                        continue;
                    }
                    &self.session
                }
                _ => &rank.sessions.items[begin..end],
            };
            if left == 0 {
                break;
            }
            left -= 1;
            each(items, similarity);
        }
    }

    /// Finds where the sessions lie, and reads a word of each: that memory is slow is felt once then, and not with each session.
    fn read_ahead(&mut self, rank: &Rank<'_>, live: Option<Begun<'_>>) {
        let past = rank.sessions.len();
        self.bounds.clear();
        self.bounds.extend(self.found.iter().map(|&(session, _)| match session as usize {
            session if session < past => rank.sessions.bounds(session),
            _ => (0, 0),
        }));
        let touched = self.found.iter().zip(&self.bounds).fold(0, |all, (&(session, _), &(begin, _))| {
            let word = match (live, (session as usize).checked_sub(past)) {
                (Some(live), Some(place)) => live.version(place),
                _ => rank.sessions.items.get(begin).copied().unwrap_or(0),
            };
            all ^ word
        });
        std::hint::black_box(touched);
    }

    /// Finds the most similar of all sessions, live ones having the numbers after those of the others.
    fn compare(&mut self, rank: &Rank<'_>, live: Option<Begun<'_>>, query: &Query<'_>) {
        let Nearest { similarities, selection, places, found, .. } = self;
        let past = rank.sessions.len();
        let begun = live.map_or(0, |live| live.count());
        similarities.grow(past + live.map_or(0, |live| live.places()));
        for (&item, &weight) in query.items.iter().zip(query.weights) {
            let (count, sessions) = rank.past(item);
            let having = live.map_or(0, |live| live.having_count(item));
            let all = (past as f64 + f64::from(begun)) / (f64::from(count) + f64::from(having)).max(1.0);
            let term = (f64::from(weight) * (1.0 + all).ln()).max(f64::MIN_POSITIVE);
            places.clear();
            if let Some(live) = live {
                live.having(item, rank.terms.latest, places);
                places.iter_mut().for_each(|place| *place += past as u32);
                similarities.add(places, |_| term);
            }
            let latest = rank.terms.latest - places.len();
            similarities.add(&sessions[..sessions.len().min(latest)], |_| term);
        }
        selection.reset(rank.terms.nearest + live.map_or(0, |_| OWN_SESSIONS));
        similarities.drain(|session, sum| {
            let factor = match (live, (session as usize).checked_sub(past)) {
                (Some(live), Some(place)) => live.factor(place),
                _ => rank.sessions.factors[session as usize],
            };
            selection.offer(session, (sum as f32 * factor).max(f32::MIN_POSITIVE));
        });
        found.clear();
        found.extend(selection.sorted());
    }
}

/// Whether a live session is one of the user who asks, as far as can be told: its items are those of the query from some place on, newest first, as far
/// as both go. What it holds is known; what others hold that did the same is what they did before.
fn is_own(session: &[u32], query: &[u32]) -> bool {
    let Some(begin) = session.last().and_then(|last| query.iter().position(|item| item == last)) else { return false };
    let query = &query[begin..];
    let compared = session.len().min(query.len());
    compared > 1 && session.iter().rev().zip(query).all(|(a, b)| a == b)
}
