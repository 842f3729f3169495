//! One tree, best-first.

use super::bins::{LANES, MISSING, blocks};
use super::fork_join::{Broken, ForkJoin};
use super::histogram::{HISTOGRAM_WORDS, Histogram, Sums, add_all, add_lane, add_rows, histograms, subtract};
use super::loss::Scale;
pub use super::split::Rule;
use super::split::{Split, best_split};
use super::train::Options;
use super::trees::OwnedTrees;
use crate::bpr::random::Random;
use crate::shared::SharedRows;
use crate::simd::{Kernel, Lanes, Simd};
use std::ops::Range;

/// 64-bit words of what a part of a task has to know.
pub const TASK_WORDS: usize = 16;

const SPLIT_WORDS: usize = 4;

/// 64-bit words of the best splits of two leaves by each feature.
pub fn split_words(features: usize) -> usize {
    2 * features * SPLIT_WORDS
}

/// What the threads share, as each of them knows it. Who trains writes `order`, `gradients` and `task` between tasks;
/// in a task each part has a block of features: its rows of `histograms` and `parents`, and its features' of `splits`.
pub struct Workspace<'a> {
    /// (blocks × rows) Bins of the features of each block.
    pub bins: &'a [[u8; LANES]],
    /// (features) The number of bins of each.
    pub bins_of: &'a [u32],
    /// (rows) The rows of the tree, those of each leaf together and ascending.
    pub order: SharedRows<'a, u32>,
    /// (rows × 2) The derivatives of a leaf's rows, at their places in `order`.
    pub gradients: SharedRows<'a, i64>,
    /// (leaves · blocks) × [`HISTOGRAM_WORDS`]
    pub histograms: SharedRows<'a, i64>,
    /// The same memory.
    pub parents: SharedRows<'a, i64>,
    /// (2 · features) × 4
    pub splits: SharedRows<'a, i64>,
    /// 1 × [`TASK_WORDS`]
    pub task: SharedRows<'a, i64>,
}

impl Workspace<'_> {
    /// # Errors
    /// Says which sizes do not fit.
    pub fn check(&self, rows: usize, options: &Options) -> Result<(), String> {
        let features = self.bins_of.len();
        let expected = [
            ("bins", self.bins.len(), blocks(features) * rows),
            ("order", self.order.rows(), rows),
            ("gradients", self.gradients.rows(), rows),
            ("histograms", self.histograms.rows(), options.leaves as usize * blocks(features)),
            ("histograms", self.parents.rows(), self.histograms.rows()),
            ("splits", self.splits.rows(), 2 * features),
            ("task", self.task.rows(), 1),
        ];
        if let Some((name, got, expected)) = expected.into_iter().find(|(_, got, expected)| got != expected) {
            return Err(format!("{name} must have {expected} rows for {rows} rows of {features} features, got {got}"));
        }
        let widths = [
            (self.order.width(), 1),
            (self.gradients.width(), 2),
            (self.histograms.width(), HISTOGRAM_WORDS),
            (self.parents.width(), HISTOGRAM_WORDS),
            (self.splits.width(), SPLIT_WORDS),
            (self.task.width(), TASK_WORDS),
        ];
        if widths.iter().any(|(got, expected)| got != expected) {
            return Err(format!("the widths of a workspace must be {widths:?}"));
        }
        if let Some(bins) = self.bins_of.iter().find(|&&bins| bins == 0 || bins > u32::from(MISSING)) {
            return Err(format!("a feature must have 1 to {MISSING} bins, got {bins}"));
        }
        Ok(())
    }
}

/// A task: the histograms of a leaf's rows, and what remains of its parent's; and the best splits by both.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Task {
    tree: u64,
    /// Of the rows that are summed.
    first: usize,
    count: usize,
    /// Where the histograms are: of the rows, and of the parent, where there is one.
    slot: usize,
    parent: Option<usize>,
    /// Of the rows, and of the rest.
    totals: [Sums; 2],
    /// Whether splits of these are sought.
    wanted: [bool; 2],
    scale: Scale,
}

