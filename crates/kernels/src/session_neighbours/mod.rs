//! Session neighbours: past sessions that share items with the running one, and what else they hold, near what is shared
//! (VSKNN of Ludewig & Jannach 2018; STAN of Garg, Gupta, Malhotra, Vig & Shroff 2019; VSTAN of Ludewig, Mauro, Latifi & Jannach 2021).
//!
//! [`Index`] has the sessions of each item, [`LiveSessions`] those that came since, [`Rank`] makes lists from both. Similarities add up in a dense
//! array over sessions, then scores in one over items (`accumulator`); neither looks at what shares nothing.

mod index;
mod live;
mod live_read;
#[cfg(test)]
mod live_tests;
mod nearest;
mod rank;
#[cfg(test)]
mod tests;

pub use index::{Index, Sessions, SessionsError, fill_index, index_bounds};
pub use live::{BLOCK_SESSIONS, LiveFactor, LiveSessions, LiveSize, SESSION_ITEMS};
pub use rank::{Query, Rank, Scratch, Terms};
