import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { type ItemList, itemSources, type ResolvedRequest } from '../../src/models/algorithm.ts'
import { Artifact, inspectArtifact } from '../../src/models/artifact/artifact.ts'
import { forgetInDirectory } from '../../src/models/artifact/forget.ts'
import { formatParts, parseParts } from '../../src/models/composite/parts/notation.ts'
import { OpenModel } from '../../src/models/open/open-model.ts'
import { algorithmNamed, blend } from '../../src/models/registry.ts'
import { Pool } from '../../src/parallel/pool.ts'
import { openSafetensors } from '../../src/storage/safetensors.ts'
import { freshFolder } from '../storage/folder.ts'
import { forgedModel, forgedOptions, withValue } from './forged.ts'
import { checkerboard, datasetOf, randomInteractions, shuffledDatasetOf } from './interactions.ts'
import { historyOf, plainList, randomRequests, requestOf } from './requests.ts'
import { type TrainingOptions, trained } from './trained.ts'

const pool = new Pool({ threads: 2 })
afterAll(() => pool.close())

type Data = Awaited<ReturnType<typeof datasetOf>>
const train = (dataset: Data, options: object, more: Partial<TrainingOptions> = {}) =>
  trained(blend, dataset, { pool, options: { ...options }, ...more })
const als = 'als(factors=3, seed=7)'
const randomData = (items = 60, seed = 3) => shuffledDatasetOf(randomInteractions(80, items, seed))

/** The whole algorithm: what each part scores of its best items, made comparable, summed for all items of any part. */
function naiveBlend(
  lists: readonly ItemList[],
  { weights, depth, normalisation, limit }: { weights: number[]; depth: number; normalisation: string; limit: number },
): [item: number, score: number][] {
  const columns = lists.map(({ items, scores }) => {
    const kept = [...items].slice(0, Math.max(limit, depth))
    const top = [...scores].slice(0, depth)
    const mean = normalisation === 'norm' ? 0 : top.reduce((a, b) => a + b, 0) / Math.max(1, top.length)
    const size = normalisation === 'norm' ? 1 : Math.max(1, top.length)
    const scale = Math.sqrt(top.reduce((a, b) => a + (b - mean) ** 2, 0) / size) || 1
    const last = kept.length === Math.max(limit, depth) ? scores[kept.length - 1]! : Math.min(0, scores.at(-1) ?? 0)
    return (item: number) => {
      const place = kept.indexOf(item)
      if (normalisation === 'rank') return place < 0 ? 0 : 1 / (61 + place)
      return ((place < 0 ? last : scores[place]!) - mean) / scale
    }
  })
  const candidates = new Set(lists.flatMap(({ items }) => [...items].slice(0, Math.max(limit, depth))))
  return [...candidates]
    .map((item): [number, number] => [item, weights.reduce((sum, w, part) => sum + w * columns[part]!(item), 0)])
    .sort((a, b) => b[1] - a[1])
    .slice(0, limit)
}

test.each(['norm', 'z-score', 'rank'])(
  'scores as the definition does by %s, whatever the depth',
  async normalisation => {
    for (const depth of [20, 200]) {
      const options = { parts: `${als} + 0.5 * graph-filter + 0.25*neighbours(neighbours=5)`, secondWeight: 3, depth }
      const directory = await train(await randomData(), { ...options, normalisation })
      const artifact = Artifact.open(directory)
      const own = blend.open(artifact)
      const parsed = parseParts(artifact.manifest.options.parts as string)
      const parts = parsed.map(({ model, options }, place) =>
        algorithmNamed(model).open(artifact.part({ prefix: `${place}.`, algorithm: model, options: options! })),
      )
      const sources = parsed.map(({ model }) => algorithmNamed(model).source ?? 'taste')
      const weights = [1, 1.5, 0.25]
      for (const request of randomRequests(artifact, 150, 5)) {
        const history = historyOf(artifact, request)
        if (history.size === 0) continue
        const indices = Uint32Array.from(history.keys()).sort()
        const exclude = new Set([...request.exclude, ...(request.seen === 'exclude' ? indices : [])])
        const resolved: ResolvedRequest = {
          ...request,
          only: request.only,
          history: { indices, weights: Float32Array.from(indices, item => history.get(item)!) },
          exclude: Uint32Array.from(exclude).sort(),
        }
        const all = parts.map(part => part.rank([{ ...resolved, limit: artifact.items.size }])[0]!)
        const expected = naiveBlend(all, { weights, depth, normalisation, limit: request.limit })
        const [found] = own.rank([resolved])
        expect(found!.items).toHaveLength(expected.length)
        found!.scores.forEach((score, at) => {
          expect(score).toBeCloseTo(expected[at]![1], 5)
        })
        // What no other part has rests on the one that has it.
        found!.items.forEach((item, at) => {
          const deep = Math.max(request.limit, depth)
          const having = sources.filter((_, part) => all[part]!.items.subarray(0, deep).includes(item))
          if (having.length === 1) expect(itemSources[found!.sources![at]!]).toBe(having[0])
        })
        const scores = new Map(naiveBlend(all, { weights, depth, normalisation, limit: request.limit }))
        const cut = expected.at(-1)?.[1] ?? 0
        // Items of equal scores may be either side of the cut.
        found!.items.forEach((item, at) => {
          expect(scores.get(item) ?? cut).toBeCloseTo(found!.scores[at]!, 5)
        })
      }
    }
  },
)

