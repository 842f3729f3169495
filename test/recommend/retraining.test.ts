import { type ChildProcess, fork, spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { afterAll, expect, onTestFinished, test } from 'vitest'
import type { UserEvent } from '../../src/events/event.ts'
import { Journal } from '../../src/events/journal.ts'
import { nothingRemoved } from '../../src/events/store.ts'
import { Artifact } from '../../src/models/artifact/artifact.ts'
import {
  nextOf,
  previousOf,
  publishNext,
  recoverPublished,
  rollBackModel,
} from '../../src/models/artifact/published.ts'
import { alsTrainedTensors } from '../../src/models/factors/als/model.ts'
import { algorithmNamed, defaultAlgorithm } from '../../src/models/registry.ts'
import { trainModel } from '../../src/models/training/train.ts'
import { Pool } from '../../src/parallel/pool.ts'
import { Recommender } from '../../src/recommend/recommender.ts'
import { ModelCheckError } from '../../src/recommend/retraining/model-check.ts'
import { type RetrainOptions, retrain } from '../../src/recommend/retraining/retrain.ts'
import { RetrainingSchedule } from '../../src/recommend/retraining/schedule.ts'
import { Dataset } from '../../src/storage/dataset.ts'
import { imported, pairsOf } from '../ingest/imported.ts'
import { freshFolder } from '../storage/folder.ts'
import { eventOf, itemsOf, Observed, queryOf, recorded } from './observed.ts'

const pool = new Pool({ threads: 1 })
afterAll(() => pool.close())

const options = { factors: 8, epochs: 4, seed: 3 }

interface Loop {
  readonly dataset: string
  readonly model: string
  readonly state: string
}

/** A dataset of two groups of users, each with items of its own, and a model of it. */
async function loop(algorithm = defaultAlgorithm.name, users = 40): Promise<Loop> {
  const folder = freshFolder()
  const rows = Array.from({ length: users }, (_, user) =>
    [0, 1, 2, 3, 4].map(at => `u${user},${user % 2 ? 'odd' : 'even'}${(user + at * 3) % 11},${at}\n`).join(''),
  )
  const { directory: dataset } = await imported(folder, `user,item,t\n${rows.join('')}`, { time: 't', timeUnit: 'ms' })
  const model = join(folder, 'model')
  const chosen = algorithmNamed(algorithm)
  await trainModel(Dataset.open(dataset), model, chosen, chosen === defaultAlgorithm ? options : {}, { pool })
  return { dataset, model, state: join(folder, 'state') }
}

async function opened({ model, state }: Loop): Promise<Recommender> {
  const recommender = await Recommender.open({ model, state, threads: 1 })
  onTestFinished(() => recommender.close())
  return recommender
}

async function recordAll(state: string, events: readonly UserEvent[]): Promise<void> {
  const journal = await Journal.open(state)
  for (const event of events) journal.append(event, () => {})
  await journal.flushed()
  await journal.close()
}

/** Events of users of one group on an item that no model has. */
const newItemEvents = (item: string) => Array.from({ length: 12 }, (_, at) => eventOf(`u${2 * at}`, item))

const inPlace = ({ dataset, model, state }: Loop, given: Partial<RetrainOptions> = {}) =>
  retrain({ dataset, state, model, threads: 1, ...given })

test('what was recorded, new users and items too, is in the lists of the next model, and counts once', async () => {
  const { dataset, model, state } = await loop()
  const recommender = await opened({ dataset, model, state })
  const subscription = new Observed(recommender, queryOf('new', { limit: 100, seen: 'allow' }))
  await subscription.next()
  for (const event of newItemEvents('fresh')) await recorded(recommender, event)
  await recorded(recommender, eventOf('new', 'fresh', { weight: 2 }))
  expect(itemsOf(await recommender.recommend(queryOf('u1', { limit: 100 })))).not.toContain('fresh')

  const retrained = await inPlace({ dataset, model, state })
  expect(retrained).toMatchObject({ events: 13, newUsers: 1, newItems: 1, isNew: true })
  const { name } = await recommender.swap(model)
  const after = await subscription.until(({ generation }) => generation === name)
  expect(itemsOf(after)).toContain('fresh')
  expect(after.basis).toBe('model')
  expect(itemsOf(await recommender.recommend(queryOf('u30', { limit: 5 })))).toContain('fresh')
  // The event is part of the model: beside it, it does not count again.
  const { artifact } = recommender.generation
  const history = artifact.sums
  const row = artifact.users.indexOf('new')
  expect([...history.weights.subarray(Number(history.indptr[row]), Number(history.indptr[row + 1]))]).toEqual([2])
  const again = await inPlace({ dataset, model, state })
  expect(again).toMatchObject({ isNew: false, events: 0 })
  expect(existsSync(nextOf(model))).toBe(false)
})

test('lists are the same live, after a restart, and after a swap there and back, undos across the boundary too', async () => {
  const { dataset, model, state } = await loop()
  const before = await opened({ dataset, model, state })
  const first = eventOf('u1', 'odd9', { weight: 3 })
  const second = eventOf('u1', 'even4')
  for (const event of [first, second]) await recorded(before, event)
  const lists = async (recommender: Recommender) => {
    const { items } = await recommender.recommend(queryOf('u1', { limit: 30 }))
    return items.map(({ item, score }) => [item, Math.round(score * 1e4)])
  }
  const ofOld = await lists(before)
  await inPlace({ dataset, model, state })
  await before.swap(model)
  const ofNew = await lists(before)
  await before.swap(previousOf(model))
  expect(await lists(before)).toEqual(ofOld)
  await before.swap(model)
  expect(await lists(before)).toEqual(ofNew)

  // Taken back after it became part of the model, while the user's state is in memory.
  const undo = eventOf('u1', undefined, { undo: first.id })
  await recorded(before, undo)
  const live = await lists(before)
  expect(live).not.toEqual(ofNew)
  expect(live.map(([item]) => item)).toContain('odd9')
  await recorded(before, eventOf('u1', undefined, { undo: undo.id }))
  expect(await lists(before)).toEqual(ofNew)
  await recorded(before, eventOf('u1', undefined, { undo: first.id }))
  expect(await lists(before)).toEqual(live)
  await before.close()
  const restarted = await opened({ dataset, model, state })
  expect(await lists(restarted)).toEqual(live)
  // The next dataset says the same.
  await inPlace({ dataset, model, state })
  const pairs = pairsOf(Dataset.open(dataset)).filter(([user]) => user === 'u1')
  expect(pairs.map(([, item]) => item)).not.toContain('odd9')
  expect(pairs.map(([, item]) => item)).toContain('even4')
})

test('a model that knows more of the journal than there is, is refused by name, and counts right after a restart', async () => {
  const { dataset, model, state } = await loop()
  await recordAll(state, newItemEvents('x'))
  cpSync(state, `${state}-copy`, { recursive: true })
  await recordAll(state, [eventOf('u1', 'later')])
  await inPlace({ dataset, model, state })
  renameSync(state, `${state}-lost`)
  renameSync(`${state}-copy`, state)
  const older = await opened({ dataset, model: previousOf(model), state })
  await expect(older.swap(model)).rejects.toMatchObject({
    reason: 'bad_model',
    message: expect.stringContaining('up to position 13'),
  })
  await older.close()
  const restarted = await opened({ dataset, model, state })
  await recorded(restarted, eventOf('u3', 'even1', { weight: 9 }))
  expect(await inPlace({ dataset, model, state })).toMatchObject({ events: 1 })
})

test('a model that is broken does not pass, and the one that is served stays', async () => {
  const { dataset, model, state } = await loop(defaultAlgorithm.name, 200)
  const seen = (user: number) => eventOf(`u${user}`, `${user % 2 ? 'odd' : 'even'}${(user + 1) % 11}`)
  await recordAll(
    state,
    Array.from({ length: 200 }, (_, user) => seen(user)),
  )
  const served = Artifact.open(model).checksum
  // Sound by its checksums, but all items are the same to it.
  const { train } = defaultAlgorithm
  const restore = () => {
    Object.assign(defaultAlgorithm, { train })
  }
  onTestFinished(restore)
  const broken: typeof train = async (data, chosen, context) => {
    const { tensors, ...rest } = await train(data, chosen, context)
    const same = (rows: number) => ({ rows, rank: 8, stride: 8, data: new Float32Array(rows * 8).fill(1) })
    const { users, items } = data.manifest
    return {
      ...rest,
      tensors: { ...tensors, ...alsTrainedTensors(same(users), same(items), new Float64Array(8).fill(1)) },
    }
  }
  Object.assign(defaultAlgorithm, { train: broken })
  const failed = inPlace({ dataset, model, state })
  await expect(failed).rejects.toThrow(ModelCheckError)
  await expect(failed).rejects.toThrow(/is not fit to be served: of the newest items of 200 users it finds \d+ among/)
  expect(Artifact.open(model).checksum).toBe(served)
  expect(existsSync(nextOf(model))).toBe(true)
  restore()
  // The dataset has the events already: the next run trains on it.
  expect(await inPlace({ dataset, model, state })).toMatchObject({ isNew: true, events: 0 })
  expect(Artifact.open(previousOf(model)).checksum).toBe(served)
})

test('killed between any two steps of publishing, the model is the old or the new one, and what was begun is ended', async () => {
  const { dataset, model } = await loop()
  const old = Artifact.open(model).checksum
  const train = (seed: number) =>
    trainModel(
      Dataset.open(dataset),
      nextOf(model),
      defaultAlgorithm,
      { ...options, seed },
      { pool, replace: existsSync(nextOf(model)) },
    )
  // A candidate that nobody published is removed.
  await train(4)
  await recoverPublished(model)
  expect([existsSync(nextOf(model)), Artifact.open(model).checksum]).toEqual([false, old])
  // It was to be published, and nothing has happened yet.
  await train(4)
  writeFileSync(`${model}.publishing`, Artifact.open(nextOf(model)).checksum)
  await recoverPublished(model)
  expect([existsSync(nextOf(model)), existsSync(`${model}.publishing`), Artifact.open(model).checksum]).toEqual([
    false,
    false,
    old,
  ])
  // It has taken its place, but the former model is not yet kept: also who rolls back gets that one.
  await train(5)
  const newer = Artifact.open(nextOf(model)).checksum
  await publishNext(model)
  for (const end of [recoverPublished, rollBackModel]) {
    renameSync(previousOf(model), nextOf(model))
    writeFileSync(`${model}.publishing`, newer)
    await end(model)
  }
  expect([Artifact.open(model).checksum, Artifact.open(previousOf(model)).checksum]).toEqual([old, newer])
  await rollBackModel(model)
  await rollBackModel(model)
  expect([Artifact.open(model).checksum, Artifact.open(previousOf(model)).checksum]).toEqual([old, newer])
  await expect(rollBackModel(dataset)).rejects.toThrow(
    `there is no ${previousOf(dataset)}: only a model that was published`,
  )
})

test('a retraining killed at any moment leaves a whole dataset and a whole model, and the next one counts nothing twice', async () => {
  const { dataset, model, state } = await loop()
  await recordAll(state, newItemEvents('first'))
  let weight = 12
  for (let round = 0; round < 8; round++) {
    const child = retrainProcess({ dataset, model, state, threads: 1 })
    const ended = new Promise(resolve => child.once('exit', resolve))
    await wait(200 + 90 * round)
    child.kill('SIGKILL')
    await ended
    const whole = Dataset.open(dataset, { verify: true })
    expect([0, weight]).toContain(sumOf(whole))
    whole.close()
    Artifact.open(model).close()
  }
  await inPlace({ dataset, model, state })
  await recordAll(state, newItemEvents('first'))
  weight += 12
  await inPlace({ dataset, model, state })
  expect(sumOf(Dataset.open(dataset, { verify: true }))).toBe(weight)
  expect(readdirSync(join(dataset, '..')).filter(name => /next|partial|publishing/.test(name))).toEqual([])
})

function sumOf({ byUser, items }: Dataset): number {
  const item = items.indexOf('first')
  return byUser.weights.reduce((sum, weight, at) => (byUser.indices[at] === item ? sum + weight : sum), 0)
}

function retrainProcess(task: RetrainOptions): ChildProcess {
  const child = fork(new URL('../../dist/recommend/retraining/retrain-process.js', import.meta.url), {
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  })
  child.send(task)
  return child
}

test('one at a time: a retraining, a roll-back or a forgetting does not begin while another changes the same model', async () => {
  const { dataset, model, state } = await loop()
  await recordAll(state, newItemEvents('x'))
  const first = inPlace({ dataset, model, state })
  await expect(inPlace({ dataset, model, state })).rejects.toThrow(
    'is being retrained or changed by another process: try again later',
  )
  expect(await first).toMatchObject({ events: 12 })
  expect(await inPlace({ dataset, model, state })).toMatchObject({ isNew: false })
})

test('an undo that came before its event takes it back, however many datasets lie between', async () => {
  const { dataset, model, state } = await loop()
  const event = eventOf('u1', 'odd9', { weight: 4 })
  await recordAll(state, [eventOf('u1', undefined, { undo: event.id }), eventOf('u3', 'even2')])
  await inPlace({ dataset, model, state })
  const recommender = await opened({ dataset, model, state })
  const before = itemsOf(await recommender.recommend(queryOf('u1', { limit: 30 })))
  await recorded(recommender, event)
  expect(itemsOf(await recommender.recommend(queryOf('u1', { limit: 30 })))).toEqual(before)
  await recommender.close()
  const later = await opened({ dataset, model, state })
  expect(itemsOf(await later.recommend(queryOf('u1', { limit: 30 })))).toEqual(before)
  await inPlace({ dataset, model, state })
  expect(pairsOf(Dataset.open(dataset)).filter(([user, item]) => user === 'u1' && item === 'odd9')).toEqual([])
})

test('a model of another dataset is refused before anything is written', async () => {
  const [one, other] = [await loop(), freshFolder()]
  const { directory } = await imported(other, 'user,item\nann,other\nbob,else\n')
  await recordAll(one.state, newItemEvents('x'))
  await expect(inPlace({ ...one, dataset: directory })).rejects.toThrow(
    `${directory} has only 0 of 22 items of the model ${one.model}: name the dataset that it was trained on`,
  )
  await expect(inPlace({ ...one, model: `${one.model}-none` })).rejects.toThrow('there is no model at')
  expect(Dataset.open(one.dataset).manifest.journals).toBeUndefined()
})

test('a directory that is no model of ours is not removed, whatever its name', async () => {
  const { dataset, model, state } = await loop()
  await recordAll(state, newItemEvents('x'))
  for (const place of [nextOf(model), previousOf(model)]) {
    mkdirSync(place)
    writeFileSync(join(place, 'precious.txt'), 'precious')
    await expect(inPlace({ dataset, model, state })).rejects.toThrow(
      `${place} was not written by Aurochs, so it is not replaced`,
    )
    expect(readdirSync(place)).toEqual(['precious.txt'])
    renameSync(place, `${place}-elsewhere`)
  }
  expect(await inPlace({ dataset, model, state })).toMatchObject({ isNew: true })
})

test('what was rolled back does not come again before there are new events', async () => {
  const { dataset, model, state } = await loop()
  await recordAll(state, newItemEvents('x'))
  await inPlace({ dataset, model, state })
  const rejected = Artifact.open(model).checksum
  expect(await rollBackModel(model)).toMatchObject({ before: rejected })
  expect(await inPlace({ dataset, model, state })).toMatchObject({ isNew: false })
  expect(Artifact.open(model).checksum).not.toBe(rejected)
  await recordAll(state, [eventOf('u1', 'x')])
  expect(await inPlace({ dataset, model, state })).toMatchObject({ isNew: true, events: 1 })
})

test('new users and items that have each other alone are similar to something', async () => {
  const { dataset, model, state } = await loop()
  await recordAll(
    state,
    ['n1', 'n2', 'n3'].flatMap(user => [eventOf(user, 'new1'), eventOf(user, 'new2')]),
  )
  await inPlace({ dataset, model, state })
  const recommender = await opened({ dataset, model, state })
  const { items } = await recommender.similar({ item: 'new1', limit: 1, measure: 'cosine' })
  expect(items[0]!.item).toBe('new2')
  expect(items[0]!.score).toBeGreaterThan(0.5)
})

test('a dataset whose pairs are no sums is refused', async () => {
  const folder = freshFolder()
  const text = 'user,item,w\nann,x,3\nann,x,4\n'
  const { directory } = await imported(folder, text, { weight: 'w', duplicates: 'max' })
  const state = join(folder, 'state')
  await recordAll(state, [eventOf('ann', 'x')])
  await expect(retrain({ dataset: directory, state })).rejects.toThrow(
    'was imported with --duplicates max, and events add up',
  )
})

test('what a failed forgetting has begun is ended when it is done again', async () => {
  const { dataset, model, state } = await loop()
  const recommender = await opened({ dataset, model, state })
  await expect(recommender.forget('u1', [`${dataset}-none`, state])).rejects.toThrow()
  expect(recommender.generation.artifact.users.indexOf('u1')).toBe(-1)
  expect(await recommender.forget('u1', [dataset])).toEqual({ events: 0, directories: [dataset] })
})

test('new events come after the positions that the dataset has, where an older copy of the state was put back', async () => {
  const { dataset, model, state } = await loop()
  await recordAll(state, [eventOf('u1', 'odd9')])
  cpSync(state, `${state}-copy`, { recursive: true })
  await recordAll(state, newItemEvents('x'))
  // The model is not trained on it.
  await retrain({ dataset, state })
  const recommender = await Recommender.open({ model, state: `${state}-copy`, threads: 1, datasets: [dataset] })
  onTestFinished(() => recommender.close())
  await recorded(recommender, eventOf('u2', 'even3'))
  expect(await retrain({ dataset, state: `${state}-copy` })).toMatchObject({ events: 1 })
})

test('a dataset of another version, and one that lacks events that were removed, are refused by name', async () => {
  const { dataset, model, state } = await loop()
  await recordAll(state, newItemEvents('x'))
  const journal = await Journal.open(state)
  await journal.remove({ upTo: 5, keep: 0, keepIds: 0 })
  await journal.close()
  await expect(inPlace({ dataset, model, state })).rejects.toThrow(
    `the events of ${state} up to position 5 were removed, and ${dataset} has them only up to position 0: extend the dataset that has them`,
  )
  const old = join(freshFolder(), 'old')
  mkdirSync(old)
  writeFileSync(join(old, 'manifest.json'), '{"format": "aurochs-dataset", "version": 1, "files": {}}')
  await expect(retrain({ dataset: old, state })).rejects.toThrow(
    'is a dataset of version 1, and this Aurochs reads version 2',
  )
  await expect(retrain({ dataset, state: `${state}-none` })).rejects.toThrow('there is no')
})

const canMount = spawnSync('unshare', ['-Urm', 'mount', '-t', 'tmpfs', 'none', '/mnt']).status === 0

// Needs a disk of our own to fill: Linux, and user namespaces that may mount.
test.skipIf(!canMount)('a disk that is full leaves the old dataset, and says so', async () => {
  const { dataset, state } = await loop()
  await recordAll(
    state,
    Array.from({ length: 20_000 }, (_, at) => eventOf(`a-new-user-${at % 5000}`, `a-new-item-${at % 4000}`)),
  )
  const command = `mount -t tmpfs -o size=400k none /mnt; cp -r "$1" /mnt/data; shift; "$@"; echo "code $?"; ls -A /mnt; cat /mnt/data/manifest.json`
  const main = new URL('../../dist/cli/main.js', import.meta.url).pathname
  const retrainInPlace = [
    process.execPath,
    main,
    'retrain',
    '/mnt/data',
    '--state',
    state,
    '--out',
    '/mnt/data',
    '--replace',
  ]
  const { stdout, stderr } = spawnSync('unshare', ['-Urm', 'sh', '-c', command, 'sh', dataset, ...retrainInPlace], {
    encoding: 'utf8',
  })
  expect(stderr).toBe(
    'aurochs: the disk is full: /mnt/data was not written; free some space or write to another disk\n',
  )
  expect(stdout).toBe(`code 1\n.data.lock\ndata\n${readFileSync(join(dataset, 'manifest.json'), 'utf8')}`)
})

test('a schedule retrains in a process of its own, again and again, and goes on after a failure', async () => {
  const { dataset, model, state } = await loop()
  await recordAll(state, newItemEvents('x'))
  const outcomes: unknown[] = []
  let done = () => {}
  const enough = new Promise<void>(resolve => {
    done = resolve
  })
  let turn = 0
  const note = (outcome: unknown) => {
    if (outcomes.push(outcome) === 3) done()
  }
  const schedule = new RetrainingSchedule({
    interval: 50,
    task: () => ({ dataset: turn++ === 1 ? `${dataset}-none` : dataset, model, state, threads: 1 }),
    onRetrained: note,
    onFailure: note,
  })
  await enough
  await schedule.close()
  expect(outcomes.slice(0, 3)).toEqual([
    expect.objectContaining({ isNew: true, events: 12, newItems: 1 }),
    expect.stringContaining('there is no dataset at'),
    expect.objectContaining({ isNew: false }),
  ])
})

test('an algorithm that cannot begin with a model is trained anew', async () => {
  const { dataset, model, state } = await loop('neighbours')
  await recordAll(state, newItemEvents('x'))
  expect(await inPlace({ dataset, model, state })).toMatchObject({ isNew: true, newItems: 1 })
  expect(Artifact.open(model).manifest.warmStart).toBeUndefined()
})

test('old events are removed as far as dataset and models have them', async () => {
  const { dataset, model, state } = await loop()
  const recommender = await opened({ dataset, model, state })
  for (const event of newItemEvents('x')) await recorded(recommender, event)
  const remove = () => recommender.removeEvents({ directories: [dataset, model], keep: 0, keepIds: 0 })
  expect(await remove()).toEqual(nothingRemoved)
  await inPlace({ dataset, model, state })
  // What is served, and what could be rolled back to, lack them still.
  expect(await remove()).toEqual(nothingRemoved)
  await recommender.swap(model)
  expect(await remove()).toEqual(nothingRemoved)
  await recorded(recommender, eventOf('u1', 'x'))
  await inPlace({ dataset, model, state })
  await recommender.swap(model)
  await recorded(recommender, eventOf('u1', 'odd1'))
  expect(await remove()).toMatchObject({ events: 12 })
})
