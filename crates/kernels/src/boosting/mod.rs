//! Gradient-boosted decision trees (Friedman 2001, "Greedy function approximation: a gradient boosting machine"), for
//! probabilities by the logistic loss and for values by the squared loss.
//!
//! With g and h the first and second derivatives of a row's loss by its score, times its weight, and G and H their sums
//! over a leaf, a tree's leaf has the value −η G / (H + λ), and a split of a leaf into L and R gains (Chen & Guestrin
//! 2016, "XGBoost")
//!
//! ```text
//! G_L² / (H_L + λ) + G_R² / (H_R + λ) − G² / (H + λ)
//! ```
//!
//! Trees grow best-first over histograms of binned values, as those of LightGBM (Ke et al. 2017): the leaf that gains
//! most is split next; of its two children the smaller is summed row by row, the other is the difference to the parent.
//! Missing values (NaN) go to the side that gains more.
//!
//! Derivatives are rounded to whole numbers of 30 bits, anew for each tree, and summed in 64: the sums are exact, so
//! that neither the order of rows nor the division of the work changes a bit, and the difference of two histograms is
//! what summing would have given.

mod bins;
mod contributions;
mod fork_join;
mod grow;
mod histogram;
mod loss;
mod split;
#[cfg(test)]
mod tests;
mod train;
mod trees;

pub use bins::{LANES, MISSING, MOST_BINS, blocks, fill_block, learn_cuts};
pub use contributions::{Contributions, base_value};
pub use fork_join::{Broken, CELLS, ForkJoin};
pub use grow::{Rule, TASK_WORDS, Worker, Workspace, split_words};
pub use histogram::HISTOGRAM_WORDS;
pub use loss::Loss;
pub use train::{Data, Failure, Options, Trained, train};
pub use trees::{Fault, LEAF, MOST_DEPTH, OwnedTrees, Trees};
