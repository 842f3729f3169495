/** What trains factors: this project or a peer, measured alike. */

import { rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Trained } from '../../src/models/algorithm.ts'
import { valuesOf } from '../../src/models/artifact/trained-tensor.ts'
import type { Dataset } from '../../src/storage/dataset.ts'
import { openSafetensors } from '../../src/storage/safetensors.ts'
import { alignedArray } from '../../src/storage/shared-array.ts'
import { benchCache } from '../data/brunch-data.ts'
import { peerLines } from '../peers/python.ts'
import { median } from '../support/numbers.ts'

/** In shared memory. */
export interface Factors {
  /** (users × factors) */
  readonly users: Float32Array
  /** (items × factors) */
  readonly items: Float32Array
  readonly factors: number
}

export interface Epoch {
  /** Passes over the data so far. */
  readonly epoch: number
  /**
   * Seconds since the call that trains, with the pairs in memory: all that it does before the first epoch counts, what is measured
   * in between does not.
   */
  readonly total: number
  /** Those of all threads together, which say more where others use the machine. */
  readonly cpu: number
}

export interface Run<Setting> {
  readonly train: Dataset
  readonly setting: Setting
  readonly factors: number
  readonly epochs: number
  /** After which epochs the factors are wanted. */
  readonly wanted: 'all' | 'last' | 'none'
}

/** Called after an epoch; true ends the training. Some libraries leave out epochs. */
export type OnEpoch = (epoch: Epoch, factors: Factors | undefined) => Promise<boolean> | boolean

export interface Library<Setting> {
  readonly name: string
  train(run: Run<Setting>, onEpoch: OnEpoch): Promise<void>
}

/** A library that a program of bench/peers runs: `PROGRAM NAME DATASET OUT OPTIONS`, OPTIONS as JSON. */
export function peerLibrary<Setting extends object>(name: string, python: string, program: string): Library<Setting> {
  return {
    name,
    async train({ train, setting, factors, epochs, wanted }, onEpoch) {
      const out = join(benchCache, `${name}-${process.pid}.safetensors`)
      const options = JSON.stringify({ ...setting, factors, epochs, wanted })
      try {
        const lines = peerLines<Epoch & { factors: boolean }>(python, program, [name, train.directory, out, options])
        for await (const { epoch, total, cpu, factors } of lines) {
          if (await onEpoch({ epoch, total, cpu }, factors ? factorsOf(openSafetensors(out).tensors) : undefined)) break
        }
      } finally {
        rmSync(out, { force: true })
      }
    },
  }
}

/** A copy of the factors that a training gave. */
export function factorsOf({ users, items }: Trained['tensors']): Factors {
  if (!users || !items) throw new Error('the factors of users or items are missing')
  const shared = (tensor: typeof users) => {
    const values = valuesOf(tensor, Float32Array)
    const copy = alignedArray(Float32Array, values.length)
    copy.set(values)
    return copy
  }
  return { users: shared(users), items: shared(items), factors: items.shape[1]! }
}

/** The clocks of a training of ours: what passes between {@link Clock.pause} and {@link Clock.resume} does not count. */
export class Clock {
  #begun = Clock.#now()
  #paused = Clock.#now()

  static #now() {
    const { user, system } = process.cpuUsage()
    return { total: performance.now() / 1000, cpu: (user + system) / 1e6 }
  }

  /** Seconds so far. */
  pause(): Pick<Epoch, 'total' | 'cpu'> {
    this.#paused = Clock.#now()
    return { total: this.#paused.total - this.#begun.total, cpu: this.#paused.cpu - this.#begun.cpu }
  }

  resume(): void {
    const { total, cpu } = Clock.#now()
    this.#begun = {
      total: this.#begun.total + total - this.#paused.total,
      cpu: this.#begun.cpu + cpu - this.#paused.cpu,
    }
  }
}

/** The median over the epochs, without what comes before the first of these; with that where no trace has a second one. */
export function secondsPerEpoch(traces: readonly (readonly Epoch[])[], of: 'total' | 'cpu' = 'total'): number {
  const each = traces.flatMap(trace =>
    trace.slice(1).map((point, at) => (point[of] - trace[at]![of]) / (point.epoch - trace[at]!.epoch)),
  )
  return median(each.length > 0 ? each : traces.map(([point]) => point![of] / point!.epoch))
}
