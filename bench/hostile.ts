/**
 * What others notice of hostile clients: the load of the stream bench on `aurochs serve`, alone and then beside clients that
 * send weights that are none in single precision, text that is none, bodies in chunks of one byte, frames of garbage, and that
 * ask on fifty connections for the lists of a user of 100,000 events.
 *
 * `--data MODEL` names the model's directory. `--seconds N` (20) after `--warmup N` (3), `--sockets N` (200), `--rate N`
 * (300) of the load. `--history N` (100000) events of the user of many.
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { Artifact } from '../src/models/artifact/artifact.ts'
import type { HostileOutcome, HostilePlan } from './hostile/clients.ts'
import { runLoad } from './stream/load.ts'
import { streamModel } from './stream/model.ts'
import { loadOf, loadOptions } from './stream/options.ts'
import { participants } from './stream/participants.ts'
import type { Outcome, Plan } from './stream/plan.ts'
import { type Program, startProgram, stopProgram } from './stream/program.ts'
import { eventsByUser } from './stream/stored-events.ts'
import { atLeast, atMost, type Bar, type Bench } from './support/bar.ts'
import { positiveInteger } from './support/options.ts'
import { printer } from './support/print.ts'

/** The user of a long history. */
const hotUser = 'hot'

export const run: Bench = async ({ json, data, rest }) => {
  const options = { ...loadOptions(20), sockets: { type: 'string', default: '200' } } as const
  const own = { rate: { type: 'string', default: '300' }, history: { type: 'string', default: '100000' } } as const
  const { values } = parseArgs({ args: [...rest], options: { ...options, ...own } })
  const load = loadOf(values)
  const history = positiveInteger('history', values.history)
  const print = printer(json)
  const folder = mkdtempSync(join(tmpdir(), 'aurochs-hostile-'))
  const state = join(folder, 'state')
  let server: Program | undefined
  try {
    const model = await streamModel(data, folder)
    server = await startProgram('dist/cli/main.js', ['serve', model, '--port', '0', '--state', state, '--json'])
    const { users, items } = participants(Artifact.open(model, { verify: false }), load.sockets)
    await recordHistory(server.port, items, history)
    const { port } = server
    const plan = (run: string): Plan => {
      return { host: '127.0.0.1', port, path: '/v1/stream', protocol: 'aurochs', users, items, seed: 1, run, ...load }
    }
    const alone = await runLoad(plan('alone'))
    print({ run: 'alone', ...summary(alone) })
    const hostile = hostileClients({ port, user: hotUser, item: items[0]! })
    const beside = await runLoad(plan('beside'))
    const outcome = await hostile.end()
    print({ run: 'beside hostile clients', ...summary(beside) })
    for (const [client, answers] of Object.entries(outcome)) print({ client, ...answers })
    const ready = await fetch(`http://127.0.0.1:${port}/readyz`)
    await stopProgram(server)
    const stored = eventsByUser(state)
    const kept = users.reduce<number>((sum, user) => sum + (stored.get(String(user))?.length ?? 0), 0)
    return bars({ alone, beside, outcome, isReady: ready.ok, lost: alone.sent + beside.sent - kept })
  } finally {
    // Where something failed before it was stopped.
    server?.child.kill()
    rmSync(folder, { recursive: true })
  }
}

interface Measured {
  readonly alone: Outcome
  readonly beside: Outcome
  readonly outcome: HostileOutcome
  readonly isReady: boolean
  readonly lost: number
}

function bars({ alone, beside, outcome, isReady, lost }: Measured): Bar[] {
  const unanswered = ({ sent, acknowledged, shown }: Outcome) => sent - Math.min(acknowledged, shown)
  const answers = Object.values(outcome)
  const faults = answers.reduce((sum, { internal = 0 }) => sum + internal, 0)
  return [
    atMost('ms from an event to its list beside hostile clients, p99', beside.latency.p99, 100),
    atMost('errors of the load', alone.errors.length + beside.errors.length, 0),
    atMost('events of the load without an ack or a list', unanswered(alone) + unanswered(beside), 0),
    atMost('events of the load lost', lost, 0),
    atLeast('hostile clients that were answered', answers.filter(isAnswered).length, 5),
    atMost('hostile requests that met a fault of the server', faults, 0),
    atLeast('ready in the end', Number(isReady), 1),
  ]
}

/** A connection that was only closed is no answer. */
function isAnswered({ closed: _, ...codes }: Readonly<Record<string, number>>): boolean {
  return Object.keys(codes).length > 0
}

async function recordHistory(port: number, items: readonly (string | number)[], count: number): Promise<void> {
  const size = 1000
  for (let first = 0; first < count; first += size) {
    const events = Array.from({ length: Math.min(size, count - first) }, (_, at) => {
      return { id: `${first + at}`, user: hotUser, item: items[(first + at) % items.length] }
    })
    const body = JSON.stringify({ events })
    const record = () => fetch(`http://127.0.0.1:${port}/v1/record_batch`, { method: 'POST', body })
    let answer = await record()
    for (; answer.status === 429; answer = await record()) {
      await setTimeout(1000 * Number(answer.headers.get('retry-after')))
    }
    if (!answer.ok) throw new Error(`the history could not be recorded: status ${answer.status}`)
  }
}

/** Starts the hostile clients, in a process of their own; they go on until `end` is called. */
function hostileClients(plan: HostilePlan): { end(): Promise<HostileOutcome> } {
  const child = fork(join(import.meta.dirname, 'hostile/clients.ts'))
  child.send(plan)
  return {
    end: async () => {
      const ended = once(child, 'exit').then(([code]) => {
        throw new Error(`the hostile clients ended with ${code}`)
      })
      const outcome = Promise.race([once(child, 'message'), ended])
      child.send('end')
      return (await outcome)[0] as HostileOutcome
    },
  }
}

function summary({ latency, ack, lateness, errors, sent, rate }: Outcome): object {
  return { sent, rate, latency, ack, lateness, errors: errors.length, firstErrors: errors.slice(0, 3) }
}
