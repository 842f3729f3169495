import { type Pool, workerModuleUrl } from '../../../parallel/pool.ts'
import type { WorldParameters } from '../parameters.ts'
import { daysDone, isStopped, type PolicyRun, type SimulationJob } from './jobs.ts'

const jobs = workerModuleUrl('./jobs', import.meta.url)
/** Milliseconds between two reports of progress. */
const interval = 250

export interface RunsOptions {
  readonly policies: readonly string[]
  readonly seeds: readonly number[]
  readonly parameters: WorldParameters
  readonly pool: Pool
  readonly signal?: AbortSignal | undefined
  /** @param done the share of all simulated days. */
  readonly onProgress?: ((done: number) => void) | undefined
}

/**
 * Runs each policy in the world of each seed, on all workers of the pool.
 *
 * @throws the signal's reason when it is aborted; what is under way ends with the simulated ten minutes.
 */
export async function runPolicies(options: RunsOptions): Promise<PolicyRun[]> {
  const { policies, seeds, parameters, pool, signal, onProgress } = options
  const progress = new Int32Array(new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT))
  const stop = () => Atomics.store(progress, isStopped, 1)
  const all = policies.length * seeds.length * parameters.days
  const watch = setInterval(() => onProgress?.(Atomics.load(progress, daysDone) / all), interval)
  signal?.addEventListener('abort', stop)
  try {
    // All policies of a seed before the next: what is done is then of all kinds, and tells how long the rest takes.
    const runs = seeds.flatMap(seed =>
      policies.map(policy => {
        const job: SimulationJob = { policy, seed, parameters, progress }
        return pool.run<PolicyRun>(jobs, 'simulatePolicy', job, signal)
      }),
    )
    return await Promise.all(runs).catch(error => {
      stop()
      throw error
    })
  } finally {
    clearInterval(watch)
    signal?.removeEventListener('abort', stop)
  }
}
