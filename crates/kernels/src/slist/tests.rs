//! The naive twin: X, S and T as dense matrices, and the inverse of G.

use super::{Products, Regression, Scratch, SessionsError, Terms};
use crate::csr::Csr;
use crate::simd::Simd;
use crate::transitions::SESSION_END;
use proptest::prelude::*;

type Matrix = Vec<Vec<f64>>;

#[derive(Clone, Debug)]
struct Case {
    items: usize,
    sessions: Vec<(Vec<u32>, f32)>,
    terms: Terms,
    regularization: f64,
    dropout: f64,
    most_own: f64,
    candidates: usize,
}

fn case() -> impl Strategy<Value = Case> {
    let decay = prop_oneof![Just(1.0), Just(0.5), 0.1..1.0f64];
    (1..crate::most(9)).prop_flat_map(move |items| {
        let session = (prop::collection::vec(0..items as u32, 1..7), prop_oneof![Just(1.0f32), 0.1..2.0f32]);
        let terms = (prop_oneof![Just(0.0), Just(1.0), 0.0..1.0f64], decay.clone(), decay.clone());
        let sessions = prop::collection::vec(session, 0..crate::most(12));
        let own = prop_oneof![Just(0.0), Just(1.0), 0.0..0.5f64];
        let regularization = (0.2..5.0f64, prop_oneof![Just(0.0), 0.0..0.9f64]);
        (sessions, terms, regularization, own, 1..items + 2).prop_map(
            move |(
                sessions,
                (consistency, past_decay, future_decay),
                (regularization, dropout),
                most_own,
                candidates,
            )| Case {
                items,
                sessions,
                terms: Terms { consistency, past_decay, future_decay },
                regularization,
                dropout,
                most_own,
                candidates,
            },
        )
    })
}

/// The tokens of sessions, what they weigh, and where each item is.
struct Sessions {
    tokens: Vec<u32>,
    weights: Vec<f32>,
    indptr: Vec<u64>,
    places: Vec<u32>,
}

impl Sessions {
    fn of(items: usize, sessions: &[(Vec<u32>, f32)]) -> Sessions {
        let ended = |(session, _): &(Vec<u32>, f32)| session.iter().copied().chain([SESSION_END]).collect::<Vec<_>>();
        let tokens: Vec<u32> = sessions.iter().flat_map(ended).collect();
        let weights = sessions.iter().flat_map(|(session, weight)| vec![*weight; session.len() + 1]).collect();
        let (mut indptr, mut places) = (vec![0], Vec::new());
        for item in 0..items as u32 {
            places.extend((0..).zip(&tokens).filter(|&(_, &token)| token == item).map(|(place, _)| place));
            indptr.push(places.len() as u64);
        }
        Sessions { tokens, weights, indptr, places }
    }

    fn products(&self, terms: Terms) -> Result<Products<'_>, SessionsError> {
        Products::new(&self.tokens, Some(&self.weights), (&self.indptr, &self.places), terms)
    }
}

/// AᵀWB.
fn product(a: &Matrix, weights: &[f64], b: &Matrix, items: usize) -> Matrix {
    let entry = |i: usize, j: usize| a.iter().zip(b).zip(weights).map(|((a, b), w)| w * a[i] * b[j]).sum();
    (0..items).map(|i| (0..items).map(|j| entry(i, j)).collect()).collect()
}

/// G with Λ, and C.
fn naive_products(Case { items, sessions, terms, regularization, dropout, .. }: &Case) -> (Matrix, Matrix) {
    let (mut whole, mut past, mut future) = (Vec::new(), Vec::new(), Vec::new());
    let (mut by_session, mut by_cut) = (Vec::new(), Vec::new());
    let row = |events: &mut dyn Iterator<Item = (u32, f64)>| {
        let mut row = vec![0.0; *items];
        events.for_each(|(item, weight)| row[item as usize] += weight);
        row
    };
    for (session, weight) in sessions {
        whole.push(row(&mut session.iter().map(|&item| (item, 1.0))));
        by_session.push(f64::from(*weight));
        for cut in 1..session.len() {
            let decayed = |(age, &item): (i32, &u32), decay: f64| (item, decay.powi(age));
            past.push(row(&mut (0..).zip(session[..cut].iter().rev()).map(|at| decayed(at, terms.past_decay))));
            future.push(row(&mut (0..).zip(&session[cut..]).map(|at| decayed(at, terms.future_decay))));
            by_cut.push(f64::from(*weight));
        }
    }
    let consistent = product(&whole, &by_session, &whole, *items);
    let joined = |transitions: Matrix| {
        let alpha = terms.consistency;
        let entry = |(x, s): (&f64, &f64)| alpha * x + (1.0 - alpha) * s;
        consistent.iter().zip(&transitions).map(|(x, s)| x.iter().zip(s).map(entry).collect()).collect()
    };
    let mut gramian: Matrix = joined(product(&past, &by_cut, &past, *items));
    for (item, row) in gramian.iter_mut().enumerate() {
        row[item] += regularization + row[item] * dropout / (1.0 - dropout);
    }
    (gramian, joined(product(&past, &by_cut, &future, *items)))
}

