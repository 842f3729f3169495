import type { Algorithm } from '../../algorithm.ts'
import { withInstructions } from '../../training/instructions.ts'
import { weightingSearch } from '../../weighting/options.ts'
import { openAutoencoder, verifyAutoencoder } from './model.ts'
import { type AutoencoderOptions, autoencoderOptions } from './options.ts'
import { trainAutoencoder } from './train.ts'

/** A denoising autoencoder with the multinomial likelihood (Liang, Krishnan, Hoffman & Jebara 2018; Yang, Jeong, Choi & Lee 2018). */
export const autoencoder: Algorithm<AutoencoderOptions> = {
  name: 'autoencoder',
  summary: 'a denoising autoencoder over the items of a user, as the songs of a playlist, and their tags',
  notes: `Of what a user has, a random part is shown in each epoch (--corruption), and one hidden layer is to tell the rest from it, or all (--targets).
With s the scores of items and y the weights of those to be told, it minimises Σ −y ln softmax(s) by AdamW, and the same of tags.
Asked for a list, it first moves the hidden state a step (--refinement) up the likelihood of what the user has.
The scores are the means of those of several networks (--networks), trained from different seeds.`,
  options: autoencoderOptions,
  search: {
    learningRate: { from: 0.001, to: 0.01, scale: 'log' },
    decay: { from: 0.05, to: 2, scale: 'log' },
    corruption: { from: 0.3, to: 0.8, scale: 'linear' },
    batch: { values: [64, 128, 256] },
    targets: { values: ['hidden', 'all'] },
    factors: { values: [200, 400, 800] },
    dropout: { from: 0, to: 0.6, scale: 'linear' },
    refinement: { from: 0, to: 2, scale: 'linear' },
    ...weightingSearch,
  },
  resumable: true,
  resolve: withInstructions,
  train: trainAutoencoder,
  open: openAutoencoder,
  verify: verifyAutoencoder,
}
