//! Histograms: for each bin of a feature the sums of its rows.

use super::bins::LANES;
use crate::simd::Lanes;

/// What is summed of a row: its first derivative, and its second, shifted to the left by so many bits as counts need,
/// plus 1; see [`super::loss::Scale`].
pub type Sums = [i64; 2];

/// Bins of a histogram, one more than there are. Of 256, equal bins of the features of a block would lie 4 KiB apart,
/// and the processor take the loads of one for those of another’s store: trees of binary features took 1.2 times as
/// long.
pub const STRIDE: usize = 257;

/// The sums of a feature.
pub type Histogram = [Sums; STRIDE];

/// 64-bit words of the histograms of a block.
pub const HISTOGRAM_WORDS: usize = LANES * STRIDE * 2;

/// The words of a block as histograms.
pub fn histograms(words: &mut [i64]) -> &mut [Histogram; LANES] {
    let (sums, _) = words.as_chunks_mut::<2>();
    let (histograms, _) = sums.as_chunks_mut::<STRIDE>();
    histograms.first_chunk_mut().expect("a block has a histogram for each lane")
}

/// Rows that the loads of bins are ahead by: those of a leaf lie apart. A tree of 31 leaves took 43 ms without it, 26
/// with it (80,000 rows, 200 features, one thread); 48 was no better than 24.
const AHEAD: usize = 24;

/// Adds `rows` to the histograms of a block: `bins` (all rows), `gradients` (of `rows`, in their order).
#[inline(always)]
pub fn add_rows<L: Lanes>(
    lanes: L,
    bins: &[[u8; LANES]],
    rows: &[u32],
    gradients: &[Sums],
    histograms: &mut [Histogram; LANES],
) {
    let (first, last) = rows.split_at(rows.len().saturating_sub(AHEAD));
    let (first_gradients, last_gradients) = gradients.split_at(first.len());
    for ((&row, gradient), &later) in first.iter().zip(first_gradients).zip(rows.iter().skip(AHEAD)) {
        lanes.prefetch(bins.as_ptr().wrapping_add(later as usize).cast());
        add_row(&bins[row as usize], gradient, histograms);
    }
    for (&row, gradient) in last.iter().zip(last_gradients) {
        add_row(&bins[row as usize], gradient, histograms);
    }
}

/// The same of all rows.
#[inline(always)]
pub fn add_all(bins: &[[u8; LANES]], gradients: &[Sums], histograms: &mut [Histogram; LANES]) {
    for (bins, gradient) in bins.iter().zip(gradients) {
        add_row(bins, gradient, histograms);
    }
}

#[inline(always)]
fn add_row(bins: &[u8; LANES], gradient: &Sums, histograms: &mut [Histogram; LANES]) {
    for lane in 0..LANES {
        let sums = &mut histograms[lane][bins[lane] as usize];
        *sums = [sums[0].wrapping_add(gradient[0]), sums[1].wrapping_add(gradient[1])];
    }
}

/// The same of one lane, where few of a block are wanted.
#[inline(always)]
pub fn add_lane(bins: &[[u8; LANES]], rows: &[u32], gradients: &[Sums], lane: usize, histogram: &mut Histogram) {
    for (&row, gradient) in rows.iter().zip(gradients) {
        let sums = &mut histogram[bins[row as usize][lane] as usize];
        *sums = [sums[0].wrapping_add(gradient[0]), sums[1].wrapping_add(gradient[1])];
    }
}

/// `parent` becomes the histogram of the rows that `child` has not.
#[inline(always)]
pub fn subtract(parent: &mut [Sums], child: &[Sums]) {
    for (parent, child) in parent.iter_mut().zip(child) {
        *parent = [parent[0].wrapping_sub(child[0]), parent[1].wrapping_sub(child[1])];
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::{Kernel, Simd};
    use crate::{cases, most};
    use proptest::prelude::*;

    struct Add<'a> {
        bins: &'a [[u8; LANES]],
        rows: &'a [u32],
        gradients: &'a [Sums],
        own: &'a mut [Histogram; LANES],
    }

    impl Kernel for Add<'_> {
        type Output = ();

        #[inline(always)]
        fn run<L: Lanes>(self, lanes: L) {
            add_rows(lanes, self.bins, self.rows, self.gradients, self.own);
        }
    }

    /// The twin: for each bin of each feature, over all rows.
    fn naive(bins: &[[u8; LANES]], rows: &[u32], gradients: &[Sums], lane: usize, bin: usize) -> Sums {
        let own = |&(row, _): &(&u32, &Sums)| bins[*row as usize][lane] as usize == bin;
        rows.iter().zip(gradients).filter(own).fold([0, 0], |sum, (_, g)| [sum[0] + g[0], sum[1] + g[1]])
    }

    fn zeros() -> Vec<i64> {
        vec![0; HISTOGRAM_WORDS]
    }

    proptest! {
        #![proptest_config(cases(50))]

        #[test]
        fn histograms_hold_the_sums_of_each_bin(
            all in prop::collection::vec((any::<[u8; LANES]>(), -1i64 << 30..1 << 30, 0i64..1 << 40, any::<bool>()), 0..most(200)),
        ) {
            let bins: Vec<_> = all.iter().map(|row| row.0.map(|bin| if bin > 40 { 255 } else { bin })).collect();
            let of = |wanted: bool| -> (Vec<u32>, Vec<Sums>) {
                let rows = all.iter().enumerate().filter(|(_, row)| row.3 == wanted);
                rows.map(|(at, row)| (at as u32, [row.1, row.2])).unzip()
            };
            let ((rows, gradients), (other_rows, other_gradients)) = (of(true), of(false));
            let (mut own, mut whole) = (zeros(), zeros());
            Simd::detect().run(Add { bins: &bins, rows: &rows, gradients: &gradients, own: histograms(&mut own) });
            let every: Vec<Sums> = all.iter().map(|row| [row.1, row.2]).collect();
            add_all(&bins, &every, histograms(&mut whole));
            for lane in 0..LANES {
                let mut single = [[0; 2]; STRIDE];
                add_lane(&bins, &rows, &gradients, lane, &mut single);
                prop_assert_eq!(&single, &histograms(&mut own)[lane]);
                let mut rest = histograms(&mut whole)[lane];
                subtract(&mut rest, &single);
                for bin in 0..STRIDE {
                    prop_assert_eq!(single[bin], naive(&bins, &rows, &gradients, lane, bin));
                    prop_assert_eq!(rest[bin], naive(&bins, &other_rows, &other_gradients, lane, bin));
                }
            }
        }
    }
}
