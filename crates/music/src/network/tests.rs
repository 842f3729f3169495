//! Every layer beside a slow twin, and the gradients of the whole beside differences of the loss.

use super::convolution::Convolution;
use super::normalisation::{self, Affine, AffineGradient, Images, Moments};
use super::{Labels, Shape, Shard, ShardResult, Workspace, predict, train};
use aurochs_kernels::initialise::fill_normal;
use aurochs_kernels::simd::Simd;

fn normal(count: usize, seed: u64) -> Vec<f32> {
    let mut values = vec![0.0; count];
    fill_normal(&mut values, count, count, 0, 1.0, seed);
    values
}

/// Images (height × width × channels) with a border of zeros.
fn padded(image: &[f32], height: usize, width: usize, channels: usize) -> Vec<f32> {
    let mut out = vec![0.0; (height + 2) * (width + 2) * channels];
    for y in 0..height {
        for x in 0..width {
            let to = ((y + 1) * (width + 2) + x + 1) * channels;
            out[to..to + channels].copy_from_slice(&image[(y * width + x) * channels..][..channels]);
        }
    }
    out
}

const SIZES: [Convolution; 4] = [
    Convolution { height: 3, width: 8, input: 1, output: 16 },
    Convolution { height: 4, width: 16, input: 1, output: 48 },
    Convolution { height: 5, width: 8, input: 16, output: 32 },
    Convolution { height: 2, width: 24, input: 32, output: 80 },
];

#[test]
fn convolutions_are_those_of_the_definition() {
    for size in SIZES {
        let Convolution { height, width, input, output } = size;
        let image = normal(height * width * input, 1);
        let weights = normal(size.weights(), 2);
        let pad = padded(&image, height, width, input);
        let mut packed = vec![0.0; size.weights()];
        size.pack(&weights, &mut packed);
        for simd in Simd::available() {
            let mut out = vec![0.0; size.outputs()];
            size.forward(&pad, &packed, &mut out, simd);
            for y in 0..height {
                for x in 0..width {
                    for o in 0..output {
                        let mut exact = 0.0;
                        for (ky, kx) in (0..3).flat_map(|ky| (0..3).map(move |kx| (ky, kx))) {
                            for i in 0..input {
                                let value = pad[((y + ky) * (width + 2) + x + kx) * input + i];
                                exact +=
                                    f64::from(value) * f64::from(weights[((3 * ky + kx) * input + i) * output + o]);
                            }
                        }
                        let got = f64::from(out[(y * width + x) * output + o]);
                        assert!((got - exact).abs() < 1e-4, "{size:?} {}: {got} beside {exact}", simd.name());
                    }
                }
            }
        }
    }
}

