//! The naive twins: dense matrices, from the definitions.

use super::{Output, PlanMut, SESSION_END, Scratch, Steps, Training, TransitionsError, TwoSteps};
use crate::csr::Csr;
use proptest::prelude::*;

/// Transitions of all items, with room as a plan gives it.
struct Rows {
    starts: Vec<u64>,
    indices: Vec<u32>,
    values: Vec<f32>,
    counts: Vec<u32>,
}

impl Rows {
    fn new(starts: Vec<u64>) -> Rows {
        let (most, rows) = (*starts.last().unwrap() as usize, starts.len() - 1);
        Rows { starts, indices: vec![0; most], values: vec![0.0; most], counts: vec![0; rows] }
    }

    /// Calls `each` with chunks of `size` rows.
    fn fill(&mut self, size: usize, mut each: impl FnMut(std::ops::Range<usize>, Output<'_>)) {
        let rows = self.counts.len();
        for first in (0..rows).step_by(size) {
            let end = (first + size).min(rows);
            let places = self.starts[first] as usize..self.starts[end] as usize;
            let output = Output {
                starts: &self.starts[first..=end],
                indices: &mut self.indices[places.clone()],
                values: &mut self.values[places],
                counts: &mut self.counts[first..end],
            };
            each(first..end, output);
        }
    }

    fn lists(&self) -> Vec<Vec<(u32, f32)>> {
        let list = |(row, &count): (usize, &u32)| {
            let places = self.starts[row] as usize..self.starts[row] as usize + count as usize;
            self.indices[places.clone()].iter().copied().zip(self.values[places].iter().copied()).collect()
        };
        self.counts.iter().enumerate().map(list).collect()
    }
}

#[derive(Debug)]
struct Case {
    items: usize,
    sessions: Vec<Vec<u32>>,
    weights: Option<Vec<f32>>,
    steps: Steps,
    limit: usize,
    chunk: usize,
}

/// Session and place in it, of each token that is no end.
fn tokens(sessions: &[Vec<u32>]) -> Vec<u32> {
    sessions.iter().flat_map(|session| session.iter().copied().chain([SESSION_END])).collect()
}

fn counted(case: &Case) -> (Vec<Vec<(u32, f32)>>, Vec<f64>) {
    let tokens = tokens(&case.sessions);
    let events = tokens.iter().filter(|&&token| token != SESSION_END).count();
    let (mut indptr, mut places, mut starts) = (vec![0; case.items + 1], vec![0; events], vec![0; case.items + 1]);
    PlanMut { indptr: &mut indptr, places: &mut places, starts: &mut starts }
        .make(&tokens, case.steps, case.limit)
        .unwrap();
    let kernel = Training::new(&tokens, case.weights.as_deref(), (&indptr, &places), case.steps, case.limit).unwrap();
    let (mut rows, mut totals) = (Rows::new(starts), vec![0.0; case.items]);
    let mut scratch = Scratch::default();
    rows.fill(case.chunk, |range, output| kernel.count(range.clone(), output, &mut totals[range], &mut scratch));
    (rows.lists(), totals)
}

/// (items × items), by looking at all pairs of places.
fn naive_counts(case: &Case) -> Vec<Vec<f64>> {
    let mut counts = vec![vec![0.0; case.items]; case.items];
    let mut place = 0;
    for session in &case.sessions {
        for b in 0..session.len() {
            let weight = case.weights.as_ref().map_or(1.0, |weights| f64::from(weights[place + b]));
            for a in b.saturating_sub(case.steps.window)..b {
                let (from, to) = (session[a] as usize, session[b] as usize);
                if from == to {
                    continue;
                }
                let count = weight * case.steps.decay.powi((b - a - 1) as i32);
                counts[from][to] += count;
                counts[to][from] += count * case.steps.backward;
            }
        }
        place += session.len() + 1;
    }
    counts
}

/// The best of a dense row, by sorting.
fn best(row: &[f64], limit: usize) -> Vec<(u32, f32)> {
    let mut all: Vec<(u32, f32)> = row.iter().enumerate().map(|(item, &value)| (item as u32, value as f32)).collect();
    all.retain(|&(_, value)| value > 0.0);
    all.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    all.truncate(limit);
    all
}

/// Equal items where the values differ by more than rounding, and equal values.
fn assert_close(found: &[(u32, f32)], expected: &[(u32, f32)]) {
    assert_eq!(found.len(), expected.len(), "{found:?} {expected:?}");
    for (found, expected) in found.iter().zip(expected) {
        assert!((found.1 - expected.1).abs() <= 1e-5 * expected.1, "{found:?} {expected:?}");
    }
}

fn case() -> impl Strategy<Value = Case> {
    let items = crate::most(12);
    let session = prop::collection::vec(0..items as u32, 0..crate::most(9));
    let steps = (1..5usize, prop::sample::select(vec![1.0, 0.5, 0.3]), prop::sample::select(vec![0.0, 0.5, 1.0]))
        .prop_map(|(window, decay, backward)| Steps { window, decay, backward });
    (prop::collection::vec(session, 0..crate::most(12)), steps, 1..items + 2, 1..5usize, any::<bool>()).prop_map(
        move |(sessions, steps, limit, chunk, is_weighted)| {
            let places = tokens(&sessions).len();
            let weights = is_weighted.then(|| (0..places).map(|place| [1.0, 0.25, 2.0][place % 3]).collect());
            Case { items, sessions, weights, steps, limit, chunk }
        },
    )
}

proptest! {
    #![proptest_config(crate::cases(256))]

    #[test]
    fn counts_are_those_of_all_pairs_of_places(case in case()) {
        let (lists, totals) = counted(&case);
        let expected = naive_counts(&case);
        for ((list, total), row) in lists.iter().zip(totals).zip(&expected) {
            assert_close(list, &best(row, case.limit));
            prop_assert!((total - row.iter().sum::<f64>()).abs() < 1e-9);
            for &(item, value) in list {
                prop_assert!((f64::from(value) - row[item as usize]).abs() < 1e-5);
            }
        }
    }

    #[test]
    fn two_steps_are_products_of_probabilities(
        case in case(),
        share in prop::sample::select(vec![0.0, 0.4, 1.0]),
        middle in 1..4usize,
    ) {
        let (lists, totals) = counted(&case);
        let mut indptr = vec![0];
        let (mut indices, mut weights) = (vec![], vec![]);
        for list in &lists {
            indices.extend(list.iter().map(|entry| entry.0));
            weights.extend(list.iter().map(|entry| entry.1));
            indptr.push(indices.len() as u64);
        }
        let factors: Vec<f64> = (0..case.items).map(|item| 1.0 + item as f64).collect();
        let counts = Csr { indptr: &indptr, indices: &indices, weights: &weights };
        let kernel = TwoSteps::new(counts, (&totals, &factors), (share, middle), case.limit).unwrap();
        let mut starts = vec![0];
        for row in 0..case.items {
            starts.push(starts[row] + kernel.most(row).min(case.limit) as u64);
        }
        let (mut rows, mut scratch) = (Rows::new(starts), Scratch::default());
        rows.fill(case.chunk, |range, output| kernel.follow(range, output, &mut scratch));

        let probability = |i: usize, &(j, count): &(u32, f32)| (j as usize, f64::from(count) / totals[i]);
        for (i, list) in rows.lists().iter().enumerate() {
            let mut expected = vec![0.0; case.items];
            for (at, entry) in lists[i].iter().enumerate() {
                let (m, first) = probability(i, entry);
                expected[m] += (1.0 - share) * first;
                if at < middle {
                    for entry in &lists[m] {
                        let (j, second) = probability(m, entry);
                        expected[j] += share * first * second;
                    }
                }
            }
            expected[i] = 0.0;
            expected.iter_mut().zip(&factors).for_each(|(value, factor)| *value *= factor);
            // What only a share of 0 or 1 leaves has the smallest value that there is.
            let list: Vec<_> = list.iter().copied().filter(|entry| entry.1 > 1e-30).collect();
            assert_close(&list, &best(&expected, case.limit));
        }
    }
}

#[test]
fn what_is_out_of_range_is_named() {
    let steps = Steps { window: 2, decay: 0.5, backward: 0.0 };
    let tokens = [0, 1, SESSION_END, 2, SESSION_END];
    let plan = |tokens: &[u32], items: usize| {
        let (mut indptr, mut places, mut starts) = (vec![0; items + 1], vec![0; 3], vec![0; items + 1]);
        PlanMut { indptr: &mut indptr, places: &mut places, starts: &mut starts }
            .make(tokens, steps, 10)
            .map(|()| (indptr, places))
    };
    assert_eq!(plan(&tokens, 2), Err(TransitionsError::Item { place: 3, item: 2, items: 2 }));
    let (indptr, places) = plan(&tokens, 3).unwrap();
    assert_eq!((&indptr[..], &places[..]), (&[0, 1, 2, 3][..], &[0, 1, 3][..]));
    let training = |weights: Option<&'static [f32]>, indptr: &[u64], places: &[u32], steps| {
        Training::new(&tokens, weights, (indptr, places), steps, 10).err()
    };
    assert_eq!(training(None, &indptr, &places, steps), None);
    let few = training(Some(&[1.0]), &indptr, &places, steps);
    assert_eq!(few, Some(TransitionsError::Weights { expected: 5, got: 1 }));
    assert_eq!(training(None, &[0, 1, 2, 9], &places, steps), Some(TransitionsError::Occurrences { item: 2 }));
    assert_eq!(training(None, &indptr, &[0, 7, 3], steps), Some(TransitionsError::Occurrences { item: 1 }));
    let endless = Steps { window: 0, ..steps };
    assert_eq!(training(None, &indptr, &places, endless), Some(TransitionsError::Steps(endless)));
    let counts = Csr { indptr: &[0, 1, 1], indices: &[2], weights: &[1.0] };
    let damaged = TwoSteps::new(counts, (&[1.0; 2], &[1.0; 2]), (0.5, 1), 1).err();
    assert_eq!(damaged, Some(TransitionsError::Row { row: 0 }));
}
