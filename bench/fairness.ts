/**
 * What well-behaved clients notice of others who ask for too much: 50 sockets with 200 events a second against
 * `aurochs serve`, alone and beside each attacker in turn (see fairness/attack.ts), which runs in a process of its own, of
 * low priority and at a bounded rate, since it is the server that is measured, and not how two processes share a core. Each
 * has a server of its own.
 *
 * `--data MODEL` names the model's directory. `--seconds N` (10) after `--warmup N` (3), `--sockets N` (50), `--rate N`
 * (200); `--attack NAME` leaves out the others.
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Artifact } from '../src/models/artifact/artifact.ts'
import { type AttackCounts, type AttackPlan, attacks } from './fairness/attack.ts'
import { Probe } from './fairness/probe.ts'
import { runLoad } from './stream/load.ts'
import { streamModel } from './stream/model.ts'
import { loadOf, loadOptions } from './stream/options.ts'
import { participants } from './stream/participants.ts'
import type { Outcome, Plan } from './stream/plan.ts'
import { startProgram, stopProgram } from './stream/program.ts'
import { atMost, type Bar, type Bench } from './support/bar.ts'
import { printer } from './support/print.ts'

/** The most that p99 may be beside an attacker, in times of what it is alone. */
const mostSlowdown = 3
/** In MiB: of --send-memory, and what a server takes besides. */
const [sendMemory, baseMemory] = [256, 500]

interface Measured extends Outcome {
  /** In ms: the slowest answer of /healthz. */
  readonly healthWorst: number
  /** In MiB: the most that was no file. */
  readonly anonymousMiB: number
  readonly attacker: AttackCounts | undefined
}

export const run: Bench = async ({ json, data, rest }) => {
  const { values } = parseArgs({
    args: [...rest],
    options: {
      ...loadOptions(10),
      sockets: { type: 'string', default: '50' },
      rate: { type: 'string', default: '200' },
      attack: { type: 'string' },
    },
  })
  const load = loadOf(values)
  const print = printer(json)
  const folder = mkdtempSync(join(tmpdir(), 'aurochs-fairness-'))
  try {
    const model = await streamModel(data, folder)
    const chosen = attacks.filter(attack => values.attack === undefined || attack === values.attack)
    if (chosen.length === 0) throw new TypeError(`--attack expects one of ${attacks.join(', ')}, got ${values.attack}`)
    const measure = (attack?: AttackPlan['attack']) => beside(attack, { model, folder, ...load })
    const alone = await measure()
    print({ beside: 'nobody', ...summary(alone) })
    const bars: Bar[] = [atMost('errors alone', alone.errors.length + alone.sent - alone.shown, 0)]
    for (const attack of chosen) {
      const measured = await measure(attack)
      print({ beside: attack, ...summary(measured) })
      const { latency, errors, sent, shown, anonymousMiB } = measured
      bars.push(
        atMost(`p99 beside ${attack}, times that alone`, latency.p99 / alone.latency.p99, mostSlowdown),
        atMost(`errors and events not shown beside ${attack}`, errors.length + sent - shown, 0),
        atMost(`MiB of the server beside ${attack}`, anonymousMiB, sendMemory + baseMemory),
      )
    }
    return bars
  } finally {
    rmSync(folder, { recursive: true })
  }
}

type Setting = Pick<Plan, 'seconds' | 'warmup' | 'rate'> & {
  readonly model: string
  readonly folder: string
  readonly sockets: number
}

async function beside(
  attack: AttackPlan['attack'] | undefined,
  { model, folder, sockets, ...load }: Setting,
): Promise<Measured> {
  const state = join(folder, attack ?? 'alone')
  const args = ['serve', model, '--port', '0', '--state', state, '--json', '--log-level', 'error']
  const server = await startProgram('dist/cli/main.js', [...args, '--send-memory', String(sendMemory)])
  const { port } = server
  const { users, items } = participants(Artifact.open(model, { verify: false }), sockets + 25_000)
  const plan: Plan = {
    host: '127.0.0.1',
    port,
    path: '/v1/stream',
    protocol: 'aurochs',
    users: users.slice(0, sockets),
    items,
    seed: 1,
    run: 'good',
    ...load,
  }
  const attacker = attack && (await startAttack({ port, attack, users: users.slice(sockets), items }))
  const probe = new Probe(port, server.child.pid!)
  const outcome = await runLoad(plan, () => probe.begin())
  const seen = probe.end()
  const counts = await attacker?.end()
  await stopProgram(server)
  return { ...outcome, ...seen, attacker: counts }
}

async function startAttack(plan: AttackPlan): Promise<{ end(): Promise<AttackCounts> }> {
  const child = fork(join(import.meta.dirname, 'fairness/attack.ts'))
  const ended = once(child, 'exit').then(([code]) => {
    throw new Error(`the attacker ended with ${code}`)
  })
  ended.catch(() => {})
  const ready = once(child, 'message')
  child.send(plan)
  await Promise.race([ready, ended])
  return {
    end: async () => {
      const counts = once(child, 'message')
      child.send('end')
      const [last] = await Promise.race([counts, ended])
      child.disconnect()
      return last as AttackCounts
    },
  }
}

function summary({ latency, ack, errors, sent, shown, lateness, ...others }: Measured): object {
  const { healthWorst, anonymousMiB, attacker } = others
  const { p50, p99, max } = latency
  const failures = { errors: errors.length, firstErrors: errors.slice(0, 3) }
  const acks = { ackP50: ack.p50, ackP99: ack.p99 }
  return {
    sent,
    shown,
    p50,
    p99,
    max,
    ...acks,
    healthWorst,
    anonymousMiB,
    latenessP99: lateness.p99,
    ...failures,
    attacker,
  }
}
