/** Rounds of sends with what their users were like, on disk until all of their clicks are learned from: a file each. */
import { existsSync, readdirSync } from 'node:fs'
import { mkdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { withDraft } from '../../../storage/directory.ts'
import { mappedTensor, openSafetensors, vector, writeSafetensors } from '../../../storage/safetensors.ts'
import type { PushArticle } from '../../data/article.ts'
import { featureCount, featureNames } from '../../prefer/features.ts'

/** A round of another format is left out. */
const format = 'aurochs-push-round 1'
const pattern = /^(?<number>\d+)\.safetensors$/

/** What an article is known by once its features are taken. */
export type RoundArticle = Pick<PushArticle, 'id' | 'title' | 'createdAt' | 'category'>

export interface RoundSends {
  readonly article: RoundArticle
  /** When they were sent, and their features taken. */
  readonly at: number
  /** Those that are learned from. */
  readonly users: Uint32Array
  /** (users × features) */
  readonly values: Float32Array
}

export interface StoredRound extends RoundSends {
  /** No other round has had or will have it. */
  readonly number: number
}

export class SendRoundFiles {
  readonly #directory: string
  readonly #onRefused: (error: Error, file: string) => void

  /** @param onRefused called with a file that cannot be read, which is removed: what came of its sends is not learned. */
  constructor(directory: string, onRefused: (error: Error, file: string) => void) {
    this.#directory = directory
    this.#onRefused = onRefused
  }

  async read(): Promise<StoredRound[]> {
    if (!existsSync(this.#directory)) return []
    const rounds: StoredRound[] = []
    for (const name of readdirSync(this.#directory)) {
      const number = pattern.exec(name)?.groups?.number
      if (number === undefined) continue
      try {
        rounds.push(readRound(this.#fileOf(Number(number)), Number(number)))
      } catch (error) {
        this.#onRefused(error as Error, name)
        await this.remove(Number(number))
      }
    }
    return rounds.sort((a, b) => a.number - b.number)
  }

  /** Writes the file of a round, in place of the one that is there. */
  async write({ number, article, at, users, values }: StoredRound): Promise<void> {
    await mkdir(this.#directory, { recursive: true })
    const { id, title, createdAt, category } = article
    const about = JSON.stringify({ article: { id, title, createdAt, category }, at })
    await withDraft(this.#fileOf(number), async draft => {
      const file = join(draft, 'round')
      const tensors = { users: vector(users), values: vector(values) }
      await writeSafetensors(file, tensors, { format, features: featureNames.join(), about })
      await rename(file, this.#fileOf(number))
    })
  }

  async remove(number: number): Promise<void> {
    await rm(this.#fileOf(number), { force: true })
  }

  #fileOf(number: number): string {
    return join(this.#directory, `${number}.safetensors`)
  }
}

/** The places of users who are not gone. */
export function placesLeft(users: Uint32Array, isGone: (user: number) => boolean): Uint32Array {
  return Uint32Array.from(users.keys()).filter(place => !isGone(users[place]!))
}

export function usersOf(users: Uint32Array, places: Uint32Array): Uint32Array {
  return places.map(place => users[place]!)
}

/** (places × features) */
export function rowsOf(values: Float32Array, places: Uint32Array): Float32Array {
  const rows = new Float32Array(places.length * featureCount)
  places.forEach((place, at) => {
    rows.set(values.subarray(place * featureCount, (place + 1) * featureCount), at * featureCount)
  })
  return rows
}

function readRound(path: string, number: number): StoredRound {
  const file = openSafetensors(path)
  try {
    const { format: found, features, about } = file.metadata
    if (found !== format || features !== featureNames.join()) {
      throw new Error(`${path} must have the format ${format} and today's features, got ${found ?? 'none'}`)
    }
    const users = mappedTensor(file, 'users', Uint32Array).data.slice()
    const values = mappedTensor(file, 'values', Float32Array).data.slice()
    if (values.length !== users.length * featureCount) {
      throw new Error(`${path} must have ${featureCount} values of ${users.length} users each, got ${values.length}`)
    }
    const { article, at } = JSON.parse(about ?? '') as { article: RoundArticle; at: number }
    return { number, article, at, users, values }
  } finally {
    file.close()
  }
}
