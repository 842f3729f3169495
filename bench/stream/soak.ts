import { setTimeout } from 'node:timers/promises'
import { runLoad } from './load.ts'
import { type Memory, memoryOf } from './memory.ts'
import type { Outcome, Plan } from './plan.ts'
import { startProgram, stopProgram } from './program.ts'

/** Memory of the server after so many minutes of load. */
export interface Mark extends Partial<Memory> {
  readonly minute: number
}

export interface Soak {
  readonly marks: readonly Mark[]
  readonly outcome: Outcome
}

/** Events of one user that count: so few that all users have as many before the first mark, and what is kept of them stays. */
const historyLimit = 20

/**
 * The load of `plan` for as many minutes as the last of `minutes`, on a server of its own; what it takes of memory after
 * each of them, as the least of ten seconds: garbage that is not collected yet is not what remains.
 */
export async function soak(model: string, state: string, plan: Plan, minutes: readonly number[]): Promise<Soak> {
  const args = ['serve', model, '--port', '0', '--state', state, '--history-limit', String(historyLimit), '--json']
  const server = await startProgram('dist/cli/main.js', args)
  let marks: Promise<Mark[]> | undefined
  const outcome = await runLoad({ ...plan, port: server.port, warmup: 1, seconds: minutes.at(-1)! * 60 + 1 }, () => {
    marks = marksOf(server.child.pid!, minutes)
  })
  await stopProgram(server)
  return { marks: await marks!, outcome }
}

async function marksOf(pid: number, minutes: readonly number[]): Promise<Mark[]> {
  const begun = performance.now()
  const marks: Mark[] = []
  for (const minute of minutes) {
    await setTimeout(begun + (minute * 60 - 10) * 1000 - performance.now())
    const seen: Partial<Memory>[] = []
    for (let second = 0; second < 10; second++) {
      seen.push(memoryOf(pid))
      await setTimeout(1000)
    }
    const least = seen.reduce((a, b) => ((b.anonymousMiB ?? 0) < (a.anonymousMiB ?? 0) ? b : a))
    marks.push({ minute, ...least })
  }
  return marks
}
