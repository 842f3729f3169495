//! The phases of a step of the autoencoder. Each call takes chunks from the shared counter until there is none.

use crate::entries::check_length;
use crate::instructions::instructions;
use crate::sparse::{SparseMatrix, matrix_addresses};
use crate::views::{SharedArray, addresses, check_apart, finite_option};
use aurochs_kernels::autoencoder::forward::{Corruption, Forward, Objective, Scratch, ShardOutput};
use aurochs_kernels::autoencoder::update::{Adam, Batch, Weights};
use aurochs_kernels::autoencoder::{Active, SHARD, Shape};
use aurochs_kernels::scratch::Floats;
use aurochs_kernels::simd::Simd;
use napi::bindgen_prelude::*;
use napi_derive::napi;
use std::ops::Range;

/// Vectors that a worker steps at a time.
const CHUNK: usize = 64;

/// Vectors with the running means of their gradients and of the squares of these, (rows × stride) each.
#[napi(object, object_to_js = false)]
pub struct AutoencoderWeights {
    #[napi(ts_type = "Float32Array")]
    pub vectors: SharedArray<f32>,
    #[napi(ts_type = "Float32Array")]
    pub means: SharedArray<f32>,
    #[napi(ts_type = "Float32Array")]
    pub squares: SharedArray<f32>,
}

/// What is minimised, and how; see `aurochs_kernels::autoencoder`.
#[napi(object, object_to_js = false)]
pub struct AutoencoderObjective {
    pub corruption: f64,
    pub corruption_spread: f64,
    /// From 0 to below 1.
    pub dropout: f64,
    pub items_only: f64,
    pub tags_only: f64,
    pub tag_weight: f64,
    pub length_exponent: f64,
    pub hidden_only: bool,
    pub rate: f64,
    pub decay: f64,
    pub seed: u32,
    /// From 0.
    pub epoch: u32,
    /// From 1.
    pub step: u32,
}

/// A batch of users, the model, and the memory that the phases of a step share.
#[napi(object, object_to_js = false)]
pub struct AutoencoderBatch<'a> {
    pub items: u32,
    pub tags: u32,
    pub factors: u32,
    /// (items + tags + 1), the bias last.
    pub inputs: AutoencoderWeights,
    /// (items + tags)
    pub outputs: AutoencoderWeights,
    /// (users × items)
    pub by_user: SparseMatrix<'a>,
    /// (users × tags)
    pub user_tags: Option<SparseMatrix<'a>>,
    /// Rows of the batch.
    pub users: Uint32Array,
    /// (users + 1) Where the visible inputs of each have room.
    pub starts: Uint32Array,
    /// The outputs that are scored, rising; all when absent.
    pub active: Option<Uint32Array>,
    /// (active)
    pub corrections: Option<Float32Array>,
    #[napi(ts_type = "Uint32Array")]
    pub columns: SharedArray<u32>,
    #[napi(ts_type = "Float32Array")]
    pub values: SharedArray<f32>,
    /// (users or more)
    #[napi(ts_type = "Uint32Array")]
    pub counts: SharedArray<u32>,
    /// (shards × shard × stride, or more)
    #[napi(ts_type = "Float32Array")]
    pub hidden: SharedArray<f32>,
    /// As many.
    #[napi(ts_type = "Float32Array")]
    pub errors: SharedArray<f32>,
    /// (shards × `room` × shard, or more)
    #[napi(ts_type = "Float32Array")]
    pub gradients: SharedArray<f32>,
    /// Outputs that there is room for.
    pub room: u32,
    /// (shards or more) Gets the part of each of the loss.
    #[napi(ts_type = "Float64Array")]
    pub losses: SharedArray<f64>,
    pub objective: AutoencoderObjective,
    pub simd: Option<String>,
}

/// Users of a shard of the autoencoder.
#[napi(catch_unwind)]
pub fn autoencoder_shard() -> u32 {
    SHARD as u32
}

