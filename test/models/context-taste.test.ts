import { expect, test } from 'vitest'
import { itemSources } from '../../src/models/algorithm.ts'
import { featureNames, writeFeatures } from '../../src/models/context-taste/features.ts'
import { fitGate, type Gate, weigh } from '../../src/models/context-taste/gate.ts'
import { mixtureOf } from '../../src/models/context-taste/mixture.ts'
import { contextTasteTensors } from '../../src/models/context-taste/model.ts'
import { probabilitiesOf } from '../../src/models/context-taste/probabilities.ts'
import { chooseReliance, interpolated, withContextWeight } from '../../src/models/context-taste/reliance.ts'
import { collectSamples } from '../../src/models/context-taste/samples.ts'
import { OpenModel } from '../../src/models/open-model.ts'
import { partsWith } from '../../src/models/parts/parts.ts'
import { algorithms, contextTaste } from '../../src/models/registry.ts'
import { trainModel } from '../../src/models/train.ts'
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

test('scores become probabilities by a softmax over the list, but for those that are', () => {
  const scores = Float32Array.of(3, 2, 1)
  const deviation = Math.sqrt(2 / 3)
  const powers = [0, -1, -2].map(score => Math.exp(score / (0.5 * deviation)))
  const sum = powers.reduce((all, power) => all + power)
  const found = probabilitiesOf({ scores }, 0.5)
  for (const [at, power] of powers.entries()) expect(found[at]).toBeCloseTo(power / sum)
  expect([...probabilitiesOf({ scores }, 0)]).toEqual([3, 2, 1])
  const roots = [3, 2, 1].map(Math.sqrt)
  const flat = probabilitiesOf({ scores }, -2)
  for (const [at, root] of roots.entries()) expect(flat[at]).toBeCloseTo(root / (roots[0]! + roots[1]! + roots[2]!))
  expect([...probabilitiesOf({ scores: Float32Array.of(2, 2) }, 1)]).toEqual([0.5, 0.5])
  expect(probabilitiesOf({ scores: new Float32Array() }, 1)).toHaveLength(0)
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

test('context carries lists while a session runs, and taste at its begin', async () => {
  // Items 0–49 and 50–99 are tastes; within a session the next item of either is the next number, of one taste mostly.
  const random = randomNumbers(8)
  const minute = 60_000
  const users = 300
  const histories = Array.from({ length: users }, (_, user): Event[] => {
    const taste = (user % 2) * 50
    return Array.from({ length: 12 }, (_, session) => {
      const first = Math.floor(50 * random())
      return [0, 1, 2].map(step => ({
        item: taste + ((first + step) % 50),
        time: session * 1440 * minute + step * minute + Math.floor(minute * random()),
        weight: 1,
      }))
    }).flat()
  })
  const rows = histories.map(events => {
    const counts = Array<number>(100).fill(0)
    for (const { item } of events) counts[item]!++
    return counts
  })
  const directory = `${freshFolder()}/data`
  await writeDataset(directory, {
    byUser: csrOf(rows),
    users: Array.from({ length: users }, (_, user) => user),
    items: Array.from({ length: 100 }, (_, item) => item),
    events: sequencesOf(histories, 100),
  })
  const pool = new Pool({ threads: 1 })
  const model = `${freshFolder()}/model`
  const parts = 'transitions + als(factors=4)'
  const options = { parts, gateShare: 0.2, gateEvents: 1000 }
  await trainModel(Dataset.open(directory), model, contextTaste, options, { pool })
  await trainModel(Dataset.open(directory), `${model}-fixed`, contextTaste, { ...options, gate: 'fixed' }, { pool })
  await pool.close()
  const opened = OpenModel.open(model)
  const newest = 12 * 1440 * minute
  const listAt = (now: number) =>
    opened.rank([
      {
        user: 0,
        recent: { items: Uint32Array.of(3), weights: Float32Array.of(1), times: Float64Array.of(newest) },
        now,
        seen: 'allow',
        limit: 10,
        exclude: new Uint32Array(),
        only: undefined,
      },
    ])[0]!
  const during = listAt(newest + minute)
  expect(during.items[0]).toBe(4)
  const later = listAt(newest + 1440 * minute)
  expect(later.scores[0]! / later.scores[4]!).toBeLessThan(during.scores[0]! / during.scores[4]!)
  expect([...later.items.subarray(0, 8)].every(item => item < 50)).toBe(true)
  // Who asks says how far to lean on either.
  const leaningOn = (contextWeight: number) =>
    opened.rank([
      {
        user: 0,
        recent: { items: Uint32Array.of(3), weights: Float32Array.of(1), times: Float64Array.of(newest) },
        now: newest + minute,
        seen: 'allow',
        contextWeight,
        limit: 10,
        exclude: new Uint32Array(),
        only: undefined,
      },
    ])[0]!
  expect(leaningOn(1).items[0]).toBe(4)
  expect([...leaningOn(0).items]).not.toEqual([...leaningOn(1).items])
  expect(opened.sources).toEqual(['context', 'taste'])
  const { weights, sources } = leaningOn(0.8)
  expect(weights!.context).toBeCloseTo(0.8)
  expect(weights!.taste).toBeCloseTo(0.2)
  expect(itemSources[sources[0]!]).toBe('context')
  const shown = opened.explain({
    user: 0,
    recent: { items: Uint32Array.of(3), weights: Float32Array.of(1), times: Float64Array.of(newest) },
    now: newest + minute,
    seen: 'allow',
    contextWeight: 0.8,
    limit: 1,
    exclude: new Uint32Array(),
    only: Uint32Array.of(4),
  })
  expect(shown.weights!.context).toBeCloseTo(0.8)
  expect(shown.weights!.taste).toBeCloseTo(0.2)
  expect(shown.items[0]!.source).toBe('context')
  // What else is asked for makes no difference to an item, and the order is that of the list of what the user has not had.
  const ofSome = (only: Uint32Array | undefined) =>
    opened.rank([
      {
        user: 0,
        recent: { items: Uint32Array.of(3), weights: Float32Array.of(1), times: Float64Array.of(newest) },
        now: newest + minute,
        seen: only ? 'allow' : 'exclude',
        limit: 20,
        exclude: new Uint32Array(),
        only,
      },
    ])[0]!
  const whole = ofSome(undefined)
  const some = whole.items.filter((_, place) => place % 3 === 0)
  expect([...ofSome(some.toSorted()).items.subarray(0, some.length)]).toEqual([...some])
  for (const [place, item] of some.entries()) {
    const alone = ofSome(Uint32Array.of(item))
    expect(alone.items[0]).toBe(item)
    expect(alone.scores[0]).toBeCloseTo(whole.scores[3 * place]!)
  }
  // Who leaves the moment out weighs all moments alike.
  const fixed = OpenModel.open(`${model}-fixed`)
  const scalesOf = ({ artifact }: OpenModel) => [...contextTasteTensors(artifact, 2).scales]
  expect(new Set(scalesOf(fixed))).toEqual(new Set([0]))
  expect(Math.max(...scalesOf(opened))).toBeGreaterThan(0)
  fixed.close()
  opened.close()
})

test('a gate is followed as far as it loses nowhere, on events that it did not see', () => {
  // The first part is right of even events, the second of odd ones; the third never.
  const expert = (...items: number[]) => ({
    items: Uint32Array.from(items),
    probabilities: Float64Array.from(items, (_, at) => 0.5 ** at),
  })
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
  const knowing = (event: number) => (event % 2 === 0 ? Float64Array.of(1, 0, 0) : Float64Array.of(0, 1, 0))
  expect(chooseReliance(events, 3, knowing)).toEqual({ best: 0, gateWeight: 0.75, repeatFactor: 1 })
  const misled = () => Float64Array.of(0, 0, 1)
  expect(chooseReliance(events, 3, misled)).toEqual({ best: 0, gateWeight: 0, repeatFactor: 1 })
  // Better over all, worse in a view.
  const reversed = (event: number) => (event % 4 === 0 ? Float64Array.of(0, 1, 0) : knowing(event))
  expect(chooseReliance(events, 3, reversed).gateWeight).toBeLessThan(0.75)
  // What chance explains is no loss: one event of a view, where the gate is right of ten others.
  const unlucky = (event: number) => (event === 4 ? Float64Array.of(0, 1, 0) : knowing(event))
  const isLost = (isIn: (event: number) => boolean) =>
    chooseReliance({ ...events, views: [isIn] }, 3, unlucky).gateWeight === 0
  expect(isLost(event => event === 4 || event === 6)).toBe(false)
  expect(isLost(event => event % 4 === 0 && event < 9)).toBe(false)
  expect(chooseReliance({ ...events, count: 0 }, 3, knowing)).toEqual({ best: 0, gateWeight: 0, repeatFactor: 1 })
  // What came before stands first, and does not come.
  const repeating = {
    ...events,
    experts: () => [expert(6, 7), expert(1, 2), expert(1, 2)],
    recent: () => Uint32Array.of(6, 3),
  }
  expect(chooseReliance(repeating, 3, () => Float64Array.of(1, 0, 0))).toEqual({
    best: 0,
    gateWeight: 0.1,
    repeatFactor: 0.4,
  })
  // √.3 is not enough.
  expect(
    chooseReliance({ ...repeating, isNewItem: item => item === 6 }, 3, () => Float64Array.of(1, 0, 0)).repeatFactor,
  ).toBe(1)
  expect([...interpolated(Float64Array.of(0.5, 0.5), 1, 0.5)]).toEqual([0.25, 0.75])
  const lean = (share: number) => [...withContextWeight(Float64Array.of(0.5, 0.25, 0.25), part => part === 0, share)]
  expect([lean(0.8), lean(0), lean(1)]).toEqual([
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
