/**
 * Mixes of two tags, a song and an energy curve, 20 songs each, from a seeded space of a million songs of rank 128, on one thread: how long each takes, and how good
 * the lists are beside the plain ones: the best by the cosine with the sum of the ingredients (`topK`), and any songs (`random`). `relevance`: the mean over
 * the list; `diversity`: 1 less the mean cosine of pairs; `tooNear`: songs with one of the same artist less than four places before; `energyError`: the mean distance from
 * the curve; `transition`: the mean cosine with the song before.
 *
 * `--songs N` (1,000,000) of `--rank N` (128), `--mixes N` (60). Times are of the processor, so that others on the machine do not count.
 */
import { parseArgs } from 'node:util'
import { type IndexedSpace, indexSpace } from '../src/music/mix/indexed-space.ts'
import { resolveIngredients } from '../src/music/mix/ingredients/ingredients.ts'
import {
  cosinesOf,
  matchOf,
  relevanceOf,
  type ScaledIngredient,
  scaleIngredients,
} from '../src/music/mix/ingredients/relevance.ts'
import { mixSongs } from '../src/music/mix/mix.ts'
import { energyTargets } from '../src/music/mix/order/energy-curve.ts'
import { errorOf } from '../src/music/mix/order/objective.ts'
import { randomNumbers } from '../src/storage/random.ts'
import { seededSpace } from './mix/space.ts'
import { atLeast, atMost, type Bench } from './support/bar.ts'
import { median } from './support/numbers.ts'
import { positiveInteger } from './support/options.ts'
import { printer } from './support/print.ts'

const length = 20
const gap = 4
/** Mixes that warm the code up. */
const warming = 20
const kinds = ['mix', 'topK', 'random'] as const

interface Quality {
  readonly relevance: number
  readonly diversity: number
  readonly tooNear: number
  readonly energyError: number
  readonly transition: number
}

export const run: Bench = async ({ json, rest }) => {
  const { songs, rank, mixes } = options(rest)
  const print = printer(json)
  const space = await seededSpace(songs, rank, 11)
  const begun = performance.now()
  const indexed = indexSpace(space)
  print({ songs, rank, indexSeconds: (performance.now() - begun) / 1000 })

  const random = randomNumbers(5)
  const song = () => Math.floor(random() * songs)
  const times: number[] = []
  const walls: number[] = []
  const found = { mix: [] as Quality[], topK: [] as Quality[], random: [] as Quality[] }
  for (let round = -warming; round < mixes; round++) {
    const tags = [0, 1].map(() => ({ tag: `tag ${Math.floor(random() ** 2 * space.tags.size)}` }))
    const energy = [0, 0.5, 1].map(at => ({ at, energy: 0.25 + 0.5 * random() }))
    const request = { tags, songs: [{ song: song() }], energy, length }
    const [cpu, wall] = [process.cpuUsage(), performance.now()]
    const { items } = mixSongs(indexed, request, 0)
    const { user, system } = process.cpuUsage(cpu)
    if (round < 0) continue
    times.push((user + system) / 1000)
    walls.push(performance.now() - wall)
    const ingredients = scaleIngredients(indexed, resolveIngredients(space, request, 0).ingredients)
    const targets = energyTargets(energy, { first: 0, count: length, total: length })!
    const lists = {
      mix: items.map(({ item }) => Number(item)),
      topK: nearest(indexed, ingredients),
      random: Array.from({ length }, song),
    }
    for (const kind of kinds) found[kind].push(qualityOf(indexed, ingredients, targets, lists[kind]))
  }
  const sorted = times.toSorted((a, b) => a - b)
  const high = sorted[Math.floor(0.95 * sorted.length)]!
  print({ mixes, msOfProcessor: median(times), p95: high, aSecond: 1000 / median(times), msOnTheClock: median(walls) })
  const means = { mix: meanOf(found.mix), topK: meanOf(found.topK), random: meanOf(found.random) }
  for (const kind of kinds) print({ list: kind, ...means[kind] })
  return [
    atMost('ms of the processor for a mix, median', median(times), 50),
    atLeast('times the relevance of random songs beyond, against the best by cosine', gain(means), 0.5),
    atLeast('diversity beyond that of the best by cosine', means.mix.diversity - means.topK.diversity, 0),
    atMost('songs too near to another of their artist', means.mix.tooNear, 0),
    atMost('energy error against the best by cosine', means.mix.energyError / means.topK.energyError, 0.5),
    atLeast('transitions beyond those of the best by cosine', means.mix.transition - means.topK.transition, -0.05),
  ]
}

/** What part of the relevance that the best by cosine have beyond random songs a mix keeps, for all that it does besides. */
function gain({ mix, topK, random }: Readonly<Record<(typeof kinds)[number], Quality>>): number {
  return (mix.relevance - random.relevance) / (topK.relevance - random.relevance)
}

/** The songs of the highest cosine with the sum of the ingredients. */
function nearest({ space, index }: IndexedSpace, ingredients: readonly ScaledIngredient[]): number[] {
  const query = new Float32Array(space.rank)
  for (const { vector, weight } of ingredients) for (let k = 0; k < query.length; k++) query[k]! += weight * vector[k]!
  const own = Uint32Array.from(ingredients.flatMap(({ songs }) => songs)).sort()
  return [
    ...index.search(query, { limit: length, exclude: { indptr: Uint32Array.of(0, own.length), indices: own } }).items,
  ]
}

function qualityOf(
  { space }: IndexedSpace,
  ingredients: readonly ScaledIngredient[],
  targets: Float64Array,
  songs: readonly number[],
): Quality {
  const relevance = songs.map(song => {
    const matches = cosinesOf(space, song, ingredients).map((cosine, at) => matchOf(ingredients[at]!, cosine))
    return relevanceOf(ingredients, matches)
  })
  const artists = songs.map(song => space.detailsOf(song).artist)
  const { rank, vectors } = space
  const cosine = (one: number, other: number) => {
    let sum = 0
    for (let k = 0; k < rank; k++) sum += vectors[one * rank + k]! * vectors[other * rank + k]!
    return sum
  }
  const pairs = songs.flatMap((one, at) => songs.slice(0, at).map(other => cosine(one, other)))
  return {
    relevance: mean(relevance),
    diversity: 1 - mean(pairs),
    tooNear: artists.filter((artist, at) => artists.slice(Math.max(0, at - gap + 1), at).includes(artist)).length,
    energyError: mean(songs.map((song, at) => errorOf(space.energy[song]!, targets[at]!))),
    transition: mean(songs.slice(1).map((song, at) => cosine(song, songs[at]!))),
  }
}

function meanOf(all: readonly Quality[]): Quality {
  const of = (name: keyof Quality) => mean(all.map(quality => quality[name]))
  return {
    relevance: of('relevance'),
    diversity: of('diversity'),
    tooNear: of('tooNear'),
    energyError: of('energyError'),
    transition: of('transition'),
  }
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length)
}

function options(args: readonly string[]): { songs: number; rank: number; mixes: number } {
  const { values } = parseArgs({
    args: [...args],
    options: {
      songs: { type: 'string', default: '1000000' },
      rank: { type: 'string', default: '128' },
      mixes: { type: 'string', default: '60' },
    },
  })
  return {
    songs: positiveInteger('songs', values.songs),
    rank: positiveInteger('rank', values.rank),
    mixes: positiveInteger('mixes', values.mixes),
  }
}
