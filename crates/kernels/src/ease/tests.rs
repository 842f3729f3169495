//! The naive twins: dense matrices in double precision, and sorting of everything.

use super::gramian::{Interactions, scatter_row};
use super::rank::{self, RankError, Weights, WeightsError, check, rank};
use super::regression::{self, Regression};
use super::sweep;
use super::tiles::Tiles;
use super::weights::{largest, residuals, rows};
use crate::bitmap::{Bitmap, words_of};
use crate::csr::{Csr, CsrError};
use crate::request::Request;
use crate::scratch::Floats;
use crate::simd::Simd;
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

fn transposed(dense: &[Vec<f32>]) -> Vec<Vec<f32>> {
    (0..dense[0].len()).map(|column| dense.iter().map(|row| row[column]).collect()).collect()
}

/// XᵀX + λI.
fn naive_gramian(by_user: &[Vec<f32>], weighted: bool, regularization: f64) -> Vec<Vec<f64>> {
    let value = |w: f32| if weighted { f64::from(w) } else { f64::from(u8::from(w != 0.0)) };
    let items = by_user[0].len();
    let entry = |i: usize, j: usize| {
        by_user.iter().map(|row| value(row[i]) * value(row[j])).sum::<f64>() + if i == j { regularization } else { 0.0 }
    };
    (0..items).map(|i| (0..items).map(|j| entry(i, j)).collect()).collect()
}

/// The inverse by Gauss and Jordan, with the identity beside the matrix.
fn naive_inverse(matrix: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let n = matrix.len();
    let mut a: Vec<Vec<f64>> = matrix.to_vec();
    for (i, row) in a.iter_mut().enumerate() {
        row.extend((0..n).map(|j| f64::from(u8::from(i == j))));
    }
    for p in 0..n {
        let pivot = a[p][p];
        a[p].iter_mut().for_each(|value| *value /= pivot);
        let row = a[p].clone();
        for (r, other) in a.iter_mut().enumerate().filter(|&(r, _)| r != p) {
            let by = other[p];
            other.iter_mut().zip(&row).for_each(|(value, of)| *value -= by * of);
            debug_assert_ne!(r, p);
        }
    }
    a.into_iter().map(|row| row[n..].to_vec()).collect()
}

/// B and the residuals, from the definition.
fn naive_weights(gramian: &[Vec<f64>]) -> (Vec<Vec<f64>>, Vec<f64>) {
    let inverse = naive_inverse(gramian);
    let n = inverse.len();
    let entry = |i: usize, j: usize| if i == j { 0.0 } else { -inverse[i][j] / inverse[j][j] };
    let weights = (0..n).map(|i| (0..n).map(|j| entry(i, j)).collect()).collect();
    (weights, (0..n).map(|j| 1.0 / inverse[j][j]).collect())
}

/// The triangle of XᵀX + λI.
fn triangle(interactions: Interactions<'_>, size: usize, regularization: f64) -> (Tiles, Vec<f32>) {
    let count = interactions.items().div_ceil(size);
    let mut values = vec![0.0; count * (count + 1) / 2 * size * size];
    let tiles = Tiles::new(interactions.items(), size, values.len()).unwrap();
    let mut sums = Vec::new();
    for item in (0..tiles.padded()).rev() {
        let mut row = vec![7.0; (item / size + 1) * size];
        interactions.gramian_row(item, regularization, &mut row, &mut sums);
        scatter_row(tiles, item, &row, |at, part| values[at * size..][..size].copy_from_slice(part));
    }
    (tiles, values)
}

