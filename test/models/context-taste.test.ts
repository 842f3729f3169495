import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type ItemSource, itemSources, noEvents, type RankRequest } from '../../src/models/algorithm.ts'
import { featureNames, writeFeatures } from '../../src/models/composite/context-taste/features.ts'
import { fitGate, type Gate, weigh } from '../../src/models/composite/context-taste/gate/gate.ts'
import {
  chooseReliance,
  interpolated,
  withContextWeight,
} from '../../src/models/composite/context-taste/gate/reliance.ts'
import { collectSamples } from '../../src/models/composite/context-taste/gate/samples.ts'
import { mixtureOf } from '../../src/models/composite/context-taste/mixture.ts'
import { contextTasteTensors } from '../../src/models/composite/context-taste/model.ts'
import {
  type Calibration,
  calibrationsOf,
  decodeCalibration,
  encodeCalibration,
  probabilitiesOf,
} from '../../src/models/composite/context-taste/probabilities.ts'
import { partsWith } from '../../src/models/composite/parts/parts.ts'
import { OpenModel } from '../../src/models/open/open-model.ts'
import { algorithms, contextTaste } from '../../src/models/registry.ts'
import { trainModel } from '../../src/models/training/train.ts'
import { Pool } from '../../src/parallel/pool.ts'
import { Dataset, writeDataset } from '../../src/storage/dataset.ts'
import { randomNumbers } from '../../src/storage/random.ts'
import { csrOf } from '../storage/csr-of.ts'
import { freshFolder } from '../storage/folder.ts'
import { type Event, sequencesOf } from '../storage/sequences-of.ts'

const weightsOf = (gate: Gate, ...features: number[]) => {
  const weights = new Float64Array(gate.parts)
  weigh(gate, Float64Array.from(features), weights)
  return weights
}

test('a gate leans on the part that was right in like moments', () => {
  const random = randomNumbers(3)
  const count = 2000
  const features = new Float64Array(count * 2)
  const probabilities = new Float64Array(count * 2)
  for (let at = 0; at < count; at++) {
    // The first part is right where the first feature is high; the second says nothing of it.
    features[2 * at] = 100 * random()
    features[2 * at + 1] = random()
    const isFirst = random() < features[2 * at]! / 100
    probabilities[2 * at] = isFirst ? 0.5 : 0.01
    probabilities[2 * at + 1] = isFirst ? 0.01 : 0.5
  }
  const gate = fitGate({ count, features, probabilities }, { parts: 2, features: 2 })
  const [low, middle, high] = [5, 50, 95].map(value => weightsOf(gate, value, 0.5)[0]!)
  expect(low).toBeLessThan(0.15)
  expect(Math.abs(middle! - 0.5)).toBeLessThan(0.08)
  expect(high).toBeGreaterThan(0.85)
  expect(Math.abs(weightsOf(gate, 50, 0)[0]! - weightsOf(gate, 50, 1)[0]!)).toBeLessThan(0.1)
  expect(weightsOf(gate, 7, 0.1).reduce((sum, weight) => sum + weight)).toBeCloseTo(1)
})

test('of nothing a gate learns nothing: all parts count alike', () => {
  const none = { count: 0, features: new Float64Array(), probabilities: new Float64Array() }
  expect([...weightsOf(fitGate(none, { parts: 4, features: 2 }), 3, 9)]).toEqual([0.25, 0.25, 0.25, 0.25])
  // A feature that is always the same, and what no part predicted.
  const same = { count: 3, features: new Float64Array(3).fill(7), probabilities: new Float64Array(6) }
  expect([...weightsOf(fitGate(same, { parts: 2, features: 1 }), 1e9)]).toEqual([0.5, 0.5])
})

test('a mixture is the sum of what its parts say, best first, and names the part that says most', () => {
  const random = randomNumbers(5)
  for (let run = 0; run < 200; run++) {
    const experts = Array.from({ length: 3 }, () => {
      const items = Uint32Array.from({ length: 12 }, (_, item) => item).filter(() => random() < 0.5)
      // Some are equal.
      return { items, probabilities: Float64Array.from(items, () => Math.ceil(4 * random()) / 8) }
    })
    const weights = Float64Array.of(0.5, 0.25, 0.25)
    const given = (item: number) =>
      experts.map(({ items, probabilities }, part) => {
        const at = items.indexOf(item)
        return at < 0 ? 0 : weights[part]! * probabilities[at]!
      })
    const sum = (item: number) => given(item).reduce((all, value) => all + value, 0)
    const expected = Array.from({ length: 12 }, (_, item) => item)
      .filter(item => sum(item) > 0)
      .sort((a, b) => sum(b) - sum(a) || a - b)
      .slice(0, 5)
    const { items, scores, parts } = mixtureOf(experts, weights, 5)
    expect([...items]).toEqual(expected)
    expect([...scores]).toEqual(expected.map(item => Math.fround(sum(item))))
    expect([...parts]).toEqual(expected.map(item => given(item).indexOf(Math.max(...given(item)))))
  }
})