impl Task {
    fn write(&self, words: &mut [i64]) {
        words[..TASK_WORDS].copy_from_slice(&[
            self.tree as i64,
            self.first as i64,
            self.count as i64,
            self.slot as i64,
            self.parent.map_or(-1, |slot| slot as i64),
            self.totals[0][0],
            self.totals[0][1],
            self.totals[1][0],
            self.totals[1][1],
            i64::from(self.wanted[0]),
            i64::from(self.wanted[1]),
            self.scale.gradient.to_bits() as i64,
            self.scale.hessian.to_bits() as i64,
            i64::from(self.scale.count_bits),
            0,
            0,
        ]);
    }

    fn read(words: &[i64]) -> Task {
        Task {
            tree: words[0] as u64,
            first: words[1] as usize,
            count: words[2] as usize,
            slot: words[3] as usize,
            parent: usize::try_from(words[4]).ok(),
            totals: [[words[5], words[6]], [words[7], words[8]]],
            wanted: [words[9] != 0, words[10] != 0],
            scale: Scale {
                gradient: f64::from_bits(words[11] as u64),
                hessian: f64::from_bits(words[12] as u64),
                count_bits: words[13] as u32,
            },
        }
    }
}

/// The features that a tree may ask for, a bit for each lane of each block.
fn selected_features(bins_of: &[u32], options: &Options, tree: u64) -> Vec<u8> {
    let features = bins_of.len();
    let mut masks = vec![0u8; blocks(features)];
    let wanted = ((features as f64 * options.column_share).ceil() as usize).clamp(1, features.max(1));
    let mut numbers: Vec<u32> = (0..features as u32).collect();
    if wanted < features {
        let mut random = Random::new(&[u64::from(options.seed), tree, 1]);
        for at in 0..wanted {
            let other = at + random.below((features - at) as u32) as usize;
            numbers.swap(at, other);
        }
        numbers.truncate(wanted);
    }
    for feature in numbers {
        masks[feature as usize / LANES] |= 1 << (feature as usize % LANES);
    }
    masks
}

/// Does parts of tasks: what a thread keeps from one to the next.
pub struct Worker<'a, 'b> {
    workspace: &'b mut Workspace<'a>,
    options: &'b Options,
    simd: Simd,
    /// Those of a tree.
    selected: Option<(u64, Vec<u8>)>,
}

impl<'a, 'b> Worker<'a, 'b> {
    /// The workspace must have been checked.
    pub fn new(workspace: &'b mut Workspace<'a>, options: &'b Options, simd: Simd) -> Self {
        Worker { workspace, options, simd, selected: None }
    }

    /// Does the part of a task that belongs to a block.
    ///
    /// # Safety
    /// The task must have been given, and the part taken by this thread alone.
    pub unsafe fn part(&mut self, block: usize) {
        // SAFETY: who gave the task writes none of this until all parts are done.
        let task = Task::read(unsafe { self.workspace.task.rows_ref(0..1) });
        if self.selected.as_ref().is_none_or(|(tree, _)| *tree != task.tree) {
            self.selected = Some((task.tree, selected_features(self.workspace.bins_of, self.options, task.tree)));
        }
        let mask = self.selected.as_ref().map_or(0, |(_, masks)| masks[block]);
        if mask == 0 {
            return;
        }
        let Workspace { bins, bins_of, order, gradients, histograms: own, parents, splits, .. } = &mut *self.workspace;
        let (count, features) = (blocks(bins_of.len()), bins_of.len());
        let lanes = block * LANES..((block + 1) * LANES).min(features);
        let rows = order.rows();
        assert!(task.parent != Some(task.slot), "two histograms at one place");
        let place = |slot: usize| slot * count + block..slot * count + block + 1;
        // SAFETY: the rows and derivatives are written between tasks alone; the histograms of this block, and the
        // splits of its features, are this part's, and the two histograms differ.
        let (order, gradients, own, parent, [first, second]) = unsafe {
            let own = own.rows_mut(place(task.slot));
            let parent = task.parent.map(|slot| parents.rows_mut(place(slot)));
            let order = order.rows_ref(task.first..task.first + task.count);
            let gradients = gradients.rows_ref(task.first..task.first + task.count);
            let at = splits.as_mut_ptr();
            let words = |from: usize| {
                std::slice::from_raw_parts_mut(at.add((from + lanes.start) * SPLIT_WORDS), lanes.len() * SPLIT_WORDS)
            };
            (order, gradients, own, parent, [words(0), words(features)])
        };
        self.simd.run(Part {
            bins: &bins[block * rows..(block + 1) * rows],
            bins_of: &bins_of[lanes],
            mask,
            task: &task,
            rule: &self.options.rule,
            order,
            gradients: gradients.as_chunks::<2>().0,
            own: histograms(own),
            parent: parent.map(histograms),
            splits: [first, second],
        });
    }
}

