//! What is asked of a model of weights of items on items.

/// What one list is made from.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// Items of the history, each once.
    pub items: &'a [u32],
    /// Their weights, above 0.
    pub weights: &'a [f32],
    /// Items in the list at most.
    pub limit: usize,
    /// Items that must not come, in any order.
    pub exclude: &'a [u32],
    /// The only items that may come, in any order.
    pub only: Option<&'a [u32]>,
}
