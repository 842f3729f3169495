/** That no call of the binding ends the process, whatever it is given. */
import { globSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { native } from '../../src/native.ts'
import { tone, wav } from '../music/wav.ts'
import { freshFolder } from '../storage/folder.ts'

type Name = Exclude<keyof typeof native, 'FileSlice' | 'MelReader'>

const wordLimit = 0xffff_ffff
const count = fc.oneof(
  { weight: 4, arbitrary: fc.nat(20) },
  { weight: 1, arbitrary: fc.constantFrom(64, 1024, 2 ** 31, wordLimit) },
)
const float = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(1, 0.5, 2, 3) },
  { weight: 1, arbitrary: fc.constantFrom(0, -1, Number.NaN, Number.POSITIVE_INFINITY, 3e38, -3e38, 1e-45) },
)
const word = fc.oneof(
  { weight: 4, arbitrary: fc.nat(6) },
  { weight: 1, arbitrary: fc.constantFrom(2 ** 31, wordLimit, wordLimit - 15) },
)
const long = fc.oneof(
  { weight: 4, arbitrary: fc.bigInt({ min: 0n, max: 12n }) },
  { weight: 1, arbitrary: fc.constantFrom(2n ** 40n, 2n ** 63n, 2n ** 64n - 1n) },
)
/** Lengths that often fit together. */
const lengths = { maxLength: 300, size: 'max' } as const
const some = <T>(value: fc.Arbitrary<T>) =>
  fc.oneof(
    fc
      .constantFrom(0, 1, 2, 3, 4, 16, 32, 256)
      .chain(length => fc.array(value, { minLength: length, maxLength: length })),
    fc.array(value, lengths),
  )
const bytes = some(fc.nat(255)).map(values => Uint8Array.from(values))
const words = some(word).map(values => Uint32Array.from(values))
const ints = some(fc.constantFrom(0, 1, 2, 3, 9, -1, 2 ** 31 - 1)).map(values => Int32Array.from(values))
const floats = some(float).map(values => Float32Array.from(values))
const doubles = some(float).map(values => Float64Array.from(values))
const longs = some(long).map(values => BigUint64Array.from(values))
const signed = some(long).map(values => BigInt64Array.from(values))
const counter = fc.constantFrom([0], [0], [0], [], [-1], [7], [2 ** 31 - 1]).map(values => Int32Array.from(values))
const simd = fc.constantFrom(undefined, 'plain', 'none', ...native.instructionSets())

