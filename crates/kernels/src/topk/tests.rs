use super::index::Index;
use super::search::{Effort, Excluded, Search};
use super::{Measure, TopKError, exact};
use crate::simd::Simd;
use proptest::prelude::*;
use std::collections::BTreeSet;

fn built(factors: &[f32], rank: usize) -> Vec<u8> {
    let mut buffer = vec![0; Index::bytes(factors.len() / rank, rank)];
    Index::build(factors, rank, &mut buffer, Simd::detect()).unwrap();
    buffer
}

fn run(search: &Search<'_>, index: &Index<'_>, simd: Simd) -> (Vec<u32>, Vec<f32>, Effort) {
    let size = search.queries.len() / index.rank() * search.limit;
    let (mut items, mut scores) = (vec![7; size], vec![7.0; size]);
    let effort = search.run(index, &mut items, &mut scores, simd).unwrap();
    (items, scores, effort)
}

#[derive(Debug)]
struct Case {
    rank: usize,
    factors: Vec<f32>,
    queries: Vec<f32>,
    limit: usize,
    excluded: Vec<BTreeSet<u32>>,
    only: Option<BTreeSet<u32>>,
}

/// Factors from few values (many ties), from many, or of sizes far apart, as items of long-tailed popularity have.
fn case() -> impl Strategy<Value = Case> {
    (1..40usize, 0..400usize, 0..20usize, 1..30usize, 0..4u8, any::<u64>()).prop_flat_map(
        |(rank, items, queries, limit, kind, seed)| {
            let mut random = seed | 1;
            let mut next = move || {
                random ^= random << 13;
                random ^= random >> 7;
                random ^= random << 17;
                (random >> 40) as f32 / (1 << 23) as f32 - 1.0
            };
            let mut row = || {
                let size = if kind == 2 { (40.0 * next()).exp2() } else { 1.0 / (1.1 + next()) };
                let values = (0..rank).map(|_| if kind == 0 { next().round() } else { size * next() });
                values.collect::<Vec<f32>>()
            };
            let factors: Vec<f32> = (0..items).flat_map(|_| row()).collect();
            let queries_of: Vec<f32> = (0..queries).flat_map(|_| row()).collect();
            let set = || prop::collection::btree_set(0..items.max(1) as u32, 0..=items);
            let excluded = prop::collection::vec(set(), queries);
            (Just((rank, factors, queries_of, limit)), excluded, prop::option::of(set())).prop_map(
                |((rank, factors, queries, limit), excluded, only)| Case {
                    rank,
                    factors,
                    queries,
                    limit,
                    excluded,
                    only,
                },
            )
        },
    )
}

proptest! {
    #[test]
    fn finds_the_same_bits_as_an_exhaustive_search(case in case()) {
        let Case { rank, factors, queries, limit, excluded, only } = case;
        let buffer = built(&factors, rank);
        let index = Index::view(&buffer).unwrap();
        let indices: Vec<u32> = excluded.iter().flatten().copied().collect();
        let mut indptr = vec![0];
        indptr.extend(excluded.iter().scan(0, |end, set| { *end += set.len() as u32; Some(*end) }));
        let only_list: Option<Vec<u32>> = only.as_ref().map(|set| set.iter().copied().collect());
        for measure in [Measure::Product, Measure::Cosine] {
            let (mut items, mut scores) = (vec![0; excluded.len() * limit], vec![0.0; excluded.len() * limit]);
            for (q, query) in queries.chunks_exact(rank).enumerate() {
                let admits = |item| !excluded[q].contains(&item) && only.as_ref().is_none_or(|set| set.contains(&item));
                let row = q * limit..(q + 1) * limit;
                exact::naive(&factors, query, measure, admits, &mut items[row.clone()], &mut scores[row]);
            }
            let search = Search {
                queries: &queries, measure, limit,
                exclude: Some(Excluded { indptr: &indptr, indices: &indices }),
                only: only_list.as_deref(),
            };
            for simd in Simd::available() {
                let (found, found_scores, _) = run(&search, &index, simd);
                prop_assert_eq!(&found, &items, "{}, {:?}", simd.name(), measure);
                let bits = |scores: &[f32]| scores.iter().map(|s| s.to_bits()).collect::<Vec<_>>();
                prop_assert_eq!(bits(&found_scores), bits(&scores), "{}, {:?}", simd.name(), measure);
            }
        }
    }
}

