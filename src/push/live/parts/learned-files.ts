/** What the loop has learned, in a directory of the state; each file appears whole or not at all. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Pool } from '../../../parallel/pool.ts'
import { withDraft } from '../../../storage/directory.ts'
import type { PushUsers } from '../../data/users.ts'
import type { LearnedSnapshot } from '../../loop/learned-snapshot.ts'
import type { BlendState } from '../../prefer/blend/blend.ts'
import { CtrModel } from '../../prefer/ctr/ctr-model.ts'
import { featureNames } from '../../prefer/features.ts'
import { PreferenceModel } from '../../prefer/preference-model.ts'
import type { PreferenceOptions } from '../../prefer/preference-types.ts'
import type { PushLog } from '../log.ts'
import type { ResponseProgress } from './send-responses.ts'

/** What is learned of is learned anew where the format changes. */
const format = 'aurochs-push-loop 2'

/** Click models that were kept, by their number; without one: of a former format. */
const clicksPattern = /^clicks(?:-\d+)?\.safetensors$/

/** The part of what is learned that is JSON. */
export interface LearnedState {
  readonly loop: LearnedSnapshot
  readonly blend: BlendState
  readonly responses: ResponseProgress
}

interface StoredState extends LearnedState {
  readonly format: string
  readonly features: readonly string[]
  /** The number of the click model that was learned with it: they appear together, with this file. */
  readonly clicks: number
}

export class LearnedFiles {
  readonly words: string
  readonly appeal: string
  readonly titles: string
  /** Folder of rounds that are not all learned from. */
  readonly sends: string
  readonly #directory: string
  readonly #state: string
  readonly #log: PushLog
  #clicks = 0

  constructor(state: string, log: PushLog) {
    const directory = join(state, 'push-loop')
    this.words = join(directory, 'words')
    this.appeal = join(directory, 'appeal.safetensors')
    this.titles = join(directory, 'titles.safetensors')
    this.sends = join(directory, 'sends')
    this.#directory = directory
    this.#state = join(directory, 'learned.json')
    this.#log = log
  }

  /** What was kept last; undefined where nothing was, or of another format. @throws Error when the file is damaged. */
  read(): LearnedState | undefined {
    if (!existsSync(this.#state)) return undefined
    let stored: StoredState
    try {
      stored = JSON.parse(readFileSync(this.#state, 'utf8'), fromPlain)
    } catch (error) {
      throw new Error(
        `${this.#state} is damaged: ${(error as Error).message}; restore a backup, or remove it: then all is learned anew`,
      )
    }
    if (stored.format !== format || stored.features?.join() !== featureNames.join()) {
      this.#log.warn(
        { file: this.#state, expected: format, got: stored.format },
        'pushes: what was learned is of another format, it is learned anew',
      )
      return undefined
    }
    this.#clicks = stored.clicks
    return stored
  }

  /** All of it appears at once, whenever the process ends: the file of the state names that of the click model. */
  async keep(state: LearnedState, clicks: CtrModel): Promise<void> {
    const number = this.#clicks + 1
    const path = this.#clicksFile(number)
    await withDraft(path, async draft => {
      const file = join(draft, 'model')
      await clicks.save(file)
      await rename(file, path)
    })
    const { loop, blend, responses } = state
    const stored: StoredState = { format, features: featureNames, clicks: number, loop, blend, responses }
    await withDraft(this.#state, async draft => {
      const file = join(draft, 'state')
      await writeFile(file, JSON.stringify(stored, toPlain), { flush: true })
      await rename(file, this.#state)
    })
    this.#clicks = number
    for (const name of readdirSync(this.#directory)) {
      const file = join(this.#directory, name)
      if (clicksPattern.test(name) && file !== path) await rm(file)
    }
  }

  /** A preference that goes on with what was learned; what cannot be read is learned anew. */
  preference(
    users: PushUsers,
    pool: Pool,
    { options, state }: { readonly options: PreferenceOptions; readonly state: LearnedState | undefined },
  ): PreferenceModel {
    const preference = new PreferenceModel(users, pool, options, state && this.#openClicks())
    if (state) this.orAnew(() => preference.blend.restore(state.blend))
    return preference
  }

  /** Restores a part of what was learned; gives whether it could. */
  orAnew(restore: () => void): boolean {
    try {
      restore()
      return true
    } catch (error) {
      this.#log.warn({ err: error }, 'pushes: a part of what was learned cannot be read, it is learned anew')
      return false
    }
  }

  #openClicks(): CtrModel | undefined {
    let opened: CtrModel | undefined
    this.orAnew(() => {
      opened = CtrModel.open(this.#clicksFile(this.#clicks))
    })
    return opened
  }

  #clicksFile(number: number): string {
    return join(this.#directory, `clicks-${number}.safetensors`)
  }
}

/** Typed arrays as they are told apart in JSON. */
const kinds = { Float64Array, Float32Array } as const

function toPlain(_: string, value: unknown): unknown {
  for (const [kind, array] of Object.entries(kinds)) {
    if (value instanceof array) return { kind, values: [...value] }
  }
  return value
}

function fromPlain(_: string, value: unknown): unknown {
  const { kind, values } = (value ?? {}) as { readonly kind?: keyof typeof kinds; readonly values?: readonly number[] }
  return kind !== undefined && Array.isArray(values) && kind in kinds ? kinds[kind].from(values) : value
}