/** A matrix that is damaged in some way more often than not. */
const sparse = fc.record({
  indptr: fc.oneof(longs, fc.constant(BigUint64Array.of(0n, 2n, 2n, 4n))),
  indices: fc.oneof(words, fc.constant(Uint32Array.of(0, 1, 1, 2))),
  weights: fc.oneof(floats, fc.constant(Float32Array.of(1, 2, 0.5, 1))),
})
const audiencePhase = fc.record({ scores: floats, chunkRows: count, next: counter, simd })
const phase = fc.record({ factors: floats, rank: count, chunkRows: count, next: counter, simd })
const objective = fc.record({
  unobserved: float,
  alpha: float,
  weightOffset: float,
  targetOffset: float,
  regularization: float,
  frequencyExponent: float,
})
const step = fc.record({
  entries: sparse,
  fixed: floats,
  fixedStride: count,
  spectrum: doubles,
  objective,
  steps: fc.constantFrom(undefined, 0, 1, 3),
  simd,
})
const similarity = fc.record({
  measure: fc.constantFrom('cosine', 'tfidf', 'bm25', 'jaccard', 'asymmetric', 'rp3beta', 'none'),
  weighted: fc.boolean(),
  ...{ shrinkage: float, locality: float, k1: float, b: float, asymmetry: float, alpha: float, beta: float },
})
const training = fc.record({ byRow: sparse, byColumn: sparse, similarity, limit: count })
const plan = fc.record({
  ...{ left: doubles, right: doubles, totals: doubles, most: doubles, weights: doubles },
  ...{ costs: longs, starts: longs },
})
const output = fc.record({ indices: words, similarities: floats, counts: words })
const lookup = fc.record({
  ...{ similarity, byColumn: sparse, right: doubles, weights: doubles },
  meanLength: float,
})
const queries = fc.array(
  fc.record({
    ...{ columns: words, weights: floats, own: fc.option(word, { nil: undefined }), limit: count },
    mostAdditions: count,
    allowed: fc.option(words, { nil: undefined }),
  }),
  { maxLength: 3 },
)
const requests = fc.array(
  fc.record({
    items: words,
    weights: floats,
    own: fc.option(floats, { nil: undefined }),
    limit: count,
    exclude: words,
    only: fc.option(words, { nil: undefined }),
    allowed: fc.option(words, { nil: undefined }),
  }),
  { maxLength: 3 },
)
const steps = fc.record({ window: count, decay: float, backward: float })
/** Three items in two sessions, with or without damage. */
const sessions = fc.record({
  tokens: fc.oneof(words, fc.constant(Uint32Array.of(0, 1, wordLimit, 2, wordLimit))),
  weights: fc.option(floats, { nil: undefined }),
  indptr: fc.oneof(longs, fc.constant(BigUint64Array.of(0n, 1n, 2n, 3n))),
  places: fc.oneof(words, fc.constant(Uint32Array.of(0, 1, 3))),
})
const transitionOutput = fc.record({
  starts: fc.oneof(longs, fc.constant(BigUint64Array.of(0n, 1n, 2n, 3n))),
  ...{ indices: words, values: floats, counts: words },
})
const transitionCounts = fc.record({
  counts: sparse,
  ...{ totals: doubles, factors: doubles, share: float },
  ...{ middle: count, limit: count },
})
const pastSessions = fc.record({
  indptr: fc.oneof(longs, fc.constant(BigUint64Array.of(0n, 2n, 3n))),
  items: fc.oneof(words, fc.constant(Uint32Array.of(0, 1, 1))),
  factors: fc.oneof(floats, fc.constant(Float32Array.of(1, 0.5))),
})
const sessionIndex = fc.record({
  indptr: fc.oneof(longs, fc.constant(BigUint64Array.of(0n, 1n, 3n))),
  sessions: fc.oneof(words, fc.constant(Uint32Array.of(0, 1, 0))),
})
const sessionCounts = fc.oneof(words, fc.constant(Uint32Array.of(1, 2)))
const sessionTerms = fc.record({ nearest: count, latest: count, decay: float, backward: float })
const filter = fc.record({
  interactions: sparse,
  weighted: fc.boolean(),
  userScales: fc.oneof(floats, fc.constant(Float32Array.of(1, 1, 0.5))),
  itemScales: fc.oneof(floats, fc.constant(Float32Array.of(1, 1, 0.5))),
  polynomial: floats,
  factors: fc.oneof(count, fc.constant(2)),
  vectors: fc.oneof(floats, fc.constant(Float32Array.of(1, 1, 0.5, 2, 0, 1))),
  response: fc.oneof(floats, fc.constant(new Float32Array(128).fill(1))),
})
const product = fc.record({
  matrix: sparse,
  weighted: fc.boolean(),
  rowScales: fc.oneof(floats, fc.constant(Float32Array.of(1, 1, 0.5))),
  columnScales: floats,
  dense: floats,
  rank: count,
  added: fc.option(fc.record({ coefficient: float, rows: floats }), { nil: undefined }),
  simd,
})
const easeTraining = fc.record({ byItem: sparse, byUser: sparse, weighted: fc.boolean(), regularization: float })
/** A tile, which often is one. */
const tile = fc.oneof(
  floats,
  fc.constant(0).map(() => Float32Array.from({ length: 1024 }, (_, at) => Number(at % 33 === 0))),
)
const triangle = fc.record({
  values: tile,
  items: fc.oneof(count, fc.constant(3)),
  size: fc.constantFrom(0, 32, 32, 33, 64),
})
const panels = fc.record({ inverse: tile, left: tile, right: tile })
const entries = fc.record({
  starts: fc.oneof(longs, fc.constant(BigUint64Array.of(0n, 2n, 2n, 4n))),
  indices: words,
  weights: floats,
  counts: words,
})
const slistTraining = fc.record({ sessions, consistency: float, pastDecay: float, futureDecay: float })
const slistRegression = fc.record({ gramian: sparse, regularization: float, dropout: float, mostOwn: float })
const easeWeights = fc.record({
  items: fc.oneof(count, fc.constant(3)),
  dense: fc.option(fc.oneof(floats, fc.constant(new Float32Array(9))), { nil: undefined }),
  sparse: fc.option(sparse, { nil: undefined }),
})
const bprSamples = fc.record({
  samples: fc.oneof(words, fc.constant(Uint32Array.of(0, 0, 0, 1))),
  rooms: fc.oneof(longs, fc.constant(BigUint64Array.of(0n, 2n))),
  bounds: fc.oneof(words, fc.constant(Uint32Array.of(0, 1, 2)), fc.constant(Uint32Array.of(0, 2))),
  users: fc.oneof(words, fc.constant(Uint32Array.of(0, 1))),
  order: fc.oneof(words, fc.constant(Uint32Array.of(0, 1))),
  places: fc.oneof(words, fc.constant(Uint32Array.of(0, 1)), fc.constant(Uint32Array.of(0, 1 << 24))),
  blocks: fc.oneof(count, fc.constantFrom(1, 2)),
  seed: word,
  epoch: word,
})
const bprModel = fc.record({
  users: fc.oneof(floats, fc.constant(new Float32Array(16))),
  items: fc.oneof(floats, fc.constant(new Float32Array(32))),
  biases: fc.oneof(floats, fc.constant(new Float32Array(2))),
  rank: fc.oneof(count, fc.constant(3)),
  rate: float,
  regularization: float,
  frequencies: fc.option(floats, { nil: undefined }),
  simd,
})
/** Turns at first; with others a call would wait for one that there is not. */
const turns = fc.constantFrom(0, 1, 2, 2, 3, 16).map(length => new Int32Array(length))
const bprFoldIn = fc.record({
  items: floats,
  width: fc.oneof(count, fc.constantFrom(1, 2, 4)),
  unobserved: fc.oneof(doubles, fc.constant(Float64Array.of(1, 0, 0, 1))),
})
const search = fc.record({
  limit: count,
  cosine: fc.boolean(),
  shrinkage: fc.option(float, { nil: undefined }),
  excludeIndptr: fc.option(words, { nil: undefined }),
  excludeIndices: fc.option(words, { nil: undefined }),
  only: fc.option(words, { nil: undefined }),
  allowed: fc.option(words, { nil: undefined }),
  stride: fc.option(count, { nil: undefined }),
  simd,
})
/** An index of four items of rank 3, with or without damage, or bytes that are none. */
const index = fc.oneof(
  bytes,
  fc.array(fc.tuple(fc.nat(1407), fc.nat(255)), { maxLength: 4 }).map(damages => {
    const factors = Float32Array.from({ length: 12 }, (_, place) => place)
    const order = native.topKOrder(factors, 3, 3)
    const piece = new Uint8Array(native.topKBytes(128, 3))
    const tile = piece.subarray(0, native.topKTiles(factors, 3, 3, order, 0, 1, piece))
    const whole = Uint8Array.from([...native.topKHead(order, 3), ...tile])
    for (const [place, value] of damages) if (place < whole.length) whole[place] = value
    // On a cache line, as it must be.
    const memory = new Uint8Array(whole.length + 64)
    const begin = (64 - native.misalignment(memory)) % 64
    memory.set(whole, begin)
    return memory.subarray(begin, begin + whole.length)
  }),
)
const itemFactors = fc.oneof(floats, fc.constant(Float32Array.from({ length: 12 }, (_, place) => place)))
const rank = fc.oneof(count, fc.constant(3))
const parts = fc.record({ indptr: fc.oneof(longs, fc.constant(BigUint64Array.of(0n, 1n, 2n))), indices: words })
/** Three rows in two blocks, with or without damage. */
const corpus = fc.record({
  tokens: fc.oneof(words, fc.constant(Uint32Array.of(0, 1, 2, wordLimit, 1, 0))),
  keep: fc.oneof(words, fc.constant(Uint32Array.of(wordLimit, wordLimit, 9))),
  negativesOf: fc.oneof(words, fc.constant(Uint32Array.of(wordLimit, 0, 7, 2, wordLimit, 2))),
  blocks: fc.oneof(words, fc.constant(Uint32Array.of(0, 1, 3))),
  blockOf: fc.oneof(bytes, fc.constant(Uint8Array.of(0, 1, 1))),
  window: count,
  negatives: count,
  seed: word,
  epoch: word,
})
const samples = fc.record({
  samples: fc.oneof(words, fc.constant(Uint32Array.of(2 ** 31, 1, 0, 2 ** 31 + 1, 5))),
  room: fc.oneof(count, fc.constant(5)),
  bounds: fc.oneof(words, fc.constant(Uint32Array.of(0, 3, 3, 3, 5))),
})
const vectors = fc.record({
  inputs: fc.oneof(
    floats,
    fc.constant(48).map(length => new Float32Array(length)),
  ),
  outputs: fc.oneof(
    floats,
    fc.constant(48).map(length => new Float32Array(length)),
  ),
  rank: fc.oneof(count, fc.constant(3)),
  blocks: fc.oneof(words, fc.constant(Uint32Array.of(0, 1, 3))),
  losses: fc.oneof(doubles, fc.constant(new Float64Array(8))),
  simd,
})
/** Of four rows and two slabs, empty or with damage. */
const liveTable = fc.record({
  words: fc.oneof(
    words,
    fc.array(fc.tuple(fc.nat(307), fc.nat()), { maxLength: 9 }).map(damages => {
      const table = new Uint32Array(native.liveTransitionWords(4, 2))
      for (const [place, value] of damages) table[place] = value
      return table
    }),
  ),
  rows: fc.oneof(count, fc.constant(4)),
  slabs: fc.oneof(count, fc.constant(2)),
})
/** Of four items, two sessions and three blocks, as a writer left them or with damage. */
const liveSessions = fc.record({
  words: fc.oneof(
    words,
    fc
      .tuple(
        fc.array(fc.tuple(fc.nat(4), fc.nat(3), fc.nat(3)), { maxLength: 9 }),
        fc.array(fc.tuple(fc.nat(113), fc.oneof(fc.nat(9), fc.nat())), { maxLength: 9 }),
      )
      .map(([events, damages]) => {
        const table = new Uint32Array(native.liveSessionWords(4, 2, 3))
        for (const event of events)
          native.learnSession({ words: table, rows: 4, slots: 2, blocks: 3 }, ...event, 0.5, 0)
        for (const [place, value] of damages) table[place] = value
        return table
      }),
  ),
  rows: fc.oneof(count, fc.constant(4)),
  slots: fc.oneof(count, fc.constant(2)),
  blocks: fc.oneof(count, fc.constant(3)),
})
/** Four rows of two columns, one of these the same for all, with or without damage. */
const ftrlFeatures = fc.record({
  rows: fc.oneof(count, fc.constant(4)),
  columns: fc.oneof(fc.array(words, { maxLength: 3 }), fc.constant([Uint32Array.of(0, 1, 2, 1), Uint32Array.of(7)])),
  crosses: fc.oneof(words, fc.constant(Uint32Array.of(0, 1, 1, 0))),
})
const ftrlWeights = fc.oneof(
  words,
  fc.constant(16).map(length => new Uint32Array(length)),
)
const ftrlSums = fc.oneof(
  doubles,
  fc.constant(32).map(length => new Float64Array(length)),
)
const ftrlRates = fc.record({ alpha: float, beta: float, l1: float, l2: float })
const ftrlOutcomes = fc.record({
  clicked: fc.oneof(bytes, fc.constant(Uint8Array.of(0, 1, 0, 0))),
  now: fc.oneof(floats, fc.constant(Float32Array.of(0.5, 0.2, 1, 0))),
  before: fc.oneof(floats, fc.constant(new Float32Array(4))),
  weights: fc.oneof(floats, fc.constant(Float32Array.of(1, 1, 2, 0))),
})
/** Of two rows with two features, or damaged. */
const boostingData = fc.record({
  columns: fc.oneof(floats, fc.constant(Float32Array.of(1, 2, 0.5, Number.NaN))),
  labels: fc.oneof(floats, fc.constant(Float32Array.of(1, 0))),
  weights: fc.oneof(fc.option(floats, { nil: undefined }), fc.constant(Float32Array.of(1, 2)), fc.constant(undefined)),
})
const boostingLearning = fc.record({
  loss: fc.constantFrom('logistic', 'logistic', 'squared', 'none'),
  trees: fc.nat(4),
  leaves: fc.oneof({ weight: 4, arbitrary: fc.constant(2) }, { weight: 1, arbitrary: count }),
  minimumRows: fc.oneof({ weight: 4, arbitrary: fc.constant(1) }, { weight: 1, arbitrary: count }),
  minimumHessian: fc.oneof({ weight: 4, arbitrary: fc.constant(1e-3) }, { weight: 1, arbitrary: float }),
  l2: fc.oneof({ weight: 4, arbitrary: fc.constant(1) }, { weight: 1, arbitrary: float }),
  minimumGain: fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: float }),
  learningRate: fc.oneof({ weight: 4, arbitrary: fc.constant(0.5) }, { weight: 1, arbitrary: float }),
  columnShare: fc.oneof({ weight: 4, arbitrary: fc.constant(0.5) }, { weight: 1, arbitrary: float }),
  rowShare: fc.oneof({ weight: 4, arbitrary: fc.constant(0.5) }, { weight: 1, arbitrary: float }),
  patience: fc.nat(2),
  seed: word,
})
/** Cells are 0 at first; with others a call would wait for one that there is not. */
const boostingWorkspace = fc
  .record({
    sizes: fc.constantFrom(native.boostingSizes(2, 2, 2), native.boostingSizes(2, 2, 2), native.boostingSizes(3, 2, 2)),
    bins: fc.oneof(bytes, fc.constant(Uint8Array.from({ length: 16 }, (_, place) => Number(place > 7)))),
    cuts: fc.constantFrom(1, 1, Number.NaN),
    counts: fc.oneof(words, fc.constant(Uint32Array.of(1, 0)), fc.constant(Uint32Array.of(254, 3))),
    cells: fc.constantFrom(6, 6, 6, 0, 5),
  })
  .map(({ sizes, bins, cuts, counts, cells }) => ({
    bins,
    cuts: new Float32Array(sizes.cuts).fill(cuts),
    counts,
    order: new Uint32Array(sizes.gradients / 2),
    gradients: new BigInt64Array(sizes.gradients),
    histograms: new BigInt64Array(sizes.histograms),
    splits: new BigInt64Array(sizes.splits),
    task: new BigInt64Array(sizes.task),
    control: new Int32Array(cells),
  }))
