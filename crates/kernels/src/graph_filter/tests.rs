//! The naive twins: dense matrices in double precision, and sorting of everything.

use super::product::{Added, Product};
use super::propagate::{History, LANES, Signals};
use super::rank::{Lists, Scratch, fold_in, rank};
use super::selection::Selection;
use super::{Filter, FilterError, LowPass, TILE, scales};
use crate::bitmap::{Bitmap, words_of};
use crate::csr::{Csr, CsrError};
use crate::request::Request;
use crate::simd::{BLOCK, Kernel, Lanes, Simd};
use proptest::prelude::*;

/// A sparse matrix that owns its entries.
#[derive(Clone, Debug, Default)]
struct Matrix {
    indptr: Vec<u64>,
    indices: Vec<u32>,
    weights: Vec<f32>,
}

impl Matrix {
    /// The entries of a dense matrix (rows × columns) that are not 0.
    fn of(dense: &[Vec<f32>]) -> Matrix {
        let mut matrix = Matrix { indptr: vec![0], ..Matrix::default() };
        for row in dense {
            for (column, &weight) in row.iter().enumerate().filter(|(_, weight)| **weight != 0.0) {
                matrix.indices.push(column as u32);
                matrix.weights.push(weight);
            }
            matrix.indptr.push(matrix.indices.len() as u64);
        }
        matrix
    }

    fn view(&self) -> Csr<'_> {
        Csr { indptr: &self.indptr, indices: &self.indices, weights: &self.weights }
    }
}

/// Users × items with a filter of some kind.
#[derive(Clone, Debug)]
struct Case {
    dense: Vec<Vec<f32>>,
    weighted: bool,
    user_scales: Vec<f32>,
    item_scales: Vec<f32>,
    polynomial: Vec<f32>,
    /// (items × factors), (items × factors)
    low_pass: Option<(usize, Vec<f32>, Vec<f32>)>,
    tiles: Vec<f32>,
    matrix: Matrix,
}

impl Case {
    fn filter(&self) -> Filter<'_> {
        let low_pass = self.low_pass.as_ref();
        Filter {
            interactions: self.matrix.view(),
            weighted: self.weighted,
            user_scales: &self.user_scales,
            item_scales: &self.item_scales,
            polynomial: &self.polynomial,
            low_pass: low_pass.map(|(factors, vectors, _)| LowPass {
                factors: *factors,
                vectors,
                response: &self.tiles,
            }),
        }
    }

    fn value(&self, user: usize, item: usize) -> f64 {
        let weight = self.dense[user][item];
        if self.weighted { f64::from(weight) } else { f64::from(u8::from(weight != 0.0)) }
    }

    /// `row` P, from the definition.
    fn filtered(&self, row: &[f64]) -> Vec<f64> {
        let (users, items) = (self.user_scales.len(), self.item_scales.len());
        let normalised =
            |u: usize, i: usize| f64::from(self.user_scales[u]) * self.value(u, i) * f64::from(self.item_scales[i]);
        let by_user: Vec<f64> = (0..users).map(|u| (0..items).map(|i| row[i] * normalised(u, i)).sum()).collect();
        (0..items).map(|i| (0..users).map(|u| by_user[u] * normalised(u, i)).sum()).collect()
    }

    fn folded(&self, history: &[f64]) -> Vec<f64> {
        let Some((factors, vectors, _)) = &self.low_pass else { return Vec::new() };
        (0..*factors)
            .map(|f| {
                let terms = history
                    .iter()
                    .enumerate()
                    .map(|(item, r)| r * f64::from(self.item_scales[item]) * f64::from(vectors[item * factors + f]));
                terms.sum()
            })
            .collect()
    }

    fn scores(&self, history: &[f64]) -> Vec<f64> {
        let mut sums = vec![0.0; history.len()];
        let mut power = history.to_vec();
        for &coefficient in &self.polynomial {
            sums.iter_mut().zip(&power).for_each(|(sum, x)| *sum += f64::from(coefficient) * x);
            power = self.filtered(&power);
        }
        let folded = self.folded(history);
        if let Some((factors, _, response)) = &self.low_pass {
            for (item, sum) in sums.iter_mut().enumerate() {
                *sum += (0..*factors).map(|f| folded[f] * f64::from(response[item * factors + f])).sum::<f64>();
            }
        }
        sums
    }
}