test('scores become probabilities: as they are, by a power or by a softmax', () => {
  const scores = Float32Array.of(3, 2, 1)
  const sumOf = (values: readonly number[]) => values.reduce((sum, value) => sum + value)
  const expectShares = (calibration: Calibration, amounts: readonly number[]) => {
    const found = probabilitiesOf({ scores }, calibration)
    for (const [at, amount] of amounts.entries()) expect(found[at]).toBeCloseTo(amount / sumOf(amounts))
  }
  expect([...probabilitiesOf({ scores }, { kind: 'identity' })]).toEqual([3, 2, 1])
  expectShares({ kind: 'power', exponent: 0.5 }, [3, 2, 1].map(Math.sqrt))
  const deviation = Math.sqrt(2 / 3)
  const distances = [0, -1, -2].map(distance => distance / deviation)
  expectShares(
    { kind: 'softmax', temperature: 0.5 },
    distances.map(distance => Math.exp(distance / 0.5)),
  )
  const softmax = { kind: 'softmax', temperature: 1 } as const
  expect([...probabilitiesOf({ scores: Float32Array.of(2, 2) }, softmax)]).toEqual([0.5, 0.5])
  expect(probabilitiesOf({ scores: new Float32Array() }, softmax)).toHaveLength(0)
})

test('a saved number stands for each calibration', () => {
  const codesOf = (source: ItemSource) => calibrationsOf(source).map(encodeCalibration)
  // Models that were saved have these.
  expect(codesOf('context')).toEqual([0, -1.25, -1.6, -2])
  expect(codesOf('taste')).toEqual([0.1, 0.2, 0.35, 0.6, 1, 2])
  expect(codesOf('popular')).toEqual([-1, -1.25, -1.6, -2, 0.1, 0.2, 0.35, 0.6, 1, 2])
  for (const source of itemSources) {
    for (const calibration of calibrationsOf(source)) {
      expect(decodeCalibration(encodeCalibration(calibration))).toEqual(calibration)
    }
  }
})

const hour = 3_600_000

/** The features by their names, of a user who had the items 1, 2 and 3. */
function featuresOf({ exclude, ...context }: { exclude: number[]; sessionGap: number; newest: number }) {
  const lists = {
    context: { items: Uint32Array.of(4, 5, 6), probabilities: Float64Array.of(0.5, 0.2, 0.1) },
    taste: { items: Uint32Array.of(5, 9), probabilities: Float64Array.of(0.75, 0.25) },
  }
  const request = {
    user: -1,
    history: { indices: Uint32Array.of(1, 2, 3), weights: Float32Array.of(1, 1, 1) },
    recent: {
      items: Uint32Array.of(1, 2, 3),
      weights: Float32Array.of(1, 1, 1),
      times: Float64Array.of(0, 99.9 * hour, 100 * hour),
    },
    now: 100.25 * hour,
    limit: 10,
    exclude: Uint32Array.from(exclude),
    only: undefined,
  }
  const found = new Float64Array(featureNames.length)
  writeFeatures(request, lists, { events: undefined, ...context }, found)
  return Object.fromEntries(featureNames.map((name, place) => [name, found[place]!]))
}

test('the features are made of the user, the clock and the lists', () => {
  const angle = ((100.25 % 24) / 24) * 2 * Math.PI
  const expected = {
    sessionItems: Math.log1p(2),
    historyItems: Math.log1p(3),
    hoursSinceLastEvent: Math.log1p(0.25),
    firstOfContext: 0.5,
    contextItems: Math.log1p(3),
    firstOfTaste: 0.75,
    sharedItems: 1 / 20,
    sineOfDay: Math.sin(angle),
    cosineOfDay: Math.cos(angle),
    modelAge: Math.log1p(10.25),
    excludesHistory: 1,
  }
  const found = featuresOf({ exclude: [1, 2, 3], sessionGap: 0.5, newest: 90 * hour })
  // Saved gates rely on the order.
  expect(Object.keys(found)).toEqual(Object.keys(expected))
  for (const [name, value] of Object.entries(expected)) expect(found[name], name).toBeCloseTo(value)
  expect(featuresOf({ exclude: [], sessionGap: 0, newest: 0 }).sessionItems).toBe(Math.log1p(3))
})

