//! From a file to mono samples at its rate.

mod decoder;
mod mono;
mod source;
mod track;

pub use decoder::{Decoder, Sound};