impl AutoencoderBatch<'_> {
    fn shape(&self) -> Result<Shape> {
        if self.factors == 0 || self.factors > 4096 {
            return Err(invalid(format!("factors must be from 1 to 4096, got {}", self.factors)));
        }
        Ok(Shape { items: self.items as usize, tags: self.tags as usize, factors: self.factors as usize })
    }

    fn active(&self, shape: Shape) -> Result<Active<'_>> {
        let Some(columns) = &self.active else { return Ok(Active::All) };
        let corrections = self.corrections.as_deref().unwrap_or(&[]);
        check_length("corrections", columns.len(), corrections.len())?;
        let is_below = columns.last().is_none_or(|&last| (last as usize) < shape.outputs());
        if !is_below || !columns.is_sorted_by(|a, b| a < b) {
            return Err(invalid(format!("active outputs must rise and be below {}", shape.outputs())));
        }
        Ok(Active::Sample { columns, corrections })
    }

    fn objective(&self) -> Result<Objective> {
        let o = &self.objective;
        let dropout = finite_option("dropout", o.dropout)?;
        if !(0.0..1.0).contains(&dropout) {
            return Err(invalid(format!("dropout must be from 0 to below 1, got {dropout}")));
        }
        Ok(Objective {
            corruption: Corruption {
                rate: finite_option("corruption", o.corruption)?,
                spread: finite_option("corruptionSpread", o.corruption_spread)?,
                items_only: finite_option("itemsOnly", o.items_only)?,
                tags_only: finite_option("tagsOnly", o.tags_only)?,
                seed: u64::from(o.seed),
                epoch: u64::from(o.epoch),
            },
            dropout,
            tag_weight: finite_option("tagWeight", o.tag_weight)?,
            length_exponent: finite_option("lengthExponent", o.length_exponent)?,
            hidden_only: o.hidden_only,
            scale: 1.0 / self.users.len().max(1) as f32,
        })
    }

    fn adam(&self) -> Result<Adam> {
        let (rate, decay) =
            (finite_option("rate", self.objective.rate)?, finite_option("decay", self.objective.decay)?);
        Ok(Adam { rate, decay, step: u64::from(self.objective.step.max(1)) })
    }

    fn shards(&self) -> usize {
        self.users.len().div_ceil(SHARD)
    }

    /// Checks that all arrays have room for the batch; gives the number of active outputs.
    fn check(&self, shape: Shape, active: Active<'_>) -> Result<usize> {
        let (users, shards, stride) = (self.users.len(), self.shards(), shape.stride());
        for (name, weights, rows) in
            [("inputs", &self.inputs, shape.inputs()), ("outputs", &self.outputs, shape.outputs())]
        {
            for array in [&weights.vectors, &weights.means, &weights.squares] {
                check_length(name, rows * stride, array.len())?;
            }
        }
        check_length("starts", users + 1, self.starts.len())?;
        if !self.starts.is_sorted() {
            return Err(invalid("starts must never fall".into()));
        }
        let (count, room) = (active.counts(shape).0, self.room as usize);
        let inputs = self.starts[users] as usize;
        for (name, needed, length) in [
            ("columns", inputs, self.columns.len()),
            ("values", inputs, self.values.len()),
            ("counts", users, self.counts.len()),
            ("hidden", shards * SHARD * stride, self.hidden.len()),
            ("errors", shards * SHARD * stride, self.errors.len()),
            ("gradients", shards * SHARD * room, self.gradients.len()),
            ("losses", shards, self.losses.len()),
            ("room", count, room),
        ] {
            if length < needed {
                return Err(invalid(format!("{name} must have at least {needed} values, got {length}")));
            }
        }
        Ok(count)
    }

    fn read(&self) -> Result<Vec<Range<usize>>> {
        let mut read = matrix_addresses(self.by_user.view()?).to_vec();
        if let Some(tags) = &self.user_tags {
            read.extend(matrix_addresses(tags.view()?));
        }
        read.extend([addresses(&self.users), addresses(&self.starts)]);
        read.push(addresses(self.active.as_deref().unwrap_or(&[])));
        read.push(addresses(self.corrections.as_deref().unwrap_or(&[])));
        Ok(read)
    }

    fn working(&self) -> [(&'static str, Range<usize>); 7] {
        [
            ("columns", self.columns.addresses()),
            ("values", self.values.addresses()),
            ("counts", self.counts.addresses()),
            ("hidden", self.hidden.addresses()),
            ("errors", self.errors.addresses()),
            ("gradients", self.gradients.addresses()),
            ("losses", self.losses.addresses()),
        ]
    }
}

impl AutoencoderWeights {
    fn rows(&self, stride: usize) -> Result<Weights<'_>> {
        Ok(Weights {
            vectors: self.vectors.rows(stride)?,
            means: self.means.rows(stride)?,
            squares: self.squares.rows(stride)?,
        })
    }

    fn written(&self) -> [(&'static str, Range<usize>); 3] {
        [
            ("vectors", self.vectors.addresses()),
            ("means", self.means.addresses()),
            ("squares", self.squares.addresses()),
        ]
    }
}

