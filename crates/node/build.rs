//! Lets the linker leave N-API symbols open: Node provides them when it loads the binding.

fn main() {
    napi_build::setup();
}
