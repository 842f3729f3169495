import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { compareLists } from '../../bench/swap/lists.ts'
import { Artifact } from '../../src/models/artifact/artifact.ts'
import { als } from '../../src/models/factors/als/index.ts'
import { OpenModel } from '../../src/models/open/open-model.ts'
import { trainModel } from '../../src/models/training/train.ts'
import { Pool } from '../../src/parallel/pool.ts'
import type { List } from '../../src/protocol/messages.ts'
import { randomInteractions, shuffledDatasetOf } from '../models/interactions.ts'

const pool = new Pool({ threads: 1 })
afterAll(() => pool.close())

/** Directory of a model of always the same pairs, in which users and items have other rows for another seed. */
async function modelOf(seed: number): Promise<string> {
  const dataset = await shuffledDatasetOf(randomInteractions(60, 80, 1), seed)
  const directory = join(dataset.directory, '../model')
  await trainModel(dataset, directory, als, { factors: 8, epochs: 3, seed }, { pool })
  return directory
}

/** The bars of a bench, by name: whether each holds. */
function bench(...args: string[]): Promise<Record<string, boolean>> {
  return new Promise((resolve, reject) => {
    // A bar that falls short is no failure here: the machine may be busy.
    execFile(process.execPath, ['bench/main.ts', ...args, '--json'], (_, stdout, stderr) => {
      try {
        const { bars } = JSON.parse(stdout.trim().split('\n').at(-1)!)
        resolve(Object.fromEntries(bars.map((bar: { name: string; holds: boolean }) => [bar.name, bar.holds])))
      } catch (error) {
        reject(new Error(`the bench printed no bars: ${stderr}`, { cause: error }))
      }
    })
  })
}

const brief = ['--warmup', '0.2', '--sockets', '10', '--rate', '50']

test('the stream bench sees every event acknowledged, listed and stored', async () => {
  const model = await modelOf(1)
  expect(await bench('stream', '--data', model, '--no-search', '--no-soak', '--seconds', '1', ...brief)).toMatchObject({
    errors: true,
    'events without an ack or a list': true,
    'events lost': true,
  })
})

test('the swap bench sees every list come from the model that it names', async () => {
  const [model, other] = [await modelOf(1), await modelOf(2)]
  // Long enough for one swap.
  expect(await bench('swap', '--data', model, '--other', other, '--seconds', '2', ...brief)).toMatchObject({
    errors: true,
    'events without an ack or a list': true,
    'events lost': true,
    'lists unlike what the model that they name gives': true,
    'swaps that failed': true,
    'sockets left with the list of a former model': true,
  })
})

test('the kill bench finds every acknowledged event after each end', async () => {
  const model = await modelOf(1)
  expect(await bench('kill', '--data', model, '--rounds', '2', '--sockets', '3')).toMatchObject({
    'acknowledged events that were lost': true,
    errors: true,
  })
})

test('the hostile bench sees every hostile client refused, and the others served', async () => {
  const model = await modelOf(1)
  const history = ['--history', '5000']
  expect(await bench('hostile', '--data', model, '--seconds', '2', ...history, ...brief)).toMatchObject({
    'errors of the load': true,
    'events of the load without an ack or a list': true,
    'events of the load lost': true,
    'hostile clients that were answered': true,
    'hostile requests that met a fault of the server': true,
    'ready in the end': true,
  })
})

test('a list is right only as the whole list of the model that it names', async () => {
  const directories = [await modelOf(1), await modelOf(2)] as const
  const [first, second] = directories.map(directory => OpenModel.open(directory)) as [OpenModel, OpenModel]
  const item = String(first.artifact.items.at(3))
  const list = (model: OpenModel, user: string, items: readonly string[], after?: string): List => {
    const rows = (ids: readonly string[]) => Uint32Array.from(ids, id => model.artifact.items.indexOf(id))
    const request = {
      user: model.artifact.users.indexOf(user),
      recent: {
        items: rows(items),
        weights: new Float32Array(items.length).fill(1),
        times: new Float64Array(items.length),
      },
      seen: 'exclude',
      limit: 10,
      exclude: new Uint32Array(0),
    } as const
    const [ranking] = model.rank([request])
    return {
      type: 'list',
      subscription: 1,
      sequence: 1,
      user,
      list: 'a-1',
      generation: model.artifact.checksum,
      basis: 'model',
      ...(after !== undefined && { after }),
      items: Array.from(ranking!.items, (row, at) => ({
        item: model.artifact.items.at(row) as number,
        score: ranking!.scores[at]!,
      })),
    }
  }
  const events = new Map([['7', ['e1', 'e2'].map((id, time) => ({ id, user: '7', item, weight: 1, time }))]])
  const right = [
    list(first, '7', []),
    list(second, '7', []),
    list(second, '7', [item], 'e1'),
    list(first, '7', [item, item], 'e2'),
    list(first, '8', []),
  ]
  const withItems = (of: List, items: List['items']): List => ({ ...of, items })
  const wrong = [
    // The lists of the other model, of another history, of another user.
    withItems(right[0]!, right[1]!.items),
    withItems(right[2]!, right[3]!.items),
    withItems(right[4]!, right[0]!.items),
    // The rows of one model under the ids of the other.
    withItems(
      right[0]!,
      right[0]!.items.map(({ item, score }) => {
        return { item: second.artifact.items.at(first.artifact.items.indexOf(item)) as number, score }
      }),
    ),
    { ...right[0]!, generation: 'unknown' },
    { ...right[2]!, after: 'unknown' },
  ]
  expect(Artifact.open(directories[0]).checksum).not.toBe(Artifact.open(directories[1]).checksum)
  const comparison = await compareLists([...right, ...wrong], directories, events)
  expect(comparison.compared).toBe(right.length + wrong.length)
  expect(comparison.wrong).toEqual(wrong)
})
