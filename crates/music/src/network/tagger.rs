//! The steps of a tagger: forward and backward of a shard of a batch, and prediction.

use super::normalisation::{self, Affine, AffineGradient, Moments};
use super::shape::{Block, Shape};
use super::{dropout, pooling};
use aurochs_kernels::simd::Simd;

/// What a shard is trained on.
#[derive(Clone, Copy)]
pub struct Shard<'a> {
    /// (count × frames × bands)
    pub slices: &'a [f32],
    /// (count × classes) From 0 to 1.
    pub targets: &'a [f32],
    /// What the loss of a slice counts: 1 / slices of the batch.
    pub weight: f32,
    /// The share of the inputs of both dense layers that is set to 0 (Srivastava et al. 2014).
    pub dropout: f32,
    /// Of what is dropped.
    pub seed: u64,
}

/// What a shard's step writes.
pub struct ShardResult<'a> {
    /// (parameters)
    pub gradients: &'a mut [f32],
    /// (blocks × (means, variances)) By which the shard was normalised.
    pub moments: &'a mut [f32],
}

/// Memory of a step, kept from call to call.
#[derive(Default)]
pub struct Workspace {
    /// (blocks + 1) Images with their borders: the slices, and what each block makes of them.
    images: Vec<Vec<f32>>,
    /// (blocks) Of the convolutions.
    values: Vec<Vec<f32>>,
    gradients: Vec<f32>,
    pooled: Vec<f32>,
    packed: Vec<f32>,
    transposed: Vec<f32>,
}

/// Gives the sum of the losses of a shard, normalised by its own moments, and writes the gradients of `weight` times that.
pub fn train(
    shape: &Shape,
    parameters: &[f32],
    shard: Shard,
    result: ShardResult,
    work: &mut Workspace,
    simd: Simd,
) -> f64 {
    let blocks = shape.blocks();
    let count = shard.slices.len() / shape.slice();
    assert_eq!(parameters.len(), shape.parameters());
    assert_eq!(shard.slices.len(), count * shape.slice());
    assert_eq!(shard.targets.len(), count * shape.classes);
    assert_eq!(result.gradients.len(), shape.parameters());
    assert_eq!(result.moments.len(), shape.moments());
    result.gradients.fill(0.0);

    work.reserve(&blocks, count);
    pooling::pad(shard.slices, images_of(&blocks[0], count), &mut work.images[0]);
    let mut moments = Vec::with_capacity(blocks.len());
    let mut at = 0;
    for (place, block) in blocks.iter().enumerate() {
        let convolution = block.convolution;
        let packed = resized(&mut work.packed, convolution.weights());
        convolution.pack(&parameters[block.weights.clone()], packed);
        let (before, after) = work.images.split_at_mut(place + 1);
        let values = &mut work.values[place];
        for (image, values) in
            before[place].chunks_exact(convolution.padded()).zip(values.chunks_exact_mut(convolution.outputs()))
        {
            convolution.forward(image, packed, values, simd);
        }
        let of_block = normalisation::moments(values, convolution.output, simd);
        let affine = affine_of(block, parameters, &of_block);
        normalisation::forward(values, block.images(count), affine, &mut after[0], simd);
        for each in [&of_block.mean, &of_block.variance] {
            result.moments[at..at + each.len()].copy_from_slice(each);
            at += each.len();
        }
        moments.push(of_block);
    }

    let left = shape.left();
    let channels = shape.channels[blocks.len() - 1];
    let last = &work.images[blocks.len()];
    let mut pooled = pooling::forward(last, left, channels);
    let [(hidden, of_hidden), (out, of_out)] = shape.dense();
    let kept = dropout::apply(&mut pooled, shard.dropout, shard.seed);
    let mut embedding = hidden.forward(&parameters[of_hidden.clone()], &pooled, simd);
    embedding.iter_mut().for_each(|value| *value = value.max(0.0));
    let passed: Vec<bool> = embedding.iter().map(|value| *value > 0.0).collect();
    let kept_embedding = dropout::apply(&mut embedding, shard.dropout, shard.seed ^ 0x9e37_79b9_7f4a_7c15);
    let logits = out.forward(&parameters[of_out.clone()], &embedding, simd);
    let (loss, gradients) = shape.labels.loss(&logits, shard.targets, shape.classes, shard.weight);

    let mut gradients =
        out.backward(&parameters[of_out.clone()], &embedding, &gradients, &mut result.gradients[of_out], simd);
    dropout::pass_back(&mut gradients, &kept_embedding);
    for (gradient, passed) in gradients.iter_mut().zip(passed) {
        *gradient = if passed { *gradient } else { 0.0 };
    }
    let mut gradients =
        hidden.backward(&parameters[of_hidden.clone()], &pooled, &gradients, &mut result.gradients[of_hidden], simd);
    dropout::pass_back(&mut gradients, &kept);
    work.pooled = pooling::backward(last, left, channels, &gradients);
    for (place, block) in blocks.iter().enumerate().rev() {
        block_backward(block, (place, count), (parameters, &moments[place]), result.gradients, work, simd);
    }
    loss
}

