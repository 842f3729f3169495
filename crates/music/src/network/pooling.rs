//! From what the blocks leave of a slice to one vector: of each band and channel the mean plus the largest in time.

use super::normalisation::Images;

/// (images × bands × channels) `padded`: as the last block writes them; `left`: bands and frames of it.
pub fn forward(padded: &[f32], left: (usize, usize), channels: usize) -> Vec<f32> {
    let (bands, frames) = left;
    let mut out = Vec::new();
    for image in padded.chunks_exact((bands + 2) * (frames + 2) * channels) {
        for band in 0..bands {
            let row = band_of(image, band, frames, channels);
            for channel in 0..channels {
                let values = row.iter().skip(channel).step_by(channels);
                let most = values.clone().copied().fold(f32::NEG_INFINITY, f32::max);
                out.push(values.sum::<f32>() / frames as f32 + most);
            }
        }
    }
    out
}

/// (images × bands × frames × channels) The gradients of what was pooled, without a border.
pub fn backward(padded: &[f32], left: (usize, usize), channels: usize, gradients: &[f32]) -> Vec<f32> {
    let (bands, frames) = left;
    let mut out = vec![0.0; gradients.len() * frames];
    let images = padded.chunks_exact((bands + 2) * (frames + 2) * channels);
    let written = out.chunks_exact_mut(bands * frames * channels).zip(gradients.chunks_exact(bands * channels));
    for (image, (out, gradients)) in images.zip(written) {
        let of_bands = out.chunks_exact_mut(frames * channels).zip(gradients.chunks_exact(channels));
        for (band, (out, gradients)) in of_bands.enumerate() {
            let row = band_of(image, band, frames, channels);
            for (channel, gradient) in gradients.iter().enumerate() {
                let at = |frame: usize| row[frame * channels + channel];
                let most = (1..frames).fold(0, |best, frame| if at(frame) > at(best) { frame } else { best });
                for frame in 0..frames {
                    let of_most = if frame == most { 1.0 } else { 0.0 };
                    out[frame * channels + channel] = gradient * (1.0 / frames as f32 + of_most);
                }
            }
        }
    }
    out
}

/// (frames × channels) Of an image with its border.
fn band_of(image: &[f32], band: usize, frames: usize, channels: usize) -> &[f32] {
    let row = (frames + 2) * channels;
    &image[(band + 1) * row + channels..][..frames * channels]
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
