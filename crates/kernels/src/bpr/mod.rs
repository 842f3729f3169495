//! Bayesian personalized ranking (Rendle, Freudenthaler, Gantner & Schmidt-Thieme 2009, "BPR: Bayesian Personalized Ranking
//! from Implicit Feedback"): factors and biases of items such that what a user has scores above what the user has not.
//!
//! An epoch is, in words, two nested loops: for each block of items, for each user, a step of gradient descent
//! ([`update`]) at each item of the block that the user has, against an item of the block that the user has not
//! ([`negatives`]). The blocks are of about a cache's size and drawn anew for each epoch ([`partition`]): a pair of items
//! meets in as many epochs as any other, so that over the epochs negatives come from all items. The samples are
//! dealt to the blocks beforehand ([`deal`]).
//!
//! Users are cut into chunks, and threads take blocks: each goes down the users one chunk behind the thread with the block before
//! ([`wavefront`]). So rows of users and items have one writer at a time, and any number of threads does what the
//! nested loops would, to the bit; and a block's rows stay in the cache of one core while the rows of the users, in
//! their order, pass by.
//!
//! [`fold_in`] makes the vectors of users whom the training did not know.

pub mod deal;
pub mod epoch;
pub mod fold_in;
pub mod negatives;
pub mod partition;
pub mod random;
pub(crate) mod sigmoid;
#[cfg(test)]
mod tests;
mod update;
pub mod wavefront;

/// Added to the place of a sample that is not to be learnt from in this epoch: its item is the user's and no negative all the same.
const OWN_ONLY: u32 = 1 << 31;

/// What is done at each sample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// η, the learning rate.
    pub rate: f32,
    /// λ, of users, items and biases alike.
    pub regularization: f32,
    /// Whether items have biases.
    pub biases: bool,
}
