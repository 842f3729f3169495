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
        const COLUMNS: usize = 60;
        let s = stride(rank);
        let mut fixed = vec![0.0; COLUMNS * s];
        crate::initialise::fill_normal(&mut fixed, s, rank, 0, 0.3, seed);
        let mut gram = vec![0.0; s * s];
        crate::matmul::add_gram(&fixed, s, &mut gram, Simd::named("plain").unwrap());
        let (mut vectors, mut spectrum) = (vec![0.0; s * s], vec![0.0; s]);
        crate::basis::eigenbasis(&gram, rank, &mut vectors, &mut spectrum).unwrap();
        crate::matmul::rotate(&mut fixed, s, &vectors, &mut Floats::default(), Simd::named("plain").unwrap());
        let fixed: Vec<f32> = fixed.chunks(s).flat_map(|row| row[..rank].to_vec()).collect();
        spectrum.truncate(rank);
        let mut indptr = vec![0];
        let (mut indices, mut weights) = (Vec::new(), Vec::new());
        for (r, &n) in lengths.iter().enumerate() {
            let mut columns: Vec<u32> =
                (0..n).map(|i| ((i * 7 + r * 13 + seed as usize % 5) % COLUMNS) as u32).collect();
            columns.sort_unstable();
            columns.dedup();
            weights.extend(columns.iter().map(|c| 1.0 + (c % 4) as f32));
            indices.extend(columns);
            indptr.push(indices.len() as u64);
        }
        Problem { rank, indptr, indices, weights, fixed, spectrum }
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
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn exact_solutions_agree_with_elimination(
        rank in 1usize..70,
        lengths in prop::collection::vec(0usize..60, 1..8),
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
fn rows_without_entries_become_zero() {
    let problem = Problem::new(10, &[0, 3, 0], 1);
    let s = stride(10);
    let mut out = vec![0.5; 3 * s];
    problem.step(IALS, Solver::Steps(2)).solve(0..3, &mut out, &mut Scratch::default(), Simd::detect()).unwrap();
    assert!(out[..s].iter().chain(&out[2 * s..]).all(|&x| x == 0.0));
    assert!(out[s..s + 10].iter().any(|&x| x != 0.0));
}

#[test]
fn no_regularization_and_a_singular_system_give_finite_factors() {
    let none = Objective { unobserved: 0.0, regularization: 0.0, ..IALS };
    let problem = Problem::new(32, &[1, 5, 40, 60], 9);
    for solver in [Solver::Exact, Solver::Steps(3)] {
        let (found, terms) = solve(&problem, none, solver, Simd::detect());
        assert!(found.iter().all(|x| x.is_finite()) && terms.fit.is_finite());
    }
}

#[test]
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
