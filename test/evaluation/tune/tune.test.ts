import { appendFileSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeEach, expect, test } from 'vitest'
import { z } from 'zod'
import { parseMetrics } from '../../../src/evaluation/metrics/metrics.ts'
import { chooseOptions, trialsToChoose } from '../../../src/evaluation/tune/choose-options.ts'
import { searchPlot } from '../../../src/evaluation/tune/plot.ts'
import { Trial } from '../../../src/evaluation/tune/trial.ts'
import { type TuneOptions, tune } from '../../../src/evaluation/tune/tune.ts'
import { readBest } from '../../../src/evaluation/tune/tuned-options.ts'
import { withValidation } from '../../../src/evaluation/tune/validation.ts'
import type { Algorithm } from '../../../src/models/algorithm.ts'
import { partsWith } from '../../../src/models/composite/parts/parts.ts'
import { als } from '../../../src/models/factors/als/index.ts'
import { bpr } from '../../../src/models/factors/bpr/index.ts'
import { word2vec } from '../../../src/models/factors/word2vec/index.ts'
import { popular } from '../../../src/models/popular/index.ts'
import { algorithmNamed, algorithms } from '../../../src/models/registry.ts'
import { Pool } from '../../../src/parallel/pool.ts'
import { Dataset, writeDataset } from '../../../src/storage/dataset.ts'
import { checkerboard, datasetOf, randomInteractions } from '../../models/interactions.ts'
import { csrOf } from '../../storage/csr-of.ts'
import { freshFolder } from '../../storage/folder.ts'

const pool = new Pool({ threads: 2 })
afterAll(() => pool.close())

let dataset: Dataset
beforeEach(async () => {
  dataset = await datasetOf(checkerboard(40))
})

function search(options: Partial<TuneOptions> = {}) {
  const algorithms = new Map<Algorithm, Record<string, unknown>>([[als as Algorithm, { factors: 2, epochs: 9 }]])
  return tune(dataset, { algorithms, budget: 60, mostTrials: 7, folder: freshFolder(), pool, ...options })
}

test('the best of the trials is found, and the best third of them had all epochs', async () => {
  const folder = freshFolder()
  const { best, trials, defaultScore } = await search({ folder })
  expect(trials).toHaveLength(7)
  expect(trials.map(({ scores }) => scores.length).sort()).toEqual([1, 1, 1, 1, 1, 2, 2])
  expect(trials.every(({ scores }) => scores.every(({ epochs }, rung) => epochs === [3, 9][rung]))).toBe(true)
  const whole = trials.filter(({ scores }) => scores.length === 2).flatMap(({ scores }) => scores)
  const { score, epochs } = whole.reduce((a, b) => (b.score > a.score ? b : a))
  expect(best).toMatchObject({ score, options: { epochs } })
  expect(best.options).toMatchObject({ factors: 2 })
  expect(best.algorithm).toBe(als)
  expect(defaultScore).toBe(Math.max(...trials[0]!.scores.map(({ score }) => score)))
  // Nothing is left of the models.
  expect(readdirSync(folder)).toEqual([])
  const svg = searchPlot(trials, 'ndcg@20')
  const searched = Object.keys(als.search!).length
  expect(svg.match(/<circle/g)).toHaveLength(9 * searched)
})

test('a plot leaves out what the data decides', () => {
  const trial = (factors?: number) => ({ algorithm: als as Algorithm, options: { factors }, scores: [scoreOf(0.5)] })
  const scoreOf = (score: number) => ({ score, epochs: 1, seconds: 1 })
  const algorithm = { ...als, search: { factors: { from: 1, to: 9, scale: 'linear' } } } as Algorithm
  const plot = searchPlot(
    [undefined, 2, 4].map(factors => ({ ...trial(factors), algorithm })),
    'ndcg@20',
  )
  expect(plot.match(/<circle/g)).toHaveLength(2)
  expect(plot).not.toContain('NaN')
})

test('at the limit of trials each algorithm still has its best ones go on', async () => {
  const algorithms = new Map<Algorithm, Record<string, unknown>>([
    [als as Algorithm, { factors: 2, epochs: 9 }],
    [bpr as Algorithm, { factors: 2, epochs: 9 }],
  ])
  const { trials } = await search({ algorithms, mostTrials: 6 })
  for (const name of ['als', 'bpr']) {
    const own = trials.filter(({ algorithm }) => algorithm.name === name)
    expect(own.map(({ scores }) => scores.length).sort(), name).toEqual([1, 1, 2])
  }
})

