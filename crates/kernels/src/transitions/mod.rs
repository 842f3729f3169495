//! Transitions: what comes near an item in sessions, before all what comes after it; a Markov chain over items whose steps may pass
//! over others (Shani, Heckerman & Brafman 2005; "sequential rules" of Ludewig & Jannach 2018), of one and of two steps.
//!
//! [`Training`] counts the steps from each item, one row at a time, by the places where it occurs; [`TwoSteps`] makes probabilities
//! of the counts and follows them once more; [`LiveTable`] counts on as events come, and [`LiveTransitions`] ranks by both. Both add in a dense array (`accumulator`) and keep the best (`selection`).

mod count;
mod live;
#[cfg(test)]
mod live_tests;
mod rank;
#[cfg(test)]
mod tests;
mod two_steps;

pub use count::{Output, PlanMut, Steps, Training, TransitionsError};
pub use live::{LiveRow, LiveTable, Moment, live_words};
pub use rank::{LiveScratch, LiveTransitions};
pub use two_steps::TwoSteps;

use crate::accumulator::Accumulator;
use crate::selection::Selection;

/// Stands after each session.
pub const SESSION_END: u32 = u32::MAX;

/// Buffers kept from one call to the next.
#[derive(Default)]
pub struct Scratch {
    sums: Accumulator<f64>,
    selection: Selection,
}
