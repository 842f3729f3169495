//! Fully connected layers over few rows, dropout and ReLU.

use aurochs_kernels::simd::{Kernel, Lanes, Simd};

/// A layer of `inputs` × `outputs` weights, and biases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dense {
    pub inputs: usize,
    pub outputs: usize,
}

impl Dense {
    /// (inputs × outputs weights, then outputs biases)
    pub fn parameters(&self) -> usize {
        (self.inputs + 1) * self.outputs
    }

    /// (rows × outputs) of (rows × inputs).
    pub fn forward(&self, parameters: &[f32], rows: &[f32], simd: Simd) -> Vec<f32> {
        assert_eq!(parameters.len(), self.parameters());
        assert_eq!(rows.len() % self.inputs, 0);
        simd.run(Forward { layer: *self, parameters, rows })
    }

    /// Adds the gradients of the parameters, and gives those of the rows (rows × inputs).
    pub fn backward(
        &self,
        parameters: &[f32],
        rows: &[f32],
        gradients: &[f32],
        of_parameters: &mut [f32],
        simd: Simd,
    ) -> Vec<f32> {
        assert_eq!(parameters.len(), self.parameters());
        assert_eq!(of_parameters.len(), self.parameters());
        assert_eq!(rows.len() / self.inputs, gradients.len() / self.outputs);
        simd.run(Backward { layer: *self, parameters, rows, gradients, of_parameters })
    }
}

struct Forward<'a> {
    layer: Dense,
    parameters: &'a [f32],
    rows: &'a [f32],
}

impl Kernel for Forward<'_> {
    type Output = Vec<f32>;

    #[inline(always)]
    fn run<L: Lanes>(self, _: L) -> Vec<f32> {
        let Dense { inputs, outputs } = self.layer;
        let (weights, biases) = self.parameters.split_at(inputs * outputs);
        let mut out = Vec::with_capacity(self.rows.len() / inputs * outputs);
        for row in self.rows.chunks_exact(inputs) {
            let first = out.len();
            out.extend_from_slice(biases);
            let out = &mut out[first..];
            for (value, weights) in row.iter().zip(weights.chunks_exact(outputs)) {
                for (out, weight) in out.iter_mut().zip(weights) {
                    *out += value * weight;
                }
            }
        }
        out
    }
}

struct Backward<'a> {
    layer: Dense,
    parameters: &'a [f32],
    rows: &'a [f32],
    gradients: &'a [f32],
    of_parameters: &'a mut [f32],
}

impl Kernel for Backward<'_> {
    type Output = Vec<f32>;

    #[inline(always)]
    fn run<L: Lanes>(self, _: L) -> Vec<f32> {
        let Dense { inputs, outputs } = self.layer;
        let weights = &self.parameters[..inputs * outputs];
        let (of_weights, of_biases) = self.of_parameters.split_at_mut(inputs * outputs);
        let mut of_rows = Vec::with_capacity(self.rows.len());
        for (row, gradient) in self.rows.chunks_exact(inputs).zip(self.gradients.chunks_exact(outputs)) {
            for (sum, gradient) in of_biases.iter_mut().zip(gradient) {
                *sum += gradient;
            }
            for ((value, weights), of_weights) in
                row.iter().zip(weights.chunks_exact(outputs)).zip(of_weights.chunks_exact_mut(outputs))
            {
                let mut sum = 0.0;
                for ((weight, of_weight), gradient) in weights.iter().zip(of_weights).zip(gradient) {
                    sum += weight * gradient;
                    *of_weight += value * gradient;
                }
                of_rows.push(sum);
            }
        }
        of_rows
    }
}
