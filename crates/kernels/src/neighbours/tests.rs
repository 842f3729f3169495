//! The naive twins: dense matrices, and sorting of everything.

use super::rank::{self, RankError, Request, rank};
use super::selection::Selection;
use super::{Cosine, NeighboursError, Output, Scratch, Weighting, check};
use crate::csr::{Csr, CsrError};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// A sparse matrix that owns its entries.
#[derive(Clone, Debug, Default, PartialEq)]
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

fn transposed(dense: &[Vec<f32>], columns: usize) -> Vec<Vec<f32>> {
    (0..columns).map(|column| dense.iter().map(|row| row[column]).collect()).collect()
}

/// The best of `scored`, by sorting all of them.
fn best(mut scored: Vec<(u32, f32)>, limit: usize) -> Vec<(u32, f32)> {
    scored.retain(|&(_, score)| score > 0.0);
    scored.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    scored.truncate(limit);
    scored
}

/// Neighbours of every item from the whole matrix of similarities; `by_item` is (items × users).
fn naive(by_item: &[Vec<f32>], weighting: Weighting, shrinkage: f64, limit: usize) -> Vec<Vec<(u32, f32)>> {
    let value = |w: f32| match weighting {
        Weighting::None => f64::from(u8::from(w != 0.0)),
        Weighting::Weight => f64::from(w),
    };
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(&a, &b)| value(a) * value(b)).sum::<f64>();
    let similar = |i: usize, j: usize| {
        let (a, b) = (&by_item[i], &by_item[j]);
        let norms = dot(a, a).sqrt() * dot(b, b).sqrt();
        (j as u32, if norms == 0.0 { 0.0 } else { (dot(a, b) / (norms + shrinkage)).min(1.0) as f32 })
    };
    let items = 0..by_item.len();
    items.clone().map(|i| best(items.clone().filter(|&j| j != i).map(|j| similar(i, j)).collect(), limit)).collect()
}

/// Neighbours of every item, found range by range, the last first: range r is items `bounds[r]..bounds[r + 1]`.
fn found(cosine: &Cosine<'_>, bounds: &[usize]) -> Vec<Vec<(u32, f32)>> {
    let items = cosine.items();
    let (mut norms, mut costs, mut starts) = (vec![0.0; items], vec![7; items + 1], vec![7; items + 1]);
    cosine.plan(&mut norms, &mut costs, &mut starts);
    let mut lists = vec![Vec::new(); items];
    let mut scratch = Scratch::default();
    for range in bounds.windows(2).rev() {
        let range = range[0]..range[1];
        let starts = &starts[range.start..=range.end];
        let room = (starts[range.len()] - starts[0]) as usize;
        let (mut indices, mut similarities, mut counts) = (vec![9; room], vec![9.0; room], vec![9; range.len()]);
        let output = Output { starts, indices: &mut indices, similarities: &mut similarities, counts: &mut counts };
        cosine.neighbours(range.clone(), &norms, output, &mut scratch);
        for (n, &count) in counts.iter().enumerate() {
            let first = (starts[n] - starts[0]) as usize;
            let places = first..first + count as usize;
            lists[range.start + n] =
                indices[places.clone()].iter().copied().zip(similarities[places].iter().copied()).collect();
        }
    }
    lists
}

/// Users × items with weights from few values, so that many similarities are equal.
fn interactions() -> impl Strategy<Value = Vec<Vec<f32>>> {
    (1..24usize).prop_flat_map(|items| {
        let weight = prop_oneof![3 => Just(0.0f32), 1 => Just(1.0), 1 => Just(2.5), 1 => 0.1f32..5.0];
        prop::collection::vec(prop::collection::vec(weight, items), 1..16)
    })
}

proptest! {
    #![proptest_config(crate::cases(256))]

    #[test]
    fn training_finds_the_same_bits_as_the_dense_matrix_however_items_are_divided(
        by_user in interactions(),
        limit in 1..30usize,
        shrinkage in prop_oneof![Just(0.0), 0.0..20.0],
        cut: prop::sample::Index,
    ) {
        let by_item = transposed(&by_user, by_user[0].len());
        let (users, items) = (Matrix::of(&by_user), Matrix::of(&by_item));
        for weighting in [Weighting::None, Weighting::Weight] {
            let expected = naive(&by_item, weighting, shrinkage, limit);
            let cosine = Cosine::new(items.view(), users.view(), weighting, shrinkage, limit).unwrap();
            let cut = cut.index(by_item.len());
            prop_assert_eq!(&found(&cosine, &[0, by_item.len()]), &expected);
            prop_assert_eq!(&found(&cosine, &[0, cut, by_item.len()]), &expected);
        }
    }

    #[test]
    fn ranking_finds_the_same_bits_as_summing_all_similarities(
        similarities in (1..24usize).prop_flat_map(|items| {
            let similarity = prop_oneof![2 => Just(0.0f32), 1 => Just(0.5), 1 => 0.01f32..1.0];
            prop::collection::vec(prop::collection::vec(similarity, items), items)
        }),
        requests in prop::collection::vec(
            (
                prop::collection::btree_map(0..24u32, prop_oneof![Just(1.0f32), 0.1f32..4.0], 0..10),
                prop::collection::btree_set(0..24u32, 0..8),
                prop::option::of(prop::collection::vec(0..24u32, 0..20)),
                0..30usize,
            ),
            1..4,
        ),
    ) {
        let items = similarities.len();
        let matrix = Matrix::of(&similarities);
        let below = |list: Vec<u32>| list.into_iter().filter(|&item| (item as usize) < items).collect::<Vec<_>>();
        let mut scratch = rank::Scratch::default();
        for (history, exclude, only, limit) in requests {
            let history: BTreeMap<u32, f32> =
                history.into_iter().filter(|&(item, _)| (item as usize) < items).collect();
            let (exclude, only) = (below(exclude.into_iter().collect()), only.map(below));
            let admitted =
                |item: u32| !exclude.contains(&item) && only.as_ref().is_none_or(|only| only.contains(&item));
            let score = |item: u32| {
                let terms = history.iter().map(|(&i, &w)| f64::from(w) * f64::from(similarities[i as usize][item as usize]));
                (item, terms.sum::<f64>() as f32)
            };
            let expected = best((0..items as u32).filter(|&item| admitted(item)).map(score).collect(), limit);
            let (of, weights): (Vec<u32>, Vec<f32>) = history.iter().map(|(&item, &weight)| (item, weight)).unzip();
            let request = Request { items: &of, weights: &weights, limit, exclude: &exclude, only: only.as_deref() };
            let (mut list, mut scores) = (Vec::new(), Vec::new());
            rank(matrix.view(), &request, &mut scratch, &mut list, &mut scores).unwrap();
            prop_assert_eq!(list.into_iter().zip(scores).collect::<Vec<_>>(), expected);
        }
    }

    #[test]
    fn selection_agrees_with_sorting(scores in prop::collection::vec(-2i8..9, 0..300), limit in 0..40usize) {
        let scored: Vec<(u32, f32)> = (0..).zip(scores.iter().map(|&score| f32::from(score))).collect();
        let mut selection = Selection::default();
        for _ in 0..2 {
            selection.reset(limit);
            scored.iter().rev().for_each(|&(item, score)| selection.offer(item, score));
            prop_assert_eq!(selection.sorted().collect::<Vec<_>>(), best(scored.clone(), limit));
        }
    }
}

