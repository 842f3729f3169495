//! One kernel source, four instruction sets, chosen at run time.
//!
//! A kernel is a struct with its arguments that implements [`Kernel`]; its body is written once against [`Lanes`].
//! [`Simd::run`] enters it with the widest instructions that this processor has, or with those requested. Everything
//! under a kernel's `run` must be `#[inline(always)]`, or it is compiled without the instructions.

mod plain;

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "aarch64")]
mod neon;

/// Strides of factor matrices are multiples of this many floats: one cache line, and whole vectors of every width.
pub const BLOCK: usize = 16;

/// The stride of a factor matrix of `rank` columns: `rank` rounded up to a multiple of [`BLOCK`].
pub fn stride(rank: usize) -> usize {
    rank.next_multiple_of(BLOCK)
}

/// Vectors of `f32` of one instruction set. Implementations are zero-sized proofs that the instructions may be used.
pub trait Lanes: Copy {
    /// One vector register.
    type V: Copy;
    /// A vector register of `WIDTH` 32-bit integers, or of four times as many bytes.
    type I: Copy;
    /// Floats in a vector; divides [`BLOCK`].
    const WIDTH: usize;
    /// Whether there are 32 vector registers rather than 16.
    const MANY_REGISTERS: bool;

    /// All lanes `x`.
    fn splat(self, x: f32) -> Self::V;
    /// The `WIDTH` floats at `p`.
    ///
    /// # Safety
    /// `p` must be valid for reading `WIDTH` floats. No alignment is needed.
    unsafe fn load(self, p: *const f32) -> Self::V;
    /// Writes the `WIDTH` floats of `v` to `p`.
    ///
    /// # Safety
    /// `p` must be valid for writing `WIDTH` floats. No alignment is needed.
    unsafe fn store(self, p: *mut f32, v: Self::V);
    /// `a + b`.
    fn add(self, a: Self::V, b: Self::V) -> Self::V;
    /// `a - b`.
    fn sub(self, a: Self::V, b: Self::V) -> Self::V;
    /// `a * b`.
    fn mul(self, a: Self::V, b: Self::V) -> Self::V;
    /// `a / b`.
    fn div(self, a: Self::V, b: Self::V) -> Self::V;
    /// `a * b + c`, fused where the instructions are.
    fn mul_add(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// Sum of all lanes.
    fn sum(self, v: Self::V) -> f32;
    /// Sums of all lanes of four vectors: much cheaper than four times [`Lanes::sum`].
    fn sum4(self, v: [Self::V; 4]) -> [f32; 4];
    /// Bit `i` is set where lane `i` of `a` is greater than lane `i` of `b`; a NaN is not greater.
    fn greater(self, a: Self::V, b: Self::V) -> u32;
    /// All lanes `x`.
    fn splat_int(self, x: i32) -> Self::I;
    /// The `WIDTH` integers at `p`.
    ///
    /// # Safety
    /// `p` must be valid for reading `WIDTH` integers. No alignment is needed.
    unsafe fn load_int(self, p: *const i32) -> Self::I;
    /// Adds to lane `i` of `sums` the products of four bytes: `a[4i]·b[4i] + … + a[4i + 3]·b[4i + 3]`.
    /// The bytes of `a` must be from 0 to 127, those of `b` from -127 to 127: no instruction set saturates then.
    fn add_byte_products(self, sums: Self::I, a: Self::I, b: Self::I) -> Self::I;
    /// Bit `i` is set where lane `i` of `a` is greater than lane `i` of `b`.
    fn greater_int(self, a: Self::I, b: Self::I) -> u32;
    /// Prefetches the cache line at `p`. Any address is allowed.
    fn prefetch(self, p: *const f32);
}

/// A computation that can run with any [`Lanes`].
pub trait Kernel {
    /// Its result.
    type Output;
    /// Runs it. Implementations and all that they call must be `#[inline(always)]`.
    fn run<L: Lanes>(self, lanes: L) -> Self::Output;
}

/// An instruction set that was detected on this processor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Simd(Level);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Level {
    Plain,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "x86_64")]
    Avx512Vnni,
    #[cfg(target_arch = "aarch64")]
    Neon,
}

impl Simd {
    /// The widest instruction set of this processor.
    pub fn detect() -> Simd {
        Simd::available()[0]
    }

