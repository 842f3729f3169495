//! Phases of skip-gram with negative sampling. Each call takes chunks from the shared counter until there is none.

use crate::file::{Operand, values};
use crate::instructions::instructions;
use crate::views::{SharedArray, addresses, check_apart, finite_option};
use aurochs_kernels::scratch::Floats;
use aurochs_kernels::simd::stride;
use aurochs_kernels::word2vec::alias;
use aurochs_kernels::word2vec::sample::{Sampling, Scratch, capacity, check_blocks};
use aurochs_kernels::word2vec::subwords::{self, Parts};
use aurochs_kernels::word2vec::train::{Rows, follow};
use napi::bindgen_prelude::*;
use napi_derive::napi;

/// Writes to `table` (2 × rows) what rows are drawn from in proportion to `weights`.
#[napi(catch_unwind)]
pub fn alias_table(weights: &[f64], mut table: Uint32Array) -> Result<()> {
    check_apart(&[("table", addresses(&table))], &[addresses(weights)])?;
    // SAFETY: one call alone makes the table, before the phases that read it; it lies apart.
    alias::build(weights, unsafe { table.as_mut() }).map_err(refused)
}

/// A corpus, and how samples are drawn from it; see `aurochs_kernels::word2vec::sample::Sampling`.
#[napi(object, object_to_js = false)]
pub struct SkipGramCorpus<'a> {
    /// Rows of the vocabulary, with 0xffffffff between sequences.
    pub tokens: Operand<'a, Uint32Array>,
    /// (rows)
    pub keep: Uint32Array,
    /// (2 × rows) From `aliasTable`.
    pub negatives_of: Uint32Array,
    /// (blocks + 1)
    pub blocks: Uint32Array,
    /// (rows)
    pub block_of: Uint8Array,
    pub window: u32,
    pub negatives: u32,
    pub seed: u32,
    pub epoch: u32,
}

/// The samples of a round: those of chunk c of its positions lie from word c · `room` on.
#[napi(object, object_to_js = false)]
pub struct SkipGramSamples {
    /// (chunks × room)
    #[napi(ts_type = "Uint32Array")]
    pub samples: SharedArray<u32>,
    /// Words for each chunk.
    pub room: u32,
    /// (chunks × (blocks² + 1)) Where in its room the samples of each pair of blocks begin.
    #[napi(ts_type = "Uint32Array")]
    pub bounds: SharedArray<u32>,
}

/// How many words the samples of as many positions take at most.
#[napi(catch_unwind)]
pub fn skip_gram_room(positions: u32, window: u32, negatives: u32, blocks: u32) -> f64 {
    let [positions, window, negatives] = [positions, window, negatives].map(|n| n.min(1 << 20));
    capacity(positions as usize, window, negatives, blocks as usize) as f64
}

/// Draws the samples of the positions from `first` to before `end`, in chunks of `chunkPositions`.
#[napi(catch_unwind)]
pub fn skip_gram_draw(
    corpus: SkipGramCorpus,
    first: f64,
    end: f64,
    chunk_positions: u32,
    round: SkipGramSamples,
    #[napi(ts_arg_type = "Int32Array")] next: SharedArray<i32>,
) -> Result<()> {
    let sampling = Sampling {
        tokens: values(&corpus.tokens)?,
        keep: &corpus.keep,
        negatives_of: &corpus.negatives_of,
        blocks: &corpus.blocks,
        block_of: &corpus.block_of,
        window: corpus.window,
        negatives: corpus.negatives,
        seed: corpus.seed,
        epoch: corpus.epoch,
    };
    sampling.check().map_err(refused)?;
    let written =
        [("samples", round.samples.addresses()), ("bounds", round.bounds.addresses()), ("next", next.addresses())];
    let read = [
        addresses(sampling.tokens),
        addresses(sampling.keep),
        addresses(sampling.negatives_of),
        addresses(sampling.blocks),
        addresses(sampling.block_of),
    ];
    check_apart(&written, &read)?;
    let (first, end) = (first as usize, (end as usize).min(sampling.tokens.len()));
    let pairs = (sampling.blocks.len() - 1).pow(2);
    let mut samples = round.samples.rows(round.room as usize)?;
    let mut bounds = round.bounds.rows(pairs + 1)?;
    let chunks = next.chunks(end.saturating_sub(first), chunk_positions)?;
    if samples.rows() < chunks.len() || bounds.rows() < chunks.len() {
        let (rooms, sets) = (samples.rows(), bounds.rows());
        let words = format!("{} chunks need as many rooms and bounds, got {rooms} and {sets}", chunks.len());
        return Err(refused(words));
    }
    let mut scratch = Scratch::default();
    while let Some((chunk, positions)) = chunks.take() {
        // SAFETY: the counter gave this chunk, and so its room and bounds, to this call alone.
        let (samples, bounds) = unsafe { (samples.rows_mut(chunk..chunk + 1), bounds.rows_mut(chunk..chunk + 1)) };
        let positions = first + positions.start..first + positions.end;
        sampling.draw(positions, &mut scratch, samples, bounds).map_err(refused)?;
    }
    Ok(())
}

