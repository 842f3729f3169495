//! From what the blocks leave of a slice to one vector: the mean of the bands, and of these the mean plus the largest in time.

use super::normalisation::Images;

/// (images × channels) `padded`: as the last block writes them; `left`: bands and frames of it.
pub fn forward(padded: &[f32], left: (usize, usize), channels: usize) -> Vec<f32> {
    let (bands, frames) = left;
    let mut out = Vec::new();
    for image in padded.chunks_exact((bands + 2) * (frames + 2) * channels) {
        let means = band_means(image, left, channels);
        for channel in 0..channels {
            let values = (0..frames).map(|frame| means[frame * channels + channel]);
            let most = values.clone().fold(f32::NEG_INFINITY, f32::max);
            out.push(values.sum::<f32>() / frames as f32 + most);
        }
    }
    out
}

/// (images × bands × frames × channels) The gradients of what was pooled, without a border.
pub fn backward(padded: &[f32], left: (usize, usize), channels: usize, gradients: &[f32]) -> Vec<f32> {
    let (bands, frames) = left;
    let mut out = Vec::with_capacity(gradients.len() * bands * frames);
    let images = padded.chunks_exact((bands + 2) * (frames + 2) * channels);
    for (image, gradients) in images.zip(gradients.chunks_exact(channels)) {
        let means = band_means(image, left, channels);
        let mut row = vec![0.0; frames * channels];
        for (channel, gradient) in gradients.iter().enumerate() {
            let at = |frame: usize| means[frame * channels + channel];
            let most = (1..frames).fold(0, |best, frame| if at(frame) > at(best) { frame } else { best });
            for frame in 0..frames {
                let of_most = if frame == most { 1.0 } else { 0.0 };
                row[frame * channels + channel] = gradient * (1.0 / frames as f32 + of_most) / bands as f32;
            }
        }
        for _ in 0..bands {
            out.extend_from_slice(&row);
        }
    }
    out
}

/// (frames × channels)
fn band_means(image: &[f32], (bands, frames): (usize, usize), channels: usize) -> Vec<f32> {
    let mut means = vec![0.0; frames * channels];
    let row = (frames + 2) * channels;
    for band in 0..bands {
        let values = &image[(band + 1) * row + channels..][..frames * channels];
        for (mean, value) in means.iter_mut().zip(values) {
            *mean += value / bands as f32;
        }
    }
    means
}

/// Writes slices (count × width × height: frames of bands) into images with a border of zeros, whose rows are the bands.
pub fn pad(slices: &[f32], images: Images, padded: &mut [f32]) {
    let Images { height, width, .. } = images;
    let row = width + 2;
    for (slice, image) in slices.chunks_exact(height * width).zip(padded.chunks_exact_mut((height + 2) * row)) {
        for (x, bands) in slice.chunks_exact(height).enumerate() {
            for (y, value) in bands.iter().enumerate() {
                image[(y + 1) * row + x + 1] = *value;
            }
        }
    }
}