/// Runs the shards of a batch: draws what is visible, and writes the hidden states, the gradients and the losses.
#[napi(catch_unwind)]
pub fn autoencoder_forward(
    batch: AutoencoderBatch,
    #[napi(ts_arg_type = "Int32Array")] next: SharedArray<i32>,
) -> Result<()> {
    let (shape, simd) = (batch.shape()?, instructions(&batch.simd)?);
    let (active, stride) = (batch.active(shape)?, shape.stride());
    batch.check(shape, active)?;
    let mut read = batch.read()?;
    read.extend([batch.inputs.vectors.addresses(), batch.outputs.vectors.addresses()]);
    let written: Vec<_> = batch.working().into_iter().chain([("next", next.addresses())]).collect();
    check_apart(&written, &read)?;
    let (inputs, outputs) = (batch.inputs.vectors.rows(stride)?, batch.outputs.vectors.rows(stride)?);
    // SAFETY: no thread writes the vectors in this phase.
    let (inputs, outputs) = unsafe { (inputs.rows_ref(0..inputs.rows()), outputs.rows_ref(0..outputs.rows())) };
    let tags = batch.user_tags.as_ref().map(SparseMatrix::view).transpose()?;
    let items = batch.by_user.view()?;
    let forward = Forward { shape, inputs, outputs, items, tags, active, objective: batch.objective()? };
    let (mut columns, mut values) = (batch.columns.rows(1)?, batch.values.rows(1)?);
    let (mut counts, mut losses) = (batch.counts.rows(1)?, batch.losses.rows(1)?);
    let (mut hidden, mut errors) = (batch.hidden.rows(1)?, batch.errors.rows(1)?);
    let mut gradients = batch.gradients.rows(1)?;
    let chunks = next.chunks(batch.shards(), 1)?;
    let mut scratch = Scratch::default();
    while let Some((shard, _)) = chunks.take() {
        let rows = shard * SHARD..((shard + 1) * SHARD).min(batch.users.len());
        let room = batch.starts[rows.start] as usize..batch.starts[rows.end] as usize;
        let states = shard * SHARD * stride..(shard + 1) * SHARD * stride;
        let of_shard = SHARD * batch.room as usize;
        let users = &batch.users[rows.clone()];
        let needed: usize = users
            .iter()
            .map(|&user| forward.room(user).map_err(|error| Error::from_reason(error.to_string())))
            .sum::<Result<_>>()?;
        check_length("the room of a shard's visible inputs", needed, room.len())?;
        // SAFETY: the counter gave this shard, and so its parts of the arrays, to this call alone; they lie apart.
        let (out, loss) = unsafe {
            let out = ShardOutput {
                columns: columns.rows_mut(room.clone()),
                values: values.rows_mut(room),
                counts: counts.rows_mut(rows),
                hidden: hidden.rows_mut(states.clone()),
                errors: errors.rows_mut(states),
                gradients: gradients.rows_mut(shard * of_shard..(shard + 1) * of_shard),
            };
            (out, losses.rows_mut(shard..shard + 1))
        };
        loss[0] =
            forward.shard(users, out, &mut scratch, simd).map_err(|error| Error::from_reason(error.to_string()))?;
    }
    Ok(())
}

/// Steps the vectors of a batch by what {@link autoencoderForward} wrote: the active outputs, then the inputs.
///
/// With a sample of active outputs only vectors that have a gradient are stepped.
#[napi(catch_unwind)]
pub fn autoencoder_update(
    batch: AutoencoderBatch,
    #[napi(ts_arg_type = "Int32Array")] next: SharedArray<i32>,
) -> Result<()> {
    let (shape, simd): (Shape, Simd) = (batch.shape()?, instructions(&batch.simd)?);
    let (active, stride) = (batch.active(shape)?, shape.stride());
    let count = batch.check(shape, active)?;
    let mut read = batch.read()?;
    read.extend(batch.working().into_iter().map(|(_, range)| range));
    let written: Vec<_> =
        batch.inputs.written().into_iter().chain(batch.outputs.written()).chain([("next", next.addresses())]).collect();
    check_apart(&written, &read)?;
    let adam = batch.adam()?;
    let (columns, values, counts) = (batch.columns.rows(1)?, batch.values.rows(1)?, batch.counts.rows(1)?);
    let (hidden, errors, gradients) = (batch.hidden.rows(1)?, batch.errors.rows(1)?, batch.gradients.rows(1)?);
    // SAFETY: no thread writes these in this phase.
    let step = unsafe {
        Batch {
            shape,
            active,
            starts: &batch.starts,
            counts: counts.rows_ref(0..batch.users.len()),
            columns: columns.rows_ref(0..columns.rows()),
            values: values.rows_ref(0..values.rows()),
            hidden: hidden.rows_ref(0..hidden.rows()),
            errors: errors.rows_ref(0..errors.rows()),
            gradients: gradients.rows_ref(0..gradients.rows()),
            room: batch.room as usize,
            is_lazy: batch.active.is_some(),
        }
    };
    let (mut inputs, mut outputs) = (batch.inputs.rows(stride)?, batch.outputs.rows(stride)?);
    let of_outputs = count.div_ceil(CHUNK);
    let chunks = next.chunks(of_outputs + shape.inputs().div_ceil(CHUNK), 1)?;
    let mut scratch = Floats::default();
    while let Some((chunk, _)) = chunks.take() {
        let part = |at: usize, end: usize| at * CHUNK..((at + 1) * CHUNK).min(end);
        // SAFETY: the counter gave this chunk to this call alone, and each vector is in one chunk.
        unsafe {
            match chunk.checked_sub(of_outputs) {
                None => step.update_outputs(part(chunk, count), &mut outputs, adam, &mut scratch, simd),
                Some(at) => step.update_inputs(part(at, shape.inputs()), &mut inputs, adam, &mut scratch, simd),
            }
        }
    }
    Ok(())
}

pub(crate) fn invalid(message: String) -> Error {
    Error::new(Status::InvalidArg, message)
}
