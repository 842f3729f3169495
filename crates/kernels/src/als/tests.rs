//! The naive twin: the k × k normal equations in double precision, solved by elimination.

use super::*;
use crate::simd::stride;
use proptest::prelude::*;

struct Problem {
    rank: usize,
    indptr: Vec<u64>,
    indices: Vec<u32>,
    weights: Vec<f32>,
    /// (columns × rank), in the eigenbasis of its Gramian, not padded.
    fixed: Vec<f32>,
    spectrum: Vec<f64>,
}

impl Problem {
    /// Rows of `lengths` entries against 60 columns.
    fn new(rank: usize, lengths: &[usize], seed: u64) -> Problem {
        Problem::against(60, rank, lengths, seed)
    }

    /// Rows of at most `lengths` entries against `columns`.
    fn against(columns: usize, rank: usize, lengths: &[usize], seed: u64) -> Problem {
        let (fixed, spectrum) = Problem::fixed_side(columns, rank, seed);
        let mut indptr = vec![0];
        let (mut indices, mut weights) = (Vec::new(), Vec::new());
        for (r, &n) in lengths.iter().enumerate() {
            let mut row: Vec<u32> = (0..n).map(|i| ((i * 7 + r * 13 + seed as usize % 5) % columns) as u32).collect();
            row.sort_unstable();
            row.dedup();
            weights.extend(row.iter().map(|c| 1.0 + (c % 4) as f32));
            indices.extend(row);
            indptr.push(indices.len() as u64);
        }
        Problem { rank, indptr, indices, weights, fixed, spectrum }
    }

    /// A fixed side (columns × rank) in the eigenbasis of its Gramian, and the eigenvalues.
    fn fixed_side(columns: usize, rank: usize, seed: u64) -> (Vec<f32>, Vec<f64>) {
        if cfg!(miri) {
            // The decomposition takes Miri ten minutes. With one value in each row the Gramian is diagonal.
            let mut sparse = vec![0.0; columns * rank];
            for column in 0..columns {
                sparse[column * rank + column % rank] = 1.0 / (1 + column % rank) as f32;
            }
            let square = |f: usize| sparse.chunks(rank).map(|row| f64::from(row[f]).powi(2)).sum();
            let spectrum = (0..rank).map(square).collect();
            return (sparse, spectrum);
        }
        let s = stride(rank);
        let mut fixed = vec![0.0; columns * s];
        crate::initialise::fill_normal(&mut fixed, s, rank, 0, 0.3, seed);
        let simd = Simd::named("plain").unwrap();
        let mut gram = vec![0.0; s * s];
        crate::matmul::add_gram(&fixed, s, &mut gram, simd);
        let (mut vectors, mut spectrum) = (vec![0.0; s * s], vec![0.0; s]);
        crate::basis::eigenbasis(&gram, rank, &mut vectors, &mut spectrum).unwrap();
        crate::matmul::rotate(&mut fixed, s, &vectors, &mut Floats::default(), simd);
        spectrum.truncate(rank);
        (fixed.chunks(s).flat_map(|row| row[..rank].to_vec()).collect(), spectrum)
    }