test('a history is excluded where each of its items is', () => {
  const isExcluded = (...exclude: number[]) => featuresOf({ exclude, sessionGap: 0.5, newest: 0 }).excludesHistory
  expect([isExcluded(), isExcluded(1), isExcluded(2), isExcluded(1, 2), isExcluded(2, 3, 4)]).toEqual([0, 0, 0, 0, 0])
  expect([isExcluded(1, 2, 3), isExcluded(0, 1, 2, 3, 9)]).toEqual([1, 1])
})

/** A dataset of the events of each user, on items from 0 to below `items`. */
async function datasetOf(directory: string, histories: readonly (readonly Event[])[], items: number) {
  const rows = histories.map(events => {
    const counts = Array<number>(items).fill(0)
    for (const { item } of events) counts[item]!++
    return counts
  })
  await writeDataset(directory, {
    byUser: csrOf(rows),
    users: rows.map((_, user) => user),
    items: Array.from({ length: items }, (_, item) => item),
    events: sequencesOf(histories, items),
  })
  return Dataset.open(directory)
}

async function opened(directory: string, dataset: Dataset, options: Record<string, unknown>): Promise<OpenModel> {
  const pool = new Pool({ threads: 1 })
  await trainModel(dataset, directory, contextTaste, options, { pool })
  await pool.close()
  return OpenModel.open(directory)
}

describe('of users with two tastes, who go through the items of theirs in order', () => {
  const minute = 60_000
  const day = 1440 * minute
  const newest = 12 * day
  const folder = mkdtempSync(join(tmpdir(), 'aurochs-test-'))
  const options = { parts: 'transitions + als(factors=4)', gateShare: 0.3, gateEvents: 3000 }
  let dataset: Dataset
  let model: OpenModel
  let fixed: OpenModel

  beforeAll(async () => {
    // Items 0–49 and 50–99 are tastes; within a session the next item of either is the next number.
    const random = randomNumbers(8)
    const histories = Array.from({ length: 300 }, (_, user): Event[] => {
      const taste = (user % 2) * 50
      return Array.from({ length: 12 }, (_, session) => {
        const first = Math.floor(50 * random())
        return [0, 1, 2].map(step => ({
          item: taste + ((first + step) % 50),
          time: session * day + step * minute + Math.floor(minute * random()),
          weight: 1,
        }))
      }).flat()
    })
    dataset = await datasetOf(join(folder, 'data'), histories, 100)
    model = await opened(join(folder, 'model'), dataset, options)
    fixed = await opened(join(folder, 'fixed'), dataset, { ...options, gate: 'fixed' })
  })
  afterAll(() => {
    model.close()
    fixed.close()
    rmSync(folder, { recursive: true })
  })

  /** A request a minute after user 0 had item 3, but for what is given. */
  const requestWith = (given: Partial<RankRequest>): RankRequest => ({
    user: 0,
    recent: { items: Uint32Array.of(3), weights: Float32Array.of(1), times: Float64Array.of(newest) },
    now: newest + minute,
    seen: 'allow',
    limit: 10,
    exclude: new Uint32Array(),
    ...given,
  })
  const listFor = (given: Partial<RankRequest>) => model.rank([requestWith(given)])[0]!

  test('context carries lists while a session runs, and taste at its begin', () => {
    const during = listFor({})
    expect(during.items[0]).toBe(4)
    const later = listFor({ now: newest + day })
    expect(later.scores[0]! / later.scores[4]!).toBeLessThan(during.scores[0]! / during.scores[4]!)
    expect([...later.items.subarray(0, 8)].every(item => item < 50)).toBe(true)
  })

  test('a request may say how far to lean on context, and its list and explanation say the same', () => {
    expect(listFor({ contextWeight: 1 }).items[0]).toBe(4)
    expect([...listFor({ contextWeight: 0 }).items]).not.toEqual([...listFor({ contextWeight: 1 }).items])
    expect(model.sources).toEqual(['context', 'taste'])
    const list = listFor({ contextWeight: 0.8 })
    expect(itemSources[list.sources[0]!]).toBe('context')
    const explained = model.explain(requestWith({ contextWeight: 0.8, limit: 1, only: Uint32Array.of(4) }))
    expect(explained.items[0]!.source).toBe('context')
    for (const { weights } of [list, explained]) {
      expect(weights!.context).toBeCloseTo(0.8)
      expect(weights!.taste).toBeCloseTo(0.2)
    }
  })

  test('an item scores the same whichever items are asked for', () => {
    const whole = listFor({ seen: 'exclude', limit: 20 })
    const some = whole.items.filter((_, place) => place % 3 === 0)
    const ofSome = listFor({ only: some.toSorted(), limit: 20 })
    expect([...ofSome.items.subarray(0, some.length)]).toEqual([...some])
    for (const [place, item] of some.entries()) {
      const alone = listFor({ only: Uint32Array.of(item), limit: 20 })
      expect(alone.items[0]).toBe(item)
      expect(alone.scores[0]).toBeCloseTo(whole.scores[3 * place]!)
    }
  })

  test('a fixed gate knows no features', () => {
    const scalesOf = ({ artifact }: OpenModel) => [...contextTasteTensors(artifact, 2).scales]
    expect(new Set(scalesOf(fixed))).toEqual(new Set([0]))
    expect(Math.max(...scalesOf(model))).toBeGreaterThan(0)
  })

  const relianceOf = ({ artifact }: OpenModel) => {
    const { reliance } = contextTasteTensors(artifact, 2)
    return { first: [...reliance.subarray(0, 3)], later: [...reliance.subarray(3)] }
  }

  test('how far the gate is followed is chosen apart for the first of a session and for later', () => {
    const { first, later } = relianceOf(model)
    expect(first).not.toEqual(later)
    expect(model.artifact.manifest.findings).toEqual([
      expect.stringMatching(/^At the first of a session .*\. Later in a session .*\.$/),
    ])
  })

  test('where few events judge the gate, all choose for both, and one finding says both', async () => {
    const few = await opened(join(freshFolder(), 'model'), dataset, { ...options, gateEvents: 300 })
    for (const { artifact } of [few, fixed]) {
      expect(artifact.manifest.findings).toEqual([expect.stringMatching(/^At the first of a session and later /)])
    }
    const { first, later } = relianceOf(few)
    expect(first).toEqual(later)
    few.close()
  })
})

