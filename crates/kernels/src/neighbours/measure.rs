//! What makes two rows alike.

use crate::csr::Csr;

/// What a pair of user and item counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weighting {
    /// 1.
    None,
    /// Its weight in the data.
    Weight,
}

/// How alike rows i and j of a matrix are. With w the weights of [`Weighting`], N the number of rows, nᵤ that of the rows
/// that column u has, and L̄ the mean of Lᵢ = Σᵤ wᵤᵢ over the rows,
///
/// ```text
/// s(i, j) = σ / (lᵢ rⱼ + shrinkage),   σ = Σᵤ gᵤ xᵤᵢ xᵤⱼ
/// ```
///
/// | | gᵤ | xᵤᵢ | lᵢ | rⱼ |
/// | --- | --- | --- | --- | --- |
/// | `Cosine` | 1 | wᵤᵢ | ‖i‖ | ‖j‖ |
/// | `TfIdf` | idfᵤ², idfᵤ = ln(1 + N / nᵤ) | wᵤᵢ | ‖i‖ | ‖j‖ |
/// | `Asymmetric` | 1 | wᵤᵢ | ‖i‖²ᵃ | ‖j‖²⁻²ᵃ |
/// | `Bm25` | idfᵤ², idfᵤ = ln((N + 1) / (nᵤ + ½)) | wᵤᵢ (k₁ + 1) / (k₁ (1 - b + b Lᵢ / L̄) + wᵤᵢ) | 1 | 1 |
/// | `Rp3Beta` | (Σⱼ wᵤⱼ)^-α | wᵤᵢ^α | Lᵢ^α | nⱼ^β |
///
/// and `Jaccard` s(i, j) = σ / (‖i‖² + ‖j‖² - σ + shrinkage) with gᵤ = 1 and xᵤᵢ = wᵤᵢ, where ‖i‖² = Σᵤ gᵤ xᵤᵢ². The
/// squares of idf are divided by their mean over the pairs, so that a shrinkage counts in columns. `Bm25` and `Rp3Beta` have
/// no shrinkage. Cosines, `Jaccard`, and `Asymmetric` without weights are at most 1 in theory, and made so where rounding carries
/// them beyond.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Measure {
    /// Sarwar, Karypis, Konstan & Riedl 2001.
    Cosine,
    /// The cosine of vectors whose coordinates are weighted by the inverse frequency of their columns (Salton & Buckley 1988).
    TfIdf,
    /// The inner product of vectors weighted by Okapi BM25 (Robertson & Zaragoza 2009), as in the library implicit.
    #[allow(missing_docs)]
    Bm25 { k1: f64, b: f64 },
    /// The share that both have of what either has; with weights that of Tanimoto.
    Jaccard,
    /// Aiolli 2013, "Efficient top-n recommendation for very large scale binary rated datasets", with i the item of the history:
    /// 1 is the share of the users of i who have j, ½ the cosine.
    #[allow(missing_docs)]
    Asymmetric { asymmetry: f64 },
    /// The probability of a walk of three steps from a user over i to j, its steps raised to α, by the popularity of j
    /// raised to β (Paudel, Christoffel, Newell & Bernstein 2017, "Updatable, accurate, diverse, and scalable recommendations
    /// for interactive applications").
    #[allow(missing_docs)]
    Rp3Beta { alpha: f64, beta: f64 },
}

/// A measure and what it is applied to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Similarity {
    #[allow(missing_docs)]
    pub measure: Measure,
    /// What pairs count.
    pub weighting: Weighting,
    /// Added to the denominator, so that similarities that few columns support are smaller; not negative.
    pub shrinkage: f64,
    /// What similarities are raised to once the best are found; above 0, 1 leaves them (the locality of Aiolli 2013).
    pub locality: f64,
}

/// What is to be known of one row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RowTerms {
    /// lᵢ; ‖i‖² for `Jaccard`, k₁ (1 - b + b Lᵢ / L̄) for `Bm25` of weights.
    pub left: f64,
    /// rⱼ, or as `left`.
    pub right: f64,
    /// Σᵤ gᵤ xᵤᵢ.
    pub total: f64,
    /// The largest xᵤᵢ.
    pub most: f64,
}

/// Covers the rounding of sums in double precision.
const SLACK: f64 = 1e-9;

/// Below it, single precision rounds too coarsely for bounds.
const LEAST_THRESHOLD: f32 = 1e-30;

impl Similarity {
    /// Whether sums are counts of common columns.
    pub(super) fn counts(&self) -> bool {
        let is_plain = matches!(self.measure, Measure::Cosine | Measure::Jaccard | Measure::Asymmetric { .. });
        self.weighting == Weighting::None && is_plain
    }

    /// xᵤᵢ from wᵤᵢ, where `right` is that of row i.
    #[inline(always)]
    pub(super) fn value(&self, weight: f32, right: f64) -> f64 {
        let weight = f64::from(weight);
        match (self.weighting, self.measure) {
            (Weighting::None, _) => 1.0,
            (Weighting::Weight, Measure::Bm25 { k1, .. }) => weight * (k1 + 1.0) / (right + weight),
            (Weighting::Weight, Measure::Rp3Beta { alpha, .. }) => weight.powf(alpha),
            (Weighting::Weight, _) => weight,
        }
    }

