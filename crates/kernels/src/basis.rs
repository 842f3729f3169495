//! The basis in which a Gramian is diagonal.

use crate::simd::stride;
use nalgebra::{DMatrix, DVector, SymmetricEigen};

/// Sums the partial Gramians in `partials` (any number of stride × stride upper triangles) and gives the eigenvectors in
/// `vectors` (stride × stride, one a column, the identity in the padding) and the eigenvalues in `values` (stride, zero in
/// the padding), largest first. Rotating both factor matrices by `vectors` changes no score, and makes the Gramian diagonal.
///
/// Partial sums are added in their order and in double precision, so the result does not depend on how the rows were divided.
/// Each eigenvector's sign is that which makes its largest component positive, so that bases of similar Gramians are similar.
///
/// # Errors
/// When the Gramian holds a value that is not finite, or the decomposition does not converge.
pub fn eigenbasis(partials: &[f32], rank: usize, vectors: &mut [f32], values: &mut [f64]) -> Result<(), String> {
    let s = stride(rank);
    assert_eq!(partials.len() % (s * s), 0, "partial Gramians must be whole");
    assert_eq!((vectors.len(), values.len()), (s * s, s));
    let gram = DMatrix::from_fn(rank, rank, |i, j| {
        let (i, j) = (i.min(j), i.max(j));
        partials.chunks_exact(s * s).map(|partial| f64::from(partial[i * s + j])).sum::<f64>()
    });
    if gram.iter().any(|value| !value.is_finite()) {
        return Err(
            "the factors, or the sums of their squares, are not finite in single precision: training diverged, try a larger \
             regularization or smaller weights"
                .into(),
        );
    }
    let (columns, eigenvalues) = decomposed(&gram)?;
    let mut order = Vec::from_iter(0..rank);
    order.sort_by(|&a, &b| eigenvalues[b].total_cmp(&eigenvalues[a]));
    vectors.fill(0.0);
    values.fill(0.0);
    for (j, from) in order.into_iter().enumerate() {
        let largest = (0..rank).map(|i| columns[(i, from)]).fold(0.0f64, |a, x| if x.abs() > a.abs() { x } else { a });
        let sign = if largest < 0.0 { -1.0 } else { 1.0 };
        for i in 0..rank {
            vectors[i * s + j] = (sign * columns[(i, from)]) as f32;
        }
        values[j] = eigenvalues[from].max(0.0);
    }
    for j in rank..s {
        vectors[j * s + j] = 1.0;
    }
    Ok(())
}