#[test]
fn gradients_of_weights_and_inputs_are_those_of_the_definition() {
    for size in SIZES {
        let Convolution { height, width, input, output } = size;
        let pad = padded(&normal(height * width * input, 3), height, width, input);
        let weights = normal(size.weights(), 4);
        let gradients = normal(size.outputs(), 5);
        let back = size.transposed();
        let of_outputs = padded(&gradients, height, width, output);
        for simd in Simd::available() {
            let mut of_weights = normal(size.weights(), 6);
            let before = of_weights.clone();
            size.add_weight_gradient(&pad, &of_outputs, &mut of_weights, simd);
            for tap in 0..9 {
                for i in 0..input {
                    for o in 0..output {
                        let mut exact = 0.0;
                        for (y, x) in (0..height).flat_map(|y| (0..width).map(move |x| (y, x))) {
                            let value = pad[((y + tap / 3) * (width + 2) + x + tap % 3) * input + i];
                            exact += f64::from(value) * f64::from(gradients[(y * width + x) * output + o]);
                        }
                        let at = (tap * input + i) * output + o;
                        assert!(
                            (f64::from(of_weights[at] - before[at]) - exact).abs() < 1e-4,
                            "{size:?} {}",
                            simd.name()
                        );
                    }
                }
            }
            if input == 1 {
                continue;
            }
            let (mut transposed, mut packed) = (vec![0.0; size.weights()], vec![0.0; size.weights()]);
            size.transpose(&weights, &mut transposed);
            back.pack(&transposed, &mut packed);
            let mut of_inputs = vec![0.0; back.outputs()];
            back.forward(&of_outputs, &packed, &mut of_inputs, simd);
            for y in 0..height {
                for x in 0..width {
                    for i in 0..input {
                        let mut exact = 0.0;
                        for (ky, kx) in (0..3).flat_map(|ky| (0..3).map(move |kx| (ky, kx))) {
                            // Output (y + 1 − ky, x + 1 − kx) takes this input by the tap (ky, kx).
                            let at = ((y + 2 - ky) * (width + 2) + x + 2 - kx) * output;
                            for o in 0..output {
                                exact += f64::from(of_outputs[at + o])
                                    * f64::from(weights[((3 * ky + kx) * input + i) * output + o]);
                            }
                        }
                        let got = f64::from(of_inputs[(y * width + x) * input + i]);
                        assert!((got - exact).abs() < 1e-3, "{size:?} {}: {got} beside {exact}", simd.name());
                    }
                }
            }
        }
    }
}

/// Normalisation, ReLU and pooling in double precision: (pooled, without borders).
fn naive_block(values: &[f64], images: Images, scale: &[f64], shift: &[f64]) -> Vec<f64> {
    let Images { count, height, width, channels } = images;
    let positions = (count * height * width) as f64;
    let mut out = Vec::new();
    let moments: Vec<(f64, f64)> = (0..channels)
        .map(|c| {
            let of = || values.iter().skip(c).step_by(channels);
            let mean = of().sum::<f64>() / positions;
            (mean, of().map(|value| (value - mean).powi(2)).sum::<f64>() / positions)
        })
        .collect();
    for n in 0..count {
        for i in 0..height / 2 {
            for j in 0..width / 2 {
                for c in 0..channels {
                    let (mean, variance) = moments[c];
                    let at = |y: usize, x: usize| {
                        let value = values[((n * height + 2 * i + y) * width + 2 * j + x) * channels + c];
                        scale[c] * (value - mean) / (variance + 1e-5).sqrt() + shift[c]
                    };
                    out.push(at(0, 0).max(at(0, 1)).max(at(1, 0)).max(at(1, 1)).max(0.0));
                }
            }
        }
    }
    out
}

