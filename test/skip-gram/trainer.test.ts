import { afterAll, expect, test } from 'vitest'
import { native } from '../../src/native.ts'
import { Pool } from '../../src/parallel/pool.ts'
import { arrange, type Corpus, sequenceEnd } from '../../src/skip-gram/corpus.ts'
import { checkMemory } from '../../src/skip-gram/memory.ts'
import type { SkipGramOptions } from '../../src/skip-gram/options.ts'
import { keptShares, SkipGramTrainer } from '../../src/skip-gram/trainer.ts'
import type { FactorMatrix } from '../../src/storage/factors.ts'
import { unpadded } from '../../src/storage/factors.ts'
import { randomNumbers } from '../../src/storage/random.ts'
import { sharedArray } from '../../src/storage/shared-array.ts'
import { naiveEpoch } from './naive-skip-gram.ts'

const pools = [1, 2, 3].map(threads => new Pool({ threads }))
afterAll(() => Promise.all(pools.map(pool => pool.close())))

const options: SkipGramOptions = {
  factors: 5,
  epochs: 3,
  window: 3,
  negatives: 2,
  negativeExponent: 0.75,
  subsampling: 0.05,
  learningRate: 0.1,
  seed: 3,
}

/** Sequences of random words, some far more frequent than others. */
function randomCorpus(rows: number, length: number, blocks: number, seed = 1): Corpus & { tokens: Uint32Array } {
  const random = randomNumbers(seed)
  const words = Array.from({ length }, () => (random() < 0.1 ? -1 : Math.floor(random() ** 2 * rows)))
  const counts = new Float64Array(rows)
  for (const word of words) if (word >= 0) counts[word]! += 1
  const { vocabulary, rowOf } = arrange(counts, 1, blocks)
  const tokens = sharedArray(Uint32Array, length)
  tokens.set(words.map(word => (word < 0 ? sequenceEnd : rowOf[word]!)))
  return { tokens, positions: length, vocabulary }
}

const plain = ({ rank, ...matrix }: FactorMatrix): number[][] => {
  const values = unpadded({ rank, ...matrix })
  return Array.from({ length: matrix.rows }, (_, row) => [...values.subarray(row * rank, (row + 1) * rank)])
}

test.each([1, 4])('epochs move the vectors as the naive twin does, with %i blocks', async blocks => {
  const corpus = randomCorpus(30, 400, blocks)
  const { counts } = corpus.vocabulary
  const keep = keptShares(counts, options.subsampling)
  const negativesOf = new Uint32Array(2 * counts.length)
  native.aliasTable(
    counts.map(count => count ** options.negativeExponent),
    negativesOf,
  )
  const trainer = new SkipGramTrainer(corpus, options, { pool: pools[1]! })
  await trainer.initialise()
  const vectors = { inputs: plain(trainer.inputs), outputs: plain(trainer.outputs) }
  for (let epoch = 0; epoch < options.epochs; epoch++) {
    const expected = naiveEpoch(corpus.tokens, corpus, options, epoch, vectors, { keep, negativesOf })
    expect(await trainer.epoch(epoch)).toBeCloseTo(expected, 4)
  }
  for (const side of ['inputs', 'outputs'] as const) {
    plain(trainer[side]).forEach((row, at) => {
      row.forEach((value, f) => {
        expect(value, `${side} ${at}, ${f}`).toBeCloseTo(vectors[side][at]![f]!, 4)
      })
    })
  }
})

test('any number of workers gives the same bits over many chunks and rounds', async () => {
  const corpus = randomCorpus(300, 30_000, 4)
  const results = await Promise.all(
    pools.map(async pool => {
      // So many samples that a round holds a few chunks only.
      const trainer = new SkipGramTrainer(corpus, { ...options, epochs: 1, window: 40, negatives: 9 }, { pool })
      await trainer.initialise()
      const loss = await trainer.epoch(0)
      return { loss, inputs: trainer.inputs.data, outputs: trainer.outputs.data }
    }),
  )
  for (const result of results) expect(result).toEqual(results[0])
  expect(results[0]!.loss).toBeLessThan(Math.LN2)
})