    fn step(&self, objective: Objective, solver: Solver) -> HalfStep<'_> {
        HalfStep {
            entries: Csr { indptr: &self.indptr, indices: &self.indices, weights: &self.weights },
            fixed: &self.fixed,
            fixed_stride: self.rank,
            spectrum: &self.spectrum,
            objective,
            solver,
        }
    }

    /// The loss terms of `row` at `x`, from the definition: the loss is summed over all pairs, observed or not.
    fn loss_terms(&self, o: Objective, row: usize, x: &[f64]) -> LossTerms {
        let (k, columns) = (self.rank, self.fixed.len() / self.rank);
        let entries = self.indptr[row] as usize..self.indptr[row + 1] as usize;
        if entries.is_empty() {
            return LossTerms::default();
        }
        let score = |c: usize| (0..k).map(|f| x[f] * f64::from(self.fixed[c * k + f])).sum::<f64>();
        let regularization =
            f64::from(o.row_regularization(entries.len(), columns)) * x.iter().map(|x| x * x).sum::<f64>();
        let mut fit = regularization;
        fit += (0..columns).map(|c| f64::from(o.unobserved) * score(c).powi(2)).sum::<f64>();
        for e in entries {
            let (s, r) = (score(self.indices[e] as usize), f64::from(self.weights[e]));
            let w = f64::from(o.alpha) * r + f64::from(o.weight_offset);
            let t = f64::from(o.alpha) * r + f64::from(o.target_offset);
            fit += w * s * s - 2.0 * t * s + t;
        }
        LossTerms { fit, regularization }
    }

    /// Solutions (rows × rank) and their loss terms.
    fn naive(&self, o: Objective) -> (Vec<f64>, LossTerms) {
        let (k, columns) = (self.rank, self.fixed.len() / self.rank);
        let y = |c: usize, f: usize| f64::from(self.fixed[c * k + f]);
        let (mut solutions, mut terms) = (Vec::new(), LossTerms::default());
        for row in 0..self.indptr.len() - 1 {
            let entries = self.indptr[row] as usize..self.indptr[row + 1] as usize;
            let lambda = f64::from(o.row_regularization(entries.len(), columns));
            let mut a = vec![vec![0.0; k + 1]; k];
            for f in 0..k {
                a[f][f] += lambda;
                for g in 0..k {
                    a[f][g] += f64::from(o.unobserved) * (0..columns).map(|c| y(c, f) * y(c, g)).sum::<f64>();
                }
            }
            for e in entries.clone() {
                let (c, r) = (self.indices[e] as usize, f64::from(self.weights[e]));
                let w = f64::from(o.alpha) * r + f64::from(o.weight_offset);
                let t = f64::from(o.alpha) * r + f64::from(o.target_offset);
                for f in 0..k {
                    a[f][k] += t * y(c, f);
                    for g in 0..k {
                        a[f][g] += w * y(c, f) * y(c, g);
                    }
                }
            }
            let x = eliminate(a);
            let of_row = self.loss_terms(o, row, &x);
            terms.fit += of_row.fit;
            terms.regularization += of_row.regularization;
            solutions.extend(x);
        }
        (solutions, terms)
    }
}

/// Gaussian elimination with partial pivoting of [A | b].
fn eliminate(mut a: Vec<Vec<f64>>) -> Vec<f64> {
    let k = a.len();
    for i in 0..k {
        let pivot = (i..k).max_by(|&p, &q| a[p][i].abs().total_cmp(&a[q][i].abs())).unwrap();
        a.swap(i, pivot);
        for r in 0..k {
            if r != i {
                let by = a[r][i] / a[i][i];
                for c in i..=k {
                    a[r][c] -= by * a[i][c];
                }
            }
        }
    }
    (0..k).map(|i| a[i][k] / a[i][i]).collect()
}

const IALS: Objective = Objective {
    unobserved: 0.1,
    alpha: 1.0,
    weight_offset: 0.0,
    target_offset: 0.0,
    regularization: 0.02,
    frequency_exponent: 0.5,
};
const HU: Objective = Objective {
    unobserved: 1.0,
    alpha: 40.0,
    weight_offset: 0.0,
    target_offset: 1.0,
    regularization: 1.0,
    frequency_exponent: 0.0,
};
/// With values of 1, w is 0 here: only the linear term remains.
const IMPLICIT: Objective = Objective { alpha: 1.0, weight_offset: -1.0, target_offset: 0.0, ..HU };

fn solve(problem: &Problem, objective: Objective, solver: Solver, simd: Simd) -> (Vec<f32>, LossTerms) {
    let s = stride(problem.rank);
    let rows = problem.indptr.len() - 1;
    let mut out = vec![0.0; rows * s];
    let step = problem.step(objective, solver);
    let terms = step.solve(0..rows, &mut out, &mut Scratch::default(), simd).unwrap();
    assert!(out.chunks(s).all(|row| row[problem.rank..].iter().all(|&x| x == 0.0)), "padding stays zero");
    (out.chunks(s).flat_map(|row| row[..problem.rank].to_vec()).collect(), terms)
}

