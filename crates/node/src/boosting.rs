//! Gradient-boosted trees: bins, training, scores, contributions.

use crate::entries::check_length;
use crate::views::{SharedArray, addresses, check_apart};
use aurochs_kernels::boosting::{self as kernel, HISTOGRAM_WORDS, LANES, MOST_BINS, TASK_WORDS};
use aurochs_kernels::simd::Simd;
use napi::bindgen_prelude::*;
use napi_derive::napi;
use std::ops::Range;
use std::sync::atomic::AtomicI32;

/// Cuts of a feature at most.
const MOST_CUTS: usize = MOST_BINS - 1;

/// How many values the arrays that the workers of a training share must have.
#[napi(object, object_from_js = false)]
pub struct BoostingSizes {
    pub bins: f64,
    pub cuts: f64,
    pub gradients: f64,
    pub histograms: f64,
    pub splits: f64,
    pub task: u32,
    pub control: u32,
}

/// The sizes for so many rows and features, and leaves of a tree.
#[napi(catch_unwind)]
pub fn boosting_sizes(rows: u32, features: u32, leaves: u32) -> BoostingSizes {
    let blocks = kernel::blocks(features as usize) as f64;
    BoostingSizes {
        bins: blocks * LANES as f64 * f64::from(rows),
        cuts: f64::from(features) * MOST_CUTS as f64,
        gradients: 2.0 * f64::from(rows),
        histograms: blocks * HISTOGRAM_WORDS as f64 * f64::from(leaves),
        splits: kernel::split_words(features as usize) as f64,
        task: TASK_WORDS as u32,
        control: kernel::CELLS as u32,
    }
}

/// Writes the cuts of each feature of `columns` (features × rows), how many these are, and the bins of its values;
/// takes blocks of features until there is none. Bins of a feature are at most `mostBins`, 2 to 255.
#[napi(catch_unwind)]
#[allow(clippy::too_many_arguments)]
pub fn boosting_bins(
    columns: Float32Array,
    rows: u32,
    most_bins: u32,
    #[napi(ts_arg_type = "Uint8Array")] bins: SharedArray<u8>,
    #[napi(ts_arg_type = "Float32Array")] cuts: SharedArray<f32>,
    #[napi(ts_arg_type = "Uint32Array")] counts: SharedArray<u32>,
    #[napi(ts_arg_type = "Int32Array")] next: SharedArray<i32>,
) -> Result<()> {
    let written = [
        ("bins", bins.addresses()),
        ("cuts", cuts.addresses()),
        ("counts", counts.addresses()),
        ("next", next.addresses()),
    ];
    check_apart(&written, &[addresses(&columns)])?;
    let (rows, features) = (rows as usize, counts.len());
    if !(2..=MOST_BINS as u32).contains(&most_bins) {
        return Err(invalid(format!("mostBins must be from 2 to {MOST_BINS}, got {most_bins}")));
    }
    check_length("columns", rows * features, columns.len())?;
    check_length("cuts", features * MOST_CUTS, cuts.len())?;
    let blocks = kernel::blocks(features);
    check_length("bins", blocks * rows * LANES, bins.len())?;
    let (mut bins, mut cuts, mut counts) = (bins.rows(LANES)?, cuts.rows(MOST_CUTS)?, counts.rows(1)?);
    let chunks = next.chunks(features, LANES as u32)?;
    let mut scratch = Vec::new();
    while let Some((block, own)) = chunks.take() {
        // SAFETY: the counter gave these features, and so their block, to this call alone.
        let (bins, cuts, counts) = unsafe {
            let bins = bins.rows_mut(block * rows..(block + 1) * rows);
            (bins, cuts.rows_mut(own.clone()), counts.rows_mut(own.clone()))
        };
        let columns: Vec<&[f32]> = own.map(|feature| &columns[feature * rows..(feature + 1) * rows]).collect();
        let learned: Vec<Vec<f32>> =
            columns.iter().map(|column| kernel::learn_cuts(column, most_bins as usize, &mut scratch)).collect();
        for (at, learned) in learned.iter().enumerate() {
            cuts[at * MOST_CUTS..][..learned.len()].copy_from_slice(learned);
            counts[at] = learned.len() as u32;
        }
        let learned: Vec<&[f32]> = learned.iter().map(Vec::as_slice).collect();
        kernel::fill_block(&columns, &learned, bins.as_chunks_mut::<LANES>().0);
    }
    Ok(())
}