/// The two matrices of vectors, (rows × stride) with the stride that `factorStride` gives, and what is kept of their steps.
#[napi(object, object_to_js = false)]
pub struct SkipGramVectors {
    #[napi(ts_type = "Float32Array")]
    pub inputs: SharedArray<f32>,
    #[napi(ts_type = "Float32Array")]
    pub outputs: SharedArray<f32>,
    pub rank: u32,
    /// (blocks + 1)
    pub blocks: Uint32Array,
    /// (blocks² × 2) For each pair of blocks: loss and samples are added to.
    #[napi(ts_type = "Float64Array")]
    pub losses: SharedArray<f64>,
    pub simd: Option<String>,
}

/// Follows the samples of phase `shift` of a round: those of centres in block i and targets in block i + `shift`, modulo the
/// number of blocks, one i at a time. `rates` (chunks) are the step sizes.
#[napi(catch_unwind)]
pub fn skip_gram_follow(
    round: SkipGramSamples,
    rates: Float32Array,
    shift: u32,
    vectors: SkipGramVectors,
    #[napi(ts_arg_type = "Int32Array")] next: SharedArray<i32>,
) -> Result<()> {
    let width = stride(vectors.rank as usize);
    let blocks = &vectors.blocks;
    let written = [
        ("inputs", vectors.inputs.addresses()),
        ("outputs", vectors.outputs.addresses()),
        ("losses", vectors.losses.addresses()),
        ("next", next.addresses()),
    ];
    let read = [round.samples.addresses(), round.bounds.addresses(), addresses(&rates), addresses(blocks)];
    check_apart(&written, &read)?;
    let (mut inputs, mut outputs) = (vectors.inputs.rows(width)?, vectors.outputs.rows(width)?);
    check_blocks(blocks, inputs.rows()).map_err(refused)?;
    let count = blocks.len() - 1;
    let pairs = count * count;
    let mut losses = vectors.losses.rows(2)?;
    let (samples, bounds) = (round.samples.rows(round.room as usize)?, round.bounds.rows(pairs + 1)?);
    if outputs.rows() != inputs.rows() || losses.rows() != pairs || samples.rows().min(bounds.rows()) < rates.len() {
        return Err(refused(format!(
            "{} and {} rows, {} losses of {pairs} pairs of blocks, {} rooms and {} bounds of {} chunks do not fit together",
            inputs.rows(),
            outputs.rows(),
            losses.rows(),
            samples.rows(),
            bounds.rows(),
            rates.len()
        )));
    }
    let simd = instructions(&vectors.simd)?;
    let chunks = next.chunks(count, 1)?;
    let mut scratch = Floats::default();
    while let Some((centre, _)) = chunks.take() {
        let target = (centre + shift as usize) % count;
        let pair = centre * count + target;
        let rows = |block: usize| blocks[block] as usize..blocks[block + 1] as usize;
        // SAFETY: the counter gave this block of centres, and so that of targets, which differs for each, and the loss of the
        // pair, to this call alone.
        let (inputs, outputs, losses) =
            unsafe { (inputs.rows_mut(rows(centre)), outputs.rows_mut(rows(target)), losses.rows_mut(pair..pair + 1)) };
        for (chunk, &rate) in rates.iter().enumerate() {
            // SAFETY: no thread writes samples in this phase.
            let (room, bounds) = unsafe { (samples.rows_ref(chunk..chunk + 1), bounds.rows_ref(chunk..chunk + 1)) };
            let own = room
                .get(bounds[pair] as usize..bounds[pair + 1] as usize)
                .ok_or_else(|| refused("the bounds of the samples must rise within their room".into()))?;
            let inputs = Rows { first: blocks[centre], data: inputs };
            let outputs = Rows { first: blocks[target], data: outputs };
            let rate = finite_option("rates", f64::from(rate))?;
            let followed = follow(own, inputs, outputs, width, rate, &mut scratch, simd).map_err(refused)?;
            losses[0] += followed.loss;
            losses[1] += followed.samples as f64;
        }
    }
    Ok(())
}

