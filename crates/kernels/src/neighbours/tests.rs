//! The naive twins: dense matrices, and sorting of everything.

use super::rank::{self, RankError, rank};
use super::{
    Lookup, Measure, NeighboursError, Output, Plan, PlanMut, Query, Scratch, Similarity, Training, Weighting, check,
};
use crate::bitmap::{Bitmap, words_of};
use crate::csr::{Csr, CsrError};
use crate::request::Request;
use crate::selection::Selection;
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

/// Neighbours of every row from the definitions in [`Measure`], over the whole matrix of similarities; `by_row` is
/// (rows × columns).
fn naive(by_row: &[Vec<f32>], similarity: &Similarity, limit: usize) -> Vec<Vec<(u32, f32)>> {
    let (rows, columns) = (by_row.len(), by_row[0].len());
    let weight = |row: usize, column: usize| match similarity.weighting {
        Weighting::None => f64::from(u8::from(by_row[row][column] != 0.0)),
        Weighting::Weight => f64::from(by_row[row][column]),
    };
    let has = |row: usize, column: usize| by_row[row][column] != 0.0;
    let size_of_column = |column: usize| (0..rows).filter(|&row| has(row, column)).count() as f64;
    let size_of_row = |row: usize| (0..columns).filter(|&column| has(row, column)).count() as f64;
    let length = |row: usize| (0..columns).filter(|&u| has(row, u)).map(|u| weight(row, u)).sum::<f64>();
    let mean_length = (0..rows).map(length).sum::<f64>() / rows as f64;
    let idf_square = |column: usize| {
        let idf = match similarity.measure {
            Measure::TfIdf => (1.0 + rows as f64 / size_of_column(column).max(1.0)).ln(),
            _ => ((rows as f64 + 1.0) / (size_of_column(column) + 0.5)).ln(),
        };
        idf * idf
    };
    let pairs: f64 = (0..columns).map(size_of_column).sum();
    let mean_idf = (0..columns).map(|column| size_of_column(column) * idf_square(column)).sum::<f64>() / pairs;
    let g = |column: usize| match similarity.measure {
        Measure::Cosine | Measure::Jaccard | Measure::Asymmetric { .. } => 1.0,
        Measure::TfIdf | Measure::Bm25 { .. } => idf_square(column) / mean_idf,
        Measure::Rp3Beta { alpha, .. } => {
            let sum: f64 = (0..rows).filter(|&row| has(row, column)).map(|row| weight(row, column)).sum();
            sum.powf(-alpha)
        }
    };
    let g: Vec<f64> = (0..columns).map(g).collect();
    let x = |row: usize, column: usize| match similarity.measure {
        Measure::Bm25 { k1, b } => {
            let w = weight(row, column);
            w * (k1 + 1.0) / (k1 * (1.0 - b + b * length(row) / mean_length) + w)
        }
        Measure::Rp3Beta { alpha, .. } if similarity.weighting == Weighting::Weight => weight(row, column).powf(alpha),
        _ => weight(row, column),
    };
    let square = |row: usize| (0..columns).filter(|&u| has(row, u)).map(|u| g[u] * x(row, u) * x(row, u)).sum::<f64>();
    let of = |i: usize, j: usize| {
        let common: Vec<usize> = (0..columns).filter(|&u| has(i, u) && has(j, u)).collect();
        if common.is_empty() {
            return 0.0;
        }
        let is_counted = similarity.weighting == Weighting::None;
        if let (Measure::Bm25 { k1, b }, true) = (similarity.measure, is_counted) {
            // What is the same for all columns stands before the sum.
            let term = |row: usize| (k1 * (1.0 - b + b * length(row) / mean_length) + 1.0) / (k1 + 1.0);
            return common.iter().map(|&u| g[u]).sum::<f64>() / (term(i) * term(j));
        }
        let sum: f64 = common.iter().map(|&u| g[u] * x(i, u) * x(j, u)).sum();
        let h = similarity.shrinkage;
        match similarity.measure {
            Measure::Cosine | Measure::TfIdf => (sum / (square(i).sqrt() * square(j).sqrt() + h)).min(1.0),
            Measure::Jaccard => (sum / (square(i) + square(j) - sum + h)).min(1.0),
            Measure::Asymmetric { asymmetry } => {
                let ratio = sum / (square(i).powf(asymmetry) * square(j).powf(1.0 - asymmetry) + h);
                if is_counted { ratio.min(1.0) } else { ratio }
            }
            Measure::Bm25 { .. } => sum,
            Measure::Rp3Beta { alpha, beta } => sum / (length(i).powf(alpha) * size_of_row(j).powf(beta)),
        }
    };
    let raised = |score: f32| match similarity.locality {
        1.0 => score,
        locality => (f64::from(score).powf(locality) as f32).max(f32::MIN_POSITIVE),
    };
    (0..rows)
        .map(|i| {
            let kept = best((0..rows).filter(|&j| j != i).map(|j| (j as u32, of(i, j) as f32)).collect(), limit);
            best(kept.into_iter().map(|(j, score)| (j, raised(score))).collect(), limit)
        })
        .collect()
}

