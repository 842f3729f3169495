/** How skip-gram with negative sampling learns (Mikolov et al. 2013); see crates/kernels/src/word2vec. */
export interface SkipGramOptions {
  /** Dimensions of the vectors. */
  readonly factors: number
  /** Passes over the corpus, in all: the learning rate falls linearly until the last one ends. */
  readonly epochs: number
  /** Farthest neighbour that counts; how far is drawn anew, from 1 to this, for each position. */
  readonly window: number
  /** Negative samples for each neighbour, drawn in proportion to count^`negativeExponent`. */
  readonly negatives: number
  readonly negativeExponent: number
  /** t of subsampling: of a row with the share f of the corpus, the share (√(f/t) + 1) · t/f is kept. 0: all of it. */
  readonly subsampling: number
  /** The step size at the begin. */
  readonly learningRate: number
  /** The instruction set of the steps. Default: the widest of the processor. */
  readonly instructions?: string | undefined
  /** The same seed, data and instruction set give the same bits on any number of workers. */
  readonly seed: number
}