    /// Writes gᵤ to `weights` (columns) for a matrix of `rows` rows, of which `by_column` is the transposed. O(pairs).
    pub fn column_weights(&self, by_column: Csr<'_>, rows: usize, weights: &mut [f64]) {
        assert_eq!(weights.len(), by_column.rows());
        let rows = rows as f64;
        let squared = |idf: f64| idf * idf;
        for (column, weight) in weights.iter_mut().enumerate() {
            let count = by_column.row(column).0.len() as f64;
            *weight = match self.measure {
                Measure::Cosine | Measure::Jaccard | Measure::Asymmetric { .. } => 1.0,
                Measure::TfIdf => squared((1.0 + rows / count.max(1.0)).ln()),
                Measure::Bm25 { .. } => squared(((rows + 1.0) / (count + 0.5)).ln()),
                Measure::Rp3Beta { alpha, .. } => self.length(by_column, column).powf(-alpha),
            };
        }
        if matches!(self.measure, Measure::TfIdf | Measure::Bm25 { .. }) {
            let count = |column: usize| by_column.row(column).0.len() as f64;
            let sum: f64 = weights.iter().enumerate().map(|(column, weight)| count(column) * weight).sum();
            let mean = sum / by_column.indices.len() as f64;
            weights.iter_mut().for_each(|weight| *weight /= mean);
        }
        // Sums of positive terms are how an accumulator knows what it was given.
        weights.iter_mut().for_each(|weight| *weight = weight.max(f64::MIN_POSITIVE));
    }

    /// L̄, the mean of the rows of `by_row`.
    pub fn mean_length(&self, by_row: Csr<'_>) -> f64 {
        let sum: f64 = (0..by_row.rows()).map(|row| self.length(by_row, row)).sum();
        sum / by_row.rows() as f64
    }

    fn length(&self, matrix: Csr<'_>, row: usize) -> f64 {
        let (columns, weights) = matrix.row(row);
        match self.weighting {
            Weighting::None => columns.len() as f64,
            Weighting::Weight => weights.iter().map(|&weight| f64::from(weight)).sum(),
        }
    }

    /// The terms of a row of these columns and weights; `column_weights` is gᵤ, `mean_length` L̄.
    pub fn row_terms(&self, columns: &[u32], weights: &[f32], column_weights: &[f64], mean_length: f64) -> RowTerms {
        let count = columns.len() as f64;
        let pairs = || columns.iter().zip(weights).map(|(&column, &weight)| (column_weights[column as usize], weight));
        let length = match self.weighting {
            Weighting::None => count,
            Weighting::Weight => weights.iter().map(|&weight| f64::from(weight)).sum(),
        };
        let square =
            || -> f64 { pairs().map(|(g, weight)| g * self.value(weight, 0.0) * self.value(weight, 0.0)).sum() };
        let (left, right) = match self.measure {
            Measure::Cosine | Measure::TfIdf => {
                let norm = square().sqrt();
                (norm, norm)
            }
            Measure::Jaccard => {
                let square = square();
                (square, square)
            }
            Measure::Asymmetric { asymmetry } => {
                let square = square();
                (square.powf(asymmetry), square.powf(1.0 - asymmetry))
            }
            Measure::Bm25 { k1, b } => {
                let length = k1 * (1.0 - b + b * length / mean_length);
                let term = if self.weighting == Weighting::None { (length + 1.0) / (k1 + 1.0) } else { length };
                (term, term)
            }
            Measure::Rp3Beta { alpha, beta } => (length.powf(alpha), count.powf(beta)),
        };
        let total = pairs().map(|(g, weight)| g * self.value(weight, right)).sum();
        let most = weights.iter().map(|&weight| self.value(weight, right)).fold(0.0, f64::max);
        RowTerms { left, right, total, most }
    }

    /// s from σ, lᵢ and rⱼ, before it is raised to the locality.
    #[inline(always)]
    pub(super) fn of(&self, sum: f64, left: f64, right: f64) -> f64 {
        let similarity = match (self.measure, self.weighting) {
            (Measure::Jaccard, _) => sum / (left + right - sum + self.shrinkage),
            (Measure::Bm25 { .. }, Weighting::None) => return sum / (left * right),
            (Measure::Bm25 { .. }, Weighting::Weight) => return sum,
            (Measure::Rp3Beta { .. }, _) => return sum / (left * right),
            (Measure::Asymmetric { .. }, Weighting::Weight) => return sum / (left * right + self.shrinkage),
            _ => sum / (left * right + self.shrinkage),
        };
        similarity.min(1.0)
    }

    /// What no similarity exceeds in single precision where σ is at most `sum` and rⱼ at least `right`.
    #[inline(always)]
    pub(super) fn at_most(&self, sum: f64, left: f64, right: f64) -> f64 {
        self.of(sum, left, right) * (1.0 + 1e-6)
    }

    /// No smaller σ gives `threshold` in single precision, or more than that where it `must_exceed` it, with an rⱼ of `least_right`
    /// or more.
    pub(super) fn least_sum(&self, threshold: f32, must_exceed: bool, left: f64, least_right: f64) -> f64 {
        if threshold < LEAST_THRESHOLD {
            return 0.0;
        }
        // What is less is rounded to a lower number.
        let other = if must_exceed { threshold.next_up() } else { threshold.next_down() };
        let least = f64::midpoint(f64::from(threshold), f64::from(other));
        let sum = match (self.measure, self.weighting) {
            (Measure::Jaccard, _) => least * (left + least_right + self.shrinkage) / (1.0 + least),
            (Measure::Bm25 { .. }, Weighting::Weight) => least,
            (Measure::Bm25 { .. } | Measure::Rp3Beta { .. }, _) => least * left * least_right,
            _ => least * (left * least_right + self.shrinkage),
        };
        sum * (1.0 - SLACK)
    }

    /// A kept similarity as it is given out.
    #[inline(always)]
    pub(super) fn raised(&self, similarity: f32) -> f32 {
        if self.locality == 1.0 {
            return similarity;
        }
        (f64::from(similarity).powf(self.locality) as f32).max(f32::MIN_POSITIVE)
    }
}