/// (items × factors) in tiles.
fn tiled(rows: &[f32], items: usize, factors: usize) -> Vec<f32> {
    let mut tiles = vec![0.0; items.div_ceil(TILE) * factors * TILE];
    for item in 0..items {
        for f in 0..factors {
            tiles[(item / TILE * factors + f) * TILE + item % TILE] = rows[item * factors + f];
        }
    }
    tiles
}

fn cases() -> impl Strategy<Value = Case> {
    let sizes =
        (1..crate::most(30), prop_oneof![1..crate::most(30), Just(crate::most(TILE)), 60..crate::most(150).max(61)]);
    sizes.prop_flat_map(|(users, items)| {
        let weight = prop_oneof![3 => Just(0.0f32), 1 => Just(1.0), 1 => Just(2.5), 1 => 0.1f32..5.0];
        let value = || prop_oneof![1 => Just(0.5f32), 3 => -1.0f32..1.0];
        let low_pass = prop::option::of((1..20usize).prop_flat_map(move |factors| {
            let rows = || prop::collection::vec(value(), items * factors);
            (Just(factors), rows(), rows())
        }));
        let scale = || prop_oneof![1 => Just(0.0f32), 8 => 0.1f32..1.0];
        (
            prop::collection::vec(prop::collection::vec(weight, items), users),
            any::<bool>(),
            prop::collection::vec(scale(), users),
            prop::collection::vec(scale(), items),
            prop::collection::vec(prop_oneof![Just(0.0f32), Just(1.0), -1.0f32..1.0], 1..5),
            low_pass,
        )
            .prop_map(move |(dense, weighted, user_scales, item_scales, polynomial, low_pass)| {
                let tiles = low_pass.as_ref().map_or(Vec::new(), |(factors, _, rows)| tiled(rows, items, *factors));
                let matrix = Matrix::of(&dense);
                Case { dense, weighted, user_scales, item_scales, polynomial, low_pass, tiles, matrix }
            })
    })
}

/// A history of a case, with a list's limit and filters.
#[derive(Clone, Debug)]
struct Asked {
    items: Vec<u32>,
    weights: Vec<f32>,
    limit: usize,
    exclude: Vec<u32>,
    only: Option<Vec<u32>>,
}

fn asked() -> impl Strategy<Value = Vec<Asked>> {
    let list = |size| prop::collection::vec(any::<prop::sample::Index>(), size);
    let one = (
        list(0..8),
        prop::collection::vec(0.25f32..3.0, 8),
        prop_oneof![0..5usize, 0..200usize],
        list(0..6),
        prop::option::weighted(0.3, list(0..40)),
    );
    let one = one.prop_map(|(items, weights, limit, exclude, only)| {
        let sorted = |list: Vec<prop::sample::Index>| {
            let mut list: Vec<u32> = list.iter().map(|index| index.index(1 << 20) as u32).collect();
            list.sort_unstable();
            list
        };
        Asked { items: sorted(items), weights, limit, exclude: sorted(exclude), only: only.map(sorted) }
    });
    prop::collection::vec(one, 1..40)
}

impl Asked {
    /// The same with the items that there are.
    fn within(&self, items: usize) -> Asked {
        let below = |list: &[u32]| {
            let mut list: Vec<u32> = list.iter().map(|&item| item % items as u32).collect();
            list.sort_unstable();
            list
        };
        let mut own = below(&self.items);
        own.dedup();
        let weights = self.weights[..own.len()].to_vec();
        let (exclude, only) = (below(&self.exclude), self.only.as_deref().map(below));
        Asked { items: own, weights, limit: self.limit, exclude, only }
    }

    fn request(&self) -> Request<'_> {
        Request {
            items: &self.items,
            weights: &self.weights,
            limit: self.limit,
            exclude: &self.exclude,
            only: self.only.as_deref(),
            allowed: None,
        }
    }

    fn dense(&self, items: usize, weighted: bool) -> Vec<f64> {
        let mut dense = vec![0.0; items];
        for (&item, &weight) in self.items.iter().zip(&self.weights) {
            dense[item as usize] = if weighted { f64::from(weight) } else { 1.0 };
        }
        dense
    }
}

