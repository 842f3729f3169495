//! The model and its loss as they are defined, in double precision.

use super::Shape;

/// What a user shows and has.
pub struct User {
    /// Columns and values of the visible inputs.
    pub visible: Vec<(usize, f64)>,
    /// Columns and weights of the targets, of items and tags.
    pub targets: Vec<(usize, f64)>,
    /// What dropout multiplies each factor of the hidden state with.
    pub scales: Vec<f64>,
}

/// Sizes and weights.
#[derive(Clone)]
pub struct Model {
    pub shape: Shape,
    /// (inputs × stride)
    pub inputs: Vec<f64>,
    /// (outputs × stride)
    pub outputs: Vec<f64>,
}

impl Model {
    /// After dropout.
    pub fn hidden(&self, user: &User) -> Vec<f64> {
        let stride = self.shape.stride();
        (0..self.shape.factors)
            .map(|f| {
                let sum: f64 =
                    user.visible.iter().map(|&(column, value)| value * self.inputs[column * stride + f]).sum();
                sum.tanh() * user.scales[f]
            })
            .collect()
    }

    /// The log-likelihood of `items`, each as often as its weight, by a hidden state, where there are the outputs `active` alone.
    pub fn likelihood(&self, hidden: &[f64], items: &[(usize, f64)], active: &[usize]) -> f64 {
        let (stride, factors) = (self.shape.stride(), self.shape.factors);
        let score = |column: usize| -> f64 {
            let vector = &self.outputs[column * stride..][..factors + 1];
            hidden.iter().zip(vector).map(|(a, b)| a * b).sum::<f64>() + vector[factors]
        };
        let total: f64 = active.iter().map(|&column| score(column).exp()).sum();
        items.iter().map(|&(column, weight)| weight * (score(column) - total.ln())).sum()
    }

    /// The loss of a user by the outputs `active`, each with what is added to its score where it is no target.
    pub fn loss(
        &self,
        user: &User,
        active: &[(usize, f64)],
        tag_weight: f64,
        length_exponent: f64,
        hidden_only: bool,
    ) -> f64 {
        let (stride, factors) = (self.shape.stride(), self.shape.factors);
        let hidden = self.hidden(user);
        let is_item = |column: usize| column < self.shape.items;
        let is_left_out = |column: usize| hidden_only && user.visible.iter().any(|input| input.0 == column);
        let mut loss = 0.0;
        for (of_items, weight) in [(true, 1.0), (false, tag_weight)] {
            let counts = |column: usize| is_item(column) == of_items && !is_left_out(column);
            let targets: Vec<_> = user.targets.iter().filter(|target| counts(target.0)).collect();
            let score = |column: usize, correction: f64| -> f64 {
                let own = targets.iter().any(|target| target.0 == column);
                let products: f64 = (0..factors).map(|f| hidden[f] * self.outputs[column * stride + f]).sum();
                products + self.outputs[column * stride + factors] + if own { 0.0 } else { correction }
            };
            let scores: Vec<_> =
                active.iter().filter(|output| counts(output.0)).map(|&(c, by)| (c, score(c, by))).collect();
            let total: f64 = scores.iter().map(|&(_, score)| score.exp()).sum();
            let sum: f64 = targets.iter().map(|target| target.1).sum();
            for &&(column, y) in &targets {
                let own = scores.iter().find(|&&(other, _)| other == column).unwrap().1;
                loss -= weight * y * sum.powf(-length_exponent) * (own - total.ln());
            }
        }
        loss
    }
}
