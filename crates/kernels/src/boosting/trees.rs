//! Trees as flat arrays, and their scores.

use std::fmt;

/// In place of a feature: the node is a leaf.
pub const LEAF: u32 = u32::MAX;

/// Splits above a leaf, at most.
pub const MOST_DEPTH: usize = 1023;

/// The nodes of all trees, one tree after the other; those of tree t from `starts[t]` on, its root first, children
/// after their parent.
#[derive(Clone, Copy, Debug)]
pub struct Trees<'a> {
    /// (trees + 1)
    pub starts: &'a [u32],
    /// (nodes) The feature that a node asks for, or [`LEAF`].
    pub features: &'a [u32],
    /// (nodes) Up to which value of it rows go to the left; infinite where all do that have one.
    pub thresholds: &'a [f32],
    /// (nodes) The child on the left; of a leaf any, as the next three.
    pub left: &'a [u32],
    /// (nodes)
    pub right: &'a [u32],
    /// (nodes) 1 where missing values go to the left, else 0.
    pub missing_left: &'a [u8],
    /// (nodes) What a split gains.
    pub gains: &'a [f64],
    /// (nodes) What a leaf adds to the score; of others any.
    pub values: &'a [f64],
    /// (nodes) Weight of the rows that a node was learned from.
    pub covers: &'a [f64],
}

/// Why trees are refused.
#[allow(missing_docs)]
#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    Lengths { nodes: usize },
    Starts,
    Feature { node: usize, feature: u32, features: usize },
    Threshold { node: usize, threshold: f32 },
    Missing { node: usize, side: u8 },
    Child { node: usize, child: u32 },
    Orphan { node: usize },
    Depth { node: usize },
    Number { node: usize, name: &'static str, number: f64 },
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Lengths { nodes } => write!(f, "trees must have as many of each as nodes, {nodes}"),
            Fault::Starts => write!(f, "trees must begin at 0, each after the one before, and end with the last node"),
            Fault::Feature { node, feature, features } => {
                write!(f, "node {node} must ask for a feature below {features}, got {feature}")
            }
            Fault::Threshold { node, threshold } => write!(f, "node {node} must have a threshold, got {threshold}"),
            Fault::Missing { node, side } => {
                write!(f, "node {node} must send missing values to the left (1) or the right (0), got {side}")
            }
            Fault::Child { node, child } => {
                write!(f, "node {node} must have two children after it in its tree, each its own, got {child}")
            }
            Fault::Orphan { node } => write!(f, "node {node} must be a root or a child, but is neither"),
            Fault::Depth { node } => write!(f, "node {node} must be at most {MOST_DEPTH} splits below its root"),
            Fault::Number { node, name, number } => {
                write!(f, "node {node} must have a {name} that is finite and not below 0, got {number}")
            }
        }
    }
}

impl std::error::Error for Fault {}

impl<'a> Trees<'a> {
    /// Reads all, for `features` features.
    ///
    /// # Errors
    /// What is damaged first.
    pub fn check(&self, features: usize) -> Result<(), Fault> {
        let nodes = self.features.len();
        let lengths = [
            self.thresholds.len(),
            self.left.len(),
            self.right.len(),
            self.missing_left.len(),
            self.gains.len(),
            self.values.len(),
            self.covers.len(),
        ];
        if lengths.iter().any(|&length| length != nodes) {
            return Err(Fault::Lengths { nodes });
        }
        let ends = (self.starts.first(), self.starts.last().map(|&end| end as usize));
        if ends != (Some(&0), Some(nodes)) || self.starts.windows(2).any(|pair| pair[0] >= pair[1]) {
            return Err(Fault::Starts);
        }
        // Of each node its depth and 1, once a parent has named it.
        let mut depths = vec![0u16; nodes];
        for bounds in self.starts.windows(2) {
            depths[bounds[0] as usize] = 1;
            for node in bounds[0] as usize..bounds[1] as usize {
                self.check_node(node, bounds[1], features, &mut depths)?;
            }
        }
        Ok(())
    }

