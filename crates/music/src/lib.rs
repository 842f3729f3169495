//! What Aurochs knows of music. [`audio`] turns sound files into log-mel spectrograms.
//!
//! Like the kernels it starts no thread and is deterministic; unlike them it reads files.

pub mod audio;
pub mod network;
