//! Instruction sets by name.

use aurochs_kernels::simd::Simd;
use napi::bindgen_prelude::*;

/// The instruction set called `name`, or the widest.
pub fn instructions(name: &Option<String>) -> Result<Simd> {
    let Some(name) = name else { return Ok(Simd::detect()) };
    Simd::named(name).ok_or_else(|| {
        let known: Vec<_> = Simd::available().into_iter().map(Simd::name).collect();
        Error::from_reason(format!(
            "this processor has no instructions called {name}: expected one of {}",
            known.join(", ")
        ))
    })
}