/** One split and a second tree of a leaf, or damaged. */
const boostingTrees = fc.record({
  starts: fc.oneof(words, fc.constant(Uint32Array.of(0, 3, 4))),
  features: fc.oneof(words, fc.constant(Uint32Array.of(1, wordLimit, wordLimit, wordLimit))),
  thresholds: fc.oneof(floats, fc.constant(Float32Array.of(0.5, 0, 0, 0))),
  left: fc.oneof(words, fc.constant(Uint32Array.of(1, 0, 0, 0))),
  right: fc.oneof(words, fc.constant(Uint32Array.of(2, 0, 0, 0))),
  missingLeft: fc.oneof(bytes, fc.constant(Uint8Array.of(1, 0, 0, 0))),
  gains: fc.oneof(doubles, fc.constant(Float64Array.of(1, 0, 0, 0))),
  values: fc.oneof(doubles, fc.constant(Float64Array.of(0, -1, 1, 2))),
  covers: fc.oneof(doubles, fc.constant(Float64Array.of(3, 1, 2, 3))),
})
const fewFeatures = fc.oneof(count, fc.constant(2))
/** Of two users, three items, two tags and one factor; with or without damage. */
const autoencoderWeights = (rows: number) =>
  fc.record({
    vectors: fc.oneof(
      { weight: 4, arbitrary: fc.constant(rows).map(rows => new Float32Array(16 * rows)) },
      { weight: 1, arbitrary: floats },
    ),
    means: fc.constant(rows).map(rows => new Float32Array(16 * rows)),
    squares: fc.constant(rows).map(rows => new Float32Array(16 * rows)),
  })