test('a part has the bytes, and a blend of one part the order, of the model alone', async () => {
  const dataset = await randomData()
  const alone = await trained(algorithmNamed('als'), dataset, { pool, options: { factors: 3, seed: 7 } })
  const directory = await train(dataset, { parts: als })
  const tensors = openSafetensors(join(directory, 'tensors.safetensors')).tensors
  for (const [name, { data }] of Object.entries(openSafetensors(join(alone, 'tensors.safetensors')).tensors)) {
    expect(tensors[`0.${name}`]!.data).toEqual(data)
  }
  const [model, single] = [OpenModel.open(directory), OpenModel.open(alone)]
  const requests = Array.from({ length: 20 }, (_, user) => requestOf(user))
  const items = (lists: readonly ItemList[]) => lists.map(list => [...list.items])
  expect(items(model.rank(requests))).toEqual(items(single.rank(requests)))
})

test('the manifest says all options of each part, by which the same model comes out', async () => {
  const dataset = await randomData()
  const directory = await train(dataset, { parts: `${als} + 2 * popular` })
  const { options, files } = inspectArtifact(directory).manifest
  const parts = parseParts(options.parts as string)
  expect(parts.map(({ model, weight }) => [model, weight])).toEqual([
    ['als', 1],
    ['popular', 2],
  ])
  expect(parts[0]!.options).toMatchObject({ factors: 3, epochs: 15, seed: 7, instructions: expect.any(String) })
  expect(inspectArtifact(await train(dataset, options)).manifest.files).toEqual(files)
})

test('parts are written and read alike', () => {
  const parts = [
    { model: 'als', weight: 1, options: { factors: 128, unobservedWeight: 3e-7, similarityK1: 1.5, exact: true } },
    { model: 'graph-filter', weight: 0.5, options: {} },
  ]
  const text = 'als(factors=128, unobserved-weight=3e-7, similarity-k1=1.5, exact=true) + 0.5 * graph-filter'
  expect(formatParts(parts)).toBe(text)
  expect(parseParts(text)).toEqual(parts)
  expect(parseParts(text.replaceAll(' ', ''))).toEqual(parts)
  expect(parseParts('als(unobservedWeight = 3e+2) +2*ease()')).toEqual([
    { model: 'als', weight: 1, options: { unobservedWeight: 300 } },
    { model: 'ease', weight: 2, options: {} },
  ])
  expect(formatParts([{ model: 'als', options: { factors: undefined } }])).toBe('als')
})

describe('what is no sum of models is refused in words', () => {
  const form = 'expected WEIGHT * MODEL(OPTION=VALUE, OPTION=VALUE)'
  test.each([
    ['', `nothing is no part: ${form}`],
    ['als + ', `nothing is no part: ${form}`],
    ['als * 2', `als * 2 is no part: ${form}`],
    ['als(factors=3', `als(factors=3 is no part: ${form}`],
    ['als ease', `als ease is no part: ${form}`],
    ['0 * als', 'the weight of als must be a number above 0 to 1000000, got 0'],
    ['x * als', 'the weight of als must be a number above 0 to 1000000, got x'],
    ['Infinity * als', 'the weight of als must be a number above 0 to 1000000, got Infinity'],
    ['als + blend', 'there is no model blend: expected one of als, autoencoder,'],
    ['als + graph-filter(factors=0)', 'of graph-filter, factors must be a whole number from 1 to 1024, got 0'],
    ['als(factors=many)', 'of als, factors must be a whole number from 1 to 1024, got "many"'],
    ['als(depth=3)', 'of als, there is no depth: expected one of factors, epochs,'],
    ['als(factors)', 'of als, factors is no option: expected OPTION=VALUE'],
    ['als(factors=3,)', 'of als, nothing is no option: expected OPTION=VALUE'],
    ['als(factors=3, factors=4)', 'of als, factors is given twice'],
  ])('%s', async (parts, fault) => {
    const dataset = await datasetOf(checkerboard(10))
    const form = "options of blend: parts must be models joined by +, as 'als(factors=128) + 0.5 * graph-filter', got "
    await expect(train(dataset, { parts })).rejects.toThrow(`${form}${parts || 'nothing'}: ${fault}`)
  })
})

