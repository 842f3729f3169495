/**
 * How long from an event to the list that shows it: 1,000 sockets and 1,000 events a second against `aurochs serve`, the
 * load on the same machine; then the highest rate that keeps p99 under 50 ms, beside a bare echo server's.
 *
 * `--data MODEL` names the model's directory. `--seconds N` of each run (10), `--sockets N` (1000), `--rate N` (1000),
 * `--no-search` leaves out the highest rate.
 */
import { type ChildProcess, fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { parseArgs } from 'node:util'
import { Model } from '../src/models/model.ts'
import { atMost, type Bar, type Bench } from './bar.ts'
import { streamModel } from './stream/model.ts'
import type { Outcome, Plan } from './stream/plan.ts'

/** In ms, of the search for the highest rate. */
const bearable = 50
/** Each try of that search. */
const brief = { seconds: 3, warmup: 1 } as const

export const run: Bench = async ({ json, data, rest }) => {
  const { seconds, sockets, rate, search } = options(rest)
  const print = (value: Record<string, unknown>) => console.log(json ? JSON.stringify(value) : sentence(value))
  const state = mkdtempSync(join(tmpdir(), 'aurochs-stream-'))
  try {
    const model = await streamModel(data, state)
    const people = cast(model, sockets)
    const server = await start('src/cli/main.ts', ['serve', model, '--port', '0', '--state', state, '--json'])
    const plan: Plan = {
      ...{ host: '127.0.0.1', port: server.port, path: '/v1/stream', speaks: 'aurochs', ...people },
      ...{ rate, seconds, warmup: 3, seed: 1, run: 'main' },
    }
    const outcome = await load(plan)
    print({ sockets, ...outcome, asked: rate, errors: outcome.errors.length, firstErrors: outcome.errors.slice(0, 3) })
    let sent = outcome.sent
    if (search) {
      const most = await highestRate(rate, async at => {
        const tried = await load({ ...plan, ...brief, rate: at, run: `search${at}` })
        sent += tried.sent
        return tried
      })
      await stop(server.child)
      const echo = await start('bench/stream/echo.ts', [])
      const echoPlan = { ...plan, ...brief, port: echo.port, path: '/', speaks: 'echo' } as const
      const echoMost = await highestRate(rate, at => load({ ...echoPlan, rate: at }))
      await stop(echo.child)
      print({ highestRate: most, highestEchoRate: echoMost, bearable })
    } else {
      await stop(server.child)
    }
    const lost = sent - recorded(state)
    print({ sent, lost })
    return bars(outcome, lost)
  } finally {
    rmSync(state, { recursive: true })
  }
}

function bars({ latency, errors, sent, acknowledged, shown }: Outcome, lost: number): Bar[] {
  return [
    atMost('ms from an event to the list that shows it, p50', latency.p50, 3),
    atMost('ms from an event to the list that shows it, p99', latency.p99, 20),
    atMost('errors', errors.length, 0),
    atMost('events without an ack or a list', sent - Math.min(acknowledged, shown), 0),
    atMost('events lost', lost, 0),
  ]
}

function options(args: readonly string[]): { seconds: number; sockets: number; rate: number; search: boolean } {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seconds: { type: 'string', default: '10' },
      sockets: { type: 'string', default: '1000' },
      rate: { type: 'string', default: '1000' },
      'no-search': { type: 'boolean', default: false },
    },
  })
  const number = (name: 'seconds' | 'sockets' | 'rate'): number => {
    const value = Number(values[name])
    if (!(value > 0)) throw new TypeError(`--${name} expects a number above 0, got ${values[name]}`)
    return value
  }
  return {
    ...{ seconds: number('seconds'), sockets: Math.ceil(number('sockets')), rate: number('rate') },
    search: !values['no-search'],
  }
}

/** Users from all of the model's, busy and idle alike, and some of its items. */
function cast(directory: string, sockets: number): Pick<Plan, 'users' | 'items'> {
  const model = Model.open(directory, { verify: false })
  const spread = (size: number, count: number) =>
    Array.from({ length: Math.min(size, count) }, (_, i) => Math.floor((i * size) / Math.min(size, count)))
  const users = spread(model.users.size, sockets).map(index => model.users.at(index))
  const items = spread(model.items.size, 10_000).map(index => model.items.at(index))
  model.close()
  return { users: users.map(written), items: items.map(written) }
}

function written(id: string | number | bigint): string | number {
  return typeof id === 'bigint' ? String(id) : id
}

interface Started {
  readonly child: ChildProcess
  readonly port: number
}

/** Starts a program that prints `{"port": …}` once it listens. */
async function start(program: string, args: string[]): Promise<Started> {
  const child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = once(child, 'exit').then(([code]) => {
    throw new Error(`${program} ended with ${code} before it listened`)
  })
  const [line] = await Promise.race([once(child.stdout, 'data'), ended])
  ended.catch(() => {})
  return { child, port: JSON.parse(line).port }
}

async function stop(child: ChildProcess): Promise<void> {
  const exited = once(child, 'exit')
  child.kill('SIGTERM')
  const [code] = await exited
  if (code !== 0) throw new Error(`the server ended with ${code}`)
}

async function load(plan: Plan): Promise<Outcome> {
  const generator = fork(join(import.meta.dirname, 'stream/generator.ts'))
  generator.send(plan)
  const ended = once(generator, 'exit').then(([code]) => {
    throw new Error(`the load generator ended with ${code}`)
  })
  const [outcome] = (await Promise.race([once(generator, 'message'), ended])) as [Outcome]
  await ended.catch(() => {})
  return outcome
}

/** Doubles the rate while it is borne, then halves the gap three times. */
async function highestRate(from: number, attempt: (rate: number) => Promise<Outcome>): Promise<number> {
  const borne = async (rate: number) => {
    const { errors, latency, sent, shown } = await attempt(rate)
    return errors.length === 0 && shown === sent && latency.p99 < bearable
  }
  let low = 0
  let high = from
  while (await borne(high)) {
    low = high
    high *= 2
  }
  for (let step = 0; step < 3; step++) {
    const middle = Math.round((low + high) / 2)
    if (await borne(middle)) low = middle
    else high = middle
  }
  return low
}

/** Events in the state, read after the server has ended. */
function recorded(state: string): number {
  const db = new DatabaseSync(join(state, 'events.db'), { readOnly: true })
  const { count } = db.prepare('SELECT count(*) AS count FROM events').get() as { count: number }
  db.close()
  return count
}

function sentence(value: Record<string, unknown>): string {
  return Object.entries(value)
    .map(([name, part]) => `${name} ${typeof part === 'object' ? JSON.stringify(part) : part}`)
    .join('   ')
}
