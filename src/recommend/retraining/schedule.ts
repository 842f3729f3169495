import { type ChildProcess, fork } from 'node:child_process'
import { workerModuleUrl } from '../../parallel/pool.ts'
import type { Retrained } from './retrain.ts'
import type { RetrainReport, RetrainTask } from './retrain-process.ts'

/** In ms: the longest wait that timers know, 24 days. */
export const longestInterval = 2 ** 31 - 1

export interface ScheduleOptions {
  /** In ms, up to {@link longestInterval}: from the end of one retraining to the begin of the next, and from the start to the first. */
  readonly interval: number
  /** What is to be done when its time has come. */
  readonly task: () => RetrainTask
  /** Called after each retraining; the next is not scheduled before what it promises is settled. */
  readonly onRetrained: (retrained: Retrained) => Promise<void> | void
  /** Called with why a retraining did not come to its end: what is served goes on, and the next is tried in its time. */
  readonly onFailure: (failure: string) => void
}

/** In ms: how long a retraining that is not wanted any more may take to end by itself. */
const patience = 2000

/** Retrains again and again, one process at a time. The interval is that of a clock that nobody sets. */
export class RetrainingSchedule {
  readonly #options: ScheduleOptions
  #timer: NodeJS.Timeout | undefined
  #child: ChildProcess | undefined
  #running: Promise<void> = Promise.resolve()
  #isClosed = false
  /** Whether the one that runs is not wanted any more. */
  #isAbandoned = false

  constructor(options: ScheduleOptions) {
    this.#options = options
    this.#scheduleNext()
  }

  /** Ends a retraining that runs, which leaves all as it was before; the next begins in its time. */
  async abandon(): Promise<void> {
    const child = this.#child
    if (child) this.#isAbandoned = true
    child?.kill()
    // It may be in an epoch that takes minutes; killed, it leaves all as it was, too.
    const timer = setTimeout(() => child?.kill('SIGKILL'), patience)
    await this.#running
    clearTimeout(timer)
  }

  /** Ends a retraining that has begun, which leaves all as it was before, and schedules no more. */
  async close(): Promise<void> {
    this.#isClosed = true
    clearTimeout(this.#timer)
    await this.abandon()
  }

  #scheduleNext(): void {
    if (this.#isClosed) return
    this.#timer = setTimeout(() => {
      this.#running = this.#run().finally(() => this.#scheduleNext())
    }, this.#options.interval)
  }

  async #run(): Promise<void> {
    const { task, onRetrained, onFailure } = this.#options
    try {
      const retrained = await this.#retrain(task())
      if (!this.#isClosed) await onRetrained(retrained)
    } catch (error) {
      if (!this.#isClosed && !this.#isAbandoned) onFailure((error as Error).message)
    }
    this.#isAbandoned = false
  }

  /** @throws Error when it failed, or its process ended. */
  #retrain(task: RetrainTask): Promise<Retrained> {
    return new Promise((resolve, reject) => {
      const child = fork(new URL(workerModuleUrl('./retrain-process', import.meta.url)), {
        stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      })
      this.#child = child
      let outcome: RetrainReport | undefined
      child.on('message', (report: RetrainReport) => {
        outcome = report
      })
      child.once('error', reject)
      child.once('exit', (code, signal) => {
        this.#child = undefined
        if (outcome && 'retrained' in outcome) resolve(outcome.retrained)
        else if (outcome && 'failure' in outcome) reject(new Error(outcome.failure))
        else reject(new Error(`the process that retrained ended by ${signal ?? `code ${code}`}`))
      })
      child.send(task)
    })
  }
}
