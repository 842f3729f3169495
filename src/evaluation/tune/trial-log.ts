/** The trials of a search on disk: one line of JSON each, so that a search that was interrupted goes on. */
import {
  closeSync,
  existsSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  statSync,
  writeSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { z } from 'zod'
import { type DirectoryLock, lockByFile, lockFile } from '../../storage/directory-lock.ts'
import type { Options } from './search-space.ts'
import { defaultShare, defaultUsers } from './validation.ts'

/** What a search compares its trials by: trials of other searches are no others of it. */
export interface SearchIdentity {
  /** Checksum of the dataset. */
  readonly dataset: string
  readonly metric: string
  /** Of the users who are judged. */
  readonly seed: number
  /** How many users are judged at most, and which share of their pairs is held out: see `ValidationOptions`. */
  readonly users: number
  readonly share: number
}

export interface LoggedScore {
  readonly algorithm: string
  readonly options: Options
  readonly epochs: number
  /** Null: the training failed. */
  readonly score: number | null
  readonly seconds: number
  /** Why it failed. */
  readonly error?: string | undefined
}

export const trialLogName = 'trials.ndjson'

const headSchema = z.object({
  format: z.literal('aurochs-tuning'),
  version: z.literal(1),
  dataset: z.string(),
  metric: z.string(),
  seed: z.number(),
  // Of logs that are older than these two.
  users: z.number().default(defaultUsers),
  share: z.number().default(defaultShare),
})
const scoreSchema = z.object({
  algorithm: z.string(),
  options: z.record(z.string(), z.unknown()),
  epochs: z.number(),
  score: z.number().nullable(),
  seconds: z.number(),
  error: z.string().optional(),
})

export class TrialLog {
  /** Scores of earlier runs, by algorithm and options, in the order of their rungs. */
  readonly #earlier = new Map<string, LoggedScore[]>()
  readonly #file: number
  readonly #lock: DirectoryLock

  /**
   * Opens the log of the search in `directory`, or begins one; no other process may until it is closed.
   *
   * @throws Error when what is there is the log of another search, or none, or when another process searches there.
   */
  static open(directory: string, identity: SearchIdentity): TrialLog {
    mkdirSync(directory, { recursive: true })
    const path = join(directory, trialLogName)
    // Nothing is written where something else lies.
    if (existsSync(path)) readLog(path)
    const lock = lockByFile(join(directory, lockFile))
    if (!lock) throw new Error(`${directory} is in use by another search: wait for its end, or choose another place`)
    try {
      return new TrialLog(path, lock, identity)
    } catch (error) {
      lock.close()
      throw error
    }
  }

  private constructor(path: string, lock: DirectoryLock, identity: SearchIdentity) {
    const { head, scores, length } = existsSync(path) ? readLog(path) : { head: undefined, scores: [], length: 0 }
    if (head) assertSame(dirname(path), head, identity)
    this.#lock = lock
    for (const score of scores) {
      const key = keyOf(score)
      const rungs = this.#earlier.get(key) ?? []
      // Each rung has more epochs than the one before: else two processes wrote it.
      if (score.epochs > (rungs.at(-1)?.epochs ?? -1)) this.#earlier.set(key, [...rungs, score])
    }
    this.#file = openSync(path, 'a+')
    try {
      // What was half written when a search ended.
      ftruncateSync(this.#file, length)
      if (!head) this.#append({ format: 'aurochs-tuning', version: 1, ...identity })
    } catch (error) {
      closeSync(this.#file)
      throw error
    }
  }

  /** What an earlier run of the search has for this rung of a trial. */
  find(trial: Pick<LoggedScore, 'algorithm' | 'options'>, rung: number): LoggedScore | undefined {
    return this.#earlier.get(keyOf(trial))?.[rung]
  }

  append(score: LoggedScore): void {
    this.#append(score)
  }

  close(): void {
    closeSync(this.#file)
    this.#lock.close()
  }

  #append(value: object): void {
    writeSync(this.#file, `${JSON.stringify(value)}\n`)
    fsyncSync(this.#file)
  }
}

/**
 * The scores of the search in `directory` so far, in the order they came, and the metric that they are of.
 *
 * @throws Error when there is no log, or it is damaged.
 */
export function readTrials(directory: string): { readonly metric: string; readonly scores: readonly LoggedScore[] } {
  const path = join(directory, trialLogName)
  const { head, scores } = readLog(path)
  if (!head) throw new Error(`${path} has no whole line: the search has not begun, or it is damaged`)
  return { metric: head.metric, scores }
}

function keyOf({ algorithm, options }: Pick<LoggedScore, 'algorithm' | 'options'>): string {
  return JSON.stringify([algorithm, options])
}

/** What a log begins with, which may be all that there is of one. */
const headStart = '{"format":"aurochs-tuning"'

/** `length`: bytes of whole lines. */
function readLog(path: string) {
  const text = statSync(path).isFile() ? readFileSync(path, 'utf8') : undefined
  if (text === undefined || !headStart.startsWith(text.slice(0, headStart.length))) {
    throw new Error(`${path} is none of a search: choose another place, or remove it`)
  }
  const whole = text.slice(0, text.lastIndexOf('\n') + 1)
  const lines = whole.split('\n').slice(0, -1)
  const parsed = lines.map((line, at) => {
    try {
      return at === 0 ? headSchema.parse(JSON.parse(line)) : scoreSchema.parse(JSON.parse(line))
    } catch {
      throw new Error(`${path} is damaged: line ${at + 1} is none of a search; remove it to begin anew`)
    }
  })
  const [head, ...scores] = parsed as [z.output<typeof headSchema> | undefined, ...LoggedScore[]]
  return { head, scores, length: Buffer.byteLength(whole) }
}

function assertSame(directory: string, found: SearchIdentity, wanted: SearchIdentity): void {
  for (const name of ['dataset', 'metric', 'seed', 'users', 'share'] as const) {
    if (found[name] === wanted[name]) continue
    throw new Error(
      `${directory} holds a search with another ${name} (${found[name]}, not ${wanted[name]}): choose another place, or remove it`,
    )
  }
}
