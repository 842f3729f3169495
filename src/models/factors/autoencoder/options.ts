import { z } from 'zod'
import { MAX_RANK } from '../../../storage/factors.ts'
import { instructions } from '../../training/instructions.ts'
import { weightingOptions } from '../../weighting/options.ts'

/**
 * Networks, in the validation of `npm run bench -- playlists` (two draws of what is to be found, one seed but for the first row), NDCG@100 and R-precision;
 * hetrec-lastfm by η 2, of one network by 1.5; playlists-5k, of which 15 % of the songs were given, by η 1:
 *
 * | networks × factors of each | hetrec-lastfm | playlists-5k |
 * | --- | ---: | ---: |
 * | 1 × 400 (4 and 3 seeds) | .451 to .453 .276 to .279 | .279 .157 to .159 |
 * | 2 × 400 | .456 .279 | .281 .158 |
 * | 3 × 340 | .457 .281 | |
 * | 4 × 250 | .455 .280 | .277 .157 |
 * | 8 × 125 | .445 .272 | |
 *
 * Before, in that validation (251, 740 and 833 playlists, one seed, one network), NDCG@100 and R-precision, without a refinement, and by the best
 * of η 0.5, 1, 1.5 and 2; factors 400 and dropout 0.3 but where it says so; citeulike-a, and all without a refinement that is not of
 * playlists-5k, by a prototype with the same steps:
 *
 * | | hetrec-lastfm | citeulike-a | playlists-5k (3 songs are given) |
 * | --- | ---: | ---: | ---: |
 * | 200 factors, no dropout | .451 .274 | .358 .212 | corruption .8: .283 .154 |
 * | 400 factors, dropout .3 | .454 .279 | .365 .222 | |
 * | refined | .460 .280 | .374 .230 | |
 * | corruption .8, 20 epochs | | | .273 .148, refined .283 .155 |
 * | corruption .8, 30 epochs, targets all, decay .5 | | | .282 .153, refined .286 .153 |
 * | corruption .7, 20 epochs, targets all, decay 1 | | | .277 .151, refined .286 .157 |
 * | the same, decay 2 | | | .260 .141, refined .282 .153 |
 *
 * A refinement of short histories by a model of 40 epochs does harm from η = 1 on. Ten steps do no better than one, nor all items better than 200
 * likely ones. Without dropout 400 factors were no better than 200; dropout .5, and 600 factors with .4, no better than this. Of 200 factors without
 * dropout, running means of the weights (.452), no activation (.451), shared input and output vectors (.446), a start from singular vectors (.444),
 * a second layer (.444), inputs by rarity (.452), users counted half alike (.451) were no better than .452 ± .002, and the sum of three
 * seeds, .455, was about as good as dropout.
 *
 * Before that: NDCG@100 of the other half of playlists that the training lacks, a validation part of the training playlists of each dataset (one seed,
 * 200 factors, corruption 0.5 without spread, no dropout or refinement; what is not said is as in the row above):
 *
 * | targets | batch | learning rate | decay | epochs | hetrec-lastfm | citeulike-a | playlists-5k |
 * | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
 * | all | 256 | .002 | .01 | 60, 40, 30 | .428 | .269 | .298 |
 * | all | 256 | .002 | 1 | 60, 40, 30 | | .243 | .306 |
 * | all | 256 | .004 | .01 | 60 | .436 | | |
 * | hidden | 256 | .004 | .01 | 60 | .442 | | |
 * | hidden | 128 | .004 | .3 | 60 | .446 | | |
 * | hidden, corruption .6 | 64 | .004 | .5 | 60 | .449 | | |
 * | hidden | 64 | .004 | .3 | 40 | | .364 | |
 * | all | 128 | .004 | .3 | 40 | | .363 | |
 * | all, corruption .6 | 128 | .004 | .5 | 30 | | | .305 |
 * | hidden, corruption .6 | 128 | .004 | .5 | 20 | | | .297 |
 * | ALS by its defaults | | | | | .438 | .270 | .283 |
 *
 * Users counted alike (ν = 0.5), corruption .3 or .7, ten times smaller initial weights, and pairs by `tfidf` were no better.
 *
 * In the validation of `npm run bench -- playlists`, by 200 factors without dropout or refinement: hetrec-lastfm .451; of 100 factors .442, of
 * 400 .450; decay .6 .452, 1 .450; corruption .6 .450; batches of 64 .452, of 32 at half the learning rate .454. Of playlists-5k, where 3 songs are
 * given and 20 are to be found, .273, with corruption .8, so that as much is hidden in training, .283.
 */
