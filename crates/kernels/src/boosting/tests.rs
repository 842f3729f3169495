//! Whole trainings, beside slow twins.

use super::histogram::STRIDE;
use super::*;
use crate::shared::SharedRows;
use crate::simd::Simd;
use crate::{cases, most};
use proptest::prelude::*;
use std::sync::atomic::AtomicI32;

/// A pointer that threads share, as they do the address of a `SharedArrayBuffer`.
struct Address<T>(*mut T, usize);
// SAFETY: what is done with it is up to those who make a slice of it.
unsafe impl<T> Sync for Address<T> {}

impl<T> Address<T> {
    fn of(values: &mut Vec<T>) -> Self {
        Address(values.as_mut_ptr(), values.len())
    }

    fn rows(&self, width: usize) -> SharedRows<'_, T> {
        // SAFETY: the vector outlives it; threads agree who writes what.
        unsafe { SharedRows::new(self.0, self.1, width) }.unwrap()
    }
}

/// Trains on as many threads.
fn trained(data: Data<'_>, validation: Option<Data<'_>>, options: &Options, threads: usize) -> Trained {
    let rows = data.labels.len();
    let features = data.columns.len() / rows;
    let columns: Vec<&[f32]> = data.columns.chunks(rows).collect();
    let cuts: Vec<Vec<f32>> = columns.iter().map(|column| learn_cuts(column, MOST_BINS, &mut Vec::new())).collect();
    let cuts: Vec<&[f32]> = cuts.iter().map(Vec::as_slice).collect();
    let mut bins = vec![[0; LANES]; blocks(features) * rows];
    for (block, bins) in bins.chunks_mut(rows).enumerate() {
        let own = block * LANES..((block + 1) * LANES).min(features);
        fill_block(&columns[own.clone()], &cuts[own], bins);
    }
    let bins_of: Vec<u32> = cuts.iter().map(|cuts| cuts.len() as u32 + 1).collect();
    let (mut order, mut gradients) = (vec![0u32; rows], vec![0i64; 2 * rows]);
    let mut histograms = vec![0i64; options.leaves as usize * blocks(features) * HISTOGRAM_WORDS];
    let (mut splits, mut task) = (vec![0i64; split_words(features)], vec![0i64; TASK_WORDS]);
    let (order, gradients) = (Address::of(&mut order), Address::of(&mut gradients));
    let (histograms, splits, task) = (Address::of(&mut histograms), Address::of(&mut splits), Address::of(&mut task));
    let workspace = || Workspace {
        bins: &bins,
        bins_of: &bins_of,
        order: order.rows(1),
        gradients: gradients.rows(2),
        histograms: histograms.rows(HISTOGRAM_WORDS),
        parents: histograms.rows(HISTOGRAM_WORDS),
        splits: splits.rows(split_words(1) / 2),
        task: task.rows(TASK_WORDS),
    };
    workspace().check(rows, options).unwrap();
    let cells: Vec<AtomicI32> = (0..CELLS).map(|_| AtomicI32::new(0)).collect();
    let tasks = ForkJoin::new(&cells).unwrap();
    assert!(tasks.is_first());
    std::thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(|| {
                let mut workspace = workspace();
                let mut worker = Worker::new(&mut workspace, options, Simd::detect());
                // SAFETY: the tasks are those of the training below.
                tasks.join(|block| unsafe { worker.part(block) }).unwrap();
            });
        }
        let training = tasks.training();
        let trained = train(data, validation, &cuts, options, &mut workspace(), &tasks, Simd::detect());
        training.succeed();
        trained.unwrap()
    })
}

const OPTIONS: Options = Options {
    loss: Loss::Squared,
    trees: 3,
    leaves: 5,
    rule: Rule { l2: 0.5, minimum_rows: 2, minimum_hessian: 1e-3, minimum_gain: 0.0 },
    learning_rate: 0.5,
    column_share: 1.0,
    row_share: 1.0,
    patience: 0,
    seed: 7,
};

