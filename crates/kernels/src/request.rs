//! What is asked of a model that makes lists from histories.

use crate::bitmap::{Bitmap, allows};

/// What one list is made from.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// Items of the history, each once.
    pub items: &'a [u32],
    /// Their weights; above 0 but for graph filters.
    pub weights: &'a [f32],
    /// Items in the list at most.
    pub limit: usize,
    /// Items that must not come, in any order; never falling for graph filters.
    pub exclude: &'a [u32],
    /// The only items that may come, in any order; each comes once. Never falling for graph filters.
    pub only: Option<&'a [u32]>,
    /// Of the items that may come, a bit each; all may when absent.
    pub allowed: Option<Bitmap<'a>>,
}

impl Request<'_> {
    /// Whether `item` may come, as far as [`Request::allowed`] says.
    #[inline(always)]
    pub(crate) fn allows(&self, item: u32) -> bool {
        allows(self.allowed, item)
    }
}