/// From the gradients of what a block leaves, `work.pooled`, to those of its parameters and of what it takes.
fn block_backward(
    block: &Block,
    (place, count): (usize, usize),
    (parameters, moments): (&[f32], &Moments),
    gradients: &mut [f32],
    work: &mut Workspace,
    simd: Simd,
) {
    let convolution = block.convolution;
    let back = convolution.transposed();
    let of_values = &mut resized(&mut work.gradients, count * back.padded())[..];
    clear_borders(of_values, back.height, back.width, back.input);
    // Scale and shift lie behind the weights.
    let (of_weights, rest) = gradients[block.weights.start..block.shift.end].split_at_mut(convolution.weights());
    let (scale, shift) = rest.split_at_mut(convolution.output);
    let affine = affine_of(block, parameters, moments);
    let images = block.images(count);
    normalisation::backward(
        &work.values[place],
        images,
        affine,
        &work.pooled,
        of_values,
        AffineGradient { scale, shift },
        simd,
    );
    for (image, of_values) in
        work.images[place].chunks_exact(convolution.padded()).zip(of_values.chunks_exact(back.padded()))
    {
        convolution.add_weight_gradient(image, of_values, of_weights, simd);
    }
    if place == 0 {
        return;
    }
    let transposed = resized(&mut work.transposed, convolution.weights());
    convolution.transpose(&parameters[block.weights.clone()], transposed);
    let packed = resized(&mut work.packed, convolution.weights());
    back.pack(transposed, packed);
    work.pooled.resize(count * back.outputs(), 0.0);
    for (of_values, pooled) in of_values.chunks_exact(back.padded()).zip(work.pooled.chunks_exact_mut(back.outputs())) {
        back.forward(of_values, packed, pooled, simd);
    }
}

/// What is said of slices.
pub struct Prediction {
    /// (count × embedding)
    pub embeddings: Vec<f32>,
    /// (count × classes)
    pub probabilities: Vec<f32>,
}

/// Predicts slices one by one, normalised by `moments`, those of the training.
pub fn predict(
    shape: &Shape,
    parameters: &[f32],
    moments: &[f32],
    slices: &[f32],
    work: &mut Workspace,
    simd: Simd,
) -> Prediction {
    assert_eq!(parameters.len(), shape.parameters());
    assert_eq!(moments.len(), shape.moments());
    assert_eq!(slices.len() % shape.slice(), 0);
    let blocks = shape.blocks();
    let mut at = 0;
    let moments: Vec<Moments> = (blocks.iter())
        .map(|block| {
            let count = block.convolution.output;
            at += 2 * count;
            let (mean, variance) = moments[at - 2 * count..at].split_at(count);
            Moments { mean: mean.to_vec(), variance: variance.to_vec() }
        })
        .collect();
    let total = blocks.iter().map(|block| block.convolution.weights()).sum();
    let mut packed = vec![0.0; total];
    let mut first = 0;
    for block in &blocks {
        let count = block.convolution.weights();
        block.convolution.pack(&parameters[block.weights.clone()], &mut packed[first..first + count]);
        first += count;
    }
    work.reserve(&blocks, 1);
    let [(hidden, of_hidden), (out, of_out)] = shape.dense();
    let mut embeddings = Vec::with_capacity(slices.len() / shape.slice() * shape.embedding);
    for slice in slices.chunks_exact(shape.slice()) {
        pooling::pad(slice, images_of(&blocks[0], 1), &mut work.images[0]);
        let mut first = 0;
        for (place, block) in blocks.iter().enumerate() {
            let convolution = block.convolution;
            let (before, after) = work.images.split_at_mut(place + 1);
            let values = &mut work.values[place];
            convolution.forward(&before[place], &packed[first..first + convolution.weights()], values, simd);
            first += convolution.weights();
            normalisation::forward(
                values,
                block.images(1),
                affine_of(block, parameters, &moments[place]),
                &mut after[0],
                simd,
            );
        }
        let pooled = pooling::forward(&work.images[blocks.len()], shape.left(), shape.channels[blocks.len() - 1]);
        let embedding = hidden.forward(&parameters[of_hidden.clone()], &pooled, simd);
        embeddings.extend(embedding.into_iter().map(|value| value.max(0.0)));
    }
    let mut probabilities = out.forward(&parameters[of_out], &embeddings, simd);
    shape.labels.probabilities(&mut probabilities, shape.classes);
    Prediction { embeddings, probabilities }
}

impl Workspace {
    /// Images of which only the insides are written, so that their borders stay 0.
    fn reserve(&mut self, blocks: &[Block], count: usize) {
        let images: Vec<usize> = std::iter::once(count * blocks[0].convolution.padded())
            .chain(blocks.iter().map(|block| count * block.images(count).pooled_padded()))
            .collect();
        if self.images.iter().map(Vec::len).ne(images.iter().copied()) {
            self.images = images.into_iter().map(|floats| vec![0.0; floats]).collect();
        }
        self.values.resize_with(blocks.len(), Vec::new);
        for (values, block) in self.values.iter_mut().zip(blocks) {
            values.resize(count * block.convolution.outputs(), 0.0);
        }
    }
}

fn images_of(block: &Block, count: usize) -> normalisation::Images {
    normalisation::Images { channels: 1, ..block.images(count) }
}

fn affine_of<'a>(block: &Block, parameters: &'a [f32], moments: &'a Moments) -> Affine<'a> {
    Affine { moments, scale: &parameters[block.scale.clone()], shift: &parameters[block.shift.clone()] }
}

fn resized(floats: &mut Vec<f32>, count: usize) -> &mut [f32] {
    if floats.len() < count {
        floats.resize(count, 0.0);
    }
    &mut floats[..count]
}

/// Sets the borders of images to 0.
fn clear_borders(images: &mut [f32], height: usize, width: usize, channels: usize) {
    let row = (width + 2) * channels;
    for image in images.chunks_exact_mut((height + 2) * row) {
        image[..row].fill(0.0);
        image[(height + 1) * row..].fill(0.0);
        for line in image.chunks_exact_mut(row) {
            line[..channels].fill(0.0);
            line[row - channels..].fill(0.0);
        }
    }
}