fn ranked(filter: &Filter<'_>, requests: &[Request<'_>], simd: Simd) -> Vec<Vec<(u32, f32)>> {
    let mut lists = Lists::default();
    rank(filter, requests, &mut Scratch::default(), &mut lists, simd).unwrap();
    assert_eq!(lists.indptr.len(), requests.len() + 1);
    let places = lists.indptr.windows(2).map(|pair| pair[0] as usize..pair[1] as usize);
    places
        .map(|places| lists.items[places.clone()].iter().copied().zip(lists.scores[places].iter().copied()).collect())
        .collect()
}

proptest! {
    #![proptest_config(crate::cases(48))]

    #[test]
    fn lists_are_the_best_by_the_definition_and_the_same_bits_alone(case in cases(), asked in asked()) {
        let items = case.item_scales.len();
        let filter = case.filter();
        let asked: Vec<Asked> = asked.iter().map(|one| one.within(items)).collect();
        let requests: Vec<Request<'_>> = asked.iter().map(Asked::request).collect();
        for simd in Simd::available() {
            let lists = ranked(&filter, &requests, simd);
            for ((one, request), list) in asked.iter().zip(&requests).zip(&lists) {
                prop_assert_eq!(&ranked(&filter, &[*request], simd)[0], list);
                if let Some(only) = request.only {
                    let words = words_of(only, items);
                    let by_bits = Request { only: None, allowed: Some(Bitmap::new(&words)), ..*request };
                    prop_assert_eq!(&ranked(&filter, &[by_bits], simd)[0], list);
                    let neither = Request { allowed: Some(Bitmap::new(&[])), ..*request };
                    prop_assert!(ranked(&filter, &[neither], simd)[0].is_empty());
                }
                if one.items.is_empty() {
                    prop_assert!(list.is_empty());
                    continue;
                }
                let scores = case.scores(&one.dense(items, case.weighted));
                let admitted = |item: &u32| {
                    one.exclude.binary_search(item).is_err()
                        && one.only.as_ref().is_none_or(|only| only.contains(item))
                };
                let admitted: Vec<u32> = (0..items as u32).filter(admitted).collect();
                prop_assert_eq!(list.len(), one.limit.min(admitted.len()));
                let scale = scores.iter().fold(1.0f64, |most, score| most.max(score.abs()));
                for &(item, score) in list {
                    prop_assert!(admitted.contains(&item));
                    prop_assert!((f64::from(score) - scores[item as usize]).abs() <= 1e-4 * scale);
                }
                prop_assert!(list.is_sorted_by(|a, b| a.1 > b.1 || (a.1 == b.1 && a.0 < b.0)));
                let worst = list.last().map_or(f64::INFINITY, |&(_, score)| f64::from(score));
                for &item in &admitted {
                    let listed = list.iter().any(|&(other, _)| other == item);
                    prop_assert!(listed || one.limit == 0 || scores[item as usize] <= worst + 1e-4 * scale);
                }
            }
        }
    }

    #[test]
    fn products_agree_with_the_dense_matrix_however_rows_are_divided(
        case in cases(),
        rank in 1..crate::most(150),
        coefficient in prop::option::of(-2.0f32..2.0),
        seed: u64,
        cut: prop::sample::Index,
    ) {
        let stride = crate::simd::stride(rank);
        let (users, items) = (case.user_scales.len(), case.item_scales.len());
        let random = |rows: usize, seed| {
            let mut values = vec![0.0; rows * stride];
            crate::initialise::fill_normal(&mut values, stride, rank, 0, 1.0, seed);
            values
        };
        let (dense, others) = (random(items, seed), random(users, seed ^ 1));
        let product = Product {
            matrix: case.matrix.view(),
            weighted: case.weighted,
            row_scales: &case.user_scales,
            column_scales: &case.item_scales,
            dense: &dense,
            stride,
            added: coefficient.map(|coefficient| Added { coefficient, rows: &others }),
        };
        for simd in Simd::available() {
            let mut whole = vec![9.0; users * stride];
            product.rows(0..users, &mut whole, simd).unwrap();
            let mut parts = vec![8.0; users * stride];
            let cut = cut.index(users + 1);
            let (first, second) = parts.split_at_mut(cut * stride);
            product.rows(cut..users, second, simd).unwrap();
            product.rows(0..cut, first, simd).unwrap();
            prop_assert_eq!(&whole, &parts);
            for (place, &found) in whole.iter().enumerate() {
                let (u, f) = (place / stride, place % stride);
                let scale = f64::from(case.user_scales[u]);
                let sum: f64 = (0..items)
                    .map(|i| case.value(u, i) * f64::from(case.item_scales[i]) * f64::from(dense[i * stride + f]))
                    .sum();
                let added = match coefficient {
                    Some(coefficient) if scale != 0.0 => f64::from(coefficient) / scale * f64::from(others[place]),
                    _ => 0.0,
                };
                let expected = scale * sum + added;
                prop_assert!((f64::from(found) - expected).abs() <= 1e-4 * (1.0 + expected.abs()));
            }
        }
    }

    #[test]
    fn histories_fold_in_by_the_definition(case in cases(), asked in asked()) {
        let items = case.item_scales.len();
        let asked: Vec<Asked> = asked.iter().map(|one| one.within(items)).collect();
        let histories: Vec<History<'_>> =
            asked.iter().map(|one| History { items: &one.items, weights: &one.weights }).collect();
        let factors = case.low_pass.as_ref().map_or(0, |(factors, ..)| *factors);
        let mut out = vec![7.0; histories.len() * factors];
        fold_in(&case.filter(), &histories, &mut out).unwrap();
        for (one, found) in asked.iter().zip(out.chunks(factors.max(1))) {
            let expected = case.folded(&one.dense(items, case.weighted));
            for (found, expected) in found.iter().zip(expected) {
                prop_assert!((f64::from(*found) - expected).abs() <= 1e-4 * (1.0 + expected.abs()));
            }
        }
    }

    #[test]
    fn selection_agrees_with_sorting(scores in prop::collection::vec(-4i8..5, 0..300), limit in 0..40usize) {
        let scored: Vec<(u32, f32)> = (0..).zip(scores.iter().map(|&score| f32::from(score))).collect();
        let mut expected = scored.clone();
        expected.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        expected.truncate(limit);
        let mut selection = Selection::default();
        for _ in 0..2 {
            selection.reset(limit);
            scored.iter().for_each(|&(item, score)| selection.offer(item, score));
            prop_assert_eq!(&selection.sorted().collect::<Vec<_>>(), &expected);
        }
    }

    #[test]
    fn scales_are_powers_of_the_sums(case in cases(), exponent in 0.0..1.0f64) {
        let mut out = vec![9.0; case.user_scales.len()];
        scales(case.matrix.view(), case.item_scales.len(), case.weighted, exponent, &mut out).unwrap();
        for (user, &scale) in out.iter().enumerate() {
            let sum: f64 = (0..case.item_scales.len()).map(|item| case.value(user, item)).sum();
            let expected = if sum == 0.0 { 0.0 } else { sum.powf(-exponent) };
            prop_assert!((f64::from(scale) - expected).abs() < 1e-6);
        }
    }
}

