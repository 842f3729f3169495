//! The one N-API binding of Aurochs: checks what JavaScript sends, converts it, calls a kernel. No maths.
//!
//! This is the only code that touches JavaScript's memory. Buffers that several threads use are typed-array views of
//! one `SharedArrayBuffer`; which rows a call may write is agreed through the chunk counter that comes with the call.
//! What a call returns is copied to memory of JavaScript's own: memory of Rust would be given back only by the event loop,
//! which does not turn in a worker that blocks until its next job. The exception is the view of a mapped file, which
//! `close` gives back.
#![deny(clippy::all)]
#![allow(missing_docs)] // fields of option objects are self-explanatory; functions are documented

mod als;
mod audience;
mod audio;
mod autoencoder;
mod autoencoder_fold_in;
mod boosting;
mod bpr;
mod ease;
mod entries;
mod file;
mod ftrl;
mod graph_filter;
mod ids;
mod instructions;
mod live_sessions;
mod live_transitions;
mod memory;
mod neighbours;
mod paths;
mod sequences;
mod session_neighbours;
mod slist;
mod sparse;
mod tagger;
mod topk;
mod transitions;
mod views;
mod word2vec;
