//! The basis in which a Gramian is diagonal.

use crate::simd::stride;
use faer::{Mat, Side};

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
    let gram = Mat::from_fn(rank, rank, |i, j| {
        let (i, j) = (i.min(j), i.max(j));
        partials.chunks_exact(s * s).map(|partial| f64::from(partial[i * s + j])).sum::<f64>()
    });
    if (0..rank).any(|j| (0..rank).any(|i| !gram[(i, j)].is_finite())) {
        return Err(
            "the factors, or the sums of their squares, are not finite in single precision: training diverged, try a larger \
             regularization or smaller weights"
                .into(),
        );
    }
    let eigen = gram.self_adjoint_eigen(Side::Lower).map_err(|e| format!("no eigenbasis of the Gramian: {e:?}"))?;
    let (columns, diagonal) = (eigen.U(), eigen.S().column_vector());
    vectors.fill(0.0);
    values.fill(0.0);
    for j in 0..rank {
        let from = rank - 1 - j; // they come smallest first
        let largest = (0..rank).map(|i| columns[(i, from)]).fold(0.0f64, |a, x| if x.abs() > a.abs() { x } else { a });
        let sign = if largest < 0.0 { -1.0 } else { 1.0 };
        for i in 0..rank {
            vectors[i * s + j] = (sign * columns[(i, from)]) as f32;
        }
        values[j] = diagonal[from].max(0.0);
    }
    for j in rank..s {
        vectors[j * s + j] = 1.0;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{initialise, matmul, scratch::Floats, simd::Simd};

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
    fn factors_that_are_not_finite_are_refused() {
        let mut partials = vec![0.0; 256];
        partials[3] = f32::NAN;
        let error = eigenbasis(&partials, 4, &mut [0.0; 256], &mut [0.0; 16]).unwrap_err();
        assert!(error.contains("not finite"), "{error}");
    }
}