/// What [`Training::plan`] writes.
#[derive(Default)]
struct Planned {
    left: Vec<f64>,
    right: Vec<f64>,
    totals: Vec<f64>,
    most: Vec<f64>,
    weights: Vec<f64>,
    costs: Vec<u64>,
    starts: Vec<u64>,
}

impl Planned {
    fn of(training: &Training<'_>) -> Planned {
        let (rows, columns) = (training.rows(), training.columns());
        let mut planned = Planned {
            left: vec![7.0; rows],
            right: vec![7.0; rows],
            totals: vec![7.0; rows],
            most: vec![7.0; rows],
            weights: vec![7.0; columns],
            costs: vec![7; rows + 1],
            starts: vec![7; rows + 1],
        };
        let Planned { left, right, totals, most, weights, costs, starts } = &mut planned;
        training.plan(PlanMut { left, right, totals, most, weights, costs, starts });
        planned
    }

    fn view(&self) -> Plan<'_> {
        Plan { left: &self.left, right: &self.right, totals: &self.totals, most: &self.most, weights: &self.weights }
    }
}

/// Neighbours of every row, found range by range, the last first: range r is rows `bounds[r]..bounds[r + 1]`.
fn found(training: &Training<'_>, bounds: &[usize]) -> Vec<Vec<(u32, f32)>> {
    let planned = Planned::of(training);
    let search = training.search(planned.view());
    let mut lists = vec![Vec::new(); training.rows()];
    let mut scratch = Scratch::default();
    for range in bounds.windows(2).rev() {
        let range = range[0]..range[1];
        let starts = &planned.starts[range.start..=range.end];
        let room = (starts[range.len()] - starts[0]) as usize;
        let (mut indices, mut similarities, mut counts) = (vec![9; room], vec![9.0; room], vec![9; range.len()]);
        let output = Output { starts, indices: &mut indices, similarities: &mut similarities, counts: &mut counts };
        search.neighbours(range.clone(), output, &mut scratch);
        for (n, &count) in counts.iter().enumerate() {
            let first = (starts[n] - starts[0]) as usize;
            let places = first..first + count as usize;
            lists[range.start + n] =
                indices[places.clone()].iter().copied().zip(similarities[places].iter().copied()).collect();
        }
    }
    lists
}

/// Neighbours of every row as those of a query that is given by its columns.
fn looked_up(training: &Training<'_>, by_row: &Matrix, by_column: &Matrix) -> Vec<Vec<(u32, f32)>> {
    let planned = Planned::of(training);
    let lookup = Lookup {
        similarity: training.similarity,
        by_column: by_column.view(),
        right: &planned.right,
        weights: &planned.weights,
        mean_length: training.similarity.mean_length(by_row.view()),
    };
    let mut scratch = Scratch::default();
    (0..training.rows())
        .map(|row| {
            let (columns, weights) = by_row.view().row(row);
            let (mut rows, mut scores) = (Vec::new(), Vec::new());
            let own = Some(row as u32);
            let query = Query { columns, weights, own, limit: training.limit, most_additions: u64::MAX, allowed: None };
            lookup.nearest(&query, &mut scratch, &mut rows, &mut scores).unwrap();
            rows.into_iter().zip(scores).collect()
        })
        .collect()
}

fn cosine(weighting: Weighting, shrinkage: f64) -> Similarity {
    Similarity { measure: Measure::Cosine, weighting, shrinkage, locality: 1.0 }
}

