/**
 * Files in and out against the libraries that they are for, both ways: NumPy, safetensors, pyarrow, faiss and usearch open what is exported and find the lists of
 * the model; what scipy, implicit and, with `--spark`, Spark (pyspark, and Java) write is imported and gives the pairs and lists that they have. A bar is the number of
 * users whose list is another, of pairs that differ: 0. Scores of these libraries are rounded elsewhere, so that of lists the items count, and of places with scores that
 * differ by less than 1e-4 of the largest either order.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { importDataset } from '../src/ingest/import.ts'
import { exportFactors, factorFormats } from '../src/interchange/factors/export.ts'
import { importFactors } from '../src/interchange/factors/import/import.ts'
import { writeLists } from '../src/interchange/lists/write-lists.ts'
import { noEvents } from '../src/models/algorithm.ts'
import { als } from '../src/models/factors/als/index.ts'
import { OpenModel } from '../src/models/open/open-model.ts'
import { trainModel } from '../src/models/training/train.ts'
import { Pool } from '../src/parallel/pool.ts'
import { Dataset } from '../src/storage/dataset.ts'
import { pairsOf } from '../test/ingest/imported.ts'
import { peersPython, runPeer } from './peers/python.ts'
import { atMost, type Bar, type Bench } from './support/bar.ts'

const limit = 10

interface Lists {
  readonly name: string
  /** Of each user of 0, 1, … (or row of the model) the ids of its best items. */
  readonly lists: readonly (readonly number[])[]
}

type Written = Lists | { readonly name: 'matrix'; readonly pairs: readonly (readonly [number, number, number])[] }

export const run: Bench = async ({ rest }) => {
  const { values } = parseArgs({ args: rest, options: { spark: { type: 'boolean', default: false } } })
  const packages = ['numpy', 'scipy', 'implicit', 'faiss', 'usearch', 'safetensors', 'pyarrow']
  const python = peersPython('main', [...packages, ...(values.spark ? ['pyspark'] : [])])
  const pool = new Pool({ threads: 2 })
  const place = mkdtempSync(join(tmpdir(), 'aurochs-formats-'))
  try {
    const written = await runPeer<Written>(python, 'formats.py', ['write', place, ...(values.spark ? ['--spark'] : [])])
    const bars = await interactionBars(place, written)
    bars.push(...(await factorBars(place, written, pool)), ...(await exportBars(place, python, pool)))
    return bars
  } finally {
    await pool.close()
    rmSync(place, { recursive: true, force: true })
  }
}

/** What scipy wrote, imported. */
async function interactionBars(place: string, written: readonly Written[]): Promise<Bar[]> {
  const pairs = written.flatMap(each => ('pairs' in each ? each.pairs : []))
  const bars: Bar[] = []
  const names = ['csr.npz', 'csc.npz', 'coo.npz', 'array.npz', 'stored.npz', 'real.mtx', 'integer.mtx', 'pattern.mtx']
  for (const name of [...names, 'adjacency.txt']) {
    const isPattern = name === 'pattern.mtx' || name === 'adjacency.txt'
    const out = join(place, `dataset-${name}`)
    const format = name === 'adjacency.txt' ? 'adjacency' : undefined
    await importDataset({ sources: [join(place, name)], out, format })
    const dataset = Dataset.open(out)
    const found = new Map(pairsOf(dataset).map(([user, item, weight]) => [`${user} ${item}`, weight]))
    const differing = pairs.filter(([user, item, weight]) => found.get(`${user} ${item}`) !== (isPattern ? 1 : weight))
    bars.push(atMost(`pairs of ${name} that differ`, differing.length + Math.abs(found.size - pairs.length), 0))
    dataset.close()
  }
  return bars
}

/** What implicit and Spark wrote, imported with and without the pairs. */
async function factorBars(place: string, written: readonly Written[], pool: Pool): Promise<Bar[]> {
  const dataset = Dataset.open(join(place, 'dataset-csr.npz'))
  const bars: Bar[] = []
  for (const each of written) {
    if (!('lists' in each)) continue
    const [library, what] = each.name.split(': ') as [string, string]
    const out = join(place, `model-${bars.length}`)
    const isWhole = what !== 'trained'
    const source = join(place, library === 'spark' ? 'spark' : `${library}.npz`)
    const options = what === 'folded in' ? { userVectors: 'folded' } : {}
    await importFactors(out, { sources: [source], pool, options, ...(isWhole && { dataset }) })
    const model = OpenModel.open(out)
    const seen = what.startsWith('without') ? 'exclude' : 'allow'
    const users = each.lists.map((_, user) => user)
    bars.push(atMost(`users of ${each.name} whose lists differ`, differing(model, users, each.lists, seen), 0))
    model.close()
  }
  dataset.close()
  return bars
}

/** What is exported, opened by each library. */
async function exportBars(place: string, python: string, pool: Pool): Promise<Bar[]> {
  const dataset = Dataset.open(join(place, 'dataset-csr.npz'))
  const directory = join(place, 'model')
  await trainModel(dataset, directory, als, { factors: 16, epochs: 5, userVectors: 'trained' }, { pool })
  dataset.close()
  for (const format of factorFormats) await exportFactors(directory, join(place, format), { format })
  await writeLists(directory, join(place, 'lists'), { limit, seen: 'allow', usersInPart: 100, threads: 2 })
  const model = OpenModel.open(directory)
  const users = Array.from({ length: model.artifact.users.size }, (_, row) => Number(model.artifact.users.at(row)))
  const found = await runPeer<Lists>(python, 'formats.py', ['read', place])
  const bars = found.map(({ name, lists }) =>
    atMost(`users whose lists from ${name} differ`, differing(model, users, lists, 'allow'), 0),
  )
  model.close()
  return bars
}

/** How many of `users` have other lists in the model; those that it does not know count where theirs is not empty. */
function differing(
  model: OpenModel,
  users: readonly number[],
  lists: readonly (readonly number[])[],
  seen: 'allow' | 'exclude',
): number {
  const { artifact } = model
  const exclude = new Uint32Array(0)
  return users.filter((id, at) => {
    const wanted = lists[at]!
    const user = artifact.users.indexOf(id)
    if (user < 0) return wanted.length > 0
    const [list] = model.rank([{ user, recent: noEvents, seen, limit: artifact.items.size, exclude }])
    const scores = new Map(Array.from(list!.items, (item, place) => [artifact.items.at(item), list!.scores[place]!]))
    const close = 1e-4 * Math.abs(list!.scores[0] ?? 1)
    return (
      wanted.length !== Math.min(limit, scores.size) ||
      wanted.some((item, place) => !(Math.abs((scores.get(item) ?? Number.NaN) - list!.scores[place]!) <= close))
    )
  }).length
}
