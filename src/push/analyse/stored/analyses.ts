import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { workerModuleUrl } from '../../../parallel/pool.ts'
import type { PushAnalysis } from '../analysis.ts'
import type { AnalysisAnswer, AnalysisThreadData } from './analysis-thread.ts'
import type { StoredPushesOptions } from './stored-pushes.ts'

/** In ms: an analysis is given again for so long, and ten times as long as it took. */
const leastAge = 15_000

interface Kept {
  readonly analysis: Promise<PushAnalysis>
  /** When another is made; undefined while it runs. */
  until: number | undefined
}

/** Analyses of the pushes of a state, each in a thread of its own, one at a time; who asks for the same within a while gets the same. */
export class Analyses {
  readonly #state: string
  readonly #kept = new Map<number, Kept>()
  #last: Promise<unknown> = Promise.resolve()

  constructor(state: string) {
    this.#state = state
  }

  /** Of the last so many days, hours in UTC. @throws Error when there is no ledger, or it cannot be read. */
  of(days: number): Promise<PushAnalysis> {
    const found = this.#kept.get(days)
    if (found && (found.until === undefined || performance.now() < found.until)) return found.analysis
    const analysis = this.#last.then(() => this.#analyse(days))
    const kept: Kept = { analysis, until: undefined }
    this.#kept.set(days, kept)
    this.#last = analysis.catch(() => this.#kept.delete(days))
    return analysis
  }

  async #analyse(days: number): Promise<PushAnalysis> {
    const began = performance.now()
    const analysis = await analyseApart(this.#state, { days })
    const ended = performance.now()
    for (const [of, kept] of this.#kept) {
      if (of === days) kept.until = ended + Math.max(leastAge, 10 * (ended - began))
      // Memory is for what is asked for.
      else if (kept.until !== undefined && kept.until < ended) this.#kept.delete(of)
    }
    return analysis
  }
}

/** `analyseStored` in a thread. */
async function analyseApart(state: string, options: StoredPushesOptions): Promise<PushAnalysis> {
  const worker = new Worker(new URL(workerModuleUrl('./analysis-thread', import.meta.url)), {
    workerData: { state, options } satisfies AnalysisThreadData,
  })
  // Who ends does not wait for it.
  worker.unref()
  const ended = once(worker, 'exit')
  const [answer] = (await Promise.race([
    once(worker, 'message'),
    ended.then(([code]) => [{ failure: `the thread of the analysis ended with ${code}` }]),
  ])) as [AnalysisAnswer]
  if ('failure' in answer) throw new Error(answer.failure)
  await ended
  return answer.analysis
}
