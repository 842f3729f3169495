/** What a step of a sampled softmax scores. */

import type { Csr } from '../../../storage/csr.ts'
import { randomNumbers } from '../../../storage/random.ts'
import { sharedArray } from '../../../storage/shared-array.ts'

/** Outputs of one kind: items or tags. */
export interface SampledKind {
  /** (users × outputs) */
  readonly byUser: Csr
  /** (outputs) How many users have each. */
  readonly counts: Uint32Array
}

export interface Sample {
  /** Rising: of items, then of tags, after as many columns as there are items. */
  readonly active: Uint32Array
  /** (active) −ln of the probability that it is there. */
  readonly corrections: Float32Array
}

/** Draws the outputs of steps: what the users of the batch have, and random ones. */
export class OutputSampler {
  /** Outputs of a step at most. */
  readonly room: number
  readonly #kinds: readonly SampledKind[]
  readonly #users: number
  readonly #samples: number
  readonly #active: Uint32Array
  readonly #corrections: Float32Array

  /** @param longest entries of a batch at most, of all kinds. */
  constructor(kinds: readonly SampledKind[], samples: number, longest: number) {
    this.#kinds = kinds
    this.#users = kinds[0]!.byUser.rows
    this.#samples = samples
    const outputs = kinds.reduce((sum, { byUser }) => sum + byUser.columns, 0)
    this.room = Math.min(outputs, longest + kinds.length * samples)
    this.#active = sharedArray(Uint32Array, this.room)
    this.#corrections = sharedArray(Float32Array, this.room)
  }

  /** The sample of a batch of `users`, valid until the next one is drawn. */
  draw(users: Uint32Array, seed: number): Sample {
    const random = randomNumbers(seed)
    let [size, offset] = [0, 0]
    for (const { byUser, counts } of this.#kinds) {
      const { indptr, indices, columns } = byUser
      const chosen = new Set<number>()
      for (const user of users) {
        for (let at = Number(indptr[user]); at < Number(indptr[user + 1]); at++) chosen.add(indices[at]!)
      }
      for (let draw = 0; draw < this.#samples; draw++) chosen.add(Math.floor(random() * columns))
      const active = Uint32Array.from(chosen).sort()
      const undrawn = this.#samples * Math.log1p(-1 / Math.max(2, columns))
      for (const column of active) {
        const share = Math.min(1 - 1e-9, counts[column]! / this.#users)
        // It is there unless none of the users has it and no draw gave it.
        const missing = Math.exp(users.length * Math.log1p(-share) + undrawn)
        this.#active[size] = offset + column
        this.#corrections[size++] = -Math.log(1 - missing)
      }
      offset += columns
    }
    return { active: this.#active.subarray(0, size), corrections: this.#corrections.subarray(0, size) }
  }
}