test('algorithms are compared by the same users, and one without options to search is tried once', async () => {
  const algorithms = new Map<Algorithm, Record<string, unknown>>([
    [popular as Algorithm, {}],
    [als as Algorithm, { factors: 2, epochs: 3 }],
  ])
  const { best, trials } = await search({ algorithms, mostTrials: 5 })
  expect(trials.map(({ algorithm }) => algorithm.name).sort()).toEqual(['als', 'als', 'als', 'als', 'popular'])
  expect(best.algorithm).toBe(als)
})

test('a search goes on from its log, and comes to the same end as one that was not interrupted', async () => {
  const [whole, cut] = [join(freshFolder(), 'search'), join(freshFolder(), 'search')]
  const { best, trials } = await search({ log: whole })
  const controller = new AbortController()
  const reason = new Error('enough')
  const onProgress = ({ trials }: { trials: number }) => {
    if (trials === 4) controller.abort(reason)
  }
  await expect(search({ log: cut, signal: controller.signal, onProgress })).rejects.toBe(reason)
  // What it had found can be trained.
  expect(readBest(cut)).toMatchObject({ algorithm: 'als', metric: 'ndcg@20', trials: 3 })
  expect(readFileSync(join(cut, 'plot.svg'), 'utf8')).toContain('<circle')
  // As a search leaves it that was killed in the midst of a line.
  appendFileSync(join(cut, 'trials.ndjson'), '{"algorithm":"als","opt')
  const begun: number[] = []
  const resumed = await search({ log: cut, onProgress: ({ trials }) => begun.push(trials) })
  expect(begun[0]).toBe(4)
  const scoresOf = (of: typeof trials) => of.map(({ options, scores }) => [options, scores.map(({ score }) => score)])
  expect(scoresOf(resumed.trials)).toEqual(scoresOf(trials))
  expect(resumed.best).toEqual(best)
  const { seconds: _, ...saved } = readBest(cut)
  const { seconds: __, ...expected } = readBest(whole)
  expect(saved).toEqual(expected)
  expect(saved).toMatchObject({ algorithm: 'als', options: best.options, metric: 'ndcg@20', trials: 7 })
  const lines = readFileSync(join(cut, 'trials.ndjson'), 'utf8').trimEnd().split('\n')
  expect(lines.map(line => JSON.parse(line))).toHaveLength(1 + 9)
})

test('two searches do not write the same log at once, and what two once wrote twice is read once', async () => {
  const log = join(freshFolder(), 'search')
  const { best, trials } = await search({ log })
  const path = join(log, 'trials.ndjson')
  const [head, ...scores] = readFileSync(path, 'utf8').trimEnd().split('\n')
  writeFileSync(path, `${[head, ...scores.flatMap(line => [line, line])].join('\n')}\n`)
  const again = await search({ log })
  expect(again.best).toEqual(best)
  expect(again.trials.map(({ scores }) => scores.length)).toEqual(trials.map(({ scores }) => scores.length))
  const controller = new AbortController()
  let second: Promise<unknown> | undefined
  const first = search({
    log,
    mostTrials: 8,
    signal: controller.signal,
    onProgress: () => {
      second ??= search({ log }).catch((error: Error) => error.message)
      controller.abort(new Error('enough'))
    },
  })
  await expect(first).rejects.toThrow('enough')
  expect(await second).toBe(`${log} is in use by another search: wait for its end, or choose another place`)
})

test('what no trial could be trained of is refused before the first', async () => {
  const folder = freshFolder()
  await writeDataset(join(folder, 'data'), { byUser: csrOf([[1, 2]]), users: ['a'], items: ['x', 'y'] })
  const timeless = Dataset.open(join(folder, 'data'))
  const searched = (algorithm: unknown, options = {}) => {
    const algorithms = new Map([
      [als as Algorithm, {}],
      [algorithm as Algorithm, options],
    ])
    return tune(timeless, { algorithms, budget: 1, folder, pool })
  }
  await expect(searched(word2vec)).rejects.toThrow(/^word2vec needs the order of events: /)
  await expect(searched(bpr, { halfLife: 3 })).rejects.toThrow(/^a half-life .* needs times/)
  const chosen = chooseOptions(timeless, als as Algorithm, { kindWeights: { buy: 2 } }, { folder, pool })
  await expect(chosen).rejects.toThrow(/^weights of kinds .* need kinds and times/)
  const ofParts = chooseOptions(timeless, algorithmNamed('context-taste'), {}, { folder, pool })
  await expect(ofParts).rejects.toThrow(/^context-taste needs the order of events: /)
  expect(readdirSync(folder)).toEqual(['data'])
})

