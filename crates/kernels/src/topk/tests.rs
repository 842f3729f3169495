use super::index::{self, Factors, Index};
use super::search::{Effort, Excluded, Search};
use super::{Measure, TILE, TopKError, exact};
use crate::bitmap::{Bitmap, words_of};
use crate::simd::Simd;
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::ops::Range;

/// Calls `run` with an index of `factors` (items × rank), made of padded rows in pieces of a few tiles.
fn with_index<T>(factors: &[f32], rank: usize, run: impl FnOnce(&Index<'_>) -> T) -> T {
    let stride = rank + rank % 3;
    let padded: Vec<f32> =
        factors.chunks(rank).flat_map(|row| row.iter().copied().chain(vec![f32::NAN; stride - rank])).collect();
    let factors = Factors::new(&padded, rank, stride).unwrap();
    let order = factors.order().unwrap();
    let mut pieces = vec![index::head(&order, rank)];
    let tiles = order.len().div_ceil(TILE);
    pieces.extend((0..tiles).step_by(2).map(|first| {
        let piece = first..tiles.min(first + 2);
        index::tiles(factors, &order, piece, Simd::detect())
    }));
    let index = pieces.concat();
    assert_eq!(index.len(), index::bytes(order.len(), rank));
    let mut memory = vec![0; index.len() + 64];
    let begin = memory.as_ptr().align_offset(64);
    memory[begin..][..index.len()].copy_from_slice(&index);
    run(&Index::view(&memory[begin..][..index.len()], factors).unwrap())
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
    /// Never falling; some come more than once.
    only: Option<Vec<u32>>,
}

/// Factors from few values (many ties), from many, or of sizes far apart, as items of long-tailed popularity have.
fn case(rank: Range<usize>, items: usize) -> impl Strategy<Value = Case> {
    (rank, 0..items, 0..20usize, 1..30usize, 0..4u8, any::<u64>()).prop_flat_map(
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
            let list = prop::collection::vec(0..items.max(1) as u32, 0..=items).prop_map(|mut list| {
                list.sort_unstable();
                list
            });
            let excluded = prop::collection::vec(set(), queries);
            (Just((rank, factors, queries_of, limit)), excluded, prop::option::of(list)).prop_map(
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
    #![proptest_config(crate::cases(128))]

    #[test]
    fn finds_the_same_bits_as_an_exhaustive_search(case in case(1..crate::most(40), 400)) {
        agrees_with_an_exhaustive_search(case)?;
    }
}

proptest! {
    #![proptest_config(crate::cases(8))]

    #[test]
    #[cfg_attr(miri, ignore = "takes minutes")]
    fn finds_the_same_bits_as_an_exhaustive_search_up_to_the_largest_rank(
        case in prop_oneof![case(128..1025, 300), case(1024..1025, 300)],
    ) {
        agrees_with_an_exhaustive_search(case)?;
    }
}

fn agrees_with_an_exhaustive_search(case: Case) -> Result<(), TestCaseError> {
    let Case { rank, factors, queries, limit, excluded, only } = case;
    let indices: Vec<u32> = excluded.iter().flatten().copied().collect();
    let mut indptr = vec![0];
    indptr.extend(excluded.iter().scan(0, |end, set| {
        *end += set.len() as u32;
        Some(*end)
    }));
    for measure in [Measure::Product, Measure::Cosine, Measure::ShrunkCosine(0.7)] {
        let (mut items, mut scores) = (vec![0; excluded.len() * limit], vec![0.0; excluded.len() * limit]);
        for (q, query) in queries.chunks_exact(rank).enumerate() {
            let admits = |item| !excluded[q].contains(&item) && only.as_ref().is_none_or(|list| list.contains(&item));
            let row = q * limit..(q + 1) * limit;
            exact::naive(&factors, query, measure, admits, &mut items[row.clone()], &mut scores[row]);
        }
        let search = Search {
            queries: &queries,
            measure,
            limit,
            exclude: Some(Excluded { indptr: &indptr, indices: &indices }),
            only: only.as_deref(),
            allowed: None,
        };
        let words = words_of(only.as_deref().unwrap_or_default(), factors.len() / rank);
        let by_bits = Search { only: None, allowed: Some(Bitmap::new(&words)), ..search };
        for simd in Simd::available() {
            let (found, found_scores, _) = with_index(&factors, rank, |index| run(&search, index, simd));
            prop_assert_eq!(&found, &items, "{}, {:?}", simd.name(), measure);
            let bits = |scores: &[f32]| scores.iter().map(|s| s.to_bits()).collect::<Vec<_>>();
            prop_assert_eq!(bits(&found_scores), bits(&scores), "{}, {:?}", simd.name(), measure);
            if only.is_some() {
                let (found, found_scores, _) = with_index(&factors, rank, |index| run(&by_bits, index, simd));
                prop_assert_eq!(&found, &items, "{}, {:?}", simd.name(), measure);
                prop_assert_eq!(bits(&found_scores), bits(&scores), "{}, {:?}", simd.name(), measure);
            }
        }
    }
    Ok(())
}

#[test]
fn equal_scores_go_to_the_lower_number() {
    let search =
        Search { queries: &[2.0], measure: Measure::Product, limit: 3, exclude: None, only: None, allowed: None };
    let (items, scores, _) = with_index(&[1.0; 1000], 1, |index| run(&search, index, Simd::detect()));
    assert_eq!((items, scores), (vec![0, 1, 2], vec![2.0; 3]));
}

#[test]
fn a_query_of_zeros_gets_the_lowest_numbers_without_scoring_any() {
    let factors: Vec<f32> = (0..4000).map(|i| i as f32).collect();
    let exclude = Some(Excluded { indptr: &[0, 2], indices: &[0, 2] });
    let search = Search { queries: &[0.0; 4], measure: Measure::Product, limit: 3, exclude, only: None, allowed: None };
    let (items, scores, effort) = with_index(&factors, 4, |index| run(&search, index, Simd::detect()));
    assert_eq!((items, scores, effort), (vec![1, 3, 4], vec![0.0; 3], Effort::default()));
}

#[test]
fn an_item_that_only_names_twice_comes_once() {
    for queries in [[0.0], [1.0]] {
        let only = Some(&[1, 1, 2, 2, 2, 3][..]);
        let search =
            Search { queries: &queries, measure: Measure::Product, limit: 5, exclude: None, only, allowed: None };
        let (items, ..) = with_index(&[1.0; 9], 1, |index| run(&search, index, Simd::detect()));
        assert_eq!(items, [1, 2, 3, u32::MAX, u32::MAX], "{queries:?}");
    }
}

#[test]
fn scores_at_the_ends_of_the_range_of_floats_are_found() {
    for size in [f32::MAX, f32::from_bits(1), 1e-30] {
        let factors: Vec<f32> = (0..600).map(|i| if i % 3 == 0 { size } else { size / 2.0 }).collect();
        let query = [size, size];
        let search =
            Search { queries: &query, measure: Measure::Product, limit: 250, exclude: None, only: None, allowed: None };
        let (items, scores, _) = with_index(&factors, 2, |index| run(&search, index, Simd::detect()));
        let (mut expected, mut expected_scores) = (vec![0; 250], vec![0.0; 250]);
        exact::naive(&factors, &query, Measure::Product, |_| true, &mut expected, &mut expected_scores);
        assert_eq!((items, scores), (expected, expected_scores), "{size}");
    }
}

#[test]
#[cfg_attr(miri, ignore = "takes minutes")]
fn most_items_of_a_long_tail_are_never_scored() {
    let (items, rank) = (20_000, 32);
    let spread = |i: usize| ((i * 7919 + 13) % 2003) as f32 / 2003.0 - 0.5;
    let factors: Vec<f32> = (0..items * rank).map(|i| spread(i) / (1.0 + (i / rank) as f32 / 500.0)).collect();
    let queries: Vec<f32> = (0..64 * rank).map(|i| spread(i * i + 5)).collect();
    let search =
        Search { queries: &queries, measure: Measure::Product, limit: 10, exclude: None, only: None, allowed: None };
    let effort = with_index(&factors, rank, |index| run(&search, index, Simd::detect())).2;
    assert!(effort.coded < (64 * items / 5) as u64, "{effort:?}");
    assert!(effort.scored < effort.coded / 2, "{effort:?}");
}

#[test]
fn inconsistent_arguments_are_refused_with_the_expected_values() {
    let search =
        Search { queries: &[1.0; 3], measure: Measure::Product, limit: 2, exclude: None, only: None, allowed: None };
    let refused = |search: Search<'_>| {
        let run = |index: &Index<'_>| search.run(index, &mut [0; 2], &mut [0.0; 2], Simd::detect());
        with_index(&[1.0; 12], 3, run).unwrap_err().to_string()
    };
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

#[test]
fn what_is_no_index_of_these_factors_is_refused() {
    let mut values = vec![1.0; 12];
    values[7] = f32::NAN;
    let error = Factors::new(&values, 3, 3).unwrap().order().unwrap_err();
    assert!(error.to_string().starts_with("item factors must be finite: row 2, column 1 is not"), "{error}");
    values[7] = 1.0;
    let error = Factors::new(&values, 5, 5).err().unwrap();
    assert_eq!(error.to_string(), "item factors must have 10 values, got 12");

    let factors = Factors::new(&values, 3, 3).unwrap();
    let order = factors.order().unwrap();
    let index = [index::head(&order, 3), index::tiles(factors, &order, 0..1, Simd::detect())].concat();
    let mut memory = vec![0; index.len() + 128];
    let begin = memory.as_ptr().align_offset(64);
    assert_eq!(Index::view(&memory[begin..][..index.len()], factors).err(), Some(TopKError::NotAnIndex));
    memory[begin..][..index.len()].copy_from_slice(&index);
    let refused = |bytes: Range<usize>, factors| {
        Index::view(&memory[begin..][bytes], factors).err().map(|error| error.to_string()).unwrap_or_default()
    };
    assert_eq!(refused(0..index.len(), factors), "");
    assert!(refused(1..index.len(), factors).contains("must begin at a multiple of 64 bytes"));
    let cut = format!("the buffer of the index must have {} values, got 128", index.len());
    assert_eq!(refused(0..128, factors), cut);
    let of_others = Factors::new(&values, 2, 2).unwrap();
    assert_eq!(refused(0..index.len(), of_others), "an item's factors must have 3 values, got 2");
    let of_fewer = Factors::new(&values[..9], 3, 3).unwrap();
    assert_eq!(refused(0..index.len(), of_fewer), "the rows of item factors must have 4 values, got 3");
}

#[test]
fn an_index_of_other_factors_is_found_by_reading_it() {
    let (rank, items) = (5, 300);
    let values: Vec<f32> = (0..items * rank).map(|i| ((i * 7919 + 13) % 2003) as f32 / 2003.0 - 0.5).collect();
    let simd = Simd::detect();
    let check = |changed: &[f32]| {
        let factors = Factors::new(&values, rank, rank).unwrap();
        let order = factors.order().unwrap();
        let bytes = [index::head(&order, rank), index::tiles(factors, &order, 0..3, simd)].concat();
        let mut memory = vec![0; bytes.len() + 64];
        let begin = memory.as_ptr().align_offset(64);
        memory[begin..][..bytes.len()].copy_from_slice(&bytes);
        Index::view(&memory[begin..][..bytes.len()], Factors::new(changed, rank, rank).unwrap()).unwrap().check(simd)
    };
    assert_eq!(check(&values), Ok(()));
    let mut other = values.clone();
    other[7 * rank] += 0.01;
    assert!(matches!(check(&other), Err(TopKError::Order { .. } | TopKError::Tile { .. })));
    // A sign changes no norm.
    other = values.clone();
    other[7 * rank] *= -1.0;
    assert!(matches!(check(&other), Err(TopKError::Tile { .. })));
    other[7 * rank] = f32::NAN;
    assert_eq!(check(&other), Err(TopKError::NotFinite { of: "item factors", row: 7, column: 0 }));
    // Every byte that is read counts: those of the head beyond its numbers, and of a tile beyond its parts, are not.
    let factors = Factors::new(&values, rank, rank).unwrap();
    let order = factors.order().unwrap();
    let bytes = [index::head(&order, rank), index::tiles(factors, &order, 0..3, simd)].concat();
    let mut memory = vec![0; bytes.len() + 64];
    let begin = memory.as_ptr().align_offset(64);
    for at in [64, 64 + 4 * items - 1, 1300, bytes.len() - 1, bytes.len() - 64 * 20] {
        memory[begin..][..bytes.len()].copy_from_slice(&bytes);
        memory[begin + at] ^= 1;
        let found = Index::view(&memory[begin..][..bytes.len()], factors).unwrap().check(simd);
        assert!(matches!(found, Err(TopKError::Order { .. } | TopKError::Tile { .. })), "byte {at}: {found:?}");
    }
}