    /// All that this processor has, widest first; `plain` is always last.
    pub fn available() -> Vec<Simd> {
        let mut found = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512vl")
                && is_x86_feature_detected!("avx512dq")
                && is_x86_feature_detected!("avx512bw")
            {
                if is_x86_feature_detected!("avx512vnni") {
                    found.push(Simd(Level::Avx512Vnni));
                }
                found.push(Simd(Level::Avx512));
            }
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                found.push(Simd(Level::Avx2));
            }
        }
        #[cfg(target_arch = "aarch64")]
        found.push(Simd(Level::Neon)); // every aarch64 processor has it
        found.push(Simd(Level::Plain));
        found
    }

    /// The instruction set called `name` (`avx512vnni`, `avx512`, `avx2`, `neon`, `plain`), where this processor has it.
    pub fn named(name: &str) -> Option<Simd> {
        Simd::available().into_iter().find(|simd| simd.name() == name)
    }

    /// What [`Simd::named`] takes.
    pub fn name(self) -> &'static str {
        match self.0 {
            Level::Plain => "plain",
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => "avx2",
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 => "avx512",
            #[cfg(target_arch = "x86_64")]
            Level::Avx512Vnni => "avx512vnni",
            #[cfg(target_arch = "aarch64")]
            Level::Neon => "neon",
        }
    }

    /// Runs `kernel` with these instructions.
    pub fn run<K: Kernel>(self, kernel: K) -> K::Output {
        match self.0 {
            Level::Plain => kernel.run(plain::Plain),
            // SAFETY: a `Simd` is made only by `available`, which detected these instructions on this processor.
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => unsafe { avx2::enter(kernel) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 | Level::Avx512Vnni => unsafe { avx512::enter(kernel) },
            // SAFETY: as above.
            #[cfg(target_arch = "aarch64")]
            Level::Neon => unsafe { neon::enter(kernel) },
        }
    }

    /// [`Simd::run`] for a kernel that multiplies bytes: also with VNNI, where the processor has it. Kernels of floats
    /// would be compiled once more without gain.
    pub fn run_bytes<K: Kernel>(self, kernel: K) -> K::Output {
        match self.0 {
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Level::Avx512Vnni => unsafe { avx512::enter_vnni(kernel) },
            _ => self.run(kernel),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Checks;
    impl Kernel for Checks {
        type Output = ();
        #[inline(always)]
        fn run<L: Lanes>(self, l: L) {
            let n = L::WIDTH;
            let a: Vec<f32> = (0..n).map(|i| i as f32 - 3.5).collect();
            let b: Vec<f32> = (0..n).map(|i| (i * i) as f32 * 0.25 - 2.0).collect();
            // SAFETY: both hold WIDTH floats.
            let (va, vb) = unsafe { (l.load(a.as_ptr()), l.load(b.as_ptr())) };
            let each = |v: L::V| {
                let mut out = vec![0.0; n];
                // SAFETY: `out` holds WIDTH floats.
                unsafe { l.store(out.as_mut_ptr(), v) };
                out
            };
            let naive = |f: fn(f32, f32) -> f32| -> Vec<f32> { a.iter().zip(&b).map(|(&x, &y)| f(x, y)).collect() };
            assert_eq!(each(l.splat(2.5)), vec![2.5; n]);
            assert_eq!(each(l.add(va, vb)), naive(|x, y| x + y));
            assert_eq!(each(l.sub(va, vb)), naive(|x, y| x - y));
            assert_eq!(each(l.mul(va, vb)), naive(|x, y| x * y));
            assert_eq!(each(l.div(vb, va)), naive(|x, y| y / x));
            assert_eq!(each(l.mul_add(va, vb, va)), naive(|x, y| x * y + x));
            let sum = |v: &[f32]| v.iter().sum::<f32>();
            assert_eq!(l.sum(va), sum(&a));
            let product = naive(|x, y| x * y);
            assert_eq!(l.sum4([va, vb, l.mul(va, vb), l.splat(1.0)]), [sum(&a), sum(&b), sum(&product), n as f32]);
            let expected = a.iter().zip(&b).enumerate().map(|(i, (x, y))| u32::from(x > y) << i).sum::<u32>();
            assert_eq!(l.greater(va, vb), expected);
            assert_eq!(l.greater(l.splat(f32::NAN), vb), 0);

            let ints: Vec<i32> = (0..n as i32).map(|i| 7 * i - 20).collect();
            let small: Vec<[u8; 4]> = (0..n as u8).map(|i| [0, 127, 9 * i % 128, 127]).collect();
            let signed: Vec<[i8; 4]> = (0..n as i8).map(|i| [-127, 127 - i, -i, 127]).collect();
            // SAFETY: each holds WIDTH groups of four bytes.
            let (vi, va, vb) = unsafe {
                (l.load_int(ints.as_ptr()), l.load_int(small.as_ptr().cast()), l.load_int(signed.as_ptr().cast()))
            };
            let sums: Vec<i32> = (0..n)
                .map(|i| ints[i] + (0..4).map(|j| i32::from(small[i][j]) * i32::from(signed[i][j])).sum::<i32>())
                .collect();
            let products = l.add_byte_products(vi, va, vb);
            for bound in [i32::MIN, -1, 0, 1, 16_000, sums[1], sums[n - 1], i32::MAX] {
                let expected = sums.iter().enumerate().map(|(i, &sum)| u32::from(sum > bound) << i).sum::<u32>();
                assert_eq!(l.greater_int(products, l.splat_int(bound)), expected, "{sums:?} > {bound}");
                let expected = sums.iter().enumerate().map(|(i, &sum)| u32::from(bound > sum) << i).sum::<u32>();
                assert_eq!(l.greater_int(l.splat_int(bound), products), expected, "{bound} > {sums:?}");
            }
        }
    }

    #[test]
    fn every_instruction_set_agrees_with_scalar_arithmetic() {
        for simd in Simd::available() {
            simd.run(Checks);
            simd.run_bytes(Checks);
        }
    }

    #[test]
    fn an_override_names_an_instruction_set_or_nothing() {
        assert_eq!(Simd::named("plain").map(Simd::name), Some("plain"));
        assert_eq!(Simd::named("mmx"), None);
        assert_eq!(Simd::detect(), Simd::available()[0]);
    }
}