struct Part<'a> {
    bins: &'a [[u8; LANES]],
    bins_of: &'a [u32],
    mask: u8,
    task: &'a Task,
    rule: &'a Rule,
    order: &'a [u32],
    gradients: &'a [Sums],
    own: &'a mut [Histogram; LANES],
    parent: Option<&'a mut [Histogram; LANES]>,
    splits: [&'a mut [i64]; 2],
}

/// Wanted lanes of a block from which on all are summed: they share the loads of rows and derivatives.
const FEW_LANES: u32 = 5;

impl Kernel for Part<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        let Part { bins, bins_of, mask, task, rule, order, gradients, own, mut parent, splits: [first, second] } = self;
        let wanted = |lane: usize| mask >> lane & 1 == 1;
        if mask.count_ones() >= FEW_LANES.min(bins_of.len() as u32) {
            own.as_flattened_mut().fill([0; 2]);
            // Those of all rows are in their order.
            if order.len() == bins.len() {
                add_all(bins, gradients, own)
            } else {
                add_rows(lanes, bins, order, gradients, own)
            }
        } else {
            for lane in (0..LANES).filter(|&lane| wanted(lane)) {
                own[lane].fill([0; 2]);
                add_lane(bins, order, gradients, lane, &mut own[lane]);
            }
        }
        for (lane, &count) in bins_of.iter().enumerate().filter(|&(lane, _)| wanted(lane)) {
            let words = lane * SPLIT_WORDS..(lane + 1) * SPLIT_WORDS;
            let bins = count as usize;
            if let Some(parent) = &mut parent {
                let parent = &mut parent[lane];
                subtract(&mut parent[..bins], &own[lane][..bins]);
                subtract(&mut parent[MISSING as usize..][..1], &own[lane][MISSING as usize..][..1]);
                if task.wanted[1] {
                    let split = best_split(parent, bins, task.totals[1], rule, &task.scale);
                    write_split(split, &mut second[words.clone()]);
                }
            }
            if task.wanted[0] {
                write_split(best_split(&own[lane], bins, task.totals[0], rule, &task.scale), &mut first[words]);
            }
        }
    }
}

#[inline(always)]
fn write_split(split: Option<Split>, words: &mut [i64]) {
    words.copy_from_slice(&match split {
        Some(Split { gain, bin, missing_left, left }) => {
            [gain.to_bits() as i64, i64::from(bin) | i64::from(missing_left) << 8, left[0], left[1]]
        }
        None => [0; 4],
    });
}

/// The words of a split that was found; its gain is above 0.
fn read_split(words: &[i64]) -> Option<Split> {
    let gain = f64::from_bits(words[0] as u64);
    (gain > 0.0).then_some(Split {
        gain,
        bin: words[1] as u8,
        missing_left: words[1] >> 8 & 1 == 1,
        left: [words[2], words[3]],
    })
}

/// A leaf of a tree that grows.
struct Leaf {
    node: usize,
    rows: Range<usize>,
    slot: usize,
    sums: Sums,
    split: Option<(usize, Split)>,
}