/// The eigenvectors of `gram`, one a column, and their eigenvalues.
///
/// Rows of the size of rounding are 0: only the others are decomposed. Where a Gramian is of far lower rank, as in its own basis, what is
/// left of it after the columns of its rank would else decay until its squares underflow, and nalgebra divide by them.
fn decomposed(gram: &DMatrix<f64>) -> Result<(DMatrix<f64>, DVector<f64>), String> {
    let rank = gram.nrows();
    let kept = Vec::from_iter((0..rank).filter(|&i| gram.row(i).amax() > f64::EPSILON * gram.amax()));
    let (mut vectors, mut values) = (DMatrix::identity(rank, rank), DVector::zeros(rank));
    if kept.is_empty() {
        return Ok((vectors, values));
    }
    let part = gram.select_rows(&kept).select_columns(&kept);
    // Each eigenvalue takes two or three iterations.
    let eigen = SymmetricEigen::try_new(part, f64::EPSILON, 100 * rank)
        .ok_or("the eigenvalues of the Gramian do not converge")?;
    for (a, &column) in kept.iter().enumerate() {
        values[column] = eigen.eigenvalues[a];
        for (b, &row) in kept.iter().enumerate() {
            vectors[(row, column)] = eigen.eigenvectors[(b, a)];
        }
    }
    Ok((vectors, values))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{initialise, matmul, scratch::Floats, simd::Simd};
    use proptest::prelude::*;

    #[test]
    #[cfg_attr(miri, ignore = "takes minutes")]
    fn rotated_rows_have_a_diagonal_gramian_with_the_eigenvalues() {
        for rank in [1, 5, 16, 33] {
            let s = stride(rank);
            let mut rows = vec![0.0; 200 * s];
            initialise::fill_normal(&mut rows, s, rank, 0, 1.0, 3);
            let mut partials = vec![0.0; 2 * s * s];
            matmul::add_gram(&rows[..80 * s], s, &mut partials[..s * s], Simd::detect());
            matmul::add_gram(&rows[80 * s..], s, &mut partials[s * s..], Simd::detect());
            let (mut vectors, mut values) = (vec![0.0; s * s], vec![0.0; s]);
            eigenbasis(&partials, rank, &mut vectors, &mut values).unwrap();
            assert!(values.is_sorted_by(|a, b| a >= b));
            matmul::rotate(&mut rows, s, &vectors, &mut Floats::default(), Simd::detect());
            for i in 0..s {
                for j in 0..s {
                    let sum: f64 = rows.chunks(s).map(|r| f64::from(r[i]) * f64::from(r[j])).sum();
                    let expected = if i == j { values[i] } else { 0.0 };
                    assert!((sum - expected).abs() < 1e-3, "rank {rank}: ({i}, {j}) is {sum}, not {expected}");
                }
            }
        }
    }

    #[test]
    fn equal_eigenvalues_and_zeros_have_orthonormal_vectors() {
        for (rank, scale) in [(1, 0.0), (7, 0.0), (12, 1.0), (16, 1e-30), (40, 1e30)] {
            let s = stride(rank);
            // The projection onto as many directions as half the rank: its eigenvalues are 1 and 0.
            let projection = |i: usize, j: usize| match (i / 2 == j / 2, 2 * (i / 2) + 1 < rank) {
                (true, true) => 0.5,
                (true, false) => 1.0,
                _ => 0.0,
            };
            let mut gram = vec![0.0; s * s];
            for i in 0..rank {
                for j in i..rank {
                    gram[i * s + j] = scale * projection(i, j) as f32;
                }
            }
            let (mut vectors, mut values) = (vec![0.0; s * s], vec![0.0; s]);
            eigenbasis(&gram, rank, &mut vectors, &mut values).unwrap();
            for (at, value) in values.iter().enumerate() {
                let expected = if at < rank.div_ceil(2) { f64::from(scale) } else { 0.0 };
                assert!((value - expected).abs() <= 1e-12 * f64::from(scale), "rank {rank}, scale {scale}: {value}");
            }
            for a in 0..s {
                for b in 0..s {
                    let dot: f64 = (0..s).map(|i| f64::from(vectors[i * s + a]) * f64::from(vectors[i * s + b])).sum();
                    assert!((dot - f64::from(a == b)).abs() < 1e-6, "rank {rank}, scale {scale}: ({a}, {b}) is {dot}");
                }
            }
        }
    }

    /// The Gramian of so many random rows, of low rank where these are few; the columns after the first `full` are so much smaller, and
    /// all but one of these once more, as after a rotation to the eigenbasis.
    fn gramian(rank: usize, rows: usize, (scale, full, fall): (f32, usize, f32), seed: u64) -> Vec<f32> {
        let s = stride(rank);
        let mut factors = vec![0.0; rows * s];
        initialise::fill_normal(&mut factors, s, rank, 0, scale, seed);
        for row in factors.chunks_mut(s) {
            row.iter_mut()
                .enumerate()
                .for_each(|(column, value)| *value *= fall.powi(column.saturating_sub(full).min(2) as i32));
        }
        let mut gram = vec![0.0; s * s];
        matmul::add_gram(&factors, s, &mut gram, Simd::detect());
        gram
    }

    fn assert_eigenbasis(rank: usize, rows: usize, scales: (f32, usize, f32), seed: u64) {
        let (s, gram) = (stride(rank), gramian(rank, rows, scales, seed));
        let (mut vectors, mut values) = (vec![0.0; s * s], vec![0.0; s]);
        eigenbasis(&gram, rank, &mut vectors, &mut values).unwrap();
        let vector = |i: usize, at: usize| f64::from(vectors[i * s + at]);
        for a in 0..rank {
            for b in 0..rank {
                let dot: f64 = (0..rank).map(|i| vector(i, a) * vector(i, b)).sum();
                assert!((dot - f64::from(a == b)).abs() < 1e-5, "({a}, {b}) is {dot}");
            }
            for i in 0..rank {
                let product: f64 = (0..rank).map(|j| f64::from(gram[i.min(j) * s + i.max(j)]) * vector(j, a)).sum();
                assert!((product - values[a] * vector(i, a)).abs() <= 1e-5 * values[0], "vector {a} is none");
            }
        }
    }

    proptest! {
        #![proptest_config(crate::cases(128))]

        #[test]
        fn gramians_of_any_rank_have_orthonormal_vectors(
            rank in 1..crate::most(80),
            rows in 0..crate::most(40),
            exponent in -14..9i32,
            full in 0..10usize,
            fall in prop::sample::select(vec![1.0, 0.5, 1e-2, 1e-5, 1e-10, 1e-20]),
            seed in any::<u64>(),
        ) {
            assert_eigenbasis(rank, rows, (10f32.powi(exponent), full, fall), seed);
        }
    }

    #[test]
    fn columns_of_the_size_of_rounding_do_not_make_vectors_nan() {
        // Of all rows of this one nalgebra gives NaN.
        assert_eigenbasis(50, 21, (1e-13, 2, 1e-10), 199_562_516_466_804_224);
    }

    #[test]
    fn factors_that_are_not_finite_are_refused() {
        let mut partials = vec![0.0; 256];
        partials[3] = f32::NAN;
        let error = eigenbasis(&partials, 4, &mut [0.0; 256], &mut [0.0; 16]).unwrap_err();
        assert!(error.contains("not finite"), "{error}");
    }
}
