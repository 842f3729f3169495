//! A denoising autoencoder over the items and tags of users, such as the songs and tags of playlists.
//!
//! With x the visible part of a user's items and tags (each kind divided by its norm), E the input vectors and b their bias, W the
//! output vectors and c their biases:
//!
//! ```text
//! h = tanh(b + Σ_j x_j E_j)        s = W h + c
//! loss = −Σ_heads λ Σ_j y_j ln softmax(s)_j,  the mean over users
//! ```
//!
//! where in training a random part of each h is 0. The heads are items (λ = 1) and tags, each with a softmax of its own (the
//! multinomial likelihood of Liang, Krishnan, Hoffman & Jebara 2018, "Variational autoencoders for collaborative filtering"); y is all
//! that the user has, or (`hidden_only`) what of it is hidden, and then the softmax is without what is visible. What is visible is drawn
//! anew in each epoch, "hide and seek": items alone, tags alone, or part of each (Yang, Jeong, Choi & Lee 2018, "MMCF: multimodal
//! collaborative filtering for automatic playlist continuation").
//!
//! A model that is asked goes on from h by a step up the likelihood of what is visible: see [`refine`]. A model may have several networks
//! of different seeds: their h, each divided by their number, and their vectors beside each other, and the means of their c are one
//! network's, whose scores are the means of theirs.
//!
//! A step has two phases. [`forward`] takes shards of [`SHARD`] users: their hidden states, the gradients of their scores, and what
//! comes back to the hidden states. [`update`] takes chunks of output and input vectors: each sums its gradient over the shards in
//! their order, and follows it by AdamW (Loshchilov & Hutter 2019). Nobody else writes a chunk's vectors, so the same bits come out for
//! any number of workers.
//!
//! Where a step has all outputs, the softmax is exact; else it has those of the batch and a random sample: see [`Active`].

mod corrupt;
pub mod encode;
mod exp;
pub mod forward;
mod gemm;
#[cfg(test)]
mod naive;
pub mod refine;
#[cfg(test)]
mod tests;
pub mod update;

use crate::simd::stride;

/// Users of a shard.
pub const SHARD: usize = 32;

/// Sizes of a model.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Number of items: the first columns of inputs and outputs.
    pub items: usize,
    /// Number of tags: the columns after the items.
    pub tags: usize,
    /// Width of the hidden layer.
    pub factors: usize,
}

impl Shape {
    /// Floats from one vector to the next, of inputs and outputs: there is room for an output's bias after its factors.
    pub fn stride(&self) -> usize {
        stride(self.factors + 1)
    }

    /// Output vectors.
    pub fn outputs(&self) -> usize {
        self.items + self.tags
    }

    /// Input vectors: the last one is the bias of the hidden layer, an input that is always 1.
    pub fn inputs(&self) -> usize {
        self.outputs() + 1
    }
}

/// The outputs that a step scores: all, or the columns of a sample.
///
/// Of a sample, an output that is there with probability p, and not for what the user has, gets −ln p added to its score, so that the
/// expectation of the softmax's denominator is that over all outputs (Horvitz & Thompson 1952).
#[derive(Clone, Copy, Debug)]
pub enum Active<'a> {
    /// All outputs, in their order.
    All,
    /// Some.
    Sample {
        /// Rising. Those of tags follow those of items.
        columns: &'a [u32],
        /// −ln p of each.
        corrections: &'a [f32],
    },
}

impl Active<'_> {
    /// How many outputs there are, and how many of them are items.
    pub fn counts(&self, shape: Shape) -> (usize, usize) {
        match self {
            Active::All => (shape.outputs(), shape.items),
            Active::Sample { columns, .. } => {
                (columns.len(), columns.partition_point(|&column| (column as usize) < shape.items))
            }
        }
    }

    /// The column of the output at `place`.
    #[inline(always)]
    fn column(&self, place: usize) -> usize {
        match self {
            Active::All => place,
            Active::Sample { columns, .. } => columns[place] as usize,
        }
    }

    /// The place of `column`, where it is active.
    #[inline(always)]
    fn place(&self, column: u32) -> Option<usize> {
        match self {
            Active::All => Some(column as usize),
            Active::Sample { columns, .. } => columns.binary_search(&column).ok(),
        }
    }
}