fn assert_agrees(found: &(Vec<f32>, LossTerms), exact: &(Vec<f64>, LossTerms), tolerance: f64, what: &str) {
    let scale = exact.0.iter().fold(1e-3f64, |a, x| a.max(x.abs()));
    for (i, (x, e)) in found.0.iter().zip(&exact.0).enumerate() {
        assert!((f64::from(*x) - e).abs() <= tolerance * scale, "{what}: value {i} is {x}, not {e}");
    }
    for (x, e) in [(found.1.fit, exact.1.fit), (found.1.regularization, exact.1.regularization)] {
        assert!((x - e).abs() <= tolerance * e.abs().max(1.0), "{what}: loss term {x}, not {e}");
    }
}

proptest! {
    #![proptest_config(crate::cases(32))]

    #[test]
    fn exact_solutions_agree_with_elimination(
        rank in 1..crate::most(70),
        lengths in prop::collection::vec(0..crate::most(60), 1..8),
        seed: u64,
    ) {
        let problem = Problem::new(rank, &lengths, seed);
        for (name, objective) in [("iALS", IALS), ("Hu", HU), ("implicit", IMPLICIT)] {
            let exact = problem.naive(objective);
            for simd in Simd::available() {
                let found = solve(&problem, objective, Solver::Exact, simd);
                assert_agrees(&found, &exact, 2e-3, &format!("{name}, {}", simd.name()));
            }
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "takes minutes")]
    fn many_steps_reach_the_exact_solution(
        rank in 1usize..40,
        lengths in prop::collection::vec(0usize..60, 1..8),
        seed: u64,
    ) {
        let problem = Problem::new(rank, &lengths, seed);
        for (name, objective) in [("iALS", IALS), ("Hu", HU), ("implicit", IMPLICIT)] {
            let exact = problem.naive(objective);
            for simd in Simd::available() {
                let found = solve(&problem, objective, Solver::Steps(200), simd);
                assert_agrees(&found, &exact, 5e-3, &format!("{name}, {}", simd.name()));
            }
        }
    }
}

#[test]
#[cfg_attr(miri, ignore = "takes minutes")]
fn a_few_steps_never_raise_the_loss_and_report_it_exactly() {
    let problem = Problem::new(24, &[40, 55, 30], 5);
    let s = stride(24);
    let step = problem.step(HU, Solver::Steps(1));
    let mut out = vec![0.0; 3 * s];
    let mut last = f64::INFINITY;
    for _ in 0..6 {
        let terms = step.solve(0..3, &mut out, &mut Scratch::default(), Simd::detect()).unwrap();
        let solutions = out.chunks(s).map(|x| x[..24].iter().map(|&x| f64::from(x)).collect::<Vec<_>>());
        let exact: f64 = solutions.enumerate().map(|(row, x)| problem.loss_terms(HU, row, &x).fit).sum();
        assert!((terms.fit - exact).abs() < 1e-4 * exact, "reported {} for {exact}", terms.fit);
        assert!(terms.fit <= last * (1.0 + 1e-5), "{terms:?} after {last}");
        last = terms.fit;
    }
}

#[test]
#[cfg_attr(miri, ignore = "takes minutes")]
fn rows_without_entries_become_zero() {
    let problem = Problem::new(10, &[0, 3, 0], 1);
    let s = stride(10);
    let mut out = vec![0.5; 3 * s];
    problem.step(IALS, Solver::Steps(2)).solve(0..3, &mut out, &mut Scratch::default(), Simd::detect()).unwrap();
    assert!(out[..s].iter().chain(&out[2 * s..]).all(|&x| x == 0.0));
    assert!(out[s..s + 10].iter().any(|&x| x != 0.0));
}

#[test]
#[cfg_attr(miri, ignore = "takes minutes")]
fn no_regularization_and_a_singular_system_give_finite_factors() {
    let none = Objective { unobserved: 0.0, regularization: 0.0, ..IALS };
    let problem = Problem::new(32, &[1, 5, 40, 60], 9);
    for solver in [Solver::Exact, Solver::Steps(3)] {
        let (found, terms) = solve(&problem, none, solver, Simd::detect());
        assert!(found.iter().all(|x| x.is_finite()) && terms.fit.is_finite());
    }
}