#[test]
fn equal_scores_go_to_the_lower_number() {
    let buffer = built(&[1.0; 1000], 1);
    let index = Index::view(&buffer).unwrap();
    let search = Search { queries: &[2.0], measure: Measure::Product, limit: 3, exclude: None, only: None };
    let (items, scores, _) = run(&search, &index, Simd::detect());
    assert_eq!((items, scores), (vec![0, 1, 2], vec![2.0; 3]));
}

#[test]
fn a_query_of_zeros_gets_the_lowest_numbers_without_scoring_any() {
    let factors: Vec<f32> = (0..4000).map(|i| i as f32).collect();
    let buffer = built(&factors, 4);
    let index = Index::view(&buffer).unwrap();
    let exclude = Some(Excluded { indptr: &[0, 2], indices: &[0, 2] });
    let search = Search { queries: &[0.0; 4], measure: Measure::Product, limit: 3, exclude, only: None };
    let (items, scores, effort) = run(&search, &index, Simd::detect());
    assert_eq!((items, scores, effort), (vec![1, 3, 4], vec![0.0; 3], Effort::default()));
}

#[test]
fn scores_at_the_ends_of_the_range_of_floats_are_found() {
    for size in [f32::MAX, f32::from_bits(1), 1e-30] {
        let factors: Vec<f32> = (0..600).map(|i| if i % 3 == 0 { size } else { size / 2.0 }).collect();
        let buffer = built(&factors, 2);
        let index = Index::view(&buffer).unwrap();
        let query = [size, size];
        let search = Search { queries: &query, measure: Measure::Product, limit: 250, exclude: None, only: None };
        let (items, scores, _) = run(&search, &index, Simd::detect());
        let (mut expected, mut expected_scores) = (vec![0; 250], vec![0.0; 250]);
        exact::naive(&factors, &query, Measure::Product, |_| true, &mut expected, &mut expected_scores);
        assert_eq!((items, scores), (expected, expected_scores), "{size}");
    }
}

#[test]
fn most_items_of_a_long_tail_are_never_scored() {
    let (items, rank) = (20_000, 32);
    let spread = |i: usize| ((i * 7919 + 13) % 2003) as f32 / 2003.0 - 0.5;
    let factors: Vec<f32> = (0..items * rank).map(|i| spread(i) / (1.0 + (i / rank) as f32 / 500.0)).collect();
    let buffer = built(&factors, rank);
    let index = Index::view(&buffer).unwrap();
    let queries: Vec<f32> = (0..64 * rank).map(|i| spread(i * i + 5)).collect();
    let search = Search { queries: &queries, measure: Measure::Product, limit: 10, exclude: None, only: None };
    let effort = run(&search, &index, Simd::detect()).2;
    assert!(effort.coded < (64 * items / 5) as u64, "{effort:?}");
    assert!(effort.scored < effort.coded / 2, "{effort:?}");
}

#[test]
fn inconsistent_arguments_are_refused_with_the_expected_values() {
    let mut factors = vec![1.0; 12];
    let mut buffer = vec![0; Index::bytes(4, 3)];
    assert_eq!(Index::view(&buffer).err(), Some(TopKError::NotAnIndex));
    factors[7] = f32::NAN;
    let error = Index::build(&factors, 3, &mut buffer, Simd::detect()).unwrap_err();
    assert!(error.to_string().starts_with("item factors must be finite: row 2, column 1 is not"), "{error}");
    factors[7] = 1.0;
    Index::build(&factors, 3, &mut buffer, Simd::detect()).unwrap();
    let index = Index::view(&buffer).unwrap();
    let search = Search { queries: &[1.0; 3], measure: Measure::Product, limit: 2, exclude: None, only: None };
    let refused =
        |search: Search<'_>| search.run(&index, &mut [0; 2], &mut [0.0; 2], Simd::detect()).unwrap_err().to_string();
    assert_eq!(refused(Search { limit: 3, ..search }), "items must have 3 values, got 2");
    assert_eq!(refused(Search { queries: &[1.0; 4], ..search }), "queries must have 3 values, got 4");
    let infinite = refused(Search { queries: &[1.0, f32::INFINITY, 1.0], ..search });
    assert!(infinite.starts_with("queries must be finite: row 0, column 1"), "{infinite}");
    let unsorted = refused(Search { only: Some(&[2, 1]), ..search });
    assert_eq!(unsorted, "only must hold item numbers below 4 that never fall, got 1 out of place");
    let exclude = Some(Excluded { indptr: &[0, 1], indices: &[4] });
    assert!(refused(Search { exclude, ..search }).contains("below 4 that never fall, got 4"));
    let exclude = Some(Excluded { indptr: &[0, 2], indices: &[3] });
    assert!(refused(Search { exclude, ..search }).contains("must rise from 0"));
}
