//! The maths of Aurochs. Each kernel works on one range of rows: no threads, no I/O, no clock, no Node.
//!
//! Matrices are flat `&[f32]` slices, row-major. Factor matrices in training have a *stride* that is a multiple of
//! [`simd::BLOCK`], with zeros in the padding, so that no kernel needs a tail loop for odd ranks.

mod accumulator;
pub mod als;
pub mod audience;
pub mod autoencoder;
pub mod basis;
pub mod bitmap;
pub mod boosting;
pub mod bpr;
pub mod csr;
pub mod ease;
mod elimination;
pub mod ftrl;
pub mod graph_filter;
pub mod ids;
pub mod initialise;
pub mod matmul;
pub mod neighbours;
pub mod request;
pub mod scratch;
mod selection;
mod sequence_lock;
pub mod sequences;
pub mod session_neighbours;
pub mod shared;
pub mod simd;
pub mod slist;
pub mod topk;
pub mod transitions;
pub mod word2vec;

/// Cases of a property test: a few under Miri, which is some thousand times slower.
#[cfg(test)]
fn cases(count: u32) -> proptest::test_runner::Config {
    proptest::test_runner::Config::with_cases(if cfg!(miri) { 2 } else { count })
}

/// The largest size that a property test takes, beside `size` a small one under Miri.
#[cfg(test)]
fn most(size: usize) -> usize {
    if cfg!(miri) { size.min(6) } else { size }
}
