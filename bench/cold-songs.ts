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
import { Stage } from './cold-songs/stage.ts'
import { benchCache } from './data/brunch-data.ts'
import { atLeast, type Bar, type BenchOptions } from './support/bar.ts'
import { positiveInteger } from './support/options.ts'
import { printer } from './support/print.ts'

/** Of the songs that are held out. */
const seed = 12
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
  /** Of the space beside 1 of `neighbours`, in the blend. */
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
  const stage = await Stage.of(data, { kept: [part.train, part.validation], held: part.test }, one)
  try {
    const among = stage.judgedAmongHeld(one.users)
    const [neighbours] = stage.neighbours(among, [chosen.neighbours]) as [Float32Array[]]
    const space = await stage.space(among)
    const lists = { neighbours, regression: stage.regression(among), space, blend: blendOf(among, neighbours, space, chosen) }
    for (const map of stage.maps) one.print(Object.assign({ dataset: name }, map))
    const judged = Object.fromEntries(
      Object.entries(lists).map(([way, scores]) => [way, judge(among, stage.training, scores)]),
    )
    report(name, judged, one)
    const lower = (than: string) => compareUsers([judged[than]!], [judged.space!]).metrics[metric]!.interval[0]
    return ['regression', 'neighbours'].map(than =>
      atLeast(`${name}, ${metric}: song space less ${than}, lower bound`, lower(than), 0),
    )
  } finally {
    stage.close()
  }
}

function blendOf(
  judged: ReturnType<Stage['judgedAmongHeld']>,
  neighbours: readonly Float32Array[],
  space: readonly Float32Array[],
  { weight }: Pick<Chosen, 'weight'>,
): Float32Array[] {
  return blended(judged, [
    { scores: neighbours, weight: 1 },
    { scores: space, weight },
  ])
}

function report(dataset: string, judged: Readonly<Record<string, UserValues>>, { print }: Run): void {
  for (const [way, values] of Object.entries(judged)) {
    const intervals = bootstrapIntervals([values])
    print({ dataset, way, listeners: values.rows.length, means: meansOf(values), intervals })
  }
  for (const [way, than] of [
    ['space', 'regression'],
    ['space', 'neighbours'],
    ['blend', 'neighbours'],
  ] as const) {
    const { metrics } = compareUsers([judged[than]!], [judged[way]!])
    print(Object.assign({ dataset, compared: `${way} less ${than}` }, metrics))
  }
}

/** The neighbours and the weight of the blend that are best on the validation songs. */
async function choose(name: ColdDataName, data: ColdData, one: Run): Promise<Chosen> {
  const stage = await Stage.of(data, { kept: [part.train], held: part.validation }, one)
  try {
    const judged = stage.judgedAmongHeld(one.users)
    const scoreOf = (scores: Float32Array[]) => meansOf(judge(judged, stage.training, scores))[metric]!
    const grid = neighbourGrid(name === 'hetrec-lastfm')
    const found = stage.neighbours(judged, grid).map((scores, at) => ({ way: grid[at]!, scores, score: scoreOf(scores) }))
    const best = found.reduce((a, b) => (b.score > a.score ? b : a))
    one.print({ dataset: name, validation: 'neighbours', of: grid.length, score: best.score, options: best.way })
    const space = await stage.space(judged)
    one.print({ dataset: name, validation: 'space', score: scoreOf(space) })
    const blends = blendWeights.map(weight => ({
      weight,
      score: scoreOf(blendOf(judged, best.scores, space, { weight })),
    }))
    const blend = blends.reduce((a, b) => (b.score > a.score ? b : a))
    one.print(Object.assign({ dataset: name, validation: 'blend', of: blends.length }, blend))
    return { neighbours: best.way, weight: blend.weight }
  } finally {
    stage.close()
  }
}