test('the log of another search, or none, is refused and left as it is', async () => {
  const log = join(freshFolder(), 'search')
  await search({ log, mostTrials: 1 })
  await expect(search({ log, seed: 1 })).rejects.toThrow(
    `${log} holds a search with another seed (0, not 1): choose another place, or remove it`,
  )
  await expect(search({ log, validation: { share: 0.5 } })).rejects.toThrow(
    `${log} holds a search with another share (0.2, not 0.5): choose another place, or remove it`,
  )
  const path = join(log, 'trials.ndjson')
  const before = readFileSync(path, 'utf8')
  writeFileSync(path, before.replace('"score"', '"scone"'))
  await expect(search({ log })).rejects.toThrow(
    `${path} is damaged: line 2 is none of a search; remove it to begin anew`,
  )
  for (const foreign of ['no newline', 'lines\nof another\n', '{"format":"other"}']) {
    writeFileSync(path, foreign)
    await expect(search({ log })).rejects.toThrow(`${path} is none of a search: choose another place, or remove it`)
    expect(readFileSync(path, 'utf8')).toBe(foreign)
  }
  expect(() => readBest(freshFolder())).toThrow(
    'holds no search that found anything: expected the --out of aurochs tune',
  )
})

/** ALS whose trainings fail where the regularisation is above `most`. */
function failing(most: number): Algorithm {
  return {
    ...(als as Algorithm),
    train: async (data, options, context) => {
      if ((options as { regularization: number }).regularization > most)
        throw new RangeError('the factors are infinite')
      return (als as Algorithm).train(data, options, context)
    },
  }
}

test('options that cannot be trained are no reason to end a search that has others', async () => {
  const { trials, best } = await search({ algorithms: new Map([[failing(0.05), { factors: 2, epochs: 9 }]]) })
  const failed = trials.filter(({ scores }) => scores[0]!.error !== undefined)
  expect(failed.length).toBeGreaterThan(0)
  expect(failed.every(({ scores }) => scores.length === 1 && scores[0]!.error === 'the factors are infinite')).toBe(
    true,
  )
  expect((best.options as { regularization: number }).regularization).toBeLessThanOrEqual(0.05)
  await expect(search({ algorithms: new Map([[failing(-1), {}]]), mostTrials: 2 })).rejects.toThrow(
    'no options could be trained; the first trial failed: the factors are infinite',
  )
})

test('a trial that fails when it goes on is passed over, and defaults that fail have no score', async () => {
  const failsLater: Algorithm = {
    ...(als as Algorithm),
    train: async (data, options, context) => {
      if (context.from) throw new RangeError('the training diverged')
      return (als as Algorithm).train(data, options, context)
    },
  }
  const { trials, best } = await search({ algorithms: new Map([[failsLater, { factors: 2, epochs: 9 }]]) })
  const ended = trials.filter(({ scores }) => scores.length === 1)
  expect(ended.length).toBeLessThan(trials.length)
  expect(best.score).toBe(Math.max(...ended.map(({ scores }) => scores[0]!.score)))

  const log = join(freshFolder(), 'search')
  const { regularization } = als.options.parse({})
  const found = await search({
    log,
    algorithms: new Map([[failing(regularization * 0.99), { factors: 2, epochs: 9 }]]),
  })
  expect(found.defaultScore).toBeUndefined()
  expect(readBest(log)).toMatchObject({ score: found.best.score })
  expect(readBest(log).defaultScore).toBeUndefined()
})