/// Grows trees, in the thread that trains.
pub struct Grower<'a, 'b> {
    worker: Worker<'a, 'b>,
    tasks: &'b ForkJoin<'b>,
    cuts: &'b [&'b [f32]],
    right: Vec<u32>,
}

/// What a tree is grown from.
pub struct Sample<'a> {
    /// Number of the tree, which tells its random numbers from others'.
    pub tree: u64,
    /// Rows, the first of `order`.
    pub count: usize,
    /// (all rows) Their derivatives.
    pub gradients: &'a [Sums],
    /// Their sums, over the rows of the tree.
    pub total: Sums,
    pub scale: Scale,
}

impl<'a, 'b> Grower<'a, 'b> {
    /// `cuts` (features) are those of the bins.
    pub fn new(worker: Worker<'a, 'b>, tasks: &'b ForkJoin<'b>, cuts: &'b [&'b [f32]]) -> Self {
        Grower { worker, tasks, cuts, right: Vec::new() }
    }

    /// (rows) The rows of the tree, to write before it grows.
    pub fn order(&mut self) -> &mut [u32] {
        let order = &mut self.worker.workspace.order;
        // SAFETY: there is no task now, and this is the thread that gives them.
        unsafe { order.rows_mut(0..order.rows()) }
    }

    /// Adds a tree, without values and covers, and gives its leaves: node, rows of `order`, sums.
    ///
    /// # Errors
    /// [`Broken`] when another thread failed.
    pub fn grow(
        &mut self,
        sample: &Sample<'_>,
        trees: &mut OwnedTrees,
    ) -> Result<Vec<(usize, Range<usize>, Sums)>, Broken> {
        let options = self.worker.options;
        let most = options.leaves as usize;
        let root = Leaf { node: trees.add_leaf(), rows: 0..sample.count, slot: 0, sums: sample.total, split: None };
        let mut leaves = vec![root];
        if most > 1 && self.may_split(sample, &leaves[0]) {
            self.search(sample, &mut leaves, 0, None)?;
        }
        while leaves.len() < most {
            // The first of equally good ones.
            let gain = |leaf: &Leaf| leaf.split.map_or(0.0, |(_, split)| split.gain);
            let best =
                (0..leaves.len()).fold(0, |best, at| if gain(&leaves[at]) > gain(&leaves[best]) { at } else { best });
            let Some((feature, split)) = leaves[best].split.take() else { break };
            let (mut left, mut right) = self.split(&mut leaves[best], feature, split, trees);
            let is_left_small = left.rows.len() <= right.rows.len();
            // The other keeps the histogram, which becomes its own.
            if is_left_small {
                left.slot = leaves.len()
            } else {
                right.slot = leaves.len()
            }
            leaves[best] = left;
            leaves.push(right);
            let last = leaves.len() - 1;
            let (small, other) = if is_left_small { (best, last) } else { (last, best) };
            let wanted = self.may_split(sample, &leaves[small]) || self.may_split(sample, &leaves[other]);
            if leaves.len() < most && wanted {
                self.search(sample, &mut leaves, small, Some(other))?;
            }
        }
        trees.starts.push(trees.features.len() as u32);
        Ok(leaves.into_iter().map(|leaf| (leaf.node, leaf.rows, leaf.sums)).collect())
    }

    fn may_split(&self, sample: &Sample<'_>, leaf: &Leaf) -> bool {
        let rule = &self.worker.options.rule;
        leaf.rows.len() >= 2 * rule.minimum_rows as usize
            && sample.scale.sums(leaf.sums)[1] >= 2.0 * rule.minimum_hessian
    }

    /// Finds the best splits of a leaf, by summing its rows, and of the `other` child of its parent.
    fn search(
        &mut self,
        sample: &Sample<'_>,
        leaves: &mut [Leaf],
        at: usize,
        other: Option<usize>,
    ) -> Result<(), Broken> {
        let leaf = &leaves[at];
        let task = Task {
            tree: sample.tree,
            first: leaf.rows.start,
            count: leaf.rows.len(),
            slot: leaf.slot,
            parent: other.map(|other| leaves[other].slot),
            totals: [leaf.sums, other.map_or([0; 2], |other| leaves[other].sums)],
            wanted: [self.may_split(sample, leaf), other.is_some_and(|other| self.may_split(sample, &leaves[other]))],
            scale: sample.scale,
        };
        let workspace = &mut *self.worker.workspace;
        let features = workspace.bins_of.len();
        // SAFETY: there is no task now, and this is the thread that gives them.
        unsafe {
            let rows = workspace.order.rows_ref(leaf.rows.clone());
            let gradients = workspace.gradients.rows_mut(leaf.rows.clone());
            for (place, &row) in gradients.as_chunks_mut::<2>().0.iter_mut().zip(rows) {
                *place = sample.gradients[row as usize];
            }
            task.write(workspace.task.rows_mut(0..1));
            // Features that the tree must not ask for have none.
            workspace.splits.rows_mut(0..2 * features).fill(0);
        }
        let worker = &mut self.worker;
        // SAFETY: the task is given by this, and each part is taken once.
        self.tasks.run(blocks(features), |block| unsafe { worker.part(block) })?;
        for (side, at) in [Some(at), other].into_iter().enumerate() {
            let Some(at) = at.filter(|_| task.wanted[side]) else { continue };
            // SAFETY: all parts are done.
            let words = unsafe { self.worker.workspace.splits.rows_ref(side * features..(side + 1) * features) };
            let found = words.as_chunks::<SPLIT_WORDS>().0.iter().enumerate();
            leaves[at].split = found.filter_map(|(feature, words)| Some((feature, read_split(words)?))).fold(
                None,
                |best: Option<(usize, Split)>, own| match best {
                    Some(best) if best.1.gain >= own.1.gain => Some(best),
                    _ => Some(own),
                },
            );
        }
        Ok(())
    }

    /// Splits a leaf, and gives its children, on the left and on the right, both with its histogram.
    fn split(&mut self, leaf: &mut Leaf, feature: usize, split: Split, trees: &mut OwnedTrees) -> (Leaf, Leaf) {
        let Workspace { bins, order, .. } = &mut *self.worker.workspace;
        let (rows, lane) = (order.rows(), feature % LANES);
        let bins = &bins[feature / LANES * rows..][..rows];
        // SAFETY: there is no task now, and this is the thread that gives them.
        let order = unsafe { order.rows_mut(leaf.rows.clone()) };
        let is_left = |row: u32| {
            let bin = bins[row as usize][lane];
            if bin == MISSING { split.missing_left } else { bin <= split.bin }
        };
        let right = &mut self.right;
        right.resize(order.len(), 0);
        let (mut lefts, mut rights) = (0, 0);
        for at in 0..order.len() {
            let row = order[at];
            let goes_left = is_left(row);
            // Both, without a branch, which would be foretold wrongly too often.
            order[lefts] = row;
            right[rights] = row;
            lefts += usize::from(goes_left);
            rights += usize::from(!goes_left);
        }
        order[lefts..].copy_from_slice(&right[..rights]);
        let (left, right) = (trees.add_leaf(), trees.add_leaf());
        let node = leaf.node;
        trees.features[node] = feature as u32;
        trees.thresholds[node] = self.cuts[feature].get(split.bin as usize).copied().unwrap_or(f32::INFINITY);
        trees.left[node] = left as u32;
        trees.right[node] = right as u32;
        trees.missing_left[node] = u8::from(split.missing_left);
        trees.gains[node] = split.gain;
        let middle = leaf.rows.start + lefts;
        let rest = [leaf.sums[0] - split.left[0], leaf.sums[1] - split.left[1]];
        let child = |node, rows, sums| Leaf { node, rows, slot: leaf.slot, sums, split: None };
        (child(left, leaf.rows.start..middle, split.left), child(right, middle..leaf.rows.end, rest))
    }
}
