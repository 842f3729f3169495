/** Progress of an import. */
import type { Database } from './database.ts'

/** Stages in order, with the share of the time that each takes: measured on 20 million rows of Parquet with times. */
const shares = {
  reading: 0.38,
  'indexing users': 0.02,
  'indexing items': 0.08,
  'indexing pairs': 0.09,
  'writing events': 0.24,
  'writing pairs': 0.19,
}

export type Stage = keyof typeof shares

export interface ImportProgress {
  readonly stage: Stage
  /** Of the whole import, from 0 to 1; never falls. */
  readonly done: number
  /** Rows of the source that are read, of how many; only while reading, and if their number is known beforehand. */
  readonly rows?: { readonly done: number; readonly total: number } | undefined
}

export type ProgressListener = (progress: ImportProgress) => void

/** Reports ten times a second, by DuckDB's estimate for the running query or by the rows counted here. */
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
    if (listener) this.#timer = setInterval(() => this.#report(), 100)
  }

  /** `total` is the number of rows to read or to write, if known. */
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

  /** Nothing more is reported after this. */
  end(): void {
    clearInterval(this.#timer)
  }

  #report(): void {
    const stage = this.#stage
    const now = stage.startsWith('writing') ? this.#counted / (this.#total ?? 1) : this.#db.done
    // A stage may take several queries, and each begins at 0.
    this.#part = Math.max(this.#part, now)
    const part = this.#part
    const stages = Object.keys(shares) as Stage[]
    const before = stages.slice(0, stages.indexOf(stage)).reduce((sum, name) => sum + shares[name], 0)
    this.#done = Math.max(this.#done, before + part * shares[stage])
    const total = stage === 'reading' ? this.#total : undefined
    const rows = total === undefined ? undefined : { done: Math.round(part * total), total }
    this.#listener?.({ stage, done: this.#done, rows })
  }
}