export const autoencoderOptions = z.strictObject({
  factors: z
    .int()
    .min(1)
    // The outputs have their biases beside their factors.
    .max(MAX_RANK - 1)
    .default(800)
    .describe('width of the hidden layers, of all networks together, 1 to 1023'),
  networks: z
    .int()
    .min(1)
    .max(64)
    .default(2)
    .describe('networks that share the factors evenly and are trained apart; scores are the mean of theirs'),
  epochs: z.int().min(0).max(100_000).default(40).describe('passes over the data, in all'),
  batch: z.int().min(1).max(65_536).default(128).describe('users of a step'),
  learningRate: z.number().positive().max(1).default(0.004).describe('step size of Adam at the begin; it falls to 0'),
  decay: z
    .number()
    .min(0)
    .max(1000)
    .default(0.3)
    .describe('weight decay of AdamW, in each step in units of the learning rate; biases have none'),
  corruption: z
    .number()
    .min(0)
    .max(0.99)
    .default(0.5)
    .describe('mean probability that an item or tag is hidden from the input, where part of its kind is visible'),
  corruptionSpread: z
    .number()
    .min(0)
    .max(1)
    .default(0.5)
    .describe(
      'how far the probability of a user is drawn from that mean: 0: not at all; 1: as far as there is from 0 to 1, for histories of any length',
    ),
  dropout: z
    .number()
    .min(0)
    .max(0.99)
    .default(0.3)
    .describe('probability that a factor of the hidden layer is left out of a step'),
  itemsOnly: z
    .number()
    .min(0)
    .max(1)
    .default(0.5)
    .describe('probability that all tags of a user are hidden; of datasets with tags'),
  tagsOnly: z
    .number()
    .min(0)
    .max(1)
    .default(0.1)
    .describe('probability that all items of a user are hidden, where the tags are not; of datasets with tags'),
  tagWeight: z
    .number()
    .min(0)
    .max(1000)
    .default(0.2)
    .describe('λ, what the loss of tags counts beside that of items; of datasets with tags'),
  lengthExponent: z
    .number()
    .min(0)
    .max(1)
    .default(0)
    .describe('ν, a user of n items counts as n^(1 − ν): 0: each item alike, 1: each user alike'),
  targets: z
    .enum(['all', 'hidden'])
    .default('hidden')
    .describe('what is to be told: all that the user has; or what is hidden, without what is visible in the softmax'),
  softmax: z
    .enum(['auto', 'full', 'sampled'])
    .default('auto')
    .describe(
      'full: over all items; sampled: over those of the batch and random ones; auto: full up to 50,000 items and tags',
    ),
  samples: z
    .int()
    .min(1)
    .max(10_000_000)
    .default(8192)
    .describe('random items, and as many tags, of each step of a sampled softmax'),
  refinement: z
    .number()
    .min(0)
    .max(100)
    .default(1)
    .describe(
      'η, the step that the hidden state of a history takes up the likelihood of its items when a model is asked: 0: none',
    ),
  initialDeviation: z.number().positive().max(10).default(0.05).describe('standard deviation of the initial weights'),
  /** The same seed, data and instruction set give the same bits on any number of workers. */
  seed: z.int().min(0).max(0xffff_ffff).default(0).describe('seed of all random numbers'),
  instructions,
  ...weightingOptions,
})

export type AutoencoderOptions = Readonly<z.output<typeof autoencoderOptions>>

/** Factors of each network: as even as can be, and one at least. */
export function networkWidths({ factors, networks }: Pick<AutoencoderOptions, 'factors' | 'networks'>): number[] {
  const count = Math.min(factors, networks)
  const end = (network: number) => Math.floor((network * factors) / count)
  return Array.from({ length: count }, (_, network) => end(network + 1) - end(network))
}

/** Of the first network that of the options. */
export function seedOf({ seed }: Pick<AutoencoderOptions, 'seed'>, network: number): number {
  return (seed + Math.imul(network, 0x6c07_8965)) >>> 0
}

/** Items and tags up to which `auto` takes the full softmax: a step of 256 users takes 50 MB of gradients there. */
const mostOfFullSoftmax = 50_000

export function isSampled({ softmax }: AutoencoderOptions, outputs: number): boolean {
  return softmax === 'auto' ? outputs > mostOfFullSoftmax : softmax === 'sampled'
}
