//! The naive twin: all sessions compared with the query, from the definition.

use super::nearest::OWN_SESSIONS;
use super::{Index, LiveSessions, Query, Rank, Scratch, Sessions, SessionsError, Terms, fill_index, index_bounds};
use crate::bitmap::{Bitmap, words_of};
use proptest::prelude::*;

#[derive(Debug)]
pub(super) struct Case {
    /// Of the trained sessions.
    pub items: usize,
    pub sessions: Vec<Vec<u32>>,
    pub factors: Vec<f32>,
    pub kept: usize,
    pub query: Vec<u32>,
    pub exclude: Vec<u32>,
    pub only: Option<Vec<u32>>,
    pub limit: usize,
    pub own: bool,
    pub terms: Terms,
}

/// What was learned live, from the definition.
#[derive(Clone, Debug, Default)]
pub(super) struct Since {
    /// New items, which come after those of the trained sessions.
    pub fresh: usize,
    /// Of each place, what lies there, and its factor.
    pub places: Vec<Option<(Vec<u32>, f32)>>,
    /// (items) All sessions that had each, the one that had it last first: their places, where they still lie there.
    pub having: Vec<Vec<Option<usize>>>,
    /// Sessions that ever began.
    pub begun: usize,
}

/// Lies one after the other.
fn flat(lists: &[Vec<u32>]) -> (Vec<u64>, Vec<u32>) {
    let bounds = lists.iter().scan(0, |end, list| {
        *end += list.len() as u64;
        Some(*end)
    });
    ([0].into_iter().chain(bounds).collect(), lists.concat())
}

fn weights(query: &[u32]) -> Vec<f32> {
    (0..query.len()).map(|age| 0.7f32.powi(age as i32)).collect()
}

/// How likely each item of the query comes again.
fn own(case: &Case) -> Vec<f32> {
    if case.own { (0..case.query.len()).map(|age| 0.3f32.powi(age as i32 + 1)).collect() } else { vec![] }
}

/// Whether what the session ends with is what the query has from some place on.
fn is_own(session: &[u32], query: &[u32]) -> bool {
    (0..query.len()).any(|begin| {
        let compared = session.len().min(query.len() - begin);
        compared > 1 && (0..compared).all(|at| session[session.len() - 1 - at] == query[begin + at])
    })
}

pub(super) fn naive(case: &Case, since: &Since) -> Vec<(u32, f64)> {
    let weights = weights(&case.query);
    let weight = |item: u32| case.query.iter().position(|&own| own == item).map_or(0.0, |at| f64::from(weights[at]));
    let past = case.sessions.len();
    let having = |item: u32| (0..past).rev().filter(|&s| case.sessions[s].contains(&item)).collect::<Vec<_>>();
    let having_live = |item: u32| since.having.get(item as usize).cloned().unwrap_or_default();
    let count = (past + since.begun) as f64;
    let of = |s: usize| match s.checked_sub(past) {
        None => Some((&case.sessions[s], case.factors[s])),
        Some(place) => since.places[place].as_ref().map(|(session, factor)| (session, *factor)),
    };
    let mut similar: Vec<(usize, f32)> = (0..past + since.places.len())
        .filter_map(|s| {
            let terms = case.query.iter().map(|&item| {
                let (all, live) = (having(item), having_live(item));
                let latest = case.terms.latest;
                let kept_live: Vec<usize> = live.iter().take(latest).flatten().map(|place| past + place).collect();
                let kept = all.iter().take(case.kept.min(latest - kept_live.len()));
                let is_kept = kept_live.iter().chain(kept).any(|&other| other == s);
                let of_item = (all.len() + live.len()) as f64;
                if is_kept { weight(item) * (1.0 + count / of_item).ln() } else { 0.0 }
            });
            Some((s, terms.sum::<f64>() as f32 * of(s)?.1))
        })
        .filter(|&(_, similarity)| similarity > 0.0)
        .collect();
    similar.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    if !since.places.is_empty() {
        similar.truncate(case.terms.nearest + OWN_SESSIONS);
        similar.retain(|&(s, _)| s < past || !is_own(of(s).unwrap().0, &case.query));
    }
    let items = case.items + since.fresh;
    let mut sums = vec![0.0; items];
    for &(s, similarity) in similar.iter().take(case.terms.nearest) {
        let session = of(s).unwrap().0;
        let similarity = f64::from(similarity);
        let highest = session.iter().map(|&item| weight(item)).fold(0.0, f64::max);
        let anchor = session.iter().rposition(|&item| weight(item) == highest).unwrap();
        for (at, &item) in session.iter().enumerate() {
            let factor = match at.abs_diff(anchor) {
                0 => continue,
                distance if at > anchor => case.terms.decay.powi(distance as i32 - 1),
                distance => case.terms.backward * case.terms.decay.powi(distance as i32 - 1),
            };
            if weight(item) == 0.0 {
                sums[item as usize] += similarity * factor;
            }
        }
    }
    let total: f64 = sums.iter().sum();
    let shares = own(case);
    let left = 1.0 - shares.iter().map(|&share| f64::from(share)).sum::<f64>();
    let scale = if total > 0.0 { left.max(0.01) / total } else { 1.0 };
    sums.iter_mut().for_each(|sum| *sum *= scale);
    case.query.iter().zip(&shares).for_each(|(&item, &share)| sums[item as usize] += f64::from(share));
    let may_come =
        |item: u32| !case.exclude.contains(&item) && case.only.as_ref().is_none_or(|only| only.contains(&item));
    let mut best: Vec<(u32, f64)> = (0..items as u32).map(|item| (item, sums[item as usize])).collect();
    best.retain(|&(item, sum)| sum > 0.0 && may_come(item));
    best.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    best.truncate(case.limit);
    best
}