/// Rows with their labels.
#[napi(object, object_to_js = false)]
pub struct BoostingData {
    /// (features × rows) NaN where missing.
    pub columns: Float32Array,
    /// (rows)
    pub labels: Float32Array,
    /// (rows) Above 0; all 1 when absent.
    pub weights: Option<Float32Array>,
}

impl BoostingData {
    fn view(&self, features: usize, loss: kernel::Loss) -> Result<kernel::Data<'_>> {
        let data = kernel::Data { columns: &self.columns, labels: &self.labels, weights: self.weights.as_deref() };
        data.check(features, loss).map_err(invalid)?;
        Ok(data)
    }

    fn addresses(&self) -> [Range<usize>; 3] {
        [addresses(&self.columns), addresses(&self.labels), addresses(self.weights.as_deref().unwrap_or(&[]))]
    }
}

/// How trees are learned; see `aurochs_kernels::boosting::Options`.
#[napi(object, object_to_js = false)]
pub struct BoostingOptions {
    /// `logistic` or `squared`.
    pub loss: String,
    pub trees: u32,
    pub leaves: u32,
    pub minimum_rows: u32,
    pub minimum_hessian: f64,
    pub l2: f64,
    pub minimum_gain: f64,
    pub learning_rate: f64,
    pub column_share: f64,
    pub row_share: f64,
    pub patience: u32,
    pub seed: u32,
}

impl BoostingOptions {
    fn parsed(&self) -> Result<kernel::Options> {
        let loss = match self.loss.as_str() {
            "logistic" => kernel::Loss::Logistic,
            "squared" => kernel::Loss::Squared,
            other => return Err(invalid(format!("loss must be logistic or squared, got {other}"))),
        };
        let options = kernel::Options {
            loss,
            trees: self.trees,
            leaves: self.leaves,
            rule: kernel::Rule {
                l2: self.l2,
                minimum_rows: self.minimum_rows,
                minimum_hessian: self.minimum_hessian,
                minimum_gain: self.minimum_gain,
            },
            learning_rate: self.learning_rate,
            column_share: self.column_share,
            row_share: self.row_share,
            patience: self.patience,
            seed: self.seed,
        };
        options.check().map_err(invalid)?;
        Ok(options)
    }
}

/// What the workers of a training share, of the sizes that `boostingSizes` gives.
#[napi(object, object_to_js = false)]
pub struct BoostingWorkspace {
    /// From `boostingBins`.
    pub bins: Uint8Array,
    pub cuts: Float32Array,
    /// (features)
    pub counts: Uint32Array,
    /// (rows)
    #[napi(ts_type = "Uint32Array")]
    pub order: SharedArray<u32>,
    #[napi(ts_type = "BigInt64Array")]
    pub gradients: SharedArray<i64>,
    #[napi(ts_type = "BigInt64Array")]
    pub histograms: SharedArray<i64>,
    #[napi(ts_type = "BigInt64Array")]
    pub splits: SharedArray<i64>,
    #[napi(ts_type = "BigInt64Array")]
    pub task: SharedArray<i64>,
    /// 0 at first. The fifth cell says how many trees there are; one that sets the sixth ends the training.
    #[napi(ts_type = "Int32Array")]
    pub control: SharedArray<i32>,
}

/// Trees as flat arrays; see `aurochs_kernels::boosting::Trees`.
#[napi(object, object_to_js = false)]
pub struct BoostingTrees {
    pub starts: Uint32Array,
    pub features: Uint32Array,
    pub thresholds: Float32Array,
    pub left: Uint32Array,
    pub right: Uint32Array,
    pub missing_left: Uint8Array,
    pub gains: Float64Array,
    pub values: Float64Array,
    pub covers: Float64Array,
}