const autoencoderBatch = fc.record({
  items: fc.oneof({ weight: 4, arbitrary: fc.constant(3) }, { weight: 1, arbitrary: count }),
  tags: fc.oneof({ weight: 4, arbitrary: fc.constant(2) }, { weight: 1, arbitrary: count }),
  factors: fc.oneof({ weight: 4, arbitrary: fc.constant(1) }, { weight: 1, arbitrary: count }),
  inputs: autoencoderWeights(6),
  outputs: autoencoderWeights(5),
  byUser: fc.oneof(
    sparse,
    fc.constant({
      indptr: BigUint64Array.of(0n, 2n, 3n),
      indices: Uint32Array.of(0, 2, 1),
      weights: Float32Array.of(1, 2, 1),
    }),
  ),
  userTags: fc.option(sparse, { nil: undefined }),
  users: fc.oneof(words, fc.constant(Uint32Array.of(1, 0))),
  starts: fc.oneof(words, fc.constant(Uint32Array.of(0, 2, 5))),
  active: fc.option(fc.oneof(words, fc.constant(Uint32Array.of(0, 1, 2, 4))), { nil: undefined }),
  corrections: fc.option(fc.oneof(floats, fc.constant(new Float32Array(4))), { nil: undefined }),
  columns: fc.oneof(
    words,
    fc.constant(0).map(() => new Uint32Array(8)),
  ),
  values: fc.oneof(
    floats,
    fc.constant(0).map(() => new Float32Array(8)),
  ),
  counts: fc.oneof(
    words,
    fc.constant(0).map(() => new Uint32Array(2)),
  ),
  hidden: fc.constant(0).map(() => new Float32Array(512)),
  errors: fc.oneof(
    floats,
    fc.constant(0).map(() => new Float32Array(512)),
  ),
  gradients: fc.oneof(
    floats,
    fc.constant(0).map(() => new Float32Array(160)),
  ),
  room: fc.oneof({ weight: 4, arbitrary: fc.constant(5) }, { weight: 1, arbitrary: count }),
  losses: fc.oneof(
    doubles,
    fc.constant(0).map(() => new Float64Array(1)),
  ),
  objective: fc.record({
    corruption: float,
    corruptionSpread: float,
    dropout: fc.oneof(float, fc.constant(0.3)),
    itemsOnly: float,
    tagsOnly: float,
    tagWeight: float,
    lengthExponent: float,
    hiddenOnly: fc.boolean(),
    rate: float,
    decay: float,
    seed: word,
    epoch: word,
    step: word,
  }),
  simd,
})
const paths = fc.constantFrom('', '\0', '/dev/null', '/dev/zero', '/none/of/these', '.')
const melOptions = fc.record({
  scale: fc.constantFrom('log', 'log', 'power', 'none'),
  from: fc.oneof(float, fc.constant(0)),
  to: fc.option(float, { nil: undefined }),
})