/// The inverse by Gauss and Jordan.
fn naive_inverse(matrix: &Matrix) -> Matrix {
    let n = matrix.len();
    let mut a = matrix.clone();
    for (i, row) in a.iter_mut().enumerate() {
        row.extend((0..n).map(|j| f64::from(u8::from(i == j))));
    }
    for p in 0..n {
        let pivot = a[p][p];
        a[p].iter_mut().for_each(|value| *value /= pivot);
        let row = a[p].clone();
        for (_, other) in a.iter_mut().enumerate().filter(|&(r, _)| r != p) {
            let by = other[p];
            other.iter_mut().zip(&row).for_each(|(value, of)| *value -= by * of);
        }
    }
    a.into_iter().map(|row| row[n..].to_vec()).collect()
}

/// Column `item` of B, from the candidates: P C less what makes the diagonal ξ where it would be above.
fn naive_column(case: &Case, (gramian, targets): &(Matrix, Matrix), item: usize, candidates: &[usize]) -> Vec<f64> {
    let system = candidates.iter().map(|&i| candidates.iter().map(|&j| gramian[i][j]).collect());
    let inverse = naive_inverse(&system.collect());
    let times = |row: &Vec<f64>| row.iter().zip(candidates).map(|(p, &i)| p * targets[i][item]).sum::<f64>();
    let own = candidates.iter().position(|&candidate| candidate == item).unwrap();
    let free: Vec<f64> = inverse.iter().map(times).collect();
    let by = ((free[own] - case.most_own) / inverse[own][own]).max(0.0);
    let mut column = vec![0.0; case.items];
    for (n, &candidate) in candidates.iter().enumerate() {
        column[candidate] = free[n] - by * inverse[n][own];
    }
    column
}

/// The kernel's columns, with the matrix that they are made of.
fn columns(case: &Case) -> Vec<Vec<(u32, f32)>> {
    let sessions = Sessions::of(case.items, &case.sessions);
    let products = sessions.products(case.terms).unwrap();
    let mut scratch = Scratch::default();
    let (mut indptr, mut indices, mut weights) = (vec![0], Vec::new(), Vec::new());
    let mut diagonal = vec![0.0; case.items];
    for item in 0..case.items {
        let (mut others, mut values) = (vec![0; case.items], vec![0.0; case.items]);
        let count = products.gramian_row(item, &mut others, &mut values, &mut scratch).unwrap();
        indices.extend_from_slice(&others[..count]);
        weights.extend_from_slice(&values[..count]);
        indptr.push(indices.len() as u64);
        diagonal[item] = others[..count].iter().position(|&o| o == item as u32).map_or(0.0, |at| values[at].into());
    }
    let gramian = Csr { indptr: &indptr, indices: &indices, weights: &weights };
    let Case { regularization, dropout, most_own, .. } = *case;
    let regression = Regression { products, gramian, diagonal: &diagonal, regularization, dropout, most_own };
    let column = |item| {
        let (mut indices, mut weights) = (vec![0; case.candidates], vec![0.0; case.candidates]);
        let count = regression.column(item, &mut indices, &mut weights, &mut scratch, Simd::detect()).unwrap();
        indices.into_iter().zip(weights).take(count).collect()
    };
    (0..case.items).map(column).collect()
}