/// Sweeps all blocks, the tiles of each step in the opposite order where `backwards`.
fn sweep_all(tiles: Tiles, triangle: &mut [f32], backwards: bool, simd: Simd) -> Result<(), usize> {
    let Tiles { size, .. } = tiles;
    let (area, count) = (tiles.area(), tiles.count());
    let mut inverse = vec![0.0; area];
    let (mut left, mut right) = (vec![0.0; count * area], vec![0.0; count * area]);
    let ordered = |end: usize| -> Vec<usize> { if backwards { (0..end).rev().collect() } else { (0..end).collect() } };
    let mut floats = Floats::default();
    for step in 0..count {
        let at = |number: usize| number * area..(number + 1) * area;
        sweep::invert(&mut triangle[at(Tiles::number(step, step))], size, &mut inverse, &mut Vec::new(), simd)
            .map_err(|row| step * size + row)?;
        for i in ordered(count).into_iter().filter(|&i| i != step) {
            let tile = &mut triangle[at(Tiles::number(i.max(step), i.min(step)))];
            let (left, right) = (&mut left[at(i)], &mut right[at(i)]);
            sweep::panel(tile, i < step, size, &inverse, left, right, &mut floats, simd);
        }
        for number in ordered(count * (count + 1) / 2) {
            let (i, j) = Tiles::place(number);
            if i != step && j != step {
                sweep::update(&mut triangle[at(number)], &left[at(i)], &right[at(j)], size, simd);
            }
        }
    }
    Ok(())
}

/// Users × items with weights from few values.
fn interactions(items: usize) -> impl Strategy<Value = Vec<Vec<f32>>> {
    (1..=crate::most(items)).prop_flat_map(|items| {
        let weight = prop_oneof![3 => Just(0.0f32), 1 => Just(1.0), 1 => Just(2.5), 1 => 0.1f32..5.0];
        prop::collection::vec(prop::collection::vec(weight, items), 1..40)
    })
}

/// Systems of few users and a weak regularization are ill-conditioned for single precision.
fn assert_near(found: f32, expected: f64, what: &str) {
    assert!((f64::from(found) - expected).abs() <= 5e-4 * (1.0 + expected.abs()), "{what}: {found}, not {expected}");
}

