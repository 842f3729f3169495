//! From data to trees, one after the other.

use super::fork_join::{Broken, ForkJoin};
use super::grow::{Grower, Rule, Sample, Worker, Workspace};
use super::histogram::Sums;
use super::loss::{Loss, Scale};
use super::trees::OwnedTrees;
use crate::bpr::random::Random;
use crate::simd::Simd;

/// How trees are learned.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Options {
    /// What they minimise.
    pub loss: Loss,
    /// Trees, at most.
    pub trees: u32,
    /// Leaves of a tree, at most; 1 to 1024.
    pub leaves: u32,
    /// What splits must keep to.
    pub rule: Rule,
    /// η, above 0 and at most 1.
    pub learning_rate: f64,
    /// Of the features the share that each tree may ask for, above 0 and at most 1.
    pub column_share: f64,
    /// How likely each row is to be among those that a tree is learned from, above 0 and at most 1.
    pub row_share: f64,
    /// Trees without a smaller loss of the validation part after which no more are learned; 0: all are.
    pub patience: u32,
    /// Of all random numbers.
    pub seed: u32,
}

impl Options {
    /// # Errors
    /// Says which is out of its range.
    pub fn check(&self) -> Result<(), String> {
        let Rule { l2, minimum_rows, minimum_hessian, minimum_gain } = self.rule;
        let share = |share: f64| share > 0.0 && share <= 1.0;
        let checks = [
            (1..=1024).contains(&self.leaves).then_some(()).ok_or(("leaves", "from 1 to 1024", f64::from(self.leaves))),
            (self.trees <= 1_000_000).then_some(()).ok_or(("trees", "at most 1000000", f64::from(self.trees))),
            ((0.0..=1e12).contains(&l2)).then_some(()).ok_or(("l2", "from 0 to 1e12", l2)),
            (minimum_rows > 0).then_some(()).ok_or(("minimumRows", "from 1 on", 0.0)),
            ((1e-12..=1e12).contains(&minimum_hessian)).then_some(()).ok_or((
                "minimumHessian",
                "from 1e-12 to 1e12",
                minimum_hessian,
            )),
            ((0.0..=1e30).contains(&minimum_gain)).then_some(()).ok_or(("minimumGain", "from 0 to 1e30", minimum_gain)),
            share(self.learning_rate).then_some(()).ok_or((
                "learningRate",
                "above 0 and at most 1",
                self.learning_rate,
            )),
            share(self.column_share).then_some(()).ok_or(("columnShare", "above 0 and at most 1", self.column_share)),
            share(self.row_share).then_some(()).ok_or(("rowShare", "above 0 and at most 1", self.row_share)),
        ];
        let fault = checks.into_iter().find_map(Result::err);
        fault.map_or(Ok(()), |(name, range, got)| Err(format!("{name} must be {range}, got {got}")))
    }
}

/// Rows with their labels.
#[derive(Clone, Copy)]
pub struct Data<'a> {
    /// (features × rows) NaN where missing.
    pub columns: &'a [f32],
    /// (rows)
    pub labels: &'a [f32],
    /// (rows) Above 0; all 1 where absent.
    pub weights: Option<&'a [f32]>,
}

impl Data<'_> {
    /// # Errors
    /// Says what is out of range.
    pub fn check(&self, features: usize, loss: Loss) -> Result<(), String> {
        let rows = self.labels.len();
        if rows >= 1 << 24 {
            return Err(format!("there must be fewer than {} rows, got {rows}", 1 << 24));
        }
        if self.columns.len() != features * rows {
            let got = self.columns.len();
            return Err(format!("{rows} rows of {features} features need {} values, got {got}", features * rows));
        }
        if let Some(weights) = self.weights.filter(|weights| weights.len() != rows) {
            return Err(format!("{rows} rows need as many weights, got {}", weights.len()));
        }
        let is_label = |&label: &f32| match loss {
            Loss::Logistic => (0.0..=1.0).contains(&label),
            Loss::Squared => label.is_finite(),
        };
        if let Some(row) = self.labels.iter().position(|label| !is_label(label)) {
            let range = if loss == Loss::Logistic { "from 0 to 1" } else { "finite" };
            return Err(format!("labels must be {range}, but row {row} has {}", self.labels[row]));
        }
        let is_weight = |&weight: &f32| weight > 0.0 && weight.is_finite();
        if let Some(row) = self.weights.and_then(|weights| weights.iter().position(|weight| !is_weight(weight))) {
            let got = self.weights.map_or(0.0, |weights| weights[row]);
            return Err(format!("weights must be above 0 and finite, but row {row} has {got}"));
        }
        Ok(())
    }

    fn weight(&self, row: usize) -> f64 {
        self.weights.map_or(1.0, |weights| f64::from(weights[row]))
    }

    fn value(&self, row: usize) -> impl Fn(usize) -> f32 {
        move |feature| self.columns[feature * self.labels.len() + row]
    }
}

/// What was learned.
#[derive(Clone, Debug, PartialEq)]
pub struct Trained {
    /// The trees.
    pub trees: OwnedTrees,
    /// The score without any tree.
    pub base: f64,
    /// The mean loss of the validation part without a tree, and after each.
    pub losses: Vec<f64>,
}

/// Why there is no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Another thread failed.
    Broken,
    /// As was asked for.
    Aborted,
}

impl From<Broken> for Failure {
    fn from(_: Broken) -> Self {
        Failure::Broken
    }
}