proptest! {
    #![proptest_config(crate::cases(200))]

    /// Candidates that are next to equally good may be either.
    #[test]
    fn columns_are_those_of_the_closed_form(case in case()) {
        let products = naive_products(&case);
        let (gramian, targets) = &products;
        for (item, found) in columns(&case).iter().enumerate() {
            let gain = |&i: &usize| targets[i][item].powi(2) / gramian[i][i];
            let mut others: Vec<usize> = (0..case.items).filter(|&i| i != item && targets[i][item] > 0.0).collect();
            others.sort_by(|a, b| gain(b).total_cmp(&gain(a)).then(a.cmp(b)));
            let close = |a: f64, b: f64| (a - b).abs() <= 1e-6 * (a + b);
            if others.len() > case.candidates && close(gain(&others[case.candidates - 1]), gain(&others[case.candidates])) {
                continue;
            }
            others.truncate(case.candidates);
            others.push(item);
            let expected = naive_column(&case, &products, item, &others);
            let mut dense = vec![0.0; case.items];
            for &(other, weight) in found {
                prop_assert!(other as usize != item && weight > 0.0);
                dense[other as usize] = f64::from(weight);
            }
            for (other, (&got, &value)) in dense.iter().zip(&expected).enumerate() {
                let wanted = if other == item { 0.0 } else { value.max(0.0) };
                prop_assert!((got - wanted).abs() < 1e-4, "item {item} by {other}: {got}, expected {wanted}");
            }
            prop_assert!(found.is_sorted_by_key(|&(other, _)| other));
        }
    }

    #[test]
    fn with_all_candidates_the_squared_error_cannot_be_made_smaller(case in case(), steps in prop::collection::vec(-0.1..0.1f64, 9)) {
        let products = naive_products(&case);
        let all: Vec<usize> = (0..case.items).collect();
        let (gramian, targets) = &products;
        // ½ bᵀ(G + Λ)b − bᵀc, which is half the error but for a constant.
        let error = |item: usize, b: &[f64]| {
            let times = |i: usize| (0..case.items).map(|j| gramian[i][j] * b[j]).sum::<f64>();
            (0..case.items).map(|i| b[i] * (times(i) / 2.0 - targets[i][item])).sum::<f64>()
        };
        for item in 0..case.items {
            let best = naive_column(&case, &products, item, &all);
            prop_assert!(best[item] <= case.most_own + 1e-9);
            let mut other: Vec<f64> = best.iter().zip(&steps).map(|(b, step)| b + step).collect();
            other[item] = other[item].min(case.most_own);
            prop_assert!(error(item, &best) <= error(item, &other) + 1e-9);
        }
    }
}

#[test]
fn what_is_out_of_range_is_refused() {
    let terms = Terms { consistency: 0.5, past_decay: 0.5, future_decay: 1.0 };
    let sessions = Sessions::of(2, &[(vec![0, 1], 1.0)]);
    let fault = |sessions: &Sessions, terms| sessions.products(terms).err();
    assert_eq!(fault(&sessions, terms), None);
    for wrong in [
        Terms { consistency: 1.1, ..terms },
        Terms { consistency: f64::NAN, ..terms },
        Terms { past_decay: 0.0, ..terms },
        Terms { future_decay: 2.0, ..terms },
    ] {
        assert!(matches!(fault(&sessions, wrong), Some(SessionsError::Terms(_))));
    }
    let wrong = Sessions { tokens: vec![0, 2, SESSION_END], ..Sessions::of(2, &[(vec![0, 1], 1.0)]) };
    assert_eq!(fault(&wrong, terms), Some(SessionsError::Item { place: 1, item: 2, items: 2 }));
    let wrong = Sessions { weights: vec![1.0], ..Sessions::of(2, &[(vec![0, 1], 1.0)]) };
    assert_eq!(fault(&wrong, terms), Some(SessionsError::Weights { expected: 3, got: 1 }));
    // The end of a session is the place of no item.
    let wrong = Sessions { places: vec![0, 2], ..Sessions::of(2, &[(vec![0, 1], 1.0)]) };
    assert_eq!(fault(&wrong, terms), Some(SessionsError::Occurrences { item: 1 }));
}

#[test]
fn rows_that_there_is_no_room_for_are_refused() {
    let sessions = Sessions::of(3, &[(vec![0, 1, 2], 1.0)]);
    let products = sessions.products(Terms { consistency: 1.0, past_decay: 1.0, future_decay: 1.0 }).unwrap();
    let mut scratch = Scratch::default();
    assert_eq!(products.gramian_row(0, &mut [0; 2], &mut [0.0; 2], &mut scratch), None);
    assert_eq!(products.gramian_row(0, &mut [0; 3], &mut [0.0; 3], &mut scratch), Some(3));
}
