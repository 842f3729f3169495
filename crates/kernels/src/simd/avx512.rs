//! AVX-512 (F, VL, DQ, BW), and with VNNI where bytes are multiplied: sixteen floats a vector.

use super::{Kernel, Lanes};
use std::arch::x86_64::*;

/// Proof that AVX-512 may be used, and VNNI too where so said; made only by [`enter`] and [`enter_vnni`].
#[derive(Clone, Copy)]
pub struct Avx512<const VNNI: bool>(());

/// Runs `kernel` compiled for AVX-512.
///
/// # Safety
/// The processor must have AVX-512 F, VL, DQ and BW.
#[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx2,fma")]
pub unsafe fn enter<K: Kernel>(kernel: K) -> K::Output {
    kernel.run(Avx512::<false>(()))
}

/// Runs `kernel` compiled for AVX-512 with VNNI.
///
/// # Safety
/// The processor must have AVX-512 F, VL, DQ, BW and VNNI.
#[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx512vnni,avx2,fma")]
pub unsafe fn enter_vnni<K: Kernel>(kernel: K) -> K::Output {
    kernel.run(Avx512::<true>(()))
}

/// Adds the upper half of `v` to the lower.
#[inline(always)]
fn halve(v: __m512) -> __m256 {
    // SAFETY: called only with vectors that an `Avx512` made.
    unsafe { _mm256_add_ps(_mm512_castps512_ps256(v), _mm512_extractf32x8_ps::<1>(v)) }
}

// SAFETY of every block below: an `Avx512` exists only inside `enter` or `enter_vnni`, whose caller detected the instructions; pointers are
// the promise of the caller of `load` and `store`; prefetching never faults.
#[allow(clippy::undocumented_unsafe_blocks)]
impl<const VNNI: bool> Lanes for Avx512<VNNI> {
    type V = __m512;
    type I = __m512i;
    const WIDTH: usize = 16;
    const MANY_REGISTERS: bool = true;

    #[inline(always)]
    fn splat(self, x: f32) -> __m512 {
        unsafe { _mm512_set1_ps(x) }
    }
    #[inline(always)]
    unsafe fn load(self, p: *const f32) -> __m512 {
        unsafe { _mm512_loadu_ps(p) }
    }
    #[inline(always)]
    unsafe fn store(self, p: *mut f32, v: __m512) {
        unsafe { _mm512_storeu_ps(p, v) }
    }
    #[inline(always)]
    fn add(self, a: __m512, b: __m512) -> __m512 {
        unsafe { _mm512_add_ps(a, b) }
    }
    #[inline(always)]
    fn sub(self, a: __m512, b: __m512) -> __m512 {
        unsafe { _mm512_sub_ps(a, b) }
    }
    #[inline(always)]
    fn mul(self, a: __m512, b: __m512) -> __m512 {
        unsafe { _mm512_mul_ps(a, b) }
    }
    #[inline(always)]
    fn div(self, a: __m512, b: __m512) -> __m512 {
        unsafe { _mm512_div_ps(a, b) }
    }
    #[inline(always)]
    fn mul_add(self, a: __m512, b: __m512, c: __m512) -> __m512 {
        unsafe { _mm512_fmadd_ps(a, b, c) }
    }
    #[inline(always)]
    fn sum(self, v: __m512) -> f32 {
        unsafe { _mm512_reduce_add_ps(v) }
    }
    #[inline(always)]
    fn sum4(self, v: [__m512; 4]) -> [f32; 4] {
        unsafe {
            let pairs =
                _mm256_hadd_ps(_mm256_hadd_ps(halve(v[0]), halve(v[1])), _mm256_hadd_ps(halve(v[2]), halve(v[3])));
            let sums = _mm_add_ps(_mm256_castps256_ps128(pairs), _mm256_extractf128_ps::<1>(pairs));
            let mut out = [0.0; 4];
            _mm_storeu_ps(out.as_mut_ptr(), sums);
            out
        }
    }
    #[inline(always)]
    fn greater(self, a: __m512, b: __m512) -> u32 {
        unsafe { u32::from(_mm512_cmp_ps_mask::<_CMP_GT_OQ>(a, b)) }
    }
    #[inline(always)]
    fn splat_int(self, x: i32) -> __m512i {
        unsafe { _mm512_set1_epi32(x) }
    }
    #[inline(always)]
    unsafe fn load_int(self, p: *const i32) -> __m512i {
        unsafe { _mm512_loadu_si512(p.cast()) }
    }
    #[inline(always)]
    fn add_byte_products(self, sums: __m512i, a: __m512i, b: __m512i) -> __m512i {
        unsafe {
            if VNNI {
                return _mm512_dpbusd_epi32(sums, a, b);
            }
            let pairs = _mm512_maddubs_epi16(a, b);
            _mm512_add_epi32(sums, _mm512_madd_epi16(pairs, _mm512_set1_epi16(1)))
        }
    }
    #[inline(always)]
    fn greater_int(self, a: __m512i, b: __m512i) -> u32 {
        unsafe { u32::from(_mm512_cmpgt_epi32_mask(a, b)) }
    }
    #[inline(always)]
    fn prefetch(self, p: *const f32) {
        unsafe { _mm_prefetch::<_MM_HINT_T0>(p.cast()) }
    }
}
