//! What each feature contributes to a score: its Shapley value, where features that are not known are averaged over the
//! rows that the tree was learned from (path-dependent TreeSHAP: Lundberg, Erion & Lee 2018, "Consistent individualized
//! feature attribution for tree ensembles", algorithm 2).

use super::trees::{LEAF, Trees};

/// A split on the way to a node, those of one feature together.
#[derive(Clone, Copy)]
struct Step {
    feature: u32,
    /// The share of rows that go this way where the feature is not known.
    zero: f64,
    /// 1 where the row itself goes this way, else 0.
    one: f64,
    /// The sum over subsets of as many features as the place of the step says, by their weights in Shapley values.
    weight: f64,
}

/// Buffers kept from one row to the next.
#[derive(Default)]
pub struct Contributions {
    /// The paths to the node and to those above it, one after the other.
    steps: Vec<Step>,
}

/// The mean score of the rows that the trees were learned from, which contributions are added to. The trees must have
/// been checked.
pub fn base_value(trees: &Trees<'_>) -> f64 {
    let sum = |tree: usize| {
        let nodes = trees.starts[tree] as usize..trees.starts[tree + 1] as usize;
        if trees.features[nodes.start] == LEAF {
            return trees.values[nodes.start];
        }
        let leaves = nodes.clone().filter(|&node| trees.features[node] == LEAF);
        leaves.map(|leaf| trees.values[leaf] * trees.covers[leaf]).sum::<f64>() / trees.covers[nodes.start]
    };
    (0..trees.count()).map(sum).sum()
}

impl Contributions {
    /// Adds the contributions of the features of `row` to `contributions`, both (features). The trees must have been
    /// checked.
    ///
    /// Costs, for trees of l leaves and depth d, O(l d²) each.
    pub fn add(&mut self, trees: &Trees<'_>, row: &[f32], contributions: &mut [f64]) {
        for tree in 0..trees.count() {
            self.steps.clear();
            let first = Step { feature: LEAF, zero: 1.0, one: 1.0, weight: 0.0 };
            self.visit(trees, trees.starts[tree] as usize, 0, first, row, contributions);
        }
    }

    /// Goes on from the path that begins at `parent` by `step` to `node`.
    fn visit(&mut self, trees: &Trees<'_>, node: usize, parent: usize, step: Step, row: &[f32], sums: &mut [f64]) {
        let begin = self.steps.len();
        self.steps.extend_from_within(parent..);
        extend(&mut self.steps, begin, step);
        let feature = trees.features[node];
        if feature == LEAF {
            for at in begin + 1..self.steps.len() {
                let Step { feature, zero, one, .. } = self.steps[at];
                sums[feature as usize] +=
                    unwound_sum(&self.steps[begin..], at - begin) * (one - zero) * trees.values[node];
            }
            self.steps.truncate(begin);
            return;
        }
        let (mut zero, mut one) = (1.0, 1.0);
        if let Some(at) = (begin + 1..self.steps.len()).find(|&at| self.steps[at].feature == feature) {
            (zero, one) = (self.steps[at].zero, self.steps[at].one);
            unwind(&mut self.steps, begin, at - begin);
        }
        let goes_left = trees.goes_left(node, row[feature as usize]);
        for (child, is_own) in [(trees.left[node], goes_left), (trees.right[node], !goes_left)] {
            let child = child as usize;
            let zero = zero * trees.covers[child] / trees.covers[node];
            let one = if is_own { one } else { 0.0 };
            // Nothing ever goes there.
            if zero > 0.0 || one > 0.0 {
                self.visit(trees, child, begin, Step { feature, zero, one, weight: 0.0 }, row, sums);
            }
        }
        self.steps.truncate(begin);
    }
}

/// Adds a step to the path from `begin` on.
fn extend(steps: &mut Vec<Step>, begin: usize, step: Step) {
    let length = steps.len() - begin;
    steps.push(Step { weight: if length == 0 { 1.0 } else { 0.0 }, ..step });
    let path = &mut steps[begin..];
    let whole = (length + 1) as f64;
    for at in (0..length).rev() {
        path[at + 1].weight += step.one * path[at].weight * (at + 1) as f64 / whole;
        path[at].weight *= step.zero * (length - at) as f64 / whole;
    }
}

/// Takes step `at` of the path from `begin` on back.
fn unwind(steps: &mut Vec<Step>, begin: usize, at: usize) {
    let path = &mut steps[begin..];
    let last = path.len() - 1;
    let Step { zero, one, .. } = path[at];
    let whole = (last + 1) as f64;
    let mut next = path[last].weight;
    for place in (0..last).rev() {
        if one != 0.0 {
            let own = path[place].weight;
            path[place].weight = next * whole / ((place + 1) as f64 * one);
            next = own - path[place].weight * zero * (last - place) as f64 / whole;
        } else {
            path[place].weight *= whole / (zero * (last - place) as f64);
        }
    }
    for place in at..last {
        let Step { feature, zero, one, .. } = path[place + 1];
        path[place] = Step { feature, zero, one, ..path[place] };
    }
    steps.pop();
}

/// The sum of the weights of the path without step `at`.
fn unwound_sum(path: &[Step], at: usize) -> f64 {
    let last = path.len() - 1;
    let Step { zero, one, .. } = path[at];
    let whole = (last + 1) as f64;
    let (mut next, mut sum) = (path[last].weight, 0.0);
    for place in (0..last).rev() {
        if one != 0.0 {
            let weight = next * whole / ((place + 1) as f64 * one);
            sum += weight;
            next = path[place].weight - weight * zero * (last - place) as f64 / whole;
        } else {
            sum += path[place].weight * whole / (zero * (last - place) as f64);
        }
    }
    sum
}
