/**
 * Another model every 2 s, while `aurochs serve` is under the load of the stream bench: first that load alone, then with
 * swaps by the internal RPC between two models of the brunch reads. The second is trained without a tenth of the items, so
 * that nearly every user and item has another row in it. Each swap is to a directory of its own, with the files of one of the
 * two, which is removed as soon as the swap is answered, as when the next training takes its place.
 *
 * Every list that came is compared with what the generation that it names gives to its user, with the events up to the
 * one that it names: items and scores, computed anew after the run. A list that mixes two models, of whatever rows, ids,
 * factors or history, is not that one. How many lists both models would give is printed beside it.
 *
 * `--data MODEL --other MODEL` name the directories of the models. `--seconds N` of each run (30) after
 * `--warmup N` (3), `--sockets N` (1000), `--rate N` (1000).
 */
import { linkSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { RpcClient } from '../src/client/rpc/index.ts'
import { Artifact } from '../src/models/artifact/artifact.ts'
import { runLoad } from './stream/load.ts'
import { memoryOf, removedDirectories } from './stream/memory.ts'
import { twoModels } from './stream/model.ts'
import { loadOf, loadOptions } from './stream/options.ts'
import { participants } from './stream/participants.ts'
import type { Outcome, Plan } from './stream/plan.ts'
import { type Program, startProgram, stopProgram } from './stream/program.ts'
import { countEvents, eventsByUser } from './stream/stored-events.ts'
import { atLeast, atMost, type Bar, type Bench } from './support/bar.ts'
import { printer } from './support/print.ts'
import { type Comparison, compareLists, readLists } from './swap/lists.ts'

/** Seconds from one swap to the next. */
const interval = 2
/** Seconds that announcing a model to 1,000 sockets may take: a swap before that ends it, and announces the next. */
const announcing = 1.5

export const run: Bench = async ({ json, data, rest }) => {
  const { load, other } = options(rest)
  if ((data === undefined) !== (other === undefined)) throw new TypeError('--data and --other must be given together')
  const print = printer(json)
  const folder = mkdtempSync(join(tmpdir(), 'aurochs-swap-'))
  const state = join(folder, 'state')
  const listFile = (run: string) => join(folder, `${run}.ndjson`)
  let server: Program | undefined
  try {
    const models = data !== undefined && other !== undefined ? ([data, other] as const) : await twoModels(folder)
    const [first, second] = models.map(directory => Artifact.open(directory, { verify: false })) as [Artifact, Artifact]
    const { users, items } = participants(first, load.sockets, [second])
    server = await serve(models[0], state, `unix:${join(folder, 'rpc.sock')}`)
    const plan = (run: string): Plan => ({
      host: '127.0.0.1',
      port: server!.port,
      path: '/v1/stream',
      protocol: 'aurochs',
      users,
      items,
      rate: load.rate,
      seconds: load.seconds,
      warmup: load.warmup,
      seed: 1,
      run,
      listFile: listFile(run),
    })
    const directories = Array.from({ length: Math.floor(load.seconds / interval) }, (_, swap) => {
      const directory = join(folder, `swap-${swap}`)
      linkFiles(models[(swap + 1) % 2]!, directory)
      return directory
    })
    const measured = await measure(server, directories, plan, print)
    await stopProgram(server)

    const lists = [...readLists(listFile('quiet')), ...readLists(listFile('swapping'))]
    const comparison = await compareLists(lists, models, eventsByUser(state))
    const { compared, wrong, ambiguous } = comparison
    const firstWrong = wrong.slice(0, 2)
    print({ listsCompared: compared, wrong: wrong.length, sharedByBothModels: ambiguous, firstWrong })
    return bars(measured, countEvents(state), comparison)
  } finally {
    // Where something failed before it was stopped.
    server?.child.kill()
    rmSync(folder, { recursive: true })
  }
}

interface Measured {
  readonly quiet: Outcome
  readonly swapping: Outcome
  readonly swaps: Swaps
  /** Swaps that there should have been. */
  readonly expected: number
  readonly sockets: number
  /** Models whose files were removed, and are mapped after the last swap. */
  readonly removedModels: number
}

/** The load without swaps, then with a swap to each of `models`. */
async function measure(
  server: Program,
  models: readonly string[],
  plan: (run: string) => Plan,
  print: (line: object) => void,
): Promise<Measured> {
  const pid = server.child.pid!
  print({ before: 'the load', ...memoryOf(pid) })
  const quiet = await runLoad(plan('quiet'))
  print({ run: 'quiet', ...summary(quiet) })
  print({ before: 'the first swap', ...memoryOf(pid) })

  const { warmup, users } = plan('swapping')
  const expected = models.length
  let swapped: Promise<Swaps> | undefined
  const swapping = await runLoad({ ...plan('swapping'), announcements: expected }, () => {
    swapped = swapTo(models, warmup, server, print)
  })
  const swaps = await swapped!
  print({ run: 'swapping', ...summary(swapping) })
  print({ after: 'the last swap', ...memoryOf(pid) })
  const removedModels = removedDirectories(pid)
  return { quiet, swapping, swaps, expected, sockets: users.length, removedModels }
}

function bars(measured: Measured, stored: number, { wrong }: Comparison): Bar[] {
  const { quiet, swapping, swaps, expected, sockets, removedModels } = measured
  const unanswered = ({ sent, acknowledged, shown }: Outcome) => sent - Math.min(acknowledged, shown)
  return [
    atMost(
      'p99 from an event to its list while swapping, over that without',
      swapping.latency.p99 / quiet.latency.p99,
      2,
    ),
    atMost('errors', quiet.errors.length + swapping.errors.length, 0),
    atMost('events without an ack or a list', unanswered(quiet) + unanswered(swapping), 0),
    atMost('events lost', quiet.sent + swapping.sent - stored, 0),
    atMost('lists unlike what the model that they name gives', wrong.length, 0),
    atLeast(`swaps, one every ${interval} s`, swaps.done, expected),
    atMost('swaps that failed', swaps.failures.length, 0),
    atMost('announcements of a model that did not reach a socket', swaps.done * sockets - swapping.announced, 0),
    atMost('sockets left with the list of a former model', swapping.outdated, 0),
    atMost('removed models still mapped, that which is served included', removedModels, 1),
  ]
}

function serve(model: string, state: string, rpc: string): Promise<Program> {
  const args = ['serve', model, '--port', '0', '--state', state, '--rpc', rpc, '--json']
  return startProgram('dist/cli/main.js', args)
}

interface Swaps {
  readonly done: number
  readonly failures: readonly string[]
}

/** Serves each of `models`, the first after the warm-up, and removes it from disk; a swap that is late delays the next. */
async function swapTo(
  models: readonly string[],
  warmup: number,
  server: Program,
  print: (line: object) => void,
): Promise<Swaps> {
  const client = await RpcClient.connect(server.rpc!)
  const begun = performance.now() + warmup * 1000
  const end = begun + models.length * interval * 1000
  const failures: string[] = []
  let done = 0
  let earliest = begun
  for (let swap = 0; swap < models.length && performance.now() < end; swap++) {
    await setTimeout(Math.max(0, Math.max(begun + swap * interval * 1000, earliest) - performance.now()))
    const asked = performance.now()
    try {
      const { generation } = await client.call('swap', { model: models[swap]! })
      done++
      print({ swap: done, generation, ms: performance.now() - asked, ...memoryOf(server.child.pid!) })
    } catch (error) {
      failures.push((error as Error).message)
      print({ failedSwap: (error as Error).message })
    }
    earliest = performance.now() + announcing * 1000
    await rm(models[swap]!, { recursive: true })
  }
  client.close()
  return { done, failures }
}

/** The same files under another directory: copies of some gigabytes would still be written to disk during the load. */
function linkFiles(from: string, to: string): void {
  mkdirSync(to)
  for (const name of readdirSync(from)) linkSync(join(from, name), join(to, name))
}

function summary({ errors, ...outcome }: Outcome): object {
  return { ...outcome, errors: errors.length, firstErrors: errors.slice(0, 3) }
}

function options(args: readonly string[]) {
  const { values } = parseArgs({ args: [...args], options: { ...loadOptions(30), other: { type: 'string' } } })
  return { load: loadOf(values), other: values.other }
}