impl BoostingTrees {
    fn view(&self) -> kernel::Trees<'_> {
        kernel::Trees {
            starts: &self.starts,
            features: &self.features,
            thresholds: &self.thresholds,
            left: &self.left,
            right: &self.right,
            missing_left: &self.missing_left,
            gains: &self.gains,
            values: &self.values,
            covers: &self.covers,
        }
    }

    fn checked(&self, features: u32) -> Result<kernel::Trees<'_>> {
        let trees = self.view();
        trees.check(features as usize).map_err(|fault| invalid(fault.to_string()))?;
        Ok(trees)
    }
}

/// What a training has learned.
#[napi(object, object_from_js = false)]
pub struct BoostingTrained<'env> {
    pub starts: Uint32ArraySlice<'env>,
    pub features: Uint32ArraySlice<'env>,
    pub thresholds: Float32ArraySlice<'env>,
    pub left: Uint32ArraySlice<'env>,
    pub right: Uint32ArraySlice<'env>,
    pub missing_left: Uint8ArraySlice<'env>,
    pub gains: Float64ArraySlice<'env>,
    pub values: Float64ArraySlice<'env>,
    pub covers: Float64ArraySlice<'env>,
    /// The score without any tree.
    pub base: f64,
    /// The mean loss of the validation part without a tree, and after each.
    pub losses: Float64ArraySlice<'env>,
}

/// Trains, in the first call of those with the same workspace, which gives the trees; the others do parts of its work
/// until it ends, and give nothing, as it does when it is aborted. The same bits for any number of calls.
#[napi(catch_unwind)]
pub fn boosting_train<'env>(
    env: &'env Env,
    data: BoostingData,
    validation: Option<BoostingData>,
    options: BoostingOptions,
    workspace: BoostingWorkspace,
) -> Result<Option<BoostingTrained<'env>>> {
    let options = options.parsed()?;
    let BoostingWorkspace { bins, cuts, counts, order, gradients, histograms, splits, task, control } = &workspace;
    let written = [
        ("order", order.addresses()),
        ("gradients", gradients.addresses()),
        ("histograms", histograms.addresses()),
        ("splits", splits.addresses()),
        ("task", task.addresses()),
        ("control", control.addresses()),
    ];
    let mut read = vec![addresses(bins), addresses(cuts), addresses(counts)];
    read.extend(data.addresses());
    read.extend(validation.iter().flat_map(BoostingData::addresses));
    check_apart(&written, &read)?;
    let features = counts.len();
    let data = data.view(features, options.loss)?;
    let validation = validation.as_ref().map(|data| data.view(features, options.loss)).transpose()?;
    if validation.is_some_and(|data| data.labels.is_empty()) {
        return Err(invalid("a validation part must have rows, got 0".into()));
    }
    check_length("cuts", features * MOST_CUTS, cuts.len())?;
    if let Some(count) = counts.iter().find(|&&count| count as usize > MOST_CUTS) {
        return Err(invalid(format!("a feature must have at most {MOST_CUTS} cuts, got {count}")));
    }
    let cuts: Vec<&[f32]> =
        (0..features).map(|feature| &cuts[feature * MOST_CUTS..][..counts[feature] as usize]).collect();
    if cuts.iter().any(|cuts| cuts.iter().any(|cut| cut.is_nan())) {
        return Err(invalid("cuts must be numbers, got NaN".into()));
    }
    let bins_of: Vec<u32> = counts.iter().map(|count| count + 1).collect();
    check_length("bins", kernel::blocks(features) * data.labels.len() * LANES, bins.len())?;
    let mut kernel_workspace = kernel::Workspace {
        bins: bins.as_chunks::<LANES>().0,
        bins_of: &bins_of,
        order: order.rows(1)?,
        gradients: gradients.rows(2)?,
        histograms: histograms.rows(HISTOGRAM_WORDS)?,
        parents: histograms.rows(HISTOGRAM_WORDS)?,
        splits: splits.rows(kernel::split_words(1) / 2)?,
        task: task.rows(TASK_WORDS)?,
    };
    kernel_workspace.check(data.labels.len(), &options).map_err(invalid)?;
    // SAFETY: the cells live as long as the call, are aligned, and are touched only atomically; an atomic lies as its
    // integer does.
    let cells = unsafe { std::slice::from_raw_parts(control.as_ptr().cast::<AtomicI32>(), control.len()) };
    let tasks = kernel::ForkJoin::new(cells).map_err(invalid)?;
    let simd = Simd::detect();
    if !tasks.is_first() {
        let mut worker = kernel::Worker::new(&mut kernel_workspace, &options, simd);
        // SAFETY: the tasks are those of the first call, each of whose parts is taken once.
        tasks.join(|block| unsafe { worker.part(block) }).map_err(|_| failed())?;
        return Ok(None);
    }
    let training = tasks.training();
    let trained = match kernel::train(data, validation, &cuts, &options, &mut kernel_workspace, &tasks, simd) {
        Ok(trained) => trained,
        Err(kernel::Failure::Broken) => return Err(failed()),
        Err(kernel::Failure::Aborted) => {
            training.succeed();
            return Ok(None);
        }
    };
    training.succeed();
    let kernel::Trained { trees, base, losses } = trained;
    Ok(Some(BoostingTrained {
        starts: Uint32ArraySlice::copy_from(env, trees.starts)?,
        features: Uint32ArraySlice::copy_from(env, trees.features)?,
        thresholds: Float32ArraySlice::copy_from(env, trees.thresholds)?,
        left: Uint32ArraySlice::copy_from(env, trees.left)?,
        right: Uint32ArraySlice::copy_from(env, trees.right)?,
        missing_left: Uint8ArraySlice::copy_from(env, trees.missing_left)?,
        gains: Float64ArraySlice::copy_from(env, trees.gains)?,
        values: Float64ArraySlice::copy_from(env, trees.values)?,
        covers: Float64ArraySlice::copy_from(env, trees.covers)?,
        base,
        losses: Float64ArraySlice::copy_from(env, losses)?,
    }))
}