/** 195 parameters, 32 moments, slices of 16. */
const taggerShape = fc.record({
  bands: fc.oneof(fc.constant(2), count),
  frames: fc.oneof(fc.constant(8), count),
  channels: fc.oneof(fc.constant([16]), fc.array(count, { maxLength: 7 })),
  embedding: fc.oneof(fc.constant(1), count),
  classes: fc.oneof(fc.constant(1), count),
  labels: fc.constantFrom('single', 'multi', 'none'),
})
const sized = (length: number) =>
  fc.oneof(
    floats,
    fc.constant(0).map(() => new Float32Array(length).fill(0.5)),
  )
const adam = { rate: float, decay: float, step: word }

/** Arguments for every function there is: of its types, and else as may be. */
const calls: { readonly [Function in Name]: fc.Arbitrary<readonly unknown[]> } = {
  adamStep: fc.tuple(
    fc.record(adam),
    fc.record({ parameters: sized(4), first: sized(4), second: sized(4), decays: sized(4) }),
    sized(8),
    count,
    count,
  ),
  aliasTable: fc.tuple(doubles, words),
  alsFoldIn: fc.tuple(step),
  alsHalfStep: fc.tuple(step, floats, words, doubles, counter),
  audienceBound: fc.tuple(words, count),
  audienceCounts: fc.tuple(audiencePhase, fc.option(words, { nil: undefined })),
  audienceScores: fc.tuple(
    audiencePhase,
    fc.array(fc.record({ rows: floats, vector: floats }), { maxLength: 3 }),
    fc.option(floats, { nil: undefined }),
  ),
  audienceTake: fc.tuple(audiencePhase, fc.option(words, { nil: undefined }), word),
  autoencoderEncode: fc.tuple(floats, fewFeatures, count, sparse, simd),
  autoencoderForward: fc.tuple(autoencoderBatch, counter),
  autoencoderRefine: fc.tuple(
    fc.oneof(floats, fc.constant(Float32Array.of(1, 0, 0.5, 0.1, -1, 0))),
    fc.oneof(count, fc.constant(1)),
    float,
    fc.oneof(
      sparse,
      fc.constant({
        indptr: BigUint64Array.of(0n, 2n, 3n),
        indices: Uint32Array.of(0, 2, 1),
        weights: Float32Array.of(1, 2, 1),
      }),
    ),
    fc.oneof(words, fc.constant(Uint32Array.of(1, 2, 0, 0xffff_ffff))),
    fc.oneof(floats, fc.constant(Float32Array.of(0.5, -0.5))),
    simd,
  ),
  autoencoderShard: fc.constant([]),
  autoencoderUpdate: fc.tuple(autoencoderBatch, counter),
  boostingBins: fc.tuple(
    fc.oneof(floats, fc.constant(Float32Array.of(1, 2, 0.5, Number.NaN))),
    fewFeatures,
    fc.oneof(count, fc.constant(255)),
    fc.oneof(bytes, fc.constant(new Uint8Array(16))),
    fc.oneof(floats, fc.constant(new Float32Array(508))),
    fc.oneof(words, fc.constant(new Uint32Array(2))),
    counter,
  ),
  boostingContributions: fc.tuple(boostingTrees, fewFeatures, fc.oneof(floats, fc.constant(Float32Array.of(1, 2)))),
  boostingFault: fc.tuple(boostingTrees, fewFeatures),
  boostingGains: fc.tuple(boostingTrees, doubles),
  boostingScores: fc.tuple(boostingTrees, fewFeatures, floats),
  boostingSizes: fc.tuple(count, count, count),
  boostingTrain: fc.tuple(
    boostingData,
    fc.option(boostingData, { nil: undefined }),
    boostingLearning,
    boostingWorkspace,
  ),
  bprDeal: fc.tuple(sparse, bprSamples, fc.option(float, { nil: undefined }), counter),
  bprEpoch: fc.tuple(bprSamples, bprModel, doubles, turns),
  bprFoldIn: fc.tuple(bprFoldIn, words, words, floats),
  bprGramian: fc.tuple(floats, count),
  bprPartition: fc.tuple(words, words, count, word, word),
  composeWords: fc.tuple(parts, floats, count, floats, floats, count, counter),
  countTransitions: fc.tuple(sessions, steps, count, transitionOutput, doubles, words, counter),
  crc32: fc.tuple(bytes, word),
  easeColumns: fc.tuple(easeTraining, entries, floats, words, counter),
  easeError: fc.tuple(easeTraining, triangle, count),
  easeFault: fc.tuple(easeWeights),
  easeGramian: fc.tuple(easeTraining, triangle, words, counter),
  easeInvert: fc.tuple(triangle, count, tile),
  easeLargest: fc.tuple(triangle, floats, entries, counter),
  easePanels: fc.tuple(triangle, count, panels, counter),
  easePlan: fc.tuple(easeTraining, longs),
  easeRank: fc.tuple(easeWeights, requests),
  easeResiduals: fc.tuple(triangle, floats),
  easeRows: fc.tuple(triangle, floats, count, floats),
  easeUpdates: fc.tuple(triangle, count, panels, count, counter),
  eigenbasis: fc.tuple(floats, count, floats, doubles),
  exchangePaths: fc.tuple(fc.constantFrom('', '\0', '/none/a'), fc.constantFrom('', '/none/b')),
  factorStride: fc.tuple(count),
  fillSessionIndex: fc.tuple(pastSessions, longs, words),
  filterFoldIn: fc.tuple(filter, sparse),
  filterMultiply: fc.tuple(product, floats, words, counter),
  filterScales: fc.tuple(sparse, count, fc.boolean(), float, floats),
  filterTile: fc.tuple(),
  findIntegers: fc.tuple(signed, words, signed),
  findNeighbours: fc.tuple(training, plan, output, words, counter),
  findStrings: fc.tuple(ints, bytes, words, fc.array(fc.string(), { maxLength: 3 })),
  firstNotFinite: fc.tuple(floats),
  followTransitions: fc.tuple(transitionCounts, transitionOutput, words, counter),
  ftrlLearn: fc.tuple(ftrlWeights, ftrlSums, ftrlFeatures, ftrlRates, ftrlOutcomes),
  ftrlPredict: fc.tuple(
    ftrlWeights,
    ftrlFeatures,
    fc.oneof(count, fc.constant(0)),
    fc.oneof(floats, fc.constant(new Float32Array(4))),
  ),
  initialiseFactors: fc.tuple(phase, float, word),
  instructionSets: fc.tuple(),
  integersFault: fc.tuple(signed, words),
  interactionsFault: fc.tuple(sparse, count),
  isPositiveDefinite: fc.tuple(doubles, count),
  learnSession: fc.tuple(liveSessions, count, count, count, fc.oneof(float, fc.constant(0.5)), float),
  learnTransitions: fc.tuple(liveTable, words, count, steps, word, fc.oneof(float, fc.constant(9))),
  liveSessionWords: fc.tuple(count, count, count),
  liveTransitionWords: fc.tuple(count, count),
  mapFile: fc.tuple(paths),
  melReader: fc.tuple(paths, melOptions),
  misalignment: fc.tuple(bytes),
  nearestNeighbours: fc.tuple(lookup, queries),
  neighboursFault: fc.tuple(sparse),
  partialGramians: fc.tuple(phase, floats),
  planNeighbours: fc.tuple(training, plan),
  planSessionIndex: fc.tuple(pastSessions, count, longs),
  planTransitions: fc.tuple(words, longs, words, longs, steps, count),
  planTwoSteps: fc.tuple(transitionCounts, longs),
  preferHugePages: fc.tuple(bytes),
  rankByFilter: fc.tuple(filter, requests, simd),
  rankByLiveTransitions: fc.tuple(
    sparse,
    fc.oneof(doubles, fc.constant(Float64Array.of(3, 0, 1))),
    liveTable,
    fc.record({ prior: float, halfLife: float, seconds: words }),
    requests,
  ),
  rankByNeighbours: fc.tuple(sparse, count, requests),
  rankBySessions: fc.tuple(
    pastSessions,
    sessionIndex,
    sessionCounts,
    sessionTerms,
    requests,
    fc.option(liveSessions, { nil: undefined }),
  ),
  rotateFactors: fc.tuple(phase, floats),
  sequencesFault: fc.tuple(
    fc.record({ indptr: longs, items: words, times: signed, weights: fc.option(floats, { nil: undefined }) }),
    count,
  ),
  sessionsFault: fc.tuple(pastSessions, sessionIndex, sessionCounts),
  skipGramDraw: fc.tuple(corpus, count, count, count, samples, counter),
  skipGramFollow: fc.tuple(samples, floats, count, vectors, counter),
  skipGramRoom: fc.tuple(count, count, count, count),
  slistColumns: fc.tuple(slistTraining, slistRegression, entries, words, counter),
  slistGramian: fc.tuple(slistTraining, entries, words, counter),
  spreadToParts: fc.tuple(parts, floats, floats, count, floats, count, counter),
  stringsFault: fc.tuple(ints, bytes, words),
  topKBytes: fc.tuple(count, count),
  topKCheck: fc.tuple(index, itemFactors, rank, fc.option(rank, { nil: undefined })),
  topKFault: fc.tuple(index, itemFactors, rank, fc.option(rank, { nil: undefined })),
  topKHead: fc.tuple(words, count),
  topKOrder: fc.tuple(floats, count, count),
  topKRows: fc.tuple(itemFactors, rank, words, fc.option(rank, { nil: undefined })),
  topKSearch: fc.tuple(index, itemFactors, rank, floats, search, words, floats),
  topKTiles: fc.tuple(floats, count, count, words, word, word, bytes),
  taggerInitialise: fc.tuple(taggerShape, word, sized(195), sized(195)),
  taggerPredict: fc.tuple(taggerShape, sized(195), sized(32), sized(32)),
  taggerSizes: fc.tuple(taggerShape),
  taggerTrain: fc.tuple(
    taggerShape,
    sized(195),
    fc.record({ slices: sized(32), targets: sized(2), weight: float, dropout: float, seed: word }),
    sized(195),
    sized(32),
  ),
  trimMemory: fc.tuple(),
}

