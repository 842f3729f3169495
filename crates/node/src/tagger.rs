//! The network of the tagger: parameters, the step of a shard, AdamW on a range, prediction.

use crate::entries::check_length;
use crate::views::{SharedArray, addresses, check_apart};
use aurochs_kernels::simd::Simd;
use aurochs_music::network::adamw::{self, AdamW, Moving};
use aurochs_music::network::{self as network, Labels, Shape, Shard, ShardResult, Workspace};
use napi::bindgen_prelude::*;
use napi_derive::napi;
use std::cell::RefCell;

/// Of a tagger: 1 GiB.
const MOST_PARAMETERS: usize = 1 << 28;

thread_local! {
    static WORK: RefCell<Workspace> = RefCell::default();
}

/// See `aurochs_music::network::Shape`.
#[napi(object, object_to_js = false)]
pub struct TaggerShape {
    pub bands: u32,
    pub frames: u32,
    pub channels: Vec<u32>,
    pub embedding: u32,
    pub classes: u32,
    /// `single` or `multi`.
    pub labels: String,
}

/// Floats of each.
#[napi(object, object_from_js = false)]
pub struct TaggerSizes {
    pub parameters: u32,
    pub moments: u32,
}

impl TaggerShape {
    fn parsed(&self) -> Result<Shape> {
        let Some(labels) = Labels::named(&self.labels) else {
            return Err(invalid(format!("labels must be single or multi, got {}", self.labels)));
        };
        let most = [self.bands, self.frames, self.embedding, self.classes]
            .into_iter()
            .chain(self.channels.iter().copied())
            .max();
        if most > Some(65_536) {
            return Err(invalid(format!("sizes of a tagger must be at most 65536, got {}", most.unwrap_or(0))));
        }
        let shape = Shape {
            bands: self.bands as usize,
            frames: self.frames as usize,
            channels: self.channels.iter().map(|channels| *channels as usize).collect(),
            embedding: self.embedding as usize,
            classes: self.classes as usize,
            labels,
        };
        if let Some(fault) = shape.fault() {
            return Err(invalid(fault));
        }
        if shape.parameters() > MOST_PARAMETERS {
            let message =
                format!("a tagger must have at most {MOST_PARAMETERS} parameters, got {}", shape.parameters());
            return Err(invalid(message));
        }
        Ok(shape)
    }
}

/// How large the arrays of a tagger are. @throws where its sizes do not fit.
#[napi(catch_unwind)]
pub fn tagger_sizes(shape: TaggerShape) -> Result<TaggerSizes> {
    let shape = shape.parsed()?;
    Ok(TaggerSizes { parameters: shape.parameters() as u32, moments: shape.moments() as u32 })
}

/// Writes parameters to begin with, and which of them decay.
#[napi(catch_unwind)]
pub fn tagger_initialise(
    shape: TaggerShape,
    seed: u32,
    mut parameters: Float32Array,
    mut decays: Float32Array,
) -> Result<()> {
    let shape = shape.parsed()?;
    check_length("parameters", shape.parameters(), parameters.len())?;
    check_length("decays", shape.parameters(), decays.len())?;
    check_apart(&[("parameters", addresses(&parameters)), ("decays", addresses(&decays))], &[])?;
    // SAFETY: nobody else has them before the training begins.
    let (parameters, decays) = unsafe { (parameters.as_mut(), decays.as_mut()) };
    shape.initialise(parameters, u64::from(seed));
    decays.copy_from_slice(&shape.decays());
    Ok(())
}

/// What a shard is trained on; see `aurochs_music::network::Shard`.
#[napi(object, object_to_js = false)]
pub struct TaggerShard {
    /// (count × frames × bands)
    pub slices: Float32Array,
    /// (count × classes)
    pub targets: Float32Array,
    pub weight: f64,
    pub dropout: f64,
    pub seed: u32,
}