/// The twin of a training: best-first, each split by looking at all thresholds of all features, by the rows themselves.
/// Gives the scores.
fn naive_scores(data: Data<'_>, options: &Options) -> Vec<f64> {
    let rows = data.labels.len();
    let weight = |row: usize| data.weights.map_or(1.0, |weights| f64::from(weights[row]));
    let whole: f64 = (0..rows).map(weight).sum();
    let mean = (0..rows).map(|row| weight(row) * f64::from(data.labels[row])).sum::<f64>() / whole;
    let mut scores = vec![options.loss.base(mean); rows];
    let Rule { l2, minimum_rows, minimum_hessian, .. } = options.rule;
    for _ in 0..options.trees {
        let derivatives: Vec<[f64; 2]> = (0..rows)
            .map(|row| options.loss.derivatives(f64::from(data.labels[row]), scores[row]).map(|d| d * weight(row)))
            .collect();
        let sums = |own: &[usize]| {
            own.iter().fold([0.0, 0.0], |sum, &row| [sum[0] + derivatives[row][0], sum[1] + derivatives[row][1]])
        };
        let score = |[g, h]: [f64; 2]| g * g / (h + l2);
        let mut leaves: Vec<Vec<usize>> = vec![(0..rows).collect()];
        while leaves.len() < options.leaves as usize {
            let mut best: Option<(f64, usize, Vec<usize>, Vec<usize>)> = None;
            for (at, leaf) in leaves.iter().enumerate() {
                for column in data.columns.chunks(rows) {
                    let thresholds = leaf.iter().map(|&row| column[row]).filter(|value| !value.is_nan());
                    for threshold in thresholds {
                        for missing_left in [false, true] {
                            let is_left = |row: &usize| {
                                let value = column[*row];
                                if value.is_nan() { missing_left } else { value <= threshold }
                            };
                            let (left, right): (Vec<usize>, Vec<usize>) = leaf.iter().partition(|row| is_left(row));
                            let (l, r) = (sums(&left), sums(&right));
                            if (left.len().min(right.len()) as u32) < minimum_rows || l[1].min(r[1]) < minimum_hessian {
                                continue;
                            }
                            let gain = score(l) + score(r) - score(sums(leaf));
                            if gain > 1e-9 && best.as_ref().is_none_or(|best| gain > best.0 + 1e-9) {
                                best = Some((gain, at, left, right));
                            }
                        }
                    }
                }
            }
            let Some((_, at, left, right)) = best else { break };
            leaves[at] = left;
            leaves.push(right);
        }
        if leaves.len() == 1 {
            break;
        }
        for leaf in leaves {
            let [g, h] = sums(&leaf);
            for row in leaf {
                scores[row] -= options.learning_rate * g / (h + l2);
            }
        }
    }
    scores
}

fn score(trained: &Trained, data: Data<'_>, row: usize) -> f64 {
    let rows = data.labels.len();
    let values: Vec<f32> = data.columns.chunks(rows).map(|column| column[row]).collect();
    trained.base + trained.trees.view().score(&values)
}

fn total_loss(loss: Loss, data: Data<'_>, scores: impl Fn(usize) -> f64) -> f64 {
    (0..data.labels.len()).map(|row| loss.value(f64::from(data.labels[row]), scores(row))).sum()
}

/// (features, columns, labels)
fn rows_of(most_rows: usize) -> impl Strategy<Value = (usize, Vec<f32>, Vec<f32>)> {
    (1usize..4, 4..most_rows).prop_flat_map(|(features, rows)| {
        let value = prop_oneof![5 => (0i8..12).prop_map(f32::from), 1 => Just(f32::NAN)];
        // Hardly ever are two splits as good as each other, then.
        let label = 0.0f32..1.0;
        (Just(features), prop::collection::vec(value, features * rows), prop::collection::vec(label, rows))
    })
}

proptest! {
    #![proptest_config(cases(60))]

    #[test]
    fn a_tree_is_that_of_looking_at_all_splits((_, columns, labels) in rows_of(most(40)), logistic in any::<bool>()) {
        let data = Data { columns: &columns, labels: &labels, weights: None };
        let loss = if logistic { Loss::Logistic } else { Loss::Squared };
        let options = Options { loss, trees: 1, ..OPTIONS };
        let (found, expected) = (trained(data, None, &options, 1), naive_scores(data, &options));
        for row in 0..labels.len() {
            let own = score(&found, data, row);
            prop_assert!((own - expected[row]).abs() < 1e-5, "row {row}: {own} {}", expected[row]);
        }
    }

    #[test]
    fn trees_are_whole_and_the_same_bits_on_any_number_of_threads(
        (features, columns, labels) in rows_of(most(80)),
        row_share in prop_oneof![Just(1.0), Just(0.6)],
        column_share in prop_oneof![Just(1.0), Just(0.5)],
    ) {
        let data = Data { columns: &columns, labels: &labels, weights: None };
        let options = Options { loss: Loss::Logistic, row_share, column_share, ..OPTIONS };
        let one = trained(data, None, &options, 1);
        prop_assert!(one.trees.view().check(features).is_ok());
        prop_assert_eq!(&one, &trained(data, None, &options, 1));
        prop_assert_eq!(&one, &trained(data, None, &options, 3));
        let views = one.trees.view();
        for tree in 0..views.count() {
            let nodes = views.starts[tree] as usize..views.starts[tree + 1] as usize;
            prop_assert!(nodes.len().div_ceil(2) <= options.leaves as usize);
            prop_assert!(nodes.filter(|&node| views.features[node] == LEAF).all(|leaf| views.covers[leaf] >= 2.0));
        }
    }

    #[test]
    fn contributions_are_shapley_values((features, columns, labels) in rows_of(most(40)), row in 0usize..4) {
        let data = Data { columns: &columns, labels: &labels, weights: None };
        let found = trained(data, None, &Options { leaves: 8, ..OPTIONS }, 1);
        let trees = found.trees.view();
        let rows = labels.len();
        let values: Vec<f32> = columns.chunks(rows).map(|column| column[row]).collect();
        let mut contributions = vec![0.0; features];
        Contributions::default().add(&trees, &values, &mut contributions);
        for feature in 0..features {
            let expected = naive_shapley(&trees, &values, feature);
            prop_assert!((contributions[feature] - expected).abs() < 1e-9, "{} {expected}", contributions[feature]);
        }
        let sum = base_value(&trees) + contributions.iter().sum::<f64>();
        prop_assert!((sum - trees.score(&values)).abs() < 1e-9);
    }

    #[test]
    fn damaged_trees_are_refused_or_have_a_score(
        (features, columns, labels) in rows_of(most(40)),
        damages in prop::collection::vec((0usize..9, any::<prop::sample::Index>(), 0u32..12), 1..4),
    ) {
        let data = Data { columns: &columns, labels: &labels, weights: None };
        let mut trees = trained(data, None, &OPTIONS, 1).trees;
        prop_assume!(!trees.features.is_empty());
        for (what, index, value) in damages {
            let at = index.index(trees.features.len());
            match what {
                0 => trees.left[at] = value,
                1 => trees.right[at] = value,
                2 => trees.features[at] = value,
                3 => trees.thresholds[at] = f32::NAN,
                4 => trees.covers[at] = -1.0,
                5 => trees.missing_left[at] = value as u8,
                6 => trees.values[at] = f64::INFINITY,
                7 => { let end = trees.starts.len(); trees.starts[index.index(end)] = value }
                _ => { trees.gains.pop(); }
            }
        }
        let view = trees.view();
        if view.check(features).is_ok() {
            let row = vec![1.0; features];
            let mut contributions = vec![0.0; features];
            Contributions::default().add(&view, &row, &mut contributions);
            prop_assert!(view.score(&row).is_finite());
        }
    }
}

