//! Working memory of a kernel, kept from call to call.

/// A growing buffer of floats that starts on a cache line, so that no vector of a row straddles two.
#[derive(Default)]
pub struct Floats(Vec<Line>);

#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([f32; 16]);

impl Floats {
    /// The first `len` floats, whatever they hold: those never written are zero.
    #[inline(always)]
    pub fn take(&mut self, len: usize) -> &mut [f32] {
        let lines = len.div_ceil(16);
        if self.0.len() < lines {
            // Spare capacity is left to the vector: pages that are never written take no memory.
            self.0.resize(lines, Line([0.0; 16]));
        }
        // SAFETY: the vector holds at least `lines` lines of 16 initialised floats each, without padding between them.
        unsafe { std::slice::from_raw_parts_mut(self.0.as_mut_ptr().cast(), len) }
    }
}