fn similarity() -> impl Strategy<Value = Similarity> {
    let measure = prop_oneof![
        2 => Just(Measure::Cosine),
        2 => Just(Measure::Jaccard),
        1 => Just(Measure::TfIdf),
        1 => (0.1f64..200.0, 0.0f64..1.0).prop_map(|(k1, b)| Measure::Bm25 { k1, b }),
        1 => (0.0f64..1.0).prop_map(|asymmetry| Measure::Asymmetric { asymmetry }),
        1 => (0.3f64..2.0, 0.0f64..1.0).prop_map(|(alpha, beta)| Measure::Rp3Beta { alpha, beta }),
    ];
    let weighting = prop_oneof![Just(Weighting::None), Just(Weighting::Weight)];
    let shrinkage = prop_oneof![Just(0.0), 0.0..20.0];
    let locality = prop_oneof![3 => Just(1.0), 1 => 0.3f64..3.0];
    (measure, weighting, shrinkage, locality).prop_map(|(measure, weighting, shrinkage, locality)| Similarity {
        measure,
        weighting,
        shrinkage,
        locality,
    })
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
    fn training_finds_the_same_bits_as_the_dense_matrix_however_rows_are_divided(
        by_user in interactions(),
        similarity in similarity(),
        limit in 1..30usize,
        swept_from in prop_oneof![2 => Just(Some(0u64)), 1 => Just(Some(u64::MAX)), 1 => Just(None)],
        cut: prop::sample::Index,
    ) {
        let by_item = transposed(&by_user, by_user[0].len());
        let (users, items) = (Matrix::of(&by_user), Matrix::of(&by_item));
        prop_assume!(!users.indices.is_empty());
        let expected = naive(&by_item, &similarity, limit);
        let mut training = Training::new(items.view(), users.view(), similarity, limit).unwrap();
        training.swept_from = swept_from;
        let cut = cut.index(by_item.len());
        prop_assert_eq!(&found(&training, &[0, by_item.len()]), &expected);
        prop_assert_eq!(&found(&training, &[0, cut, by_item.len()]), &expected);
        prop_assert_eq!(&looked_up(&training, &items, &users), &expected);
        // The other side's, too.
        let of_users = Training { swept_from, ..Training::new(users.view(), items.view(), similarity, limit).unwrap() };
        prop_assert_eq!(&found(&of_users, &[0, by_user.len()]), &naive(&by_user, &similarity, limit));
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
            let request = Request { items: &of, weights: &weights, limit, exclude: &exclude, only: only.as_deref(), allowed: None };
            let (mut list, mut scores) = (Vec::new(), Vec::new());
            rank(matrix.view(), items, &request, None, &mut scratch, &mut list, &mut scores).unwrap();
            prop_assert_eq!(list.into_iter().zip(scores).collect::<Vec<_>>(), expected.clone());
            if let Some(only) = &only {
                let words = words_of(only, items);
                let by_bits = Request { only: None, allowed: Some(Bitmap::new(&words)), ..request };
                let (mut list, mut scores) = (Vec::new(), Vec::new());
                rank(matrix.view(), items, &by_bits, None, &mut scratch, &mut list, &mut scores).unwrap();
                prop_assert_eq!(list.into_iter().zip(scores).collect::<Vec<_>>(), expected);
            }
        }
    }

    #[test]
    fn selection_agrees_with_sorting(scores in prop::collection::vec(-2i8..9, 0..300), limit in 0..40usize) {
        let scored: Vec<(u32, f32)> = (0..).zip(scores.iter().map(|&score| f32::from(score))).collect();
        let mut selection = Selection::default();
        for _ in 0..2 {
            selection.reset(limit);
            for &(item, score) in scored.iter().rev() {
                selection.offer(item, score);
            }
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
    let similarity = cosine(Weighting::Weight, 0.0);
    let training = Training::new(items.view(), users.view(), similarity, 5).unwrap();
    let expected = naive(&by_item, &similarity, 5);
    assert_eq!(found(&training, &[0, 3]), expected);
    assert_eq!(expected[0].len(), 2);
    assert!(expected.iter().flatten().all(|&(_, similarity)| similarity > 0.4 && similarity <= 1.0));
}

#[test]
fn damaged_matrices_and_requests_are_refused_by_name() {
    let matrix = Matrix::of(&[vec![0.0, 0.5], vec![0.5, 0.0]]);
    let view = matrix.view();
    let damaged = Csr { indices: &[1, 2], ..view };
    let column = CsrError::Column { row: 1, column: 2, columns: 2 };
    assert_eq!(Training::new(view, damaged, cosine(Weighting::None, 0.0), 5).err(), Some(column.clone()));
    let refused = |neighbours: Csr<'_>, request: Request<'_>| {
        rank(neighbours, 2, &request, None, &mut rank::Scratch::default(), &mut Vec::new(), &mut Vec::new())
            .unwrap_err()
    };
    let request = Request { items: &[1], weights: &[1.0], limit: 3, exclude: &[], only: None, allowed: None };
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
    for similarity in [0.0, -0.5, f32::INFINITY] {
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