/// The mean value of a tree where only the features of `known` are.
fn expected_value(trees: &Trees<'_>, node: usize, row: &[f32], known: u32) -> f64 {
    let feature = trees.features[node];
    if feature == LEAF {
        return trees.values[node];
    }
    let (left, right) = (trees.left[node] as usize, trees.right[node] as usize);
    if known >> feature & 1 == 1 {
        let child = if trees.goes_left(node, row[feature as usize]) { left } else { right };
        return expected_value(trees, child, row, known);
    }
    let of = |child: usize| trees.covers[child] * expected_value(trees, child, row, known);
    (of(left) + of(right)) / trees.covers[node]
}

/// The twin of contributions: over all subsets of the other features.
fn naive_shapley(trees: &Trees<'_>, row: &[f32], feature: usize) -> f64 {
    let features = row.len() as u32;
    let factorial = |n: u32| (1..=n).map(f64::from).product::<f64>();
    let value = |known: u32| -> f64 {
        (0..trees.count()).map(|tree| expected_value(trees, trees.starts[tree] as usize, row, known)).sum()
    };
    (0..1u32 << features)
        .filter(|known| known >> feature & 1 == 0)
        .map(|known| {
            let size = known.count_ones();
            let weight = factorial(size) * factorial(features - size - 1) / factorial(features);
            weight * (value(known | 1 << feature) - value(known))
        })
        .sum()
}

#[test]
fn a_histogram_has_a_place_for_each_bin_and_the_missing() {
    const { assert!(STRIDE > MISSING as usize && MISSING as usize == MOST_BINS) };
}

#[test]
fn more_trees_fit_the_data_better_and_patience_ends_them() {
    let rows = if cfg!(miri) { 20 } else { 400 };
    let columns: Vec<f32> = (0..2 * rows).map(|at| ((at * 7919) % 401) as f32).collect();
    let labels: Vec<f32> = (0..rows).map(|row| f32::from(columns[row] * columns[rows + row] > 40_000.0)).collect();
    // Labels that have nothing to do with the rows.
    let noise: Vec<f32> = (0..rows).map(|row| f32::from(row * 31 % 7 > 2)).collect();
    let data = Data { columns: &columns, labels: &labels, weights: None };
    let loss = Loss::Logistic;
    let options = Options { loss, trees: 40, ..OPTIONS };
    let whole = trained(data, Some(data), &options, 2);
    assert_eq!((whole.trees.view().count(), whole.losses.len()), (40, 41));
    assert!(whole.losses.windows(2).all(|pair| pair[1] < pair[0]), "{:?}", whole.losses);
    let mean = total_loss(loss, data, |row| score(&whole, data, row)) / rows as f64;
    assert!((mean - whole.losses[40]).abs() < 1e-9);
    let other = Data { labels: &noise, ..data };
    let short = trained(data, Some(other), &Options { patience: 5, ..options }, 1);
    assert!(short.trees.view().count() < 20 && short.losses.len() == short.trees.view().count() + 6);
}