test('what a part refuses while it is trained is said with its name', async () => {
  const dataset = await datasetOf(checkerboard(10))
  const parts = `${als} + als(factors=3, instructions=neon)`
  await expect(train(dataset, { parts })).rejects.toThrow(/^als: instructions must be one of /)
})

test('a part that cannot fit in memory is told before any is trained', async () => {
  const items = 400_000
  const dataset = await datasetOf(Array.from({ length: items }, (_, item) => [item % 50, item, 1] as const))
  const shares: number[] = []
  const onProgress = ({ done }: { done: number }) => void shares.push(done)
  await expect(train(dataset, { parts: 'popular + ease' }, { onProgress })).rejects.toThrow(
    /^ease: the dense weights of 400000 items need [\d.]+ GB of memory to be trained/,
  )
  expect(shares).toEqual([])
})

test('damage to a tensor of a part is told by its name in the file', async () => {
  const directory = await train(await datasetOf(checkerboard(20)), { parts: `popular + ${als}` })
  const copy = await forgedModel(directory, 'tensors.safetensors', all => withValue(all, '1.users', 4, Number.NaN))
  expect(() => OpenModel.open(copy)).toThrow('is damaged: the tensor 1.users: row 1, column 1 must be finite')
  const other = await forgedOptions(directory, options => ({ ...options, parts: 'popular + ease(factors=3)' }))
  expect(() => OpenModel.open(other)).toThrow('of ease, there is no factors: expected one of ')
})

test('a user who is forgotten is in no tensor of any part', async () => {
  const dataset = await datasetOf(checkerboard(20))
  const directory = await train(dataset, { parts: `${als} + graph-filter + neighbours(by=users)` })
  const row = dataset.users.indexOf(5)
  expect(await forgetInDirectory({ directory, user: '5' })).toBe(true)
  const { tensors } = openSafetensors(join(directory, 'tensors.safetensors'))
  for (const name of ['0.users', '1.userScales', '2.right']) {
    const { data, shape } = tensors[name]!
    const width = data.length / shape[0]!
    expect([...data.subarray(row * width, (row + 1) * width)], name).toEqual(Array(width).fill(0))
  }
})

test('similar items are those of the first part that finds some, and popular ones those of the part that has its own', async () => {
  const dataset = await randomData()
  const weighting = { weighting: 'none', halfLife: 0.001 } as const
  const model = OpenModel.open(await train(dataset, { parts: 'popular + neighbours + ease', ...weighting }))
  const alone = OpenModel.open(await trained(algorithmNamed('neighbours'), dataset, { pool, options: weighting }))
  const requests = Array.from({ length: 20 }, (_, item) => ({ item, limit: 5 }))
  expect(model.similar(requests).map(plainList)).toEqual(alone.similar(requests).map(plainList))
  const popular = OpenModel.open(await trained(algorithmNamed('popular'), dataset, { pool, options: weighting }))
  expect(plainList(model.rank([requestOf(-1)])[0]!)).toEqual(plainList(popular.rank([requestOf(-1)])[0]!))
  const none = OpenModel.open(await train(dataset, { parts: 'popular' }))
  expect(none.capabilities).toEqual([])
  await expect(train(dataset, { parts: 'als(weighting=none) + popular' })).rejects.toThrow(
    'of als, weighting is the same for all parts: give it once, beside them',
  )
})

test('progress of each part is an equal share of the whole', async () => {
  const shares: number[] = []
  const parts = `popular + ${als} + popular`
  const dataset = await randomData()
  const onProgress = ({ done }: { done: number }) => void shares.push(done)
  await train(dataset, { parts }, { onProgress, directory: join(freshFolder(), 'model') })
  expect(shares).toEqual(shares.toSorted((a, b) => a - b))
  expect(shares[0]).toBeCloseTo(1 / 3)
  expect(shares.some(done => done > 0.4 && done < 0.6)).toBe(true)
  expect(shares.at(-1)).toBe(1)
})