test('there are arguments for every function', () => {
  expect(Object.keys(native).sort()).toEqual([...Object.keys(calls), 'FileSlice', 'MelReader'].sort())
})

test.each(Object.keys(calls) as Name[])('%s returns or throws an error in words, whatever it is given', name => {
  const call = native[name] as (...args: readonly unknown[]) => unknown
  fc.assert(
    fc.property(calls[name] as fc.Arbitrary<readonly unknown[]>, args => {
      expectWords(() => call(...args))
    }),
    { numRuns: 400 },
  )
})

test.each(Object.keys(calls) as Name[])('%s throws when arguments are missing or of other types', name => {
  const call = native[name] as (...args: readonly unknown[]) => unknown
  const other = fc.constantFrom(
    undefined,
    null,
    -1,
    Number.NaN,
    'text',
    {},
    [],
    new Uint16Array(3),
    new Float32Array(5),
  )
  fc.assert(
    fc.property(fc.array(other, { maxLength: 7 }), args => {
      expectWords(() => call(...args))
    }),
    { numRuns: 60 },
  )
})

test('a slice of a file returns or throws an error in words, whatever its methods are given', () => {
  const path = join(freshFolder(), 'file')
  writeFileSync(
    path,
    Uint8Array.from({ length: 100 }, (_, place) => place),
  )
  const place = fc.oneof(
    fc.integer({ min: -3, max: 110 }),
    fc.constantFrom(0.5, 0.9999999999999999, Number.NaN, Number.POSITIVE_INFINITY, 1e300),
  )
  expect(Object.getOwnPropertyNames(native.FileSlice.prototype).sort()).toEqual(
    ['close', 'constructor', 'gather', 'length', 'read', 'slice', 'view'].sort(),
  )
  fc.assert(
    fc.property(place, place, bytes, words, fc.boolean(), (begin, end, into, indices, isClosed) => {
      const file = native.mapFile(path)
      if (isClosed) file.close()
      expectWords(() => file.slice(begin, end).view())
      expectWords(() => file.read(begin, into))
      expectWords(() => file.gather(indices, into))
      // Into a view of itself: what it read moves, and the process lives.
      const view = file.view()
      const second = view[1]
      expectWords(() => file.read(1, view.subarray(0, 50)))
      if (!isClosed) expect(view[0]).toBe(second)
      expectWords(() => file.gather(Uint32Array.of(0, 9), view))
      file.close()
      file.close()
      expect(file.length).toBe(0)
    }),
    { numRuns: 300 },
  )
})

