/** What the loop has learned, in a directory of the state; each file appears whole or not at all. */
import { existsSync, readFileSync } from 'node:fs'
import { rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Pool } from '../../../parallel/pool.ts'
import { withDraft } from '../../../storage/directory.ts'
import type { LearnedSnapshot } from '../../loop/learned-snapshot.ts'
import type { PushUsers } from '../../loop/users.ts'
import type { BlendState } from '../../prefer/blend/blend.ts'
import { CtrModel } from '../../prefer/ctr-model.ts'
import { featureNames } from '../../prefer/features.ts'
import { PreferenceModel } from '../../prefer/preference-model.ts'
import type { PreferenceOptions } from '../../prefer/preference-types.ts'

/** What is learned of is learned anew where the format changes. */
const format = 'aurochs-push-loop 1'

/** The part of what is learned that is JSON. */
export interface LearnedState {
  readonly loop: LearnedSnapshot
  readonly blend: BlendState
}

export class LearnedFiles {
  readonly words: string
  readonly appeal: string
  readonly titles: string
  readonly #state: string
  readonly #clicks: string

  constructor(state: string) {
    const directory = join(state, 'push-loop')
    this.words = join(directory, 'words')
    this.appeal = join(directory, 'appeal.safetensors')
    this.titles = join(directory, 'titles.safetensors')
    this.#state = join(directory, 'learned.json')
    this.#clicks = join(directory, 'clicks.safetensors')
  }

  /** What was kept last; undefined where nothing was, or of another format. @throws Error when the file is damaged. */
  read(): LearnedState | undefined {
    if (!existsSync(this.#state)) return undefined
    let stored: { readonly format?: string; readonly features?: readonly string[] } & LearnedState
    try {
      stored = JSON.parse(readFileSync(this.#state, 'utf8'), fromPlain)
    } catch (error) {
      throw new Error(
        `${this.#state} is damaged: ${(error as Error).message}; restore a backup, or remove it: then all is learned anew`,
      )
    }
    const isSame = stored.format === format && stored.features?.join() === featureNames.join()
    return isSame ? stored : undefined
  }

  async keep({ loop, blend }: LearnedState, clicks: CtrModel): Promise<void> {
    await withDraft(this.#clicks, async draft => {
      const file = join(draft, 'model')
      await clicks.save(file)
      await rename(file, this.#clicks)
    })
    await withDraft(this.#state, async draft => {
      const file = join(draft, 'state')
      await writeFile(file, JSON.stringify({ format, features: featureNames, loop, blend }, toPlain), { flush: true })
      await rename(file, this.#state)
    })
  }

  /** A preference that goes on with what was learned. */
  preference(
    users: PushUsers,
    pool: Pool,
    { options, state }: { readonly options: PreferenceOptions; readonly state: LearnedState | undefined },
  ): PreferenceModel {
    const isKept = state !== undefined && existsSync(this.#clicks)
    const preference = new PreferenceModel(users, pool, options, isKept ? CtrModel.open(this.#clicks) : undefined)
    if (state) preference.blend.restore(state.blend)
    return preference
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