#[test]
fn weights_at_the_ends_of_the_range_of_floats_give_cosines() {
    let tiny = f32::from_bits(1);
    let by_user = [vec![tiny, f32::MAX, 1.0], vec![tiny, 0.0, 1.0], vec![0.0, f32::MAX, 1.0]];
    let by_item = transposed(&by_user, 3);
    let (users, items) = (Matrix::of(&by_user), Matrix::of(&by_item));
    let cosine = Cosine::new(items.view(), users.view(), Weighting::Weight, 0.0, 5).unwrap();
    let expected = naive(&by_item, Weighting::Weight, 0.0, 5);
    assert_eq!(found(&cosine, &[0, 3]), expected);
    assert_eq!(expected[0].len(), 2);
    assert!(expected.iter().flatten().all(|&(_, similarity)| similarity > 0.4 && similarity <= 1.0));
}

#[test]
fn damaged_matrices_and_requests_are_refused_by_name() {
    let matrix = Matrix::of(&[vec![0.0, 0.5], vec![0.5, 0.0]]);
    let view = matrix.view();
    let damaged = Csr { indices: &[1, 2], ..view };
    let column = CsrError::Column { row: 1, column: 2, columns: 2 };
    assert_eq!(Cosine::new(view, damaged, Weighting::None, 0.0, 5).err(), Some(column.clone()));
    let refused = |neighbours: Csr<'_>, request: Request<'_>| {
        rank(neighbours, &request, &mut rank::Scratch::default(), &mut Vec::new(), &mut Vec::new()).unwrap_err()
    };
    let request = Request { items: &[1], weights: &[1.0], limit: 3, exclude: &[], only: None };
    assert_eq!(refused(damaged, request), RankError::Neighbours(column));
    let message = refused(view, Request { items: &[2], ..request }).to_string();
    assert_eq!(message, "history.items must hold items below 2, got 2");
    assert!(matches!(
        refused(view, Request { exclude: &[0, 7], ..request }),
        RankError::Item { of: "exclude", got: 7, .. }
    ));
    assert!(matches!(
        refused(view, Request { only: Some(&[9]), ..request }),
        RankError::Item { of: "only", got: 9, .. }
    ));
    assert_eq!(refused(view, Request { weights: &[], ..request }), RankError::Weights { expected: 1, got: 0 });
}

#[test]
fn neighbours_that_no_training_makes_are_refused_by_row() {
    let whole = Csr { indptr: &[0, 2, 3, 3], indices: &[1, 2, 0], weights: &[0.5, 0.5, 1.0] };
    assert_eq!(check(whole), Ok(()));
    assert_eq!(
        check(Csr { indptr: &[0, 2, 1, 3], ..whole }),
        Err(NeighboursError::Matrix(CsrError::Pointers { row: 1 }))
    );
    let beyond = CsrError::Column { row: 1, column: 3, columns: 3 };
    assert_eq!(check(Csr { indices: &[1, 2, 3], ..whole }), Err(NeighboursError::Matrix(beyond)));
    for similarity in [0.0, -0.5, 1.5, f32::INFINITY] {
        let found = check(Csr { weights: &[0.5, 0.5, similarity], ..whole });
        assert_eq!(found, Err(NeighboursError::Similarity { item: 1, similarity }));
    }
    assert!(matches!(
        check(Csr { weights: &[f32::NAN; 3], ..whole }),
        Err(NeighboursError::Similarity { item: 0, .. })
    ));
    for disordered in [Csr { weights: &[0.4, 0.5, 1.0], ..whole }, Csr { indices: &[2, 1, 0], ..whole }] {
        assert_eq!(check(disordered), Err(NeighboursError::Order { item: 0 }));
    }
    let own = Csr { indices: &[1, 2, 1], ..whole };
    assert_eq!(check(own), Err(NeighboursError::Twice { item: 1, neighbour: 1 }));
    let again = Csr { indices: &[2, 2, 0], ..whole };
    assert_eq!(check(again), Err(NeighboursError::Twice { item: 0, neighbour: 2 }));
}