#[test]
fn normalisation_and_its_gradients_are_those_of_the_definition() {
    let images = Images { count: 2, height: 4, width: 6, channels: 3 };
    let Images { count, height, width, channels } = images;
    let values = normal(images.positions() * channels, 7);
    let (scale, shift) = (vec![1.2, -0.7, 0.5], vec![0.1, 0.3, -0.2]);
    let weights = normal(images.positions() / 4 * channels, 8);
    let double = |values: &[f32]| values.iter().copied().map(f64::from).collect::<Vec<f64>>();
    let naive = naive_block(&double(&values), images, &double(&scale), &double(&shift));
    let cost = |values: &[f64], scale: &[f64], shift: &[f64]| -> f64 {
        naive_block(values, images, scale, shift)
            .iter()
            .zip(&weights)
            .map(|(value, weight)| value * f64::from(*weight))
            .sum()
    };
    for simd in Simd::available() {
        let moments: Moments = normalisation::moments(&values, channels, simd);
        let affine = Affine { moments: &moments, scale: &scale, shift: &shift };
        let mut pooled = vec![0.0; count * images.pooled_padded()];
        normalisation::forward(&values, images, affine, &mut pooled, simd);
        let half = |image: &[f64]| -> Vec<f32> {
            padded(&image.iter().map(|value| *value as f32).collect::<Vec<f32>>(), height / 2, width / 2, channels)
        };
        let expected: Vec<f32> = naive.chunks(naive.len() / count).flat_map(half).collect();
        for (got, expected) in pooled.iter().zip(&expected) {
            assert!((got - expected).abs() < 1e-5);
        }
        let mut gradients = vec![0.0; count * (height + 2) * (width + 2) * channels];
        let (mut of_scale, mut of_shift) = (vec![0.0; channels], vec![0.0; channels]);
        let of_affine = AffineGradient { scale: &mut of_scale, shift: &mut of_shift };
        normalisation::backward(&values, images, affine, &weights, &mut gradients, of_affine, simd);
        let step = 1e-4;
        let mut moved = double(&values);
        for at in 0..values.len() {
            let before = moved[at];
            moved[at] = before + step;
            let above = cost(&moved, &double(&scale), &double(&shift));
            moved[at] = before - step;
            let below = cost(&moved, &double(&scale), &double(&shift));
            moved[at] = before;
            let (position, c) = (at / channels, at % channels);
            let (n, y, x) = (position / (height * width), position / width % height, position % width);
            let got = gradients[((n * (height + 2) + y + 1) * (width + 2) + x + 1) * channels + c];
            let exact = (above - below) / (2.0 * step);
            assert!((f64::from(got) - exact).abs() < 2e-4, "{}: {got} beside {exact}", simd.name());
        }
        for c in 0..channels {
            let mut moved = double(&scale);
            moved[c] += step;
            let above = cost(&double(&values), &moved, &double(&shift));
            moved[c] -= 2.0 * step;
            let below = cost(&double(&values), &moved, &double(&shift));
            assert!((f64::from(of_scale[c]) - (above - below) / (2.0 * step)).abs() < 1e-3);
            let mut moved = double(&shift);
            moved[c] += step;
            let above = cost(&double(&values), &double(&scale), &moved);
            moved[c] -= 2.0 * step;
            let below = cost(&double(&values), &double(&scale), &moved);
            assert!((f64::from(of_shift[c]) - (above - below) / (2.0 * step)).abs() < 1e-3);
        }
    }
}

fn small(labels: Labels) -> Shape {
    Shape { bands: 8, frames: 32, channels: vec![16, 32], embedding: 12, classes: 3, labels }
}

/// Small weights, scales about 1.
fn parameters_of(shape: &Shape) -> Vec<f32> {
    let mut parameters: Vec<f32> = normal(shape.parameters(), 11).iter().map(|value| 0.2 * value).collect();
    for block in shape.blocks() {
        parameters[block.scale].iter_mut().for_each(|scale| *scale += 1.0);
    }
    parameters
}

#[test]
fn gradients_of_all_parameters_are_the_differences_of_the_loss() {
    for labels in [Labels::Single, Labels::Multi] {
        let shape = small(labels);
        assert_eq!(shape.fault(), None);
        let parameters = parameters_of(&shape);
        let slices = normal(3 * shape.slice(), 12);
        let targets = vec![1.0, 0.0, 0.0, 0.2, 0.5, 0.3, 0.0, 0.0, 1.0];
        let shard = Shard { slices: &slices, targets: &targets, weight: 0.25, dropout: 0.3, seed: 5 };
        let mut moments = vec![0.0; shape.moments()];
        let mut gradients = vec![0.0; shape.parameters()];
        let mut work = Workspace::default();
        let mut loss_of = |parameters: &[f32], gradients: &mut [f32]| {
            let result = ShardResult { gradients, moments: &mut moments };
            train(&shape, parameters, shard, result, &mut work, Simd::detect())
        };
        let loss = loss_of(&parameters, &mut gradients);
        assert!(loss > 0.0);
        let mut others = vec![0.0; shape.parameters()];
        // In the direction of a few parameters of each kind at once, the differences stand above rounding.
        for trial in 0..24 {
            let direction = normal(shape.parameters(), 100 + trial);
            let step = 1e-4;
            let mask = |at: usize| (at as u64 * 2_654_435_761) % 24 == trial;
            let moved = |sign: f32| -> Vec<f32> {
                let each = parameters.iter().zip(&direction).enumerate();
                each.map(|(at, (value, by))| if mask(at) { value + sign * step * by } else { *value }).collect()
            };
            let above = loss_of(&moved(1.0), &mut others);
            let below = loss_of(&moved(-1.0), &mut others);
            let numeric = 0.25 * (above - below) / (2.0 * f64::from(step));
            let exact: f64 = (gradients.iter().zip(&direction).enumerate())
                .filter(|(at, _)| mask(*at))
                .map(|(_, (gradient, by))| f64::from(*gradient) * f64::from(*by))
                .sum();
            assert!(
                (numeric - exact).abs() < 0.02 * (1.0 + exact.abs()),
                "{labels:?} {trial}: {numeric} beside {exact}"
            );
        }
    }
}