test('where no event can teach a gate, all parts count alike, and the finding says so', async () => {
  // Each user has one event: nobody has a history when it comes.
  const histories = Array.from({ length: 40 }, (_, user): Event[] => [{ item: user % 8, time: user * hour, weight: 1 }])
  const folder = freshFolder()
  const dataset = await datasetOf(join(folder, 'data'), histories, 8)
  const model = await opened(join(folder, 'model'), dataset, { parts: 'transitions + popular' })
  expect(model.artifact.manifest.findings).toEqual([
    'There were no events that a gate could learn from: all parts count alike.',
  ])
  const request = { user: 0, recent: noEvents, seen: 'allow', limit: 3, exclude: new Uint32Array() } as const
  expect(model.rank([request])[0]!.weights).toEqual({ context: 0.5, popular: 0.5 })
  model.close()
})

describe('of events that neither gate nor parts have seen', () => {
  const expert = (...items: number[]) => ({
    items: Uint32Array.from(items),
    probabilities: Float64Array.from(items, (_, at) => 0.5 ** at),
  })
  // The first part is right of even events, the second of odd ones; the third never.
  const events = {
    count: 40,
    experts: (event: number) => [
      expert(event % 2 === 0 ? 7 : 6, 1),
      expert(event % 2 === 0 ? 6 : 7, 2),
      expert(...Array.from({ length: 25 }, (_, at) => 100 + at)),
    ],
    recent: () => new Uint32Array(0),
    isNewItem: () => false,
    targets: new Uint32Array(40).fill(7),
    views: [(event: number) => event % 4 === 0],
  }
  const rightGate = (event: number) => (event % 2 === 0 ? Float64Array.of(1, 0, 0) : Float64Array.of(0, 1, 0))

  test('a gate is followed as far as that is best', () => {
    expect(chooseReliance(events, 3, rightGate)).toEqual({ best: 0, gateWeight: 0.75, repeatFactor: 1 })
    const wrongGate = () => Float64Array.of(0, 0, 1)
    expect(chooseReliance(events, 3, wrongGate)).toEqual({ best: 0, gateWeight: 0, repeatFactor: 1 })
  })

  test('a gate that is better over all, but worse in a view, is followed less', () => {
    const reversed = (event: number) => (event % 4 === 0 ? Float64Array.of(0, 1, 0) : rightGate(event))
    expect(chooseReliance(events, 3, reversed)!.gateWeight).toBeLessThan(0.75)
  })

  test('a loss that chance explains does not count', () => {
    // The gate is wrong of one event of the view, and right of many others.
    const unlucky = (event: number) => (event === 4 ? Float64Array.of(0, 1, 0) : rightGate(event))
    for (const isIn of [
      (event: number) => event === 4 || event === 6,
      (event: number) => event % 4 === 0 && event < 9,
    ]) {
      expect(chooseReliance({ ...events, views: [isIn] }, 3, unlucky)!.gateWeight).toBeGreaterThan(0)
    }
  })

  test('without events, or where no part has any of them, nothing is chosen', () => {
    expect(chooseReliance({ ...events, count: 0 }, 3, rightGate)).toBeUndefined()
    expect(chooseReliance({ ...events, targets: new Uint32Array(40).fill(9) }, 3, rightGate)).toBeUndefined()
  })

  test('repeats that stand first, but do not come, are made to count less', () => {
    const repeating = {
      ...events,
      experts: () => [expert(6, 7), expert(1, 2), expert(1, 2)],
      recent: () => Uint32Array.of(6, 3),
    }
    const gate = () => Float64Array.of(1, 0, 0)
    expect(chooseReliance(repeating, 3, gate)).toEqual({ best: 0, gateWeight: 0.1, repeatFactor: 0.4 })
    // Of a new item the square root counts: √.3 is not enough.
    expect(chooseReliance({ ...repeating, isNewItem: item => item === 6 }, 3, gate)!.repeatFactor).toBe(1)
  })
})