/// Gives the sum of the losses of a shard's slices; writes its gradients and the moments that it was normalised by. Nobody writes the
/// parameters meanwhile.
#[napi(catch_unwind)]
pub fn tagger_train(
    shape: TaggerShape,
    parameters: Float32Array,
    shard: TaggerShard,
    #[napi(ts_arg_type = "Float32Array")] gradients: SharedArray<f32>,
    #[napi(ts_arg_type = "Float32Array")] moments: SharedArray<f32>,
) -> Result<f64> {
    let shape = shape.parsed()?;
    let TaggerShard { slices, targets, weight, dropout, seed } = shard;
    let count = slices.len() / shape.slice();
    check_length("parameters", shape.parameters(), parameters.len())?;
    check_length("gradients", shape.parameters(), gradients.len())?;
    check_length("moments", shape.moments(), moments.len())?;
    check_length("slices", count.max(1) * shape.slice(), slices.len())?;
    check_length("targets", count * shape.classes, targets.len())?;
    if !(0.0..1.0).contains(&dropout) {
        return Err(invalid(format!("dropout must be from 0 to below 1, got {dropout}")));
    }
    let written = [("gradients", gradients.addresses()), ("moments", moments.addresses())];
    check_apart(&written, &[addresses(&parameters), addresses(&slices), addresses(&targets)])?;
    // SAFETY: each shard has arrays of its own.
    let result = unsafe {
        ShardResult {
            gradients: std::slice::from_raw_parts_mut(gradients.as_ptr(), gradients.len()),
            moments: std::slice::from_raw_parts_mut(moments.as_ptr(), moments.len()),
        }
    };
    let shard = Shard {
        slices: &slices,
        targets: &targets,
        weight: weight as f32,
        dropout: dropout as f32,
        seed: u64::from(seed),
    };
    Ok(WORK.with_borrow_mut(|work| network::train(&shape, &parameters, shard, result, work, Simd::detect())))
}

/// One step of AdamW; see `aurochs_music::network::adamw::AdamW`.
#[napi(object, object_to_js = false)]
pub struct AdamStep {
    pub rate: f64,
    pub decay: f64,
    /// From 1.
    pub step: u32,
}

/// (parameters) each.
#[napi(object, object_to_js = false)]
pub struct AdamMoving {
    #[napi(ts_type = "Float32Array")]
    pub parameters: SharedArray<f32>,
    #[napi(ts_type = "Float32Array")]
    pub first: SharedArray<f32>,
    #[napi(ts_type = "Float32Array")]
    pub second: SharedArray<f32>,
    pub decays: Float32Array,
}

/// Moves the parameters from `from` to before `to` against the gradients of all shards (shards × parameters), in the order of these. Who
/// moves others at the same time has another range.
#[napi(catch_unwind)]
pub fn adam_step(adam: AdamStep, moving: AdamMoving, gradients: Float32Array, from: u32, to: u32) -> Result<()> {
    let count = moving.parameters.len();
    let (from, to) = (from as usize, to as usize);
    check_length("first", count, moving.first.len())?;
    check_length("second", count, moving.second.len())?;
    check_length("decays", count, moving.decays.len())?;
    if count == 0 || !gradients.len().is_multiple_of(count) || from > to || to > count {
        return Err(invalid(format!("a range within {count} parameters is needed, got {from} to {to}")));
    }
    let written = [
        ("parameters", moving.parameters.addresses()),
        ("first", moving.first.addresses()),
        ("second", moving.second.addresses()),
    ];
    check_apart(&written, &[addresses(&moving.decays), addresses(&gradients)])?;
    // SAFETY: the caller's ranges are apart, and within the arrays.
    let of = |array: &SharedArray<f32>| unsafe { std::slice::from_raw_parts_mut(array.as_ptr().add(from), to - from) };
    let shards: Vec<&[f32]> = gradients.chunks_exact(count).map(|shard| &shard[from..to]).collect();
    let AdamStep { rate, decay, step } = adam;
    let adam =
        AdamW { rate: rate as f32, decay: decay as f32, first: 0.9, second: 0.999, epsilon: 1e-8, step: step.max(1) };
    let moving = Moving {
        parameters: of(&moving.parameters),
        first: of(&moving.first),
        second: of(&moving.second),
        decays: &moving.decays[from..to],
    };
    adamw::step(adam, moving, &shards, Simd::detect());
    Ok(())
}

/// What is said of slices.
#[napi(object, object_from_js = false)]
pub struct TaggerPrediction {
    /// (count × embedding)
    pub embeddings: Float32Array,
    /// (count × classes)
    pub probabilities: Float32Array,
}

/// Predicts slices (count × frames × bands), normalised by the moments of the training.
#[napi(catch_unwind)]
pub fn tagger_predict(
    shape: TaggerShape,
    parameters: Float32Array,
    moments: Float32Array,
    slices: Float32Array,
) -> Result<TaggerPrediction> {
    let shape = shape.parsed()?;
    check_length("parameters", shape.parameters(), parameters.len())?;
    check_length("moments", shape.moments(), moments.len())?;
    check_length("slices", slices.len() / shape.slice() * shape.slice(), slices.len())?;
    let prediction =
        WORK.with_borrow_mut(|work| network::predict(&shape, &parameters, &moments, &slices, work, Simd::detect()));
    Ok(TaggerPrediction { embeddings: prediction.embeddings.into(), probabilities: prediction.probabilities.into() })
}

fn invalid(message: String) -> Error {
    Error::new(Status::InvalidArg, message)
}
