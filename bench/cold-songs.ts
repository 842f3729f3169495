/**
 * How well songs are found that no training had, by their tags: a tenth of the songs with tags is held out for validation, a tenth for the
 * test, of hetrec-lastfm (artists; tags by other listeners than those who are judged, see cold-songs/data.ts) and citeulike-a (articles).
 * Listeners who have some of them rank all of these: recall@20 and NDCG@20.
 *
 * `neighbours`: by the songs of the listener that have tags like theirs, the cosine weighted by idf or not, shrunk by common tags or not, of so many
 * neighbours, as a sum, a mean or between them: 30 ways, 60 where tags were given several times. `regression`: of the vectors that ALS has of other
 * songs on their tags, weighted by listeners, as song spaces have it. `listens`: the map from tags to vectors that fits who listens to other songs,
 * with the listeners' vectors of ALS. `blend`: of neighbours and listens. All is chosen by recall@20 on the validation songs, then learned anew with them and
 * judged on the test songs. Intervals of 95 % are over listeners, those of differences of the same listeners.
 *
 * `of all`: the same where the held-out songs are ranked among all others that the listener does not have, 500 listeners.
 *
 * `--dataset NAME` takes one, `--users 3000` at the most are judged.
 */
import { rmSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { bootstrapIntervals } from '../src/evaluation/significance/bootstrap.ts'
import { compareUsers } from '../src/evaluation/significance/compare.ts'
import { meansOf, type UserValues } from '../src/evaluation/significance/user-values.ts'
import { Pool } from '../src/parallel/pool.ts'
import { type ColdData, type ColdDataName, coldData, coldDataNames, part } from './cold-songs/data.ts'
import { blended, judge, limit } from './cold-songs/judge.ts'
import { type NeighbourOptions, neighbourGrid } from './cold-songs/neighbours.ts'
import { type ListensOptions, listensGrid, Stage } from './cold-songs/stage.ts'
import { benchCache } from './data/brunch-data.ts'
import { atLeast, type Bar, type BenchOptions } from './support/bar.ts'
import { positiveInteger } from './support/options.ts'
import { printer } from './support/print.ts'

/** Of the songs that are held out. */
const seed = 12
const usersOfAll = 500
const blendWeights = [0.1, 0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3]
const metric = `recall@${limit}`

interface Run {
  readonly pool: Pool
  readonly folder: string
  readonly users: number
  readonly print: (line: object) => void
}

interface Chosen {
  readonly neighbours: NeighbourOptions
  readonly listens: ListensOptions
  /** Of `listens` beside 1 of `neighbours`. */
  readonly weight: number
}

export async function run({ json, rest }: BenchOptions): Promise<Bar[]> {
  const { values } = parseArgs({
    args: rest,
    options: { dataset: { type: 'string' }, users: { type: 'string', default: '3000' } },
  })
  const names = coldDataNames.filter(name => values.dataset === undefined || name === values.dataset)
  if (names.length === 0) {
    throw new RangeError(`--dataset must be one of ${coldDataNames.join(', ')}, got ${values.dataset}`)
  }
  const pool = new Pool({ threads: 2 })
  const folder = await mkdtemp(join(benchCache, 'cold-songs-'))
  const one = { pool, folder, users: positiveInteger('users', values.users), print: printer(json) }
  try {
    const bars: Bar[] = []
    for (const name of names) bars.push(...(await benchOf(name, one)))
    return bars
  } finally {
    await pool.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

async function benchOf(name: ColdDataName, one: Run): Promise<Bar[]> {
  const data = await coldData(name, seed)
  const chosen = await choose(name, data, one)
  const kept = [part.train, part.validation]
  const stage = await Stage.of(data, { kept, held: part.test, factors: chosen.listens.factors }, one)
  try {
    const among = stage.judgedAmongHeld(one.users)
    const lists = scoresOf(stage, among, chosen)
    const judged = Object.fromEntries(
      Object.entries(lists).map(([way, scores]) => [way, judge(among, stage.training, scores)]),
    )
    report({ dataset: name }, judged, one)
    const all = stage.judgedAmongAll(usersOfAll)
    const found = Object.entries(scoresOf(stage, all, chosen)).map(([way, scores]) => [
      way,
      judge(all, stage.training, scores),
    ])
    report({ dataset: name, among: 'of all' }, Object.fromEntries(found), one)
    return Object.entries(compareUsers([judged.neighbours!], [judged.blend!]).metrics).map(([metric, { interval }]) =>
      atLeast(`${name}, ${metric}: blend less neighbours, lower bound`, interval[0], 0),
    )
  } finally {
    stage.close()
  }
}

type Scores = Record<'neighbours' | 'regression' | 'listens' | 'blend', Float32Array[]>

function scoresOf(stage: Stage, judged: ReturnType<Stage['judgedAmongHeld']>, chosen: Chosen): Scores {
  const [neighbours] = stage.neighbours(judged, [chosen.neighbours]) as [Float32Array[]]
  const listens = stage.listens(judged, chosen.listens)
  const parts = [
    { scores: neighbours, weight: 1 },
    { scores: listens, weight: chosen.weight },
  ]
  return { neighbours, regression: stage.regression(judged), listens, blend: blended(judged, parts) }
}

function report(about: object, judged: Readonly<Record<string, UserValues>>, { print }: Run): void {
  for (const [way, values] of Object.entries(judged)) {
    const intervals = bootstrapIntervals([values])
    print(Object.assign({}, about, { way, listeners: values.rows.length, means: meansOf(values), intervals }))
  }
  for (const way of ['regression', 'listens', 'blend']) {
    const { metrics } = compareUsers([judged.neighbours!], [judged[way]!])
    print(Object.assign({}, about, { compared: `${way} less neighbours` }, metrics))
  }
}

/** The best of each grid on the validation songs. */
async function choose(name: ColdDataName, data: ColdData, one: Run): Promise<Chosen> {
  const scoreOf = (stage: Stage, judged: ReturnType<Stage['judgedAmongHeld']>, scores: Float32Array[]) =>
    meansOf(judge(judged, stage.training, scores))[metric]!
  let neighbours:
    | { readonly way: NeighbourOptions; readonly score: number; readonly scores: Float32Array[] }
    | undefined
  let listens: { readonly way: ListensOptions; readonly score: number; readonly scores: Float32Array[] } | undefined
  let weight = { weight: 0, score: Number.NEGATIVE_INFINITY }
  for (const factors of new Set(listensGrid.map(way => way.factors))) {
    const stage = await Stage.of(data, { kept: [part.train], held: part.validation, factors }, one)
    const judged = stage.judgedAmongHeld(one.users)
    if (!neighbours) {
      const grid = neighbourGrid(name === 'hetrec-lastfm')
      stage.neighbours(judged, grid).forEach((scores, at) => {
        const score = scoreOf(stage, judged, scores)
        if (score > (neighbours?.score ?? 0)) neighbours = { way: grid[at]!, score, scores }
      })
      one.print({
        dataset: name,
        validation: 'neighbours',
        of: grid.length,
        score: neighbours!.score,
        options: neighbours!.way,
      })
    }
    for (const way of listensGrid.filter(way => way.factors === factors)) {
      const scores = stage.listens(judged, way)
      const score = scoreOf(stage, judged, scores)
      one.print({ dataset: name, validation: 'listens', score, options: way })
      if (score > (listens?.score ?? 0)) listens = { way, score, scores }
    }
    if (listens?.way.factors === factors) {
      weight = { weight: 0, score: Number.NEGATIVE_INFINITY }
      for (const candidate of blendWeights) {
        const parts = [
          { scores: neighbours!.scores, weight: 1 },
          { scores: listens.scores, weight: candidate },
        ]
        const score = scoreOf(stage, judged, blended(judged, parts))
        if (score > weight.score) weight = { weight: candidate, score }
      }
    }
    stage.close()
  }
  one.print({ dataset: name, validation: 'blend', of: blendWeights.length, score: weight.score, weight: weight.weight })
  return { neighbours: neighbours!.way, listens: listens!.way, weight: weight.weight }
}
