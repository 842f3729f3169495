/** What a worker does of a comparison: one policy in the world of one seed. */
import type { WorldParameters } from '../parameters.ts'
import { type PushPolicy, type SimulationResult, simulate } from '../run.ts'
import { minutesInDay } from '../visits.ts'
import { policyNamed } from './policies.ts'

export interface SimulationJob {
  readonly policy: string
  readonly seed: number
  readonly parameters: WorldParameters
  /** Shared: the days that all jobs have simulated, and whether they are to end. */
  readonly progress: Int32Array
}

/** Places in {@link SimulationJob.progress}. */
export const [daysDone, isStopped] = [0, 1]

export interface PolicyRun {
  readonly policy: string
  readonly seed: number
  readonly result: SimulationResult
  readonly seconds: number
}

export async function simulatePolicy({ policy, seed, parameters, progress }: SimulationJob): Promise<PolicyRun> {
  const goOn = () => {
    if (Atomics.load(progress, isStopped) === 1) throw new Error('the simulation was interrupted')
  }
  // Those that wait for a worker come to it after the end, too.
  goOn()
  const begun = performance.now()
  const policyIn = policyNamed(policy).policyIn(seed)
  const result = await simulate(
    seed,
    world => {
      const { act }: PushPolicy = policyIn(world)
      return {
        act: (view, observed) => {
          if (view.now % minutesInDay === 0 && view.now > 0) Atomics.add(progress, daysDone, 1)
          goOn()
          return act(view, observed)
        },
      }
    },
    parameters,
  )
  Atomics.add(progress, daysDone, 1)
  return { policy, seed, result, seconds: (performance.now() - begun) / 1000 }
}