/// What is damaged in the trees, for so many features; nothing where all is well.
#[napi(catch_unwind)]
pub fn boosting_fault(trees: BoostingTrees, features: u32) -> Option<String> {
    trees.view().check(features as usize).err().map(|fault| fault.to_string())
}

/// The scores of `rows` (n × features), without that of no tree.
#[napi(catch_unwind)]
pub fn boosting_scores<'env>(
    env: &'env Env,
    trees: BoostingTrees,
    features: u32,
    rows: &[f32],
) -> Result<Float64ArraySlice<'env>> {
    let trees = trees.checked(features)?;
    let features = features as usize;
    if features == 0 || !rows.len().is_multiple_of(features) {
        return Err(invalid(format!("{} values are not whole rows of {features} features", rows.len())));
    }
    let scores: Vec<f64> = rows.chunks_exact(features).map(|row| trees.score(row)).collect();
    Float64ArraySlice::copy_from(env, scores)
}

/// What each feature of `row` contributes to its score, and, after them, the mean score that they are added to, without
/// that of no tree.
#[napi(catch_unwind)]
pub fn boosting_contributions<'env>(
    env: &'env Env,
    trees: BoostingTrees,
    features: u32,
    row: &[f32],
) -> Result<Float64ArraySlice<'env>> {
    check_length("row", features as usize, row.len())?;
    let trees = trees.checked(features)?;
    let mut contributions = vec![0.0; row.len()];
    kernel::Contributions::default().add(&trees, row, &mut contributions);
    contributions.push(kernel::base_value(&trees));
    Float64ArraySlice::copy_from(env, contributions)
}

/// Adds to `gains` (features) what the splits by each feature gain, all together.
#[napi(catch_unwind)]
pub fn boosting_gains(
    trees: BoostingTrees,
    #[napi(ts_arg_type = "Float64Array")] gains: SharedArray<f64>,
) -> Result<()> {
    let features = u32::try_from(gains.len()).map_err(|_| invalid("too many features".into()))?;
    check_apart(&[("gains", gains.addresses())], &[addresses(&trees.gains)])?;
    let trees = trees.checked(features)?;
    let mut gains = gains.rows(1)?;
    let features = 0..gains.rows();
    // SAFETY: the caller gives the array to this call alone.
    trees.add_gains(unsafe { gains.rows_mut(features) });
    Ok(())
}

fn failed() -> Error {
    Error::from_reason("another part of the training has failed")
}

fn invalid(message: String) -> Error {
    Error::new(Status::InvalidArg, message)
}
