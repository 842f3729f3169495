/**
 * How long from an event to the list that shows it: 1,000 sockets and 1,000 events a second against `aurochs serve`, the
 * load on the same machine; then the highest rate that keeps p99 under 50 ms, beside a bare echo server's; then the server's
 * memory after 1, 2, 4 and 8 minutes of the same load.
 *
 * `--data MODEL` names the model's directory. `--seconds N` (10) after `--warmup N` (3), `--sockets N` (1000), `--rate N`
 * (1000); `--no-search` leaves out the highest rate, `--no-soak` the minutes.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Artifact } from '../src/models/artifact/artifact.ts'
import { runLoad } from './stream/load.ts'
import { streamModel } from './stream/model.ts'
import { loadOf, loadOptions } from './stream/options.ts'
import { participants } from './stream/participants.ts'
import type { Outcome, Plan } from './stream/plan.ts'
import { type Program, startProgram, stopProgram } from './stream/program.ts'
import { type Soak, soak } from './stream/soak.ts'
import { countEvents } from './stream/stored-events.ts'
import { atMost, type Bar, type Bench } from './support/bar.ts'
import { printer } from './support/print.ts'

/** In ms: the most that p99 may be at the highest rate. */
const highestP99 = 50
/** Each try of the search for that rate. */
const attemptLength = { seconds: 3, warmup: 1 } as const
/** After which memory is looked at. By the fourth the heaps of V8 have grown to their size: the bar counts from there. */
const minutes = [1, 2, 4, 8] as const

export const run: Bench = async ({ json, data, rest }) => {
  const { load, search, soaks } = options(rest)
  const { seconds, warmup, sockets, rate } = load
  const print = printer(json)
  const folder = mkdtempSync(join(tmpdir(), 'aurochs-stream-'))
  const state = join(folder, 'state')
  let server: Program | undefined
  try {
    const model = await streamModel(data, folder)
    server = await startProgram('dist/cli/main.js', ['serve', model, '--port', '0', '--state', state, '--json'])
    const { users, items } = participants(Artifact.open(model, { verify: false }), sockets)
    const plan: Plan = {
      host: '127.0.0.1',
      port: server.port,
      path: '/v1/stream',
      protocol: 'aurochs',
      users,
      items,
      rate,
      seconds,
      warmup,
      seed: 1,
      run: 'main',
    }
    const outcome = await runLoad(plan)
    const { errors } = outcome
    print({ sockets, rateWanted: rate, ...outcome, errors: errors.length, firstErrors: errors.slice(0, 3) })
    let sent = outcome.sent
    if (search) {
      let tries = 0
      const highest = await highestRate(rate, async at => {
        const attempt = await runLoad({ ...plan, ...attemptLength, rate: at, run: `search${++tries}` })
        sent += attempt.sent
        return attempt
      })
      await stopProgram(server)
      const echo = await startProgram('bench/stream/echo.ts', [])
      const echoPlan = { ...plan, ...attemptLength, port: echo.port, path: '/', protocol: 'echo' } as const
      const highestEcho = await highestRate(rate, at => runLoad({ ...echoPlan, rate: at }))
      await stopProgram(echo)
      print({ highestRate: highest, highestEchoRate: highestEcho, highestP99 })
    } else {
      await stopProgram(server)
    }
    const lost = sent - countEvents(state)
    print({ sent, lost })
    if (!soaks) return bars(outcome, lost)
    const soaked = await soak(model, join(folder, 'soak'), { ...plan, run: 'soak' }, minutes)
    for (const mark of soaked.marks) print(mark)
    return [...bars(outcome, lost), ...soakBars(soaked)]
  } finally {
    // Where something failed before it was stopped.
    server?.child.kill()
    rmSync(folder, { recursive: true })
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

function soakBars({ marks, outcome: { errors, sent, shown } }: Soak): Bar[] {
  const [early, late] = marks.slice(-2) as [(typeof marks)[number], (typeof marks)[number]]
  const growth = ((late.anonymousMiB ?? 0) - (early.anonymousMiB ?? 0)) / (late.minute - early.minute)
  return [
    atMost('MiB a minute that the server grows from the fourth minute on', growth, 5),
    atMost('errors in the minutes', errors.length + sent - shown, 0),
  ]
}

function options(args: readonly string[]) {
  const { values } = parseArgs({
    args: [...args],
    options: {
      ...loadOptions(10),
      'no-search': { type: 'boolean', default: false },
      'no-soak': { type: 'boolean', default: false },
    },
  })
  return { load: loadOf(values), search: !values['no-search'], soaks: !values['no-soak'] }
}

/** Doubles the rate while the server keeps up, in one of two tries at least, then halves the gap three times. */
async function highestRate(from: number, attempt: (rate: number) => Promise<Outcome>): Promise<number> {
  const keepsUpOnce = async (rate: number) => {
    const { errors, latency, sent, shown } = await attempt(rate)
    return errors.length === 0 && shown === sent && latency.p99 < highestP99
  }
  const keepsUp = async (rate: number) => (await keepsUpOnce(rate)) || keepsUpOnce(rate)
  let low = 0
  let high = from
  while (await keepsUp(high)) {
    low = high
    high *= 2
  }
  for (let step = 0; step < 3; step++) {
    const middle = Math.round((low + high) / 2)
    if (await keepsUp(middle)) low = middle
    else high = middle
  }
  return low
}