proptest! {
    #![proptest_config(crate::cases(24))]

    #[test]
    fn the_triangle_is_that_of_the_dense_gramian(by_user in interactions(70), weighted: bool) {
        let (users, items) = (Matrix::of(&by_user), Matrix::of(&transposed(&by_user)));
        let interactions = Interactions::new(items.view(), users.view(), weighted).unwrap();
        let expected = naive_gramian(&by_user, weighted, 2.5);
        let (tiles, triangle) = triangle(interactions, 32, 2.5);
        for i in 0..tiles.padded() {
            for j in 0..tiles.padded() {
                let one = f64::from(u8::from(i == j));
                let entry = expected.get(i).map_or(one, |row| row.get(j).copied().unwrap_or(one));
                prop_assert_eq!(tiles.value(&triangle, i, j), entry as f32);
            }
        }
        let mut costs = vec![9; tiles.padded() + 1];
        interactions.additions(&mut costs);
        let mean_diagonal = {
            let by_item = transposed(&by_user);
            let value = |w: f32| if weighted { f64::from(w) } else { 1.0 };
            let pairs = |row: &[f32]| row.iter().filter(|&&w| w != 0.0).map(|&w| value(w)).collect::<Vec<_>>();
            let all: Vec<f64> = by_item
                .iter()
                .flat_map(|row| pairs(row).iter().map(|_| pairs(row).iter().map(|w| w.powi(2)).sum()).collect::<Vec<f64>>())
                .collect();
            if all.is_empty() { 0.0 } else { all.iter().sum::<f64>() / all.len() as f64 }
        };
        prop_assert!((interactions.mean_diagonal() - mean_diagonal).abs() <= 1e-9 * (1.0 + mean_diagonal));
        let counts: Vec<u64> = by_user.iter().map(|row| row.iter().filter(|&&w| w != 0.0).count() as u64).collect();
        prop_assert_eq!(costs[tiles.padded()], counts.iter().map(|count| count * count).sum::<u64>());
    }

    #[test]
    fn sweeping_gives_the_weights_of_the_definition(
        by_user in interactions(150),
        size in prop::sample::select(vec![32usize, 64]),
        regularization in 0.5f64..20.0,
    ) {
        let (users, items) = (Matrix::of(&by_user), Matrix::of(&transposed(&by_user)));
        let interactions = Interactions::new(items.view(), users.view(), false).unwrap();
        let (expected, expected_residuals) = naive_weights(&naive_gramian(&by_user, false, regularization));
        let n = expected.len();
        for simd in Simd::available() {
            let (tiles, mut swept) = triangle(interactions, size, regularization);
            let mut again = swept.clone();
            sweep_all(tiles, &mut swept, false, simd).unwrap();
            sweep_all(tiles, &mut again, true, simd).unwrap();
            prop_assert_eq!(&swept, &again);
            let mut found = vec![0.0; n];
            residuals(&swept, tiles, &mut found);
            for j in 0..n {
                assert_near(found[j], expected_residuals[j], "residual");
            }
            // In ranges that begin and end anywhere.
            for range in [0..n, 0..n / 3, n / 3..n, n / 2..n / 2, n - 1..n] {
                let mut b = vec![7.0; range.len() * n];
                rows(&swept, tiles, &found, range.clone(), &mut b);
                for (row, i) in b.chunks(n).zip(range) {
                    for j in 0..n {
                        assert_near(row[j], expected[i][j], "weight");
                        prop_assert!(i != j || row[j] == 0.0);
                    }
                }
            }
            let mut column = vec![0.0; n];
            for item in [0, n / 2, n - 1] {
                super::weights::swept_rows(&swept, tiles, item..item + 1, &mut column);
                prop_assert!(interactions.inverse_error(item, regularization, &column) < 1e-3);
                column[n / 2] -= 0.5;
                prop_assert!(interactions.inverse_error(item, regularization, &column) > 0.1);
                column[n / 2] = f32::NAN;
                prop_assert!(interactions.inverse_error(item, regularization, &column).is_nan());
            }
        }
    }

    #[test]
    fn a_regression_is_ease_of_the_item_and_its_best_candidates(
        by_user in interactions(40),
        weighted: bool,
        whole: bool,
        candidates in 0..45usize,
        regularization in 0.5f64..20.0,
    ) {
        let mut by_user = by_user;
        if whole {
            // All items have this user, and so each may be a candidate of each.
            by_user[0].fill(1.0);
        }
        let (users, items) = (Matrix::of(&by_user), Matrix::of(&transposed(&by_user)));
        let interactions = Interactions::new(items.view(), users.view(), weighted).unwrap();
        let gramian = naive_gramian(&by_user, weighted, regularization);
        let n = gramian.len();
        let (all, all_residuals) = naive_weights(&gramian);
        let mut diagonal = vec![0.0; n];
        interactions.diagonal(&mut diagonal);
        let mut scratch = regression::Scratch::default();
        for limit in [n, candidates] {
            let regression = Regression { interactions, diagonal: &diagonal, regularization, candidates: limit };
            for j in 0..n {
                // Those that alone would make the error smallest.
                let gain = |i: usize| (gramian[i][j] / gramian[i][i].sqrt()) as f32;
                let mut order: Vec<usize> = (0..n).filter(|&i| i != j && gramian[i][j] > 0.0).collect();
                order.sort_by(|&a, &b| gain(b).total_cmp(&gain(a)).then(a.cmp(&b)));
                order.truncate(limit);
                order.sort_unstable();
                let mut part = order.clone();
                part.push(j);
                let part: Vec<Vec<f64>> =
                    part.iter().map(|&a| part.iter().map(|&b| gramian[a][b]).collect()).collect();
                let (expected, expected_residuals) = naive_weights(&part);
                for simd in Simd::available() {
                    let (mut indices, mut weights) = (vec![9; limit], vec![9.0; limit]);
                    let (count, residual) =
                        regression.column(j, &mut indices, &mut weights, &mut scratch, simd).unwrap();
                    let chosen: Vec<usize> = indices[..count].iter().map(|&i| i as usize).collect();
                    prop_assert_eq!(&chosen, &order);
                    for (at, &i) in chosen.iter().enumerate() {
                        assert_near(weights[at], expected[at][count], "weight");
                        if whole && limit == n {
                            assert_near(weights[at], all[i][j], "weight of all");
                        }
                    }
                    assert_near(residual as f32, expected_residuals[count], "residual");
                    if whole && limit == n {
                        prop_assert_eq!(count, n - 1);
                        assert_near(residual as f32, all_residuals[j], "residual of all");
                    }
                }
            }
        }
    }

    #[test]
    fn the_largest_entries_are_those_of_sorting_all(row in prop::collection::vec(-3i8..4, 0..60), limit in 0..70usize) {
        let row: Vec<f32> = row.into_iter().map(f32::from).collect();
        let mut expected: Vec<usize> = (0..row.len()).filter(|&at| row[at] != 0.0).collect();
        expected.sort_by(|&a, &b| row[b].abs().total_cmp(&row[a].abs()).then(a.cmp(&b)));
        expected.truncate(limit);
        expected.sort_unstable();
        let (mut indices, mut weights) = (vec![9; limit], vec![9.0; limit]);
        let count = largest(&row, &mut indices, &mut weights, &mut Vec::new());
        let found: Vec<usize> = indices[..count].iter().map(|&index| index as usize).collect();
        prop_assert_eq!(&found, &expected);
        for (&at, &weight) in expected.iter().zip(&weights) {
            prop_assert_eq!(weight, row[at]);
        }
    }

    #[test]
    fn ranking_finds_the_same_bits_as_summing_all_weights(
        weights in (1..24usize).prop_flat_map(|items| {
            let weight = prop_oneof![2 => Just(0.0f32), 1 => Just(0.5), 1 => -1.0f32..1.0];
            prop::collection::vec(prop::collection::vec(weight, items), items)
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
        let n = weights.len();
        let (flat, sparse) = (weights.concat(), Matrix::of(&weights));
        let below = |list: Vec<u32>| list.into_iter().filter(|&item| (item as usize) < n).collect::<Vec<_>>();
        let mut scratch = rank::Scratch::default();
        for (history, exclude, only, limit) in requests {
            let (of, by): (Vec<u32>, Vec<f32>) = history.into_iter().filter(|&(item, _)| (item as usize) < n).unzip();
            let (exclude, only) = (below(exclude.into_iter().collect()), only.map(below));
            let admitted =
                |item: u32| !exclude.contains(&item) && only.as_ref().is_none_or(|only| only.contains(&item));
            let score = |item: u32| {
                let terms = of.iter().zip(&by).map(|(&i, &w)| w * weights[i as usize][item as usize]);
                (item, terms.fold(0.0, |sum, term| sum + term))
            };
            let mut expected: Vec<(u32, f32)> =
                (0..n as u32).filter(|&item| admitted(item)).map(score).filter(|&(_, score)| score > 0.0).collect();
            expected.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
            expected.truncate(limit);
            let request = Request { items: &of, weights: &by, limit, exclude: &exclude, only: only.as_deref(), allowed: None };
            for simd in Simd::available() {
                for weights in [Weights::Dense { items: n, values: &flat }, Weights::Sparse(sparse.view())] {
                    let (mut list, mut scores) = (Vec::new(), Vec::new());
                    rank(weights, &request, &mut scratch, &mut list, &mut scores, simd).unwrap();
                    prop_assert_eq!(list.into_iter().zip(scores).collect::<Vec<_>>(), expected.clone());
                    let Some(only) = &only else { continue };
                    let words = words_of(only, n);
                    let by_bits = Request { only: None, allowed: Some(Bitmap::new(&words)), ..request };
                    let (mut list, mut scores) = (Vec::new(), Vec::new());
                    rank(weights, &by_bits, &mut scratch, &mut list, &mut scores, simd).unwrap();
                    prop_assert_eq!(list.into_iter().zip(scores).collect::<Vec<_>>(), expected.clone());
                }
            }
        }
    }
}

#[test]
fn tiles_are_numbered_by_row() {
    for number in (0..2000).chain([1 << 40, (1 << 40) + 12345]) {
        let (row, column) = Tiles::place(number);
        assert!(column <= row);
        assert_eq!(Tiles::number(row, column), number);
    }
    assert_eq!(Tiles::new(33, 32, 3 * 1024), Ok(Tiles { items: 33, size: 32 }));
    assert_eq!(Tiles::new(33, 32, 7).unwrap_err(), "the triangle of 33 items must have 3072 values, got 7");
    assert!(Tiles::new(u32::MAX as usize, 4096, 7).is_err());
    for size in [0, 31, 33, 8192] {
        assert!(Tiles::new(33, size, 0).unwrap_err().starts_with("the size of tiles must be a multiple of 32"));
    }
}

#[test]
fn a_matrix_that_is_not_positive_definite_is_refused_by_row() {
    let mut tile: Vec<f32> = (0..1024).map(|at| if at % 33 == 0 { 1.0 } else { 0.0 }).collect();
    let mut inverse = vec![0.0; 1024];
    let simd = Simd::detect();
    assert_eq!(sweep::invert(&mut tile.clone(), 32, &mut inverse, &mut Vec::new(), simd), Ok(()));
    for value in [0.0, -1.0, f32::NAN, f32::INFINITY] {
        tile[5 * 33] = value;
        assert_eq!(sweep::invert(&mut tile.clone(), 32, &mut inverse, &mut Vec::new(), simd), Err(5));
    }
}

#[test]
fn what_is_damaged_is_refused_by_name() {
    let whole = Csr { indptr: &[0, 2, 3, 3], indices: &[1, 2, 0], weights: &[0.5, -0.5, 1.0] };
    let dense = [0.0, 0.5, -0.5, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0];
    let of = |values| Weights::Dense { items: 3, values };
    assert_eq!((check(Weights::Sparse(whole)), check(of(&dense))), (Ok(()), Ok(())));
    for indices in [&[2, 1, 0], &[1, 1, 0]] {
        let error = check(Weights::Sparse(Csr { indices, ..whole }));
        assert_eq!(error, Err(WeightsError::Matrix(CsrError::Order { row: 0 })));
    }
    let beyond = Csr { indices: &[1, 3, 0], ..whole };
    let column = CsrError::Column { row: 0, column: 3, columns: 3 };
    assert_eq!(check(Weights::Sparse(beyond)), Err(WeightsError::Matrix(column.clone())));
    assert_eq!(check(Weights::Sparse(Csr { indices: &[1, 2, 1], ..whole })), Err(WeightsError::Diagonal { item: 1 }));
    let infinite = Csr { weights: &[0.5, -0.5, f32::INFINITY], ..whole };
    assert!(matches!(check(Weights::Sparse(infinite)), Err(WeightsError::Weight { item: 1, column: 0, .. })));
    let mut damaged = dense;
    damaged[5] = f32::NAN;
    assert_eq!(check(of(&damaged)).unwrap_err().to_string(), "row 1, column 2 must be finite, but is NaN");
    let mut damaged = dense;
    damaged[4] = 0.25;
    assert_eq!(check(of(&damaged)), Err(WeightsError::Diagonal { item: 1 }));

    let refused = |weights: Weights<'_>, request: Request<'_>| {
        let mut scratch = rank::Scratch::default();
        rank(weights, &request, &mut scratch, &mut Vec::new(), &mut Vec::new(), Simd::detect()).unwrap_err()
    };
    let request = Request { items: &[0], weights: &[1.0], limit: 3, exclude: &[], only: None, allowed: None };
    assert_eq!(refused(Weights::Sparse(beyond), request), RankError::Sparse(column));
    assert_eq!(refused(of(&dense[1..]), request), RankError::Dense { expected: 9, got: 8 });
    for weights in [of(&dense), Weights::Sparse(whole)] {
        let message = refused(weights, Request { items: &[3], ..request }).to_string();
        assert_eq!(message, "history.items must hold items below 3, got 3");
        assert!(matches!(
            refused(weights, Request { exclude: &[0, 7], ..request }),
            RankError::Item { of: "exclude", got: 7, .. }
        ));
        assert!(matches!(
            refused(weights, Request { only: Some(&[9]), ..request }),
            RankError::Item { of: "only", got: 9, .. }
        ));
        assert_eq!(refused(weights, Request { weights: &[], ..request }), RankError::Weights { expected: 1, got: 0 });
    }
}