/// Which parts make up which words, or the other way: those of row r are `indices[indptr[r]..indptr[r + 1]]`.
#[napi(object, object_to_js = false)]
pub struct SubwordParts {
    pub indptr: BigUint64Array,
    pub indices: Uint32Array,
}

impl SubwordParts {
    fn view(&self) -> Parts<'_> {
        Parts { indptr: &self.indptr, indices: &self.indices }
    }
}

/// Writes to `words` and to `before` (words × stride) the mean of the `parts` (parts × stride) of each word, in chunks of
/// `chunkRows` words.
#[napi(catch_unwind)]
pub fn compose_words(
    parts_of: SubwordParts,
    parts: Float32Array,
    rank: u32,
    #[napi(ts_arg_type = "Float32Array")] words: SharedArray<f32>,
    #[napi(ts_arg_type = "Float32Array")] before: SharedArray<f32>,
    chunk_rows: u32,
    #[napi(ts_arg_type = "Int32Array")] next: SharedArray<i32>,
) -> Result<()> {
    let width = stride(rank as usize);
    let written = [("words", words.addresses()), ("before", before.addresses()), ("next", next.addresses())];
    check_apart(&written, &[addresses(&parts), addresses(&parts_of.indptr), addresses(&parts_of.indices)])?;
    let (mut words, mut before) = (words.rows(width)?, before.rows(width)?);
    if words.rows() != before.rows() {
        return Err(refused(format!("{} rows of words and {} of before", words.rows(), before.rows())));
    }
    let chunks = next.chunks(words.rows(), chunk_rows)?;
    while let Some((_, rows)) = chunks.take() {
        // SAFETY: the counter gave these rows to this call alone.
        let (words, before) = unsafe { (words.rows_mut(rows.clone()), before.rows_mut(rows.clone())) };
        subwords::compose(rows, parts_of.view(), &parts, width, words).map_err(refused_matrix)?;
        before.copy_from_slice(words);
    }
    Ok(())
}

/// Moves `parts` (parts × stride) by what their words moved by, from `before` to `after` (words × stride), in chunks of
/// `chunkRows` parts.
#[napi(catch_unwind)]
pub fn spread_to_parts(
    words_of: SubwordParts,
    before: Float32Array,
    after: Float32Array,
    rank: u32,
    #[napi(ts_arg_type = "Float32Array")] parts: SharedArray<f32>,
    chunk_rows: u32,
    #[napi(ts_arg_type = "Int32Array")] next: SharedArray<i32>,
) -> Result<()> {
    let width = stride(rank as usize);
    let read = [&before, &after].map(|array| addresses(array));
    let matrix = [addresses(&words_of.indptr), addresses(&words_of.indices)];
    check_apart(&[("parts", parts.addresses()), ("next", next.addresses())], &[read, matrix].concat())?;
    let mut parts = parts.rows(width)?;
    let chunks = next.chunks(parts.rows(), chunk_rows)?;
    while let Some((_, rows)) = chunks.take() {
        // SAFETY: the counter gave these rows to this call alone.
        let own = unsafe { parts.rows_mut(rows.clone()) };
        subwords::spread(rows, words_of.view(), &before, &after, width, own).map_err(refused_matrix)?;
    }
    Ok(())
}

fn refused(message: String) -> Error {
    Error::new(Status::InvalidArg, message)
}

fn refused_matrix(error: impl std::error::Error) -> Error {
    refused(error.to_string())
}