#[test]
#[cfg_attr(miri, ignore = "takes minutes")]
fn rows_with_many_entries_are_solved_exactly_where_that_costs_least() {
    // From 16 entries for each float of the stride on, Cholesky is taken by itself: one step of conjugate gradients would be
    // far from this. 300 entries are five panels.
    for rank in [3, 16] {
        let problem = Problem::against(400, rank, &[300, 256, 399], 3);
        for (name, objective) in [("iALS", IALS), ("Hu", HU), ("implicit", IMPLICIT)] {
            let exact = problem.naive(objective);
            for simd in Simd::available() {
                let found = solve(&problem, objective, Solver::Steps(1), simd);
                assert_agrees(&found, &exact, 2e-3, &format!("{name}, {}", simd.name()));
            }
        }
    }
    let fewer = Problem::against(400, 16, &[255], 3);
    let (x, exact) = (solve(&fewer, HU, Solver::Steps(1), Simd::detect()).0, fewer.naive(HU).0);
    let farthest = x.iter().zip(&exact).map(|(x, e)| (f64::from(*x) - e).abs()).fold(0.0, f64::max);
    assert!(farthest > 2e-2, "255 entries are left to conjugate gradients, but one step came as near as {farthest}");
}

#[test]
fn rows_of_several_panels_are_solved_exactly() {
    // More entries than floats of the stride, which leaves the dual out; panels have 64.
    let cases = [(40, [65, 64, 129]), (100, [113, 128, 200])];
    for (rank, lengths) in if cfg!(miri) { [(3, [65, 2, 3])].as_slice() } else { &cases } {
        let problem = Problem::against(211, *rank, lengths, 8);
        for (name, objective) in [("iALS", IALS), ("Hu", HU), ("implicit", IMPLICIT)] {
            let exact = problem.naive(objective);
            for simd in Simd::available() {
                let found = solve(&problem, objective, Solver::Exact, simd);
                assert_agrees(&found, &exact, 2e-3, &format!("{name}, rank {rank}, {}", simd.name()));
            }
        }
    }
}

/// What may go wrong in a row's arithmetic, all of it finite.
fn extreme() -> impl Strategy<Value = f32> {
    let denormal = f32::from_bits(9);
    prop_oneof![
        4 => Just(1.0f32),
        1 => prop::sample::select(vec![3e38, f32::MAX, 1e30, 1e19, 1e-19, 1e-30, f32::MIN_POSITIVE, denormal, 0.0]),
        1 => prop::sample::select(vec![-1.0f32, -3e38, -1e-30, -0.5]),
    ]
}

