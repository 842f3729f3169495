/** How far an import is. */
import type { Database } from './database.ts'

/** Stages in order, with the share of the time that each takes: measured on 20 million rows of Parquet. */
const shares = { reading: 0.45, 'numbering users': 0.05, 'numbering items': 0.1, 'coding pairs': 0.17, writing: 0.23 }

export type Stage = keyof typeof shares

export interface ImportProgress {
  readonly stage: Stage
  /** Of the whole import, from 0 to 1; never falls. */
  readonly done: number
  /** Rows of the source that are read, of how many; only while reading, and if their number is known beforehand. */
  readonly rows?: { readonly done: number; readonly total: number }
}

export type ProgressListener = (progress: ImportProgress) => void

/** Tells a listener ten times a second, by what DuckDB says of the running query or by what is counted here. */
export class Progress {
  readonly #db: Database
  readonly #listener: ProgressListener | undefined
  #timer: NodeJS.Timeout | undefined
  #stage: Stage = 'reading'
  #total: number | undefined
  #counted = 0
  #part = 0
  #done = 0

  constructor(db: Database, listener: ProgressListener | undefined) {
    this.#db = db
    this.#listener = listener
    if (listener) this.#timer = setInterval(() => this.#tell(), 100)
  }

  /** `total` is how many rows there are to read or to write. */
  begin(stage: Stage, total?: number): void {
    this.#stage = stage
    this.#total = total
    this.#counted = 0
    this.#part = 0
  }

  /** Counts rows that were written. */
  readonly add = (count: number): void => {
    this.#counted += count
  }

  /** Nothing more is told after this. */
  end(): void {
    clearInterval(this.#timer)
  }

  #tell(): void {
    const stage = this.#stage
    const now = stage === 'writing' ? this.#counted / (this.#total ?? 1) : this.#db.done
    // A stage may take several queries, and each begins at nothing.
    this.#part = Math.max(this.#part, now)
    const part = this.#part
    const stages = Object.keys(shares) as Stage[]
    const before = stages.slice(0, stages.indexOf(stage)).reduce((sum, name) => sum + shares[name], 0)
    this.#done = Math.max(this.#done, before + part * shares[stage])
    const rows =
      stage === 'reading' && this.#total ? { done: Math.round(part * this.#total), total: this.#total } : undefined
    this.#listener?.({ stage, done: this.#done, ...(rows && { rows }) })
  }
}