    fn check_node(&self, node: usize, end: u32, features: usize, depths: &mut [u16]) -> Result<(), Fault> {
        let depth = depths[node];
        if depth == 0 {
            return Err(Fault::Orphan { node });
        }
        let number = |name, number: f64, least: f64| {
            if number.is_finite() && number >= least { Ok(()) } else { Err(Fault::Number { node, name, number }) }
        };
        number("cover", self.covers[node], 0.0)?;
        number("gain", self.gains[node], 0.0)?;
        number("value", self.values[node], f64::MIN)?;
        let feature = self.features[node];
        if feature == LEAF {
            return Ok(());
        }
        if feature as usize >= features {
            return Err(Fault::Feature { node, feature, features });
        }
        let threshold = self.thresholds[node];
        if threshold.is_nan() {
            return Err(Fault::Threshold { node, threshold });
        }
        if self.missing_left[node] > 1 {
            return Err(Fault::Missing { node, side: self.missing_left[node] });
        }
        if self.covers[node] <= 0.0 {
            return Err(Fault::Number { node, name: "cover", number: self.covers[node] });
        }
        if usize::from(depth) > MOST_DEPTH {
            return Err(Fault::Depth { node });
        }
        for child in [self.left[node], self.right[node]] {
            if child as usize <= node || child >= end || depths[child as usize] != 0 {
                return Err(Fault::Child { node, child });
            }
            depths[child as usize] = depth + 1;
        }
        Ok(())
    }

    /// Number of trees.
    pub fn count(&self) -> usize {
        self.starts.len().saturating_sub(1)
    }

    /// Whether a row with this value of the node's feature goes to the left.
    #[inline(always)]
    pub fn goes_left(&self, node: usize, value: f32) -> bool {
        if value.is_nan() { self.missing_left[node] == 1 } else { value <= self.thresholds[node] }
    }

    /// The leaf of tree `tree` for a row whose features `value` gives.
    #[inline(always)]
    pub fn leaf(&self, tree: usize, value: impl Fn(usize) -> f32) -> usize {
        let mut node = self.starts[tree] as usize;
        while self.features[node] != LEAF {
            let is_left = self.goes_left(node, value(self.features[node] as usize));
            node = if is_left { self.left[node] } else { self.right[node] } as usize;
        }
        node
    }

    /// The sum of the values of a row's leaves, in the order of the trees. The trees must have been checked.
    pub fn score(&self, row: &[f32]) -> f64 {
        (0..self.count()).fold(0.0, |sum, tree| sum + self.values[self.leaf(tree, |feature| row[feature])])
    }

    /// Adds to `gains` (features) what the splits by each feature have gained.
    pub fn add_gains(&self, gains: &mut [f64]) {
        for (&feature, gain) in self.features.iter().zip(self.gains) {
            if feature != LEAF {
                gains[feature as usize] += gain;
            }
        }
    }
}

/// Trees that grow.
#[allow(missing_docs)]
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OwnedTrees {
    pub starts: Vec<u32>,
    pub features: Vec<u32>,
    pub thresholds: Vec<f32>,
    pub left: Vec<u32>,
    pub right: Vec<u32>,
    pub missing_left: Vec<u8>,
    pub gains: Vec<f64>,
    pub values: Vec<f64>,
    pub covers: Vec<f64>,
}

impl OwnedTrees {
    /// No trees.
    pub fn new() -> Self {
        OwnedTrees { starts: vec![0], ..Default::default() }
    }

    /// Views them.
    pub fn view(&self) -> Trees<'_> {
        Trees {
            starts: &self.starts,
            features: &self.features,
            thresholds: &self.thresholds,
            left: &self.left,
            right: &self.right,
            missing_left: &self.missing_left,
            gains: &self.gains,
            values: &self.values,
            covers: &self.covers,
        }
    }

    /// Adds a leaf, and gives its number.
    pub(super) fn add_leaf(&mut self) -> usize {
        self.features.push(LEAF);
        self.thresholds.push(0.0);
        self.left.push(0);
        self.right.push(0);
        self.missing_left.push(0);
        self.gains.push(0.0);
        self.values.push(0.0);
        self.covers.push(0.0);
        self.features.len() - 1
    }

    /// Keeps the first `trees` trees.
    pub fn truncate(&mut self, trees: usize) {
        self.starts.truncate(trees + 1);
        let nodes = self.starts.last().map_or(0, |&end| end as usize);
        self.features.truncate(nodes);
        self.thresholds.truncate(nodes);
        self.left.truncate(nodes);
        self.right.truncate(nodes);
        self.missing_left.truncate(nodes);
        self.gains.truncate(nodes);
        self.values.truncate(nodes);
        self.covers.truncate(nodes);
    }
}
