//! Click probabilities from hashed features, learned as outcomes come.

use crate::views::{SharedArray, addresses, check_apart};
use aurochs_kernels::ftrl::{Features, Outcome, Rates, Weights, learn};
use napi::bindgen_prelude::*;
use napi_derive::napi;

fn invalid(message: String) -> Error {
    Error::new(Status::InvalidArg, message)
}

/// Rows of features; see `aurochs_kernels::ftrl::Features`.
#[napi(object, object_to_js = false)]
pub struct FtrlFeatures {
    pub rows: u32,
    /// (rows) or (1) each: values of a column, or the one that all rows have. At most 32.
    #[napi(ts_type = "readonly Uint32Array[]")]
    pub columns: Vec<SharedArray<u32>>,
    /// Pairs of numbers of columns.
    pub crosses: Uint32Array,
}

impl FtrlFeatures {
    fn view(&self) -> Result<Features<'_>> {
        let columns = self.columns.iter().map(SharedArray::words).collect();
        Features::new(self.rows as usize, columns, &self.crosses).map_err(invalid)
    }
}

/// See `aurochs_kernels::ftrl::Rates`.
#[napi(object)]
pub struct FtrlRates {
    pub alpha: f64,
    pub beta: f64,
    pub l1: f64,
    pub l2: f64,
}

/// What is known of each row; see `aurochs_kernels::ftrl::Outcome`.
#[napi(object, object_to_js = false)]
pub struct FtrlOutcomes {
    /// (rows) 1 where it was clicked, else 0.
    pub clicked: Uint8Array,
    /// (rows) The share of click delays that have passed, from 0 to 1.
    pub now: Float32Array,
    /// (rows) That when the row was last learned from; 0 where it is new.
    pub before: Float32Array,
    /// (rows) How often it counts, from 0.
    pub weights: Float32Array,
}

impl FtrlOutcomes {
    fn check(&self, rows: usize) -> Result<()> {
        let lengths = [self.clicked.len(), self.now.len(), self.before.len(), self.weights.len()];
        if lengths.iter().any(|&length| length != rows) {
            return Err(invalid(format!("{rows} rows need as many outcomes, got {lengths:?}")));
        }
        if let Some(share) = self.now.iter().chain(self.before.iter()).find(|share| !(0.0..=1.0).contains(*share)) {
            return Err(invalid(format!("shares of click delays must be from 0 to 1, got {share}")));
        }
        match self.weights.iter().find(|weight| !(**weight >= 0.0 && weight.is_finite())) {
            Some(weight) => Err(invalid(format!("weights of outcomes must be numbers from 0, got {weight}"))),
            None => Ok(()),
        }
    }
}

/// Learns from rows in order, on one thread at a time. `weights` are the bits of 32-bit numbers, two to the power of
/// some number of them; `sums` has twice as many. Both are 0 at first.
#[napi(catch_unwind)]
pub fn ftrl_learn(
    #[napi(ts_arg_type = "Uint32Array")] weights: SharedArray<u32>,
    #[napi(ts_arg_type = "Float64Array")] sums: SharedArray<f64>,
    features: FtrlFeatures,
    rates: FtrlRates,
    outcomes: FtrlOutcomes,
) -> Result<()> {
    let view = Weights::new(weights.words()).map_err(invalid)?;
    let rows = features.view()?;
    let FtrlRates { alpha, beta, l1, l2 } = rates;
    let rates = Rates { alpha, beta, l1, l2 };
    rates.check().map_err(invalid)?;
    outcomes.check(rows.rows())?;
    if sums.len() != 2 * view.len() {
        return Err(invalid(format!("{} weights need twice as many sums, got {}", view.len(), sums.len())));
    }
    let mut read: Vec<_> = features.columns.iter().map(SharedArray::addresses).collect();
    read.push(addresses(&outcomes.clicked));
    read.extend([&outcomes.now, &outcomes.before, &outcomes.weights].map(|values| addresses(values)));
    check_apart(&[("weights", weights.addresses()), ("sums", sums.addresses())], &read)?;
    let mut sums = sums.rows(2)?;
    // SAFETY: one thread learns at a time, and nobody else has the sums.
    let sums = unsafe { sums.rows_mut(0..view.len()) };
    let each = (0..rows.rows()).map(|row| Outcome {
        clicked: outcomes.clicked[row] != 0,
        now: outcomes.now[row],
        before: outcomes.before[row],
        weight: outcomes.weights[row],
    });
    learn(view, sums, &rows, rates, each);
    Ok(())
}

/// Writes the click probabilities of the rows from `begin` on to `out`, as many as it has room for. Any thread may
/// predict while one learns.
#[napi(catch_unwind)]
pub fn ftrl_predict(
    #[napi(ts_arg_type = "Uint32Array")] weights: SharedArray<u32>,
    features: FtrlFeatures,
    begin: u32,
    #[napi(ts_arg_type = "Float32Array")] out: SharedArray<f32>,
) -> Result<()> {
    let view = Weights::new(weights.words()).map_err(invalid)?;
    let rows = features.view()?;
    let begin = begin as usize;
    if begin.checked_add(out.len()).is_none_or(|end| end > rows.rows()) {
        let message = format!("rows {begin} to {begin} + {} must lie below {}", out.len(), rows.rows());
        return Err(invalid(message));
    }
    let mut read: Vec<_> = features.columns.iter().map(SharedArray::addresses).collect();
    read.push(weights.addresses());
    check_apart(&[("out", out.addresses())], &read)?;
    let len = out.len();
    let mut out = out.rows(1)?;
    // SAFETY: the caller gives each thread rows of its own.
    rows.predict(view, begin..begin + len, unsafe { out.rows_mut(0..len) });
    Ok(())
}