test('interpolated weights are those of the gate and of the best part', () => {
  expect([...interpolated(Float64Array.of(0.5, 0.5), 1, 0.5)]).toEqual([0.25, 0.75])
})

test('a context weight is shared by the context parts as before, and the rest by the others', () => {
  const scaled = (contextWeight: number) => [
    ...withContextWeight(Float64Array.of(0.5, 0.25, 0.25), part => part === 0, contextWeight),
  ]
  expect([scaled(0.8), scaled(0), scaled(1)]).toEqual([
    [0.8, expect.closeTo(0.1), expect.closeTo(0.1)],
    [0, 0.5, 0.5],
    [1, 0, 0],
  ])
  expect([...withContextWeight(Float64Array.of(0.5, 0.5), () => false, 1)]).toEqual([0.5, 0.5])
})

test('a gate learns from what events count by their kind, as served lists rest on it', async () => {
  const random = randomNumbers(12)
  const kinds = ['view', 'buy']
  const factors = [0.25, 4]
  const histories = Array.from({ length: 60 }, (_, user) =>
    Array.from({ length: 30 }, (_, at) => ({
      item: (user % 2) * 20 + Math.floor(20 * random()),
      time: at * 3_600_000 + Math.floor(1e6 * random()),
      kind: Math.floor(2 * random()),
    })),
  )
  const pool = new Pool({ threads: 1 })
  const samplesOf = async (isOfKinds: boolean) => {
    const weightOf = (kind: number) => (isOfKinds ? 1 : factors[kind]!)
    const rows = histories.map(events => {
      const sums = Array<number>(40).fill(0)
      for (const { item, kind } of events) sums[item]! += weightOf(kind)
      return sums
    })
    const directory = `${freshFolder()}/data`
    await writeDataset(directory, {
      byUser: csrOf(rows),
      users: rows.map((_, user) => user),
      items: Array.from({ length: 40 }, (_, item) => item),
      events: sequencesOf(
        histories.map(events =>
          events.map(({ item, time, kind }) => ({ item, time, weight: weightOf(kind), ...(isOfKinds && { kind }) })),
        ),
        40,
      ),
      ...(isOfKinds && { kinds }),
    })
    const kindWeights = isOfKinds ? { view: factors[0]!, buy: factors[1]! } : undefined
    const weighting = { weighting: 'log', kindWeights, weightingK1: 1.2, weightingB: 0.75 } as const
    const parts = partsWith('als(factors=4) + transitions', weighting, algorithms)
    const options = { depth: 20, share: 0.3, most: 200, sessionGap: 0.5, weighting }
    const { samples } = await collectSamples(Dataset.open(directory), parts, options, { pool, signal: undefined })
    return [samples.count, [...samples.probabilities], [...samples.features]]
  }
  expect(await samplesOf(true)).toEqual(await samplesOf(false))
  await pool.close()
})
