//! The naive twin: all sessions compared with the query, from the definition.

use super::{Index, Query, Rank, Scratch, Sessions, SessionsError, Terms, fill_index, index_bounds};
use crate::bitmap::{Bitmap, words_of};
use proptest::prelude::*;

#[derive(Debug)]
struct Case {
    items: usize,
    sessions: Vec<Vec<u32>>,
    factors: Vec<f32>,
    kept: usize,
    query: Vec<u32>,
    exclude: Vec<u32>,
    only: Option<Vec<u32>>,
    limit: usize,
    own: bool,
    terms: Terms,
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

fn naive(case: &Case) -> Vec<(u32, f64)> {
    let weights = weights(&case.query);
    let weight = |item: u32| case.query.iter().position(|&own| own == item).map_or(0.0, |at| f64::from(weights[at]));
    let having =
        |item: u32| (0..case.sessions.len()).rev().filter(|&s| case.sessions[s].contains(&item)).collect::<Vec<_>>();
    let count = case.sessions.len() as f64;
    let mut similar: Vec<(usize, f64)> = (0..case.sessions.len())
        .map(|s| {
            let terms = case.query.iter().map(|&item| {
                let all = having(item);
                let is_kept = all.iter().take(case.kept).any(|&other| other == s);
                if is_kept { weight(item) * (1.0 + count / all.len() as f64).ln() } else { 0.0 }
            });
            (s, terms.sum::<f64>() * f64::from(case.factors[s]))
        })
        .filter(|&(_, similarity)| similarity > 0.0)
        .collect();
    similar.sort_by(|a, b| (b.1 as f32).total_cmp(&(a.1 as f32)).then(a.0.cmp(&b.0)));
    let mut sums = vec![0.0; case.items];
    for &(s, similarity) in similar.iter().take(case.terms.nearest) {
        let session = &case.sessions[s];
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
    let mut best: Vec<(u32, f64)> = (0..case.items as u32).map(|item| (item, sums[item as usize])).collect();
    best.retain(|&(item, sum)| sum > 0.0 && may_come(item));
    best.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    best.truncate(case.limit);
    best
}

fn found(case: &Case, by_bits: bool, scratch: &mut Scratch) -> Vec<(u32, f32)> {
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
    let words = case.only.as_deref().filter(|_| by_bits).map(|only| words_of(only, case.items));
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
    Rank { sessions, index, counts: &counts, terms: case.terms }.rank(&query, scratch, &mut items, &mut scores);
    items.into_iter().zip(scores).collect()
}

fn case() -> impl Strategy<Value = Case> {
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
        .prop_map(|(nearest, decay, backward)| Terms { nearest, decay, backward });
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
        let expected = naive(&case);
        let mut scratch = Scratch::default();
        for by_bits in [false, true] {
            let found = found(&case, by_bits, &mut scratch);
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
