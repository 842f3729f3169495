import type { Algorithm } from '../../algorithm.ts'
import { withInstructions } from '../../training/instructions.ts'
import { openWord2vec, verifyWord2vec } from './model.ts'
import { type Word2vecOptions, word2vecOptions } from './options.ts'
import { assertWord2vecFits, trainWord2vec } from './train.ts'

/** Item vectors from the order of events: skip-gram with negative sampling (Mikolov et al. 2013; Barkan & Koenigstein 2016). */
export const word2vec: Algorithm<Word2vecOptions> = {
  name: 'word2vec',
  summary: 'vectors of items that come near each other in time; the dataset needs times',
  notes: `word2vec takes the events of a user as a text, cut where nothing happens for long (--session-gap), and learns for each item an
input vector v and an output vector u, so that σ(v_i·u_j) tells items j near i from random ones. With v the mean of the last items
of a user (--recent-items), newer ones weighing more (--recency-decay), item j scores
  --ranking outputs   v·u_j + b ln(count of j), b being --popularity-weight
  --ranking inputs    the cosine of v and v_j`,
  options: word2vecOptions,
  search: {
    factors: { from: 32, to: 256, scale: 'log', isWhole: true },
    window: { from: 2, to: 20, scale: 'log', isWhole: true },
    negatives: { from: 3, to: 20, scale: 'log', isWhole: true },
    negativeExponent: { from: -0.5, to: 1, scale: 'linear' },
    subsampling: { from: 1e-6, to: 1e-2, scale: 'log' },
    learningRate: { from: 0.01, to: 0.2, scale: 'log' },
    sessionGap: { values: [0, 6, 24, 168] },
    ranking: { values: ['inputs', 'outputs'] },
    popularityWeight: { from: 0, to: 1, scale: 'linear' },
    recentItems: { from: 1, to: 100, scale: 'log', isWhole: true },
    recencyDecay: { from: 0.2, to: 1, scale: 'linear' },
  },
  resumable: true,
  warmEpochs: 3,
  resolve: withInstructions,
  assertFits: assertWord2vecFits,
  train: trainWord2vec,
  open: openWord2vec,
  verify: verifyWord2vec,
}