test('samples of wide windows and many negatives take no more room than others', async () => {
  const corpus = randomCorpus(30, 50, 1)
  const wide = { ...options, epochs: 1, window: 1000, negatives: 1000, learningRate: 1e-3 }
  const before = process.memoryUsage().arrayBuffers
  const trainer = new SkipGramTrainer(corpus, wide, { pool: pools[0]! })
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2 ** 27)
  await trainer.initialise()
  expect(await trainer.epoch(0)).toBeLessThan(2 * Math.LN2)
})

test('a vocabulary is cut into blocks that have about as much to do, without rare rows', () => {
  const counts = Array.from({ length: 1000 }, (_, row) => (row % 10 === 0 ? 1 : 5 + row))
  const { vocabulary, formerOf, rowOf } = arrange(counts, 2)
  expect(vocabulary.blocks).toHaveLength(5)
  expect([vocabulary.blocks[0], vocabulary.blocks.at(-1)]).toEqual([0, 900])
  const sums = Array.from({ length: 4 }, (_, block) => {
    const rows = vocabulary.counts.subarray(vocabulary.blocks[block], vocabulary.blocks[block + 1])
    return rows.reduce((sum, count) => sum + count ** 0.75, 0)
  })
  expect(Math.max(...sums) / Math.min(...sums)).toBeLessThan(1.01)
  counts.forEach((count, row) => {
    if (count < 2) {
      expect(rowOf[row]).toBe(sequenceEnd)
      return
    }
    expect(formerOf[rowOf[row]!]).toBe(row)
    expect(vocabulary.counts[rowOf[row]!]).toBe(count)
    const block = vocabulary.blockOf[rowOf[row]!]!
    expect(rowOf[row]).toBeGreaterThanOrEqual(vocabulary.blocks[block]!)
    expect(rowOf[row]).toBeLessThan(vocabulary.blocks[block + 1]!)
  })
})

test('subsampling keeps rare rows and the published share of frequent ones', () => {
  const shares = [...keptShares(Float64Array.of(980, 19, 1), 0.01)].map(share => share / 2 ** 32)
  const published = (f: number) => Math.min(1, (Math.sqrt(f / 0.01) + 1) * (0.01 / f))
  expect(shares[0]).toBeCloseTo(published(0.98), 6)
  expect(shares[1]).toBeCloseTo(published(0.019), 6)
  expect(shares[2]).toBeCloseTo(1, 6)
  expect([...keptShares(Float64Array.of(5, 1), 0)]).toEqual([0xffff_ffff, 0xffff_ffff])
})

test('a step that is too large is told with the remedy', async () => {
  const corpus = randomCorpus(30, 2000, 1)
  const trainer = new SkipGramTrainer(corpus, { ...options, learningRate: 90, epochs: 50 }, { pool: pools[0]! })
  await trainer.initialise()
  const run = async () => {
    for (let epoch = 0; epoch < 50; epoch++) await trainer.epoch(epoch)
  }
  await expect(run()).rejects.toThrow(
    /^the training diverged in epoch \d+: the loss of a sample .+; train anew with a smaller step \(learningRate, --learning-rate\), now 90$/,
  )
})

test('vectors that do not fit in memory are refused with the figures', () => {
  const sizes = { kind: 'items', rows: 1_000_000, factors: 128, corpusBytes: 1e8 }
  expect(() => checkMemory(sizes, 2e9)).not.toThrow()
  expect(() => checkMemory(sizes, 1e9)).toThrow(
    'factors must be at most 64 for the vectors of 1000000 items to fit in 1.0 GB of memory, got 128, which take 1.4 GB: ' +
      'train with fewer, leave out the rare ones, or train where there is more memory',
  )
  expect(() => checkMemory({ ...sizes, grams: 4_000_000 }, 1e8)).toThrow('there must be fewer of them')
})
