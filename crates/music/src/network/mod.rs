//! The network of the tagger of sounds: its layers, a shard's step, prediction. Everything is single-threaded and deterministic: workers take
//! shards of a batch, each with its own moments of normalisation, whose gradients are summed in the order of the shards.

pub mod adamw;
mod convolution;
mod dense;
mod dropout;
mod loss;
mod normalisation;
mod pooling;
mod shape;
mod tagger;
mod tile;

#[cfg(test)]
mod tests;

pub use loss::Labels;
pub use shape::Shape;
pub use tagger::{Prediction, Shard, ShardResult, Workspace, predict, train};