test('a reader of sound returns, rejects or throws an error in words, whatever it is given', async () => {
  expect(Object.getOwnPropertyNames(native.MelReader.prototype).sort()).toEqual(
    ['close', 'constructor', 'read', 'readSync'].sort(),
  )
  const folder = freshFolder()
  const sound = join(folder, 'sound')
  const damage = fc.tuple(fc.nat(1500), fc.nat(255))
  const frames = fc.oneof(fc.nat(20), fc.constantFrom(-1, 65_536, 65_537, wordLimit, 0.5, Number.NaN))
  const someSound = fc.constantFrom('', '\0', '/dev/zero', '.', sound, sound, sound, sound)
  await fc.assert(
    fc.asyncProperty(
      fc.array(damage, { maxLength: 5 }),
      someSound,
      melOptions,
      fc.array(frames, { maxLength: 4 }),
      fc.boolean(),
      async (damages, path, options, counts, isClosed) => {
        const bytes = wav(tone(0.05, 440))
        for (const [place, byte] of damages) bytes[place] = byte
        writeFileSync(sound, bytes)
        let reader: InstanceType<typeof native.MelReader> | undefined
        expectWords(() => {
          reader = native.melReader(path, options as Parameters<typeof native.melReader>[1])
        })
        if (!reader) return
        const reads: Promise<unknown>[] = []
        for (const count of counts) {
          expectWords(() => reader!.readSync(count))
          expectWords(() => {
            reads.push(reader!.read(count))
          })
        }
        if (isClosed) reader.close()
        for (const result of await Promise.allSettled(reads)) {
          if (result.status === 'rejected') expect(result.reason.message).not.toBe('')
        }
        reader.close()
        expect(() => reader!.readSync(1)).toThrow('the reader is closed: make another')
      },
    ),
    { numRuns: 200 },
  )
})