#[test]
fn scores_that_are_not_finite_and_signed_zeros_do_no_harm() {
    let mut selection = Selection::default();
    selection.reset(4);
    let scores = [f32::NAN, -0.0, f32::INFINITY, 0.0, f32::NEG_INFINITY, -1.0];
    (0..).zip(scores).for_each(|(item, score)| selection.offer(item, score));
    assert_eq!(selection.sorted().collect::<Vec<_>>(), [(1, 0.0), (3, 0.0), (5, -1.0)]);
}

#[test]
fn damaged_interactions_and_requests_are_refused_by_name() {
    let matrix = Matrix::of(&[vec![1.0, 1.0, 0.0], vec![0.0, 1.0, 1.0]]);
    let whole = Filter {
        interactions: matrix.view(),
        weighted: false,
        user_scales: &[1.0; 2],
        item_scales: &[1.0; 3],
        polynomial: &[0.0, 1.0],
        low_pass: None,
    };
    let request = Request { items: &[1], weights: &[1.0], limit: 3, exclude: &[], only: None, allowed: None };
    let refused = |filter: Filter<'_>, request: Request<'_>| {
        rank(&filter, &[request], &mut Scratch::default(), &mut Lists::default(), Simd::detect()).unwrap_err()
    };
    let view = matrix.view();
    let beyond = Filter { interactions: Csr { indices: &[0, 1, 1, 3], ..view }, ..whole };
    let column = CsrError::Column { row: 1, column: 3, columns: 3 };
    assert_eq!(refused(beyond, request), FilterError::Interactions(column));
    let falling = Filter { interactions: Csr { indptr: &[0, 5, 4], ..view }, ..whole };
    assert_eq!(refused(falling, request), FilterError::Interactions(CsrError::Pointers { row: 0 }));
    let together = [request; LANES];
    for filter in [beyond, falling] {
        let many = rank(&filter, &together, &mut Scratch::default(), &mut Lists::default(), Simd::detect());
        assert!(matches!(many, Err(FilterError::Interactions(_))));
    }
    let short = Filter { user_scales: &[1.0], ..whole };
    assert_eq!(refused(short, request).to_string(), "userScales must have 2 values, got 1");
    let without = Filter { polynomial: &[], ..whole };
    assert!(matches!(refused(without, request), FilterError::Length { of: "polynomial", .. }));
    let low_pass = Some(LowPass { factors: 2, vectors: &[0.0; 6], response: &[0.0; 2 * TILE - 1] });
    assert!(matches!(refused(Filter { low_pass, ..whole }, request), FilterError::Length { of: "response", .. }));
    assert_eq!(
        refused(whole, Request { items: &[3], ..request }).to_string(),
        "history.items must hold items below 3, got 3"
    );
    assert!(matches!(refused(whole, Request { weights: &[], ..request }), FilterError::Length { .. }));
    assert!(matches!(refused(whole, Request { exclude: &[7], ..request }), FilterError::Item { of: "exclude", .. }));
    assert_eq!(refused(whole, Request { only: Some(&[2, 1]), ..request }), FilterError::Order { of: "only" });
}