/// Learns trees; all must have been checked. With a validation part and patience they end with the tree of its smallest
/// loss.
///
/// # Errors
/// See [`Failure`].
pub fn train(
    data: Data<'_>,
    validation: Option<Data<'_>>,
    cuts: &[&[f32]],
    options: &Options,
    workspace: &mut Workspace<'_>,
    tasks: &ForkJoin<'_>,
    simd: Simd,
) -> Result<Trained, Failure> {
    let rows = data.labels.len();
    let weight: f64 = (0..rows).map(|row| data.weight(row)).sum();
    let label: f64 = (0..rows).map(|row| data.weight(row) * f64::from(data.labels[row])).sum();
    let base = options.loss.base(if rows > 0 { label / weight } else { 0.5 });
    let mut scores = vec![base; rows];
    let mut judge = validation.map(|data| Judge::new(data, options.loss, base));
    let mut losses: Vec<f64> = judge.iter().map(Judge::loss).collect();
    let mut trees = OwnedTrees::new();
    let mut rounded = vec![[0i64; 2]; rows];
    let mut grower = Grower::new(Worker::new(workspace, options, simd), tasks, cuts);
    let mut derivatives = vec![[0f64; 2]; rows];
    let mut best = 0;
    for tree in 0..u64::from(options.trees) {
        if tasks.is_aborted() {
            return Err(Failure::Aborted);
        }
        let count = sample_rows(options, tree, grower.order());
        let (scale, total) = {
            let own = &grower.order()[..count];
            round_derivatives(&data, options.loss, &scores, own, &mut derivatives, &mut rounded)
        };
        let leaves = grower.grow(&Sample { tree, count, gradients: &rounded, total, scale }, &mut trees)?;
        if leaves.len() == 1 {
            trees.truncate(trees.starts.len() - 2);
            if options.row_share == 1.0 && options.column_share == 1.0 {
                break;
            }
            continue;
        }
        let number = trees.starts.len() - 2;
        let order = grower.order();
        for (node, places, sums) in leaves {
            let [g, h] = scale.sums(sums);
            let value = -options.learning_rate * g / (h + options.rule.l2);
            trees.values[node] = value;
            let own = &order[places];
            trees.covers[node] = own.iter().map(|&row| data.weight(row as usize)).sum();
            for &row in own {
                scores[row as usize] += value;
            }
        }
        sum_covers(&mut trees, number);
        for &row in &order[count..] {
            let leaf = trees.view().leaf(number, data.value(row as usize));
            scores[row as usize] += trees.values[leaf];
        }
        tasks.report(number + 1);
        if let Some(judge) = &mut judge {
            judge.add(&trees, number);
            losses.push(judge.loss());
            if losses[number + 1] < losses[best] {
                best = number + 1;
            } else if options.patience > 0 && number + 1 - best >= options.patience as usize {
                break;
            }
        }
    }
    if judge.is_some() && options.patience > 0 {
        trees.truncate(best);
    }
    Ok(Trained { trees, base, losses })
}

/// Writes the rows of a tree to `order`, ascending, then the others, and gives how many they are.
fn sample_rows(options: &Options, tree: u64, order: &mut [u32]) -> usize {
    if options.row_share == 1.0 {
        order.iter_mut().zip(0..).for_each(|(place, row)| *place = row);
        return order.len();
    }
    let mut random = Random::new(&[u64::from(options.seed), tree, 2]);
    let end = (options.row_share * 2f64.powi(32)) as u64;
    let (mut first, mut last) = (0, order.len());
    for row in 0..order.len() as u32 {
        if random.bits() >> 32 < end {
            order[first] = row;
            first += 1;
        } else {
            last -= 1;
            order[last] = row;
        }
    }
    first
}

/// Writes the derivatives of the rows of a tree to `rounded`, and gives their scale and sum.
fn round_derivatives(
    data: &Data<'_>,
    loss: Loss,
    scores: &[f64],
    own: &[u32],
    derivatives: &mut [[f64; 2]],
    rounded: &mut [Sums],
) -> (Scale, Sums) {
    let mut most = [0f64; 2];
    for &row in own {
        let row = row as usize;
        let weight = data.weight(row);
        let [g, h] = loss.derivatives(f64::from(data.labels[row]), scores[row]);
        derivatives[row] = [g * weight, h * weight];
        most = [most[0].max(derivatives[row][0].abs()), most[1].max(derivatives[row][1])];
    }
    let scale = Scale::new(own.len(), most[0], most[1]);
    let mut total = [0; 2];
    for &row in own {
        let sums = scale.round(derivatives[row as usize]);
        rounded[row as usize] = sums;
        total = [total[0] + sums[0], total[1] + sums[1]];
    }
    (scale, total)
}

/// The covers of splits, from those of leaves.
fn sum_covers(trees: &mut OwnedTrees, tree: usize) {
    let nodes = trees.starts[tree] as usize..trees.starts[tree + 1] as usize;
    for node in nodes.rev() {
        if trees.features[node] != super::LEAF {
            trees.covers[node] = trees.covers[trees.left[node] as usize] + trees.covers[trees.right[node] as usize];
        }
    }
}

/// The scores of the validation part.
struct Judge<'a> {
    data: Data<'a>,
    loss: Loss,
    scores: Vec<f64>,
    weight: f64,
}

impl<'a> Judge<'a> {
    fn new(data: Data<'a>, loss: Loss, base: f64) -> Self {
        let rows = data.labels.len();
        Judge { data, loss, scores: vec![base; rows], weight: (0..rows).map(|row| data.weight(row)).sum() }
    }

    fn add(&mut self, trees: &OwnedTrees, tree: usize) {
        let view = trees.view();
        for (row, score) in self.scores.iter_mut().enumerate() {
            *score += view.values[view.leaf(tree, self.data.value(row))];
        }
    }

    fn loss(&self) -> f64 {
        let of = |(row, &score): (usize, &f64)| {
            self.data.weight(row) * self.loss.value(f64::from(self.data.labels[row]), score)
        };
        self.scores.iter().enumerate().map(of).sum::<f64>() / self.weight
    }
}
