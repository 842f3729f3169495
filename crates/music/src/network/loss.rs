//! What a prediction costs, and how that changes with it.

/// What the labels of a clip are: exactly one of the classes, or any of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Labels {
    /// Softmax and cross-entropy.
    Single,
    /// A sigmoid and binary cross-entropy of each class.
    Multi,
}

impl Labels {
    /// `single` or `multi`.
    pub fn named(name: &str) -> Option<Labels> {
        match name {
            "single" => Some(Labels::Single),
            "multi" => Some(Labels::Multi),
            _ => None,
        }
    }

    /// Turns logits (rows × classes) into probabilities.
    pub fn probabilities(self, logits: &mut [f32], classes: usize) {
        for row in logits.chunks_exact_mut(classes) {
            match self {
                Labels::Single => {
                    let most = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                    let mut sum = 0.0;
                    for value in row.iter_mut() {
                        *value = (*value - most).exp();
                        sum += *value;
                    }
                    row.iter_mut().for_each(|value| *value /= sum);
                }
                Labels::Multi => row.iter_mut().for_each(|value| *value = 1.0 / (1.0 + (-*value).exp())),
            }
        }
    }

    /// The sum of the rows' losses against `targets` (rows × classes, from 0 to 1; of `Single` each row sums to 1), and the gradients of
    /// `weight` times that by the logits.
    pub fn loss(self, logits: &[f32], targets: &[f32], classes: usize, weight: f32) -> (f64, Vec<f32>) {
        let mut gradients = logits.to_vec();
        self.probabilities(&mut gradients, classes);
        let mut loss = 0.0;
        for (row, targets) in logits.chunks_exact(classes).zip(targets.chunks_exact(classes)) {
            match self {
                Labels::Single => {
                    let most = f64::from(row.iter().copied().fold(f32::NEG_INFINITY, f32::max));
                    let all = row.iter().map(|value| (f64::from(*value) - most).exp()).sum::<f64>().ln() + most;
                    loss += row
                        .iter()
                        .zip(targets)
                        .map(|(value, target)| f64::from(*target) * (all - f64::from(*value)))
                        .sum::<f64>();
                }
                // ln(1 + eˣ) − t x
                Labels::Multi => {
                    loss += (row.iter().zip(targets))
                        .map(|(value, target)| {
                            let x = f64::from(*value);
                            x.max(0.0) + (-x.abs()).exp().ln_1p() - f64::from(*target) * x
                        })
                        .sum::<f64>();
                }
            }
        }
        for (gradient, target) in gradients.iter_mut().zip(targets) {
            *gradient = weight * (*gradient - target);
        }
        (loss, gradients)
    }
}