test('an aborted search throws the reason and leaves its folder empty', async () => {
  const folder = freshFolder()
  const reason = new Error('enough')
  await expect(search({ folder, signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
  expect(readdirSync(folder)).toEqual([])
})

test('options are chosen by trials of few epochs, those given kept, the same each time, and it is said how', async () => {
  const given = { factors: 2, regularization: 0.02, epochs: 10 }
  const totals = new Set<number>()
  const lengths = new Set<number>()
  const choose = () =>
    chooseOptions(dataset, als as Algorithm, given, {
      folder: freshFolder(),
      pool,
      onProgress: ({ done, total, training }) => {
        expect(done).toBeLessThan(total)
        if (training) lengths.add(training.epochs!.total)
        totals.add(total)
      },
    })
  const { options, tuning } = await choose()
  if (!tuning) throw new Error('it has no parts')
  expect(options).toMatchObject(given)
  expect([...totals]).toEqual([trialsToChoose(dataset, als as Algorithm, given)])
  // Of α₀ there are six values, the default among them; the best is compared with two weightings, and with a lower value with both exponents.
  expect([...lengths]).toEqual([2, 3])
  expect(tuning).toMatchObject({ metric: 'ndcg@20', trials: 11 })
  expect(tuning.score).toBeGreaterThanOrEqual(tuning.defaultScore!)
  const again = await choose()
  expect(again.options).toEqual(options)
  expect(again.tuning?.score).toBe(tuning.score)
})

test('a third of the default epochs is chosen where more make it worse', async () => {
  const chosen: number[] = []
  for (const data of [dataset, await datasetOf(randomInteractions(120, 60, 8))]) {
    const given = { factors: 20, regularization: 0.002, weighting: 'none' }
    const { options } = await chooseOptions(data, als as Algorithm, given, { folder: freshFolder(), pool })
    const [short, longer] = await withValidation(data, {}, freshFolder(), async parts => {
      const trial = new Trial(als as Algorithm, options)
      const context = { ...parts, metric: parseMetrics('ndcg@20')[0]!, pool, folder: freshFolder() }
      return [(await trial.run(5, context)).score, (await trial.run(9, context)).score]
    })
    expect(options.epochs).toBe(longer! < short! ? 5 : 15)
    chosen.push(options.epochs as number)
  }
  expect(chosen).toEqual([5, 15])
})

test('there is nothing to choose where all is given, an algorithm has no epochs, or nobody can be judged', async () => {
  const lonely = await datasetOf(Array.from({ length: 9 }, (_, at): [number, number, number] => [at, at % 4, 1]))
  const count = (of: Dataset, algorithm: unknown, given = {}) => trialsToChoose(of, algorithm as Algorithm, given)
  expect(count(dataset, als)).toBe(13)
  // What is given is not chosen; but those beside the best may differ in others.
  expect(count(dataset, als, { unobservedWeight: 0.1 })).toBe(8)
  expect(count(dataset, als, { weighting: 'none' })).toBe(11)
  expect([
    count(dataset, als, { unobservedWeight: 0.1, regularization: 0.1 }),
    count(dataset, als, { epochs: 0 }),
    count(dataset, popular),
    count(lonely, als),
  ]).toEqual([0, 0, 0, 0])
})

test('of parts, options are chosen as if each were trained alone; those given are kept, and what has none to choose stays', async () => {
  const blend = algorithmNamed('blend')
  const given = { parts: 'popular + 3 * als(factors=3) + als(factors=2, epochs=5)', weighting: 'none' }
  const alone = (options: object) =>
    chooseOptions(dataset, als as Algorithm, { ...options, weighting: 'none' }, { folder: freshFolder(), pool })
  const [first, second] = [await alone({ factors: 3 }), await alone({ factors: 2, epochs: 5 })]
  const trials = first.tuning!.trials + second.tuning!.trials
  expect(trialsToChoose(dataset, blend, given)).toBe(trials)
  const seen: number[] = []
  const { options, tuning, parts } = await chooseOptions(dataset, blend, given, {
    folder: freshFolder(),
    pool,
    onProgress: ({ done, total }) => {
      expect(total).toBe(trials)
      if (seen.at(-1) !== done) seen.push(done)
    },
  })
  expect(seen).toEqual(Array.from({ length: trials }, (_, at) => at))
  expect(tuning).toBeUndefined()
  expect(parts).toMatchObject([first, second].map(({ options }) => ({ algorithm: { name: 'als' }, options })))
  expect(options).toMatchObject({ weighting: 'none' })
  const [popularPart, ...others] = partsWith(options.parts as string, undefined, algorithms)
  expect(popularPart).toMatchObject({ algorithm: { name: 'popular' }, weight: 1 })
  const { weighting: _, weightingB: __, weightingK1: ___, ...own } = first.options
  expect(others.map(({ weight }) => weight)).toEqual([3, 1])
  expect(others[0]!.options).toEqual(own)
})

test('an option that no algorithm of the search has is refused before anything is done', async () => {
  const folder = freshFolder()
  const algorithms = new Map<Algorithm, Record<string, unknown>>([[als as Algorithm, { factors: 0 }]])
  await expect(search({ algorithms, folder })).rejects.toThrow(z.ZodError)
  expect(existsSync(join(folder, 'learned-from'))).toBe(false)
})