proptest! {
    #![proptest_config(crate::cases(600))]

    #[test]
    #[cfg_attr(miri, ignore = "takes minutes")]
    fn whatever_is_finite_gives_finite_factors_or_an_error_that_names_the_row(
        rank in 1..crate::most(40),
        n in 1..crate::most(90),
        distinct in prop_oneof![Just(1usize), 1usize..5, Just(90)],
        values in prop::collection::vec(extreme(), 90),
        // The fixed side: its size, and how many of its columns are not zero.
        size in prop::sample::select(vec![1.0f32, 1.0, 1e-20, 1e10, 1e18, f32::from_bits(3)]),
        full in 1usize..40,
        regularization in prop::sample::select(vec![0.0f32, 1e-30, 0.1, 1e9]),
        unobserved in prop::sample::select(vec![0.0f32, 0.1, 1.0, 1e9]),
        same in any::<bool>(),
        seed: u64,
    ) {
        let mut problem = Problem::new(rank, &[2], seed);
        for row in problem.fixed.chunks_mut(rank) {
            row.iter_mut().for_each(|y| *y *= size);
            row.iter_mut().skip(full).for_each(|y| *y = 0.0);
        }
        if same {
            let first = problem.fixed[..rank].to_vec();
            problem.fixed.chunks_mut(rank).for_each(|row| row.copy_from_slice(&first));
        }
        let column_square = |f: usize| problem.fixed.chunks(rank).map(|row| f64::from(row[f]).powi(2)).sum::<f64>();
        problem.spectrum = (0..rank).map(column_square).collect();
        problem.spectrum.sort_by(|a, b| b.total_cmp(a));
        // Two rows: an ordinary one, then the extreme one, of which one column comes several times.
        problem.indices.extend((0..n).map(|i| (i % distinct % 60) as u32));
        problem.weights.extend(&values[..n]);
        problem.indptr = vec![0, 2, 2 + n as u64];
        let s = stride(rank);
        for objective in [IALS, HU, IMPLICIT] {
            let objective = Objective { regularization, unobserved, ..objective };
            for solver in [Solver::Exact, Solver::Steps(1), Solver::Steps(2), Solver::Steps(200)] {
                for simd in Simd::available() {
                    let mut out = vec![0.0; 2 * s];
                    let solved = problem.step(objective, solver).solve(0..2, &mut out, &mut Scratch::default(), simd);
                    match solved {
                        Ok(terms) => {
                            prop_assert!(out.iter().all(|x| x.is_finite()), "{out:?}");
                            prop_assert!(terms.fit.is_finite() && terms.regularization.is_finite(), "{terms:?}");
                        }
                        Err(error) => {
                            prop_assert!(error.starts_with("row 0 has no factors") || error.starts_with("row 1 has no factors"), "{error}");
                            prop_assert!(error.contains("scale the weights"), "{error}");
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn steps_along_which_the_system_does_not_curve_upwards_are_not_taken() {
    // Negative weights beyond what the rest of the system makes up for: no minimum, and what there was stays.
    let mut problem = Problem::new(8, &[20], 6);
    problem.weights.fill(-50.0);
    let last = [0.25; 16].map(|x: f32| x);
    let mut out = last;
    out[8..].fill(0.0);
    let before = out;
    let objective = Objective { target_offset: 60.0, ..IALS };
    let step = problem.step(objective, Solver::Steps(3));
    step.solve(0..1, &mut out, &mut Scratch::default(), Simd::detect()).unwrap();
    assert_eq!(out, before);
}

#[test]
fn huge_weights_are_refused_by_row_with_what_to_do() {
    let mut problem = Problem::new(8, &[3, 40], 6);
    problem.weights[3..].fill(3e38);
    for objective in [HU, IALS] {
        for solver in [Solver::Exact, Solver::Steps(2)] {
            let step = problem.step(objective, solver);
            let error = step.solve(0..2, &mut [0.0; 32], &mut Scratch::default(), Simd::detect()).unwrap_err();
            assert_eq!(
                error,
                "row 1 has no factors that single precision holds: expected moderate numbers, got 40 entries with \
                 weights from 3e38 to 3e38: scale the weights to about 1, or raise the regularization"
            );
        }
    }
}

#[test]
#[cfg_attr(miri, ignore = "takes minutes")]
fn how_rows_are_cut_changes_no_bit() {
    let problem = Problem::new(33, &[3, 50, 12, 0, 60, 1, 20], 4);
    let s = stride(33);
    let step = problem.step(HU, Solver::Steps(2));
    let mut whole = vec![0.0; 7 * s];
    step.solve(0..7, &mut whole, &mut Scratch::default(), Simd::detect()).unwrap();
    let mut parts = vec![0.0; 7 * s];
    let mut scratch = Scratch::default();
    for cut in [4..7, 0..1, 1..4] {
        let out = &mut parts[cut.start * s..cut.end * s];
        step.solve(cut, out, &mut scratch, Simd::detect()).unwrap();
    }
    assert_eq!(whole, parts);
}

#[test]
fn an_entry_outside_the_fixed_side_is_named() {
    let mut problem = Problem::new(4, &[3, 3], 2);
    problem.indices[4] = 99;
    let step = problem.step(IALS, Solver::Exact);
    let error = step.solve(0..2, &mut [0.0; 32], &mut Scratch::default(), Simd::detect()).unwrap_err();
    assert_eq!(error, "row 1 has an entry in column 99, expected less than 60");
}