#[test]
fn rows_whose_sum_is_no_positive_number_have_no_scale() {
    let matrix = Matrix { indptr: vec![0, 1, 2], indices: vec![0, 0], weights: vec![1.0, f32::INFINITY] };
    let error = scales(matrix.view(), 1, true, 0.5, &mut [0.0; 2]).unwrap_err();
    assert_eq!(error, CsrError::Weight { row: 1, weight: f32::INFINITY });
    assert_eq!(scales(matrix.view(), 1, false, 0.5, &mut [0.0; 2]), Ok(()));
}

#[test]
fn a_signal_of_one_history_is_that_of_its_lane() {
    struct Both<'a>(&'a Filter<'a>);
    impl Kernel for Both<'_> {
        type Output = (Vec<f32>, Vec<f32>);
        #[inline(always)]
        fn run<L: Lanes>(self, l: L) -> Self::Output {
            let history = History { items: &[0, 2], weights: &[0.3, 0.7] };
            let mut signals = Signals::default();
            let one = signals.polynomial(l, self.0, &[history], 1).unwrap().to_vec();
            let many = signals.polynomial(l, self.0, &[history; 3], LANES).unwrap();
            (one, many.iter().skip(2).step_by(BLOCK).copied().collect())
        }
    }
    let matrix = Matrix::of(&[vec![0.1, 1.3, 0.0], vec![0.0, 1.7, 1.1], vec![0.9, 0.0, 0.3]]);
    let filter = Filter {
        interactions: matrix.view(),
        weighted: true,
        user_scales: &[0.7, 0.3, 0.9],
        item_scales: &[0.6, 0.2, 1.1],
        polynomial: &[0.3, -1.7, 0.9, 0.1],
        low_pass: None,
    };
    for simd in Simd::available() {
        let (one, lane) = simd.run(Both(&filter));
        assert_eq!(one, lane);
    }
}
