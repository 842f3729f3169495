//! The sizes of a tagger, and where its parameters lie.

use super::convolution::Convolution;
use super::dense::Dense;
use super::loss::Labels;
use super::normalisation::Images;
use aurochs_kernels::initialise::fill_normal;
use std::ops::Range;

/// A tagger of log-mel slices: blocks of a 3 × 3 convolution, batch normalisation, ReLU and 2 × 2 max pooling; of each
/// band and channel that is left the mean plus the largest in time; a layer whose output is the embedding; and one of logits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Rows of a slice.
    pub bands: usize,
    /// Positions of a row.
    pub frames: usize,
    /// Of the output of each block.
    pub channels: Vec<usize>,
    /// Outputs of the layer before the logits.
    pub embedding: usize,
    /// Labels that a slice may have.
    pub classes: usize,
    /// Whether it has one of them or any.
    pub labels: Labels,
}

/// What the weights of the dense layers are multiplied by at the begin: the mean plus the largest of what a block leaves is some three times as
/// large as what the rule supposes, and small logits begin at the loss of knowing nothing.
const DENSE_FACTORS: [f32; 2] = [0.3, 0.1];

/// Where the parameters of a block lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// Its sizes.
    pub convolution: Convolution,
    /// Of the convolution.
    pub weights: Range<usize>,
    /// Of the normalisation.
    pub scale: Range<usize>,
    /// Behind the scale.
    pub shift: Range<usize>,
}

impl Block {
    /// Of `count` images, before they are pooled.
    pub fn images(&self, count: usize) -> Images {
        let Convolution { height, width, output: channels, .. } = self.convolution;
        Images { count, height, width, channels }
    }
}

impl Shape {
    /// What is wrong with it, if anything.
    pub fn fault(&self) -> Option<String> {
        let halvings = self.channels.len();
        let part = 1usize << halvings;
        if halvings == 0 || halvings > 6 {
            return Some(format!("channels must be of 1 to 6 blocks, got {halvings}"));
        }
        if let Some(channels) = self.channels.iter().find(|channels| !channels.is_multiple_of(16) || **channels == 0) {
            return Some(format!("channels must be multiples of 16, got {channels}"));
        }
        if self.bands == 0 || !self.bands.is_multiple_of(part) {
            return Some(format!("bands must be a multiple of {part}, got {}", self.bands));
        }
        if self.frames == 0 || !self.frames.is_multiple_of(4 * part) {
            return Some(format!("frames must be a multiple of {}, got {}", 4 * part, self.frames));
        }
        if self.embedding == 0 || self.classes == 0 {
            return Some("embedding and classes must be at least 1, got 0".to_owned());
        }
        None
    }

    /// Floats of a slice.
    pub fn slice(&self) -> usize {
        self.bands * self.frames
    }

    /// In order.
    pub fn blocks(&self) -> Vec<Block> {
        let (mut height, mut width, mut input, mut at) = (self.bands, self.frames, 1, 0);
        let mut take = |count: usize| {
            at += count;
            at - count..at
        };
        let block = |output: &usize| {
            let convolution = Convolution { height, width, input, output: *output };
            (height, width, input) = (height / 2, width / 2, *output);
            let (weights, scale, shift) = (take(convolution.weights()), take(*output), take(*output));
            Block { convolution, weights, scale, shift }
        };
        self.channels.iter().map(block).collect()
    }

    /// Bands and frames that are left after all blocks.
    pub fn left(&self) -> (usize, usize) {
        let part = 1 << self.channels.len();
        (self.bands / part, self.frames / part)
    }

    /// The layer of the embedding and that of the logits, and where their parameters lie.
    pub fn dense(&self) -> [(Dense, Range<usize>); 2] {
        let first = self.blocks().last().map_or(0, |block| block.shift.end);
        let hidden =
            Dense { inputs: self.left().0 * self.channels.last().copied().unwrap_or(0), outputs: self.embedding };
        let out = Dense { inputs: self.embedding, outputs: self.classes };
        let second = first + hidden.parameters();
        [(hidden, first..second), (out, second..second + out.parameters())]
    }

    /// Of all layers.
    pub fn parameters(&self) -> usize {
        self.dense()[1].1.end
    }

    /// Writes parameters to begin with: weights by He et al. 2015, times [`DENSE_FACTORS`], scales 1, the rest 0. The same for the same seed.
    pub fn initialise(&self, parameters: &mut [f32], seed: u64) {
        assert_eq!(parameters.len(), self.parameters());
        parameters.fill(0.0);
        let mut normal = |range: Range<usize>, inputs: usize, factor: f32| {
            let at = range.start as u64;
            let weights = &mut parameters[range];
            let count = weights.len();
            fill_normal(weights, count, count, 0, factor * (2.0 / inputs as f32).sqrt(), seed ^ at);
        };
        for block in self.blocks() {
            normal(block.weights, 9 * block.convolution.input, 1.0);
        }
        for ((layer, range), factor) in self.dense().into_iter().zip(DENSE_FACTORS) {
            normal(range.start..range.start + layer.inputs * layer.outputs, layer.inputs, factor);
        }
        for block in self.blocks() {
            parameters[block.scale].fill(1.0);
        }
    }

    /// (parameters) 1 where a parameter decays: weights do, what is added or scales does not.
    pub fn decays(&self) -> Vec<f32> {
        let mut decays = vec![0.0; self.parameters()];
        for block in self.blocks() {
            decays[block.weights].fill(1.0);
        }
        for (layer, range) in self.dense() {
            decays[range.start..range.start + layer.inputs * layer.outputs].fill(1.0);
        }
        decays
    }

    /// Floats of the means and variances that batches are normalised by: of each block its means, then its variances.
    pub fn moments(&self) -> usize {
        2 * self.channels.iter().sum::<usize>()
    }
}