pub(super) fn found(
    case: &Case,
    by_bits: bool,
    live: Option<LiveSessions<'_>>,
    scratch: &mut Scratch,
) -> Vec<(u32, f32)> {
    let (indptr, items) = flat(&case.sessions);
    let sessions = Sessions { indptr: &indptr, items: &items, factors: &case.factors };
    sessions.check(case.items).unwrap();
    let mut bounds = vec![0; case.items + 1];
    index_bounds(sessions, case.kept, &mut bounds);
    let mut index = vec![0; bounds[case.items] as usize];
    fill_index(sessions, &bounds, &mut index);
    let index = Index { indptr: &bounds, sessions: &index };
    index.check(sessions.len()).unwrap();
    let having = |item: u32| case.sessions.iter().filter(|session| session.contains(&item)).count() as u32;
    let counts: Vec<u32> = (0..case.items as u32).map(having).collect();
    let weights = weights(&case.query);
    let shares = own(case);
    let words = case.only.as_deref().filter(|_| by_bits).map(|only| words_of(only, case.items + 9));
    let query = Query {
        items: &case.query,
        weights: &weights,
        own: case.own.then_some(&shares[..]),
        limit: case.limit,
        exclude: &case.exclude,
        only: case.only.as_deref().filter(|_| !by_bits),
        allowed: words.as_deref().map(Bitmap::new),
    };
    let (mut items, mut scores) = (vec![], vec![]);
    Rank { sessions, index, counts: &counts, live, terms: case.terms }.rank(&query, scratch, &mut items, &mut scores);
    items.into_iter().zip(scores).collect()
}

pub(super) fn case() -> impl Strategy<Value = Case> {
    let items = crate::most(12);
    let some = move |most: usize| prop::collection::vec(0..items as u32, 0..most);
    let distinct = move |most: usize| {
        some(most).prop_map(|mut list| {
            let mut seen = vec![];
            list.retain(|item| {
                !seen.contains(item) && {
                    seen.push(*item);
                    true
                }
            });
            list
        })
    };
    let terms = (1..6usize, prop::sample::select(vec![1.0, 0.6]), prop::sample::select(vec![0.0, 0.5, 1.0]))
        .prop_map(|(nearest, decay, backward)| Terms { nearest, latest: usize::MAX, decay, backward });
    let filters = (distinct(4), prop::option::of(distinct(6)), 1..6usize, any::<bool>());
    (prop::collection::vec(distinct(8), 0..crate::most(12)), distinct(5), filters, 1..5usize, terms).prop_map(
        move |(sessions, query, (exclude, only, limit, own), kept, terms)| {
            let factors = (0..sessions.len()).map(|s| [1.0, 0.5, 0.77][s % 3]).collect();
            Case { items, sessions, factors, kept, query, exclude, only, limit, own, terms }
        },
    )
}

proptest! {
    #![proptest_config(crate::cases(512))]

    #[test]
    fn lists_are_those_of_all_sessions_compared(case in case()) {
        let expected = naive(&case, &Since::default());
        let mut scratch = Scratch::default();
        for by_bits in [false, true] {
            let found = found(&case, by_bits, None, &mut scratch);
            prop_assert_eq!(found.len(), expected.len(), "{:?} {:?}", found, expected);
            for (found, expected) in found.iter().zip(&expected) {
                prop_assert!((f64::from(found.1) - expected.1).abs() <= 1e-5 * expected.1, "{:?} {:?}", found, expected);
            }
        }
    }
}

#[test]
fn each_rule_that_is_broken_is_named() {
    let whole = Sessions { indptr: &[0, 2, 3], items: &[1, 0, 1], factors: &[1.0, 0.5] };
    assert_eq!(whole.check(2), Ok(()));
    assert_eq!(whole.check(1), Err(SessionsError::Member { of: "session", at: 0, got: 1, expected: 1 }));
    assert_eq!(
        Sessions { factors: &[1.0], ..whole }.check(2),
        Err(SessionsError::Length { of: "factors", expected: 2, got: 1 })
    );
    let endless = Sessions { factors: &[1.0, 0.0], ..whole };
    assert_eq!(endless.check(2), Err(SessionsError::Factor { session: 1, factor: 0.0 }));
    let falling = Sessions { indptr: &[0, 4, 3], ..whole };
    assert_eq!(falling.check(2), Err(SessionsError::Bounds { of: "session", at: 0 }));
    assert_eq!(Sessions { items: &[1, 1, 1], ..whole }.check(2), Err(SessionsError::Twice { session: 0, item: 1 }));
    assert_eq!(whole.check_counts(&[1, 2]), Ok(()));
    assert_eq!(whole.check_counts(&[1, 1]), Err(SessionsError::Count { item: 1, expected: 2, got: 1 }));
    let index = Index { indptr: &[0, 1, 3], sessions: &[0, 1, 0] };
    assert_eq!(index.check(2), Ok(()));
    assert_eq!(Index { sessions: &[0, 0, 1], ..index }.check(2), Err(SessionsError::Latest { item: 1 }));
    assert_eq!(
        Index { sessions: &[0, 2, 0], ..index }.check(2),
        Err(SessionsError::Member { of: "item", at: 1, got: 2, expected: 2 })
    );
}
