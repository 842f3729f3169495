/** A world of a million users, in a process of its own: how long its days take, and how much memory. */
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { policyNamed } from '../../src/push/simulate/compare/policies.ts'
import { worldParameters } from '../../src/push/simulate/parameters.ts'
import { simulate } from '../../src/push/simulate/run.ts'
import { minutesInDay } from '../../src/push/simulate/visits.ts'

const [users, days] = [1_000_000, 3]

export interface MillionUsers {
  /** Seconds of each simulated day: what the loop took, and the world around it. */
  readonly days: readonly { readonly loop: number; readonly world: number }[]
  /** Bytes of resident memory. */
  readonly peak: number
  readonly sends: number
}

/** @throws Error when the process fails. */
export async function millionUsers(): Promise<MillionUsers> {
  const child = spawn(process.execPath, [fileURLToPath(import.meta.url)], { stdio: ['ignore', 'pipe', 'inherit'] })
  let printed = ''
  child.stdout.setEncoding('utf8').on('data', text => {
    printed += text
  })
  const code = await new Promise(resolve => child.on('close', resolve))
  if (code !== 0) throw new Error(`the world of ${users.toLocaleString('en')} users ended with ${code}`)
  return JSON.parse(printed)
}

async function measured(): Promise<MillionUsers> {
  const policyIn = policyNamed('full-loop').policyIn(1)
  const seconds = Array.from({ length: days }, () => ({ loop: 0, world: 0 }))
  const { sends } = await simulate(
    1,
    world => {
      const { act } = policyIn(world)
      let before = performance.now()
      return {
        act: async (view, observed) => {
          const begun = performance.now()
          // What the world did since the step before, which was perhaps of the day before.
          seconds[Math.floor(Math.max(0, view.now - 1) / minutesInDay)]!.world += (begun - before) / 1000
          await act(view, observed)
          before = performance.now()
          seconds[Math.floor(view.now / minutesInDay)]!.loop += (before - begun) / 1000
        },
      }
    },
    Object.assign({}, worldParameters, { users, days }),
  )
  return { days: seconds, peak: process.resourceUsage().maxRSS * 1024, sends }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.stdout.write(JSON.stringify(await measured()))
