//! From a file to mono samples at its rate.

mod decoder;
mod lengths;
mod mono;
mod source;
mod track;

pub use decoder::{Decoder, Sound};