#[test]
fn a_step_is_the_same_whatever_was_in_memory_and_prediction_by_the_same_moments_agrees() {
    let shape = small(Labels::Single);
    let parameters = parameters_of(&shape);
    let slices = normal(4 * shape.slice(), 13);
    let targets = [1.0, 0.0, 0.0].repeat(4);
    let shard = Shard { slices: &slices, targets: &targets, weight: 0.25, dropout: 0.0, seed: 1 };
    let run = |work: &mut Workspace| {
        let (mut gradients, mut moments) = (vec![7.0; shape.parameters()], vec![7.0; shape.moments()]);
        let result = ShardResult { gradients: &mut gradients, moments: &mut moments };
        let loss = train(&shape, &parameters, shard, result, work, Simd::detect());
        (loss, gradients, moments)
    };
    let mut work = Workspace::default();
    let first = run(&mut work);
    predict(&shape, &parameters, &first.2, &slices, &mut work, Simd::detect());
    assert_eq!(run(&mut work), first);
    let prediction = predict(&shape, &parameters, &first.2, &slices, &mut work, Simd::detect());
    let loss: f64 = prediction.probabilities.chunks(3).map(|row| -f64::from(row[0]).ln()).sum();
    assert!((loss - first.0).abs() < 1e-4, "{loss} beside {}", first.0);
    assert_eq!(prediction.embeddings.len(), 4 * shape.embedding);
}

#[test]
fn adamw_is_that_of_the_paper() {
    use super::adamw::{AdamW, Moving, step};
    let (mut parameters, decays) = (vec![0.5f32, -1.0, 2.0], [1.0, 0.0, 1.0]);
    let (mut first, mut second) = (vec![0.0; 3], vec![0.0; 3]);
    let mut naive = [0.5f64, -1.0, 2.0].map(|value| (value, 0.0, 0.0));
    for at in 1..=5u32 {
        let shards = [normal(3, u64::from(at)), normal(3, 50 + u64::from(at))];
        let adam = AdamW { rate: 0.01, decay: 0.1, first: 0.9, second: 0.999, epsilon: 1e-8, step: at };
        let moving = Moving { parameters: &mut parameters, first: &mut first, second: &mut second, decays: &decays };
        step(adam, moving, &[&shards[0], &shards[1]], Simd::detect());
        for (place, (value, m, v)) in naive.iter_mut().enumerate() {
            let gradient = f64::from(shards[0][place]) + f64::from(shards[1][place]);
            *m = 0.9 * *m + 0.1 * gradient;
            *v = 0.999 * *v + 0.001 * gradient * gradient;
            let (m, v) = (*m / (1.0 - 0.9f64.powi(at as i32)), *v / (1.0 - 0.999f64.powi(at as i32)));
            *value -= 0.01 * (m / (v.sqrt() + 1e-8) + 0.1 * f64::from(decays[place]) * *value);
        }
    }
    for (value, (exact, _, _)) in parameters.iter().zip(naive) {
        assert!((f64::from(*value) - exact).abs() < 1e-5);
    }
}
