/**
 * What a long journal costs: the start of `aurochs serve`, its memory and its lists with 10,000,000 events in the state beside a
 * hundredth of them, the next dataset of all of them, and the removal of the oldest 100,000 while events come.
 *
 * `--data MODEL` names the model's directory. `--events N` (10,000,000), `--users N` (200,000) of theirs.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { UserEvent } from '../src/events/event.ts'
import { Journal } from '../src/events/journal.ts'
import { eventsFile } from '../src/events/schema.ts'
import { EventStore } from '../src/events/store.ts'
import { Artifact } from '../src/models/artifact/artifact.ts'
import { writeDataset } from '../src/storage/dataset.ts'
import { lockDirectory } from '../src/storage/directory-lock.ts'
import { memoryOf } from './stream/memory.ts'
import { streamModel } from './stream/model.ts'
import { participants } from './stream/participants.ts'
import { startProgram, stopProgram } from './stream/program.ts'
import { seeded } from './stream/random.ts'
import { atMost, type Bar, type Bench } from './support/bar.ts'
import { positiveInteger } from './support/options.ts'
import { printer } from './support/print.ts'

/** Events of one transaction. */
const groupSize = 5000
const mostRemoved = 100_000
/** Lists that are asked for after each start. */
const lists = 500

export const run: Bench = async ({ json, data, rest }) => {
  const { values } = parseArgs({
    args: [...rest],
    options: { events: { type: 'string', default: '10000000' }, users: { type: 'string', default: '200000' } },
  })
  const [events, users] = [positiveInteger('events', values.events), positiveInteger('users', values.users)]
  const print = printer(json)
  const folder = mkdtempSync(join(tmpdir(), 'aurochs-journal-'))
  try {
    const model = await streamModel(data, folder)
    const artifact = Artifact.open(model, { verify: false })
    const names = participants(artifact, users)
    artifact.close()
    const starts: Start[] = []
    for (const count of [Math.ceil(events / 100), events]) {
      const state = join(folder, `state-${count}`)
      const seconds = fill(state, count, names)
      const bytes = statSync(join(state, eventsFile)).size
      print({ events: count, recordedPerSecond: count / seconds, fileMiB: bytes / 2 ** 20 })
      const start = await startOn(model, state, names.users)
      print({ events: count, ...start })
      starts.push(start)
    }
    const state = join(folder, `state-${events}`)
    const dataset = await nextDataset(folder, state)
    print({ nextDatasetOf: events, ...dataset })
    const removal = await remove(state, events, names)
    print({ removed: removal.removed, seconds: removal.seconds, ackP99: removal.p99 })
    return bars(starts, dataset, removal)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

interface Names {
  readonly users: readonly (string | number)[]
  readonly items: readonly (string | number)[]
}

interface Start {
  /** From the start of the process until it listens. */
  readonly seconds: number
  /** Once it has given {@link lists} lists. */
  readonly anonymousMiB: number
  /** In ms. */
  readonly listP50: number
  readonly listP99: number
}

interface Removal {
  readonly removed: number
  readonly seconds: number
  /** Of the acks meanwhile, in ms. */
  readonly p99: number
}

function bars([few, many]: readonly Start[], dataset: { peakMiB: number }, removal: Removal): Bar[] {
  return [
    atMost('seconds until it serves, over those with a hundredth of the events', many!.seconds / few!.seconds, 1.5),
    atMost('MiB that are no file more than with a hundredth of the events', many!.anonymousMiB - few!.anonymousMiB, 64),
    atMost('ms for a list, p99', many!.listP99, 50),
    atMost('MiB at the peak of making the next dataset', dataset.peakMiB, 2048),
    atMost('ms for an ack while old events are removed, p99', removal.p99, 50),
  ]
}

/** Records made-up events; gives the seconds that it took. */
function fill(state: string, count: number, { users, items }: Names): number {
  const random = seeded(1)
  const lock = lockDirectory(state)
  const store = new EventStore(join(state, eventsFile))
  const began = performance.now()
  for (let first = 0; first < count; first += groupSize) {
    const group = Array.from({ length: Math.min(groupSize, count - first) }, (_, at): UserEvent => {
      // Few users do much: as in life.
      const user = String(users[Math.floor(users.length * random() ** 3)])
      const item = String(items[Math.floor(items.length * random() ** 2)])
      return { id: `e${first + at}`, user, item, weight: 1, time: 1_700_000_000_000 + first + at }
    })
    store.record(
      group,
      group.map(({ time }) => time),
    )
  }
  const seconds = (performance.now() - began) / 1000
  store.close()
  lock.close()
  return seconds
}

async function startOn(model: string, state: string, users: Names['users']): Promise<Start> {
  const began = performance.now()
  const server = await startProgram('dist/cli/main.js', ['serve', model, '--port', '0', '--state', state, '--json'])
  const seconds = (performance.now() - began) / 1000
  try {
    const times: number[] = []
    for (let list = 0; list < lists; list++) {
      const user = users[Math.floor((list * users.length) / lists)]
      const asked = performance.now()
      const response = await fetch(`http://127.0.0.1:${server.port}/v1/recommend/${user}`)
      if (!response.ok) throw new Error(`a list could not be had: status ${response.status}`)
      await response.text()
      times.push(performance.now() - asked)
    }
    const { anonymousMiB = Number.NaN } = memoryOf(server.child.pid!)
    return { seconds, anonymousMiB, listP50: percentile(times, 0.5), listP99: percentile(times, 0.99) }
  } finally {
    await stopProgram(server)
  }
}

/** The next dataset of one that has next to nothing, by the command. */
async function nextDataset(folder: string, state: string): Promise<{ seconds: number; peakMiB: number }> {
  const dataset = join(folder, 'dataset')
  const one = {
    rows: 1,
    columns: 1,
    indptr: BigUint64Array.of(0n, 1n),
    indices: new Uint32Array(1),
    weights: Float32Array.of(1),
  }
  await writeDataset(dataset, { byUser: one, users: ['nobody'], items: ['nothing'] })
  const began = performance.now()
  const program = join(import.meta.dirname, '../dist/cli/main.js')
  const args = [program, 'retrain', dataset, '--state', state, '--out', join(folder, 'next'), '--json']
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] })
  let peakMiB = 0
  const watch = setInterval(() => {
    if (child.exitCode === null) peakMiB = Math.max(peakMiB, memoryOf(child.pid!).anonymousMiB ?? 0)
  }, 50)
  const [code] = await once(child, 'exit')
  clearInterval(watch)
  if (code !== 0) throw new Error(`aurochs retrain ended with ${code}`)
  return { seconds: (performance.now() - began) / 1000, peakMiB }
}

/** Removes the oldest events, while one comes every ms. */
async function remove(state: string, count: number, { users, items }: Names): Promise<Removal> {
  const journal = await Journal.open(state)
  const acks: number[] = []
  let sent = 0
  const timer = setInterval(() => {
    const began = performance.now()
    const event = {
      id: `late${sent}`,
      user: String(users[sent % users.length]),
      item: String(items[0]),
      weight: 1,
      time: Date.now(),
    }
    sent++
    journal.append(event, () => acks.push(performance.now() - began))
  }, 1)
  const began = performance.now()
  const { events: removed } = await journal.remove({
    upTo: Math.min(mostRemoved, Math.floor(0.9 * count)),
    keep: 0,
    keepIds: 0,
  })
  const seconds = (performance.now() - began) / 1000
  clearInterval(timer)
  await journal.close()
  return { removed, seconds, p99: percentile(acks, 0.99) }
}

function percentile(values: readonly number[], share: number): number {
  return values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(share * values.length))]!
}
