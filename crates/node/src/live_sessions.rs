//! Sessions that are learned as events come.

use crate::views::SharedArray;
use aurochs_kernels::session_neighbours::{LiveFactor, LiveSessions, LiveSize};
use napi::bindgen_prelude::*;
use napi_derive::napi;

/// Sessions in shared memory; see `aurochs_kernels::session_neighbours::LiveSessions`.
#[napi(object, object_to_js = false)]
pub struct LiveSessionTable {
    /// (`liveSessionWords`) 0 at first; written by `learnSession` alone, on one thread.
    #[napi(ts_type = "Uint32Array")]
    pub words: SharedArray<u32>,
    /// Items of the model, and new ones after them.
    pub rows: u32,
    /// How many sessions there may be: a new one takes the place of the one that was begun first.
    pub slots: u32,
    /// How many blocks their index may have: the same holds for them.
    pub blocks: u32,
}

impl LiveSessionTable {
    pub fn view(&self) -> Result<LiveSessions<'_>> {
        LiveSessions::new(self.words.words(), size(self.rows, self.slots, self.blocks))
            .map_err(|message| Error::new(Status::InvalidArg, message))
    }
}

fn size(rows: u32, slots: u32, blocks: u32) -> LiveSize {
    LiveSize { rows: rows as usize, slots: slots as usize, blocks: blocks as usize }
}

/// 32-bit words of a table.
#[napi(catch_unwind)]
pub fn live_session_words(rows: u32, slots: u32, blocks: u32) -> f64 {
    size(rows, slots, blocks).words() as f64
}

/// Learns that `item` came after `before`, another one, in the session of this number, 0 for one that is new. Gives the number of the session that has
/// both: another one where that is full, or no more. Similarities to it are divided by its length to the power of `length_norm`, and multiplied
/// with 2 to the power of `half_lives`: those from the newest of the trained sessions to this event.
#[napi(catch_unwind)]
pub fn learn_session(
    table: LiveSessionTable,
    session: u32,
    before: u32,
    item: u32,
    length_norm: f64,
    half_lives: f64,
) -> Result<u32> {
    let live = table.view()?;
    if !(0.0..=1.0).contains(&length_norm) || half_lives.is_nan() {
        let message =
            format!("length_norm must be from 0 to 1, and half_lives a number, got {length_norm}, {half_lives}");
        return Err(Error::new(Status::InvalidArg, message));
    }
    if let Some(got) = [before, item].into_iter().find(|&item| item as usize >= live.rows()) {
        return Err(Error::new(Status::InvalidArg, format!("items must be below {}, got {got}", live.rows())));
    }
    Ok(live.learn(session, before, item, LiveFactor { length_norm, half_lives }))
}
