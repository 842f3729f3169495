//! Eight floats at a time in code that any processor runs; the compiler makes of it what the baseline target allows.

use super::Lanes;

#[derive(Clone, Copy)]
pub struct Plain;

const WIDTH: usize = 8;

#[inline(always)]
fn zip(a: [f32; WIDTH], b: [f32; WIDTH], f: impl Fn(f32, f32) -> f32) -> [f32; WIDTH] {
    std::array::from_fn(|i| f(a[i], b[i]))
}

impl Lanes for Plain {
    type V = [f32; WIDTH];
    type I = [i32; WIDTH];
    const WIDTH: usize = WIDTH;
    const MANY_REGISTERS: bool = false;

    #[inline(always)]
    fn splat(self, x: f32) -> Self::V {
        [x; WIDTH]
    }
    #[inline(always)]
    unsafe fn load(self, p: *const f32) -> Self::V {
        // SAFETY: the caller's promise; arrays of floats need no more than the alignment of a float.
        unsafe { p.cast::<Self::V>().read_unaligned() }
    }
    #[inline(always)]
    unsafe fn store(self, p: *mut f32, v: Self::V) {
        // SAFETY: the caller's promise.
        unsafe { p.cast::<Self::V>().write_unaligned(v) }
    }
    #[inline(always)]
    fn add(self, a: Self::V, b: Self::V) -> Self::V {
        zip(a, b, |x, y| x + y)
    }
    #[inline(always)]
    fn sub(self, a: Self::V, b: Self::V) -> Self::V {
        zip(a, b, |x, y| x - y)
    }
    #[inline(always)]
    fn mul(self, a: Self::V, b: Self::V) -> Self::V {
        zip(a, b, |x, y| x * y)
    }
    #[inline(always)]
    fn div(self, a: Self::V, b: Self::V) -> Self::V {
        zip(a, b, |x, y| x / y)
    }
    #[inline(always)]
    fn mul_add(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V {
        // Not `f32::mul_add`: without the instruction that is a slow library call.
        std::array::from_fn(|i| a[i] * b[i] + c[i])
    }
    #[inline(always)]
    fn sum(self, v: Self::V) -> f32 {
        let half: [f32; 4] = std::array::from_fn(|i| v[i] + v[i + 4]);
        (half[0] + half[2]) + (half[1] + half[3])
    }
    #[inline(always)]
    fn sum4(self, v: [Self::V; 4]) -> [f32; 4] {
        v.map(|v| self.sum(v))
    }
    #[inline(always)]
    fn greater(self, a: Self::V, b: Self::V) -> u32 {
        let mut bits = 0;
        for i in 0..WIDTH {
            bits |= u32::from(a[i] > b[i]) << i;
        }
        bits
    }
    #[inline(always)]
    fn splat_int(self, x: i32) -> Self::I {
        [x; WIDTH]
    }
    #[inline(always)]
    unsafe fn load_int(self, p: *const i32) -> Self::I {
        // SAFETY: the caller's promise; arrays of integers need no more than the alignment of an integer.
        unsafe { p.cast::<Self::I>().read_unaligned() }
    }
    #[inline(always)]
    fn add_byte_products(self, sums: Self::I, a: Self::I, b: Self::I) -> Self::I {
        std::array::from_fn(|i| {
            let (a, b) = (a[i].to_ne_bytes(), b[i].to_ne_bytes());
            (0..4).fold(sums[i], |sum, j| sum + i32::from(a[j]) * i32::from(b[j] as i8))
        })
    }
    #[inline(always)]
    fn greater_int(self, a: Self::I, b: Self::I) -> u32 {
        (0..WIDTH).fold(0, |bits, i| bits | u32::from(a[i] > b[i]) << i)
    }
    #[inline(always)]
    fn prefetch(self, _p: *const f32) {}
}