test('arrays that are written must lie apart from those beside them', () => {
  const memory = new Float32Array(new SharedArrayBuffer(4 * 512))
  const next = new Int32Array(new SharedArrayBuffer(4))
  const factors = memory.subarray(0, 256)
  const phaseOf = { factors, rank: 16, chunkRows: 16, next }
  expect(() => native.partialGramians(phaseOf, memory.subarray(128, 384))).toThrow(
    'partials must lie apart from the other arrays of the call',
  )
  expect(() => native.rotateFactors(phaseOf, factors)).toThrow('factors must lie apart')
  expect(() => native.eigenbasis(factors, 16, factors, new Float64Array(16))).toThrow('vectors must lie apart')
  native.partialGramians(phaseOf, memory.subarray(256))
  const counter = new Int32Array(memory.buffer, 0, 1)
  expect(() => native.partialGramians({ ...phaseOf, next: counter }, memory.subarray(0, 256))).toThrow('lie apart')
})

test('an array of another type than that which is written is refused', () => {
  const phaseOf = { rank: 16, chunkRows: 4, next: new Int32Array(1) }
  expect(() => native.initialiseFactors({ ...phaseOf, factors: new Float64Array(16) as never }, 1, 1)).toThrow(
    'expected a Float32Array, got an array of another type',
  )
  expect(() => native.initialiseFactors({ ...phaseOf, factors: 'factors' as never }, 1, 1)).toThrow(
    'expected a Float32Array, got something else',
  )
})

test('every function of the binding catches panics', () => {
  const folder = join(import.meta.dirname, '../../crates/node/src')
  const functions = globSync('*.rs', { cwd: folder }).flatMap(file => [
    ...readFileSync(join(folder, file), 'utf8').matchAll(/#\[napi(?<options>[^\]]*)\]\s*pub fn (?<name>\w+)/g),
  ])
  expect(functions.length).toBeGreaterThan(Object.keys(native).length)
  for (const { groups } of functions) expect(groups!.options, groups!.name).toContain('catch_unwind')
})

function expectWords(call: () => unknown): void {
  try {
    call()
  } catch (error) {
    expect(error).toBeInstanceOf(Error)
    expect((error as Error).message).not.toBe('')
  }
}
