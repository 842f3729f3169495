/** Synthetic listening with the structure of real data: for demonstrations and tests where no data is at hand. */
import { createWriteStream } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { randomNumbers } from '../storage/random.ts'
import { Database, literal } from './database.ts'

export interface SampleOptions {
  /** Default 20,000. */
  readonly users?: number
  /** Default 5,000. */
  readonly items?: number
  /** Rows in all; each user has at least one. Default 1,000,000. */
  readonly interactions?: number
  /** Default 1. The same seed gives the same rows. */
  readonly seed?: number
  /** Aborting it ends the writing with an `AbortError`; nothing remains. */
  readonly signal?: AbortSignal | undefined
}

/** Items are named after them, so that a list shows what it consists of. */
const genres = [
  ...['ambient', 'blues', 'bossa', 'chanson', 'classical', 'country', 'cumbia', 'disco', 'dub', 'electro', 'fado', 'flamenco'],
  ...['folk', 'funk', 'gospel', 'grunge', 'highlife', 'hiphop', 'house', 'indie', 'jazz', 'metal', 'opera', 'pop'],
  ...['punk', 'raga', 'reggae', 'rock', 'salsa', 'samba', 'ska', 'soul', 'swing', 'tango', 'techno', 'trance'],
] // biome-ignore format: a list

/** Rows are written to the file in pieces of about this many characters. */
const pieceLength = 1 << 20
const day = 86_400_000
const firstDay = Date.UTC(2024, 0, 1)
const days = 90

/**
 * Writes interactions to a new file at `path`, in order of time: `user,item,time`, as Parquet if the path ends so, else
 * as CSV.
 *
 * Items are spread over genres and have a place within theirs; their popularity falls as a power of their rank. A user
 * likes up to three genres, around one place in each, and listens in sessions of one genre, with some of the most popular
 * items between. The number of interactions of a user is log-normal.
 *
 * @throws RangeError when a number cannot be.
 */
export async function writeSample(path: string, options: SampleOptions = {}): Promise<void> {
  const { users = 20_000, items = 5_000, interactions = 1_000_000, seed = 1, signal } = options
  for (const [name, value] of Object.entries({ users, items, interactions })) {
    if (Number.isInteger(value) && value >= 1 && value <= 2 ** 31) continue
    throw new RangeError(`${name} must be a whole number from 1 to 2^31, got ${value}`)
  }
  if (interactions < users) {
    throw new RangeError(`each of ${users} users needs an interaction, got ${interactions}: choose fewer users`)
  }
  const random = randomNumbers(seed)
  const catalogue = new Catalogue(items, random)
  const sessions = sessionsOf(users, interactions, catalogue, random)
  sessions.sort((a, b) => a.begin - b.begin || a.user - b.user)
  const draft = `${path}.partial`
  try {
    await pipeline(Readable.from(lines(sessions, catalogue, random)), createWriteStream(draft, { flush: true }), {
      signal,
    })
    if (path.endsWith('.parquet')) await convertToParquet(draft, path)
    else await rename(draft, path)
  } finally {
    await rm(draft, { force: true })
  }
}

/** Items of one genre that a user plays one after the other. */
interface Session {
  readonly user: number
  /** ms since 1970 */
  readonly begin: number
  readonly length: number
  readonly genre: number
  /** Where in the genre, from 0 to 1. */
  readonly place: number
}

/** All items. Item `i` is of genre `i % genres`, at a place within it. */
class Catalogue {
  readonly genres: number
  readonly #places: Float64Array
  /** By genre: its items, and the running sums of their popularity. */
  readonly #members: { readonly items: number[]; readonly sums: number[] }[]
  readonly #all: { readonly items: number[]; readonly sums: number[] } = { items: [], sums: [] }

  constructor(size: number, random: () => number) {
    this.genres = Math.min(genres.length, Math.ceil(size / 20))
    this.#places = Float64Array.from({ length: size }, random)
    this.#members = Array.from({ length: this.genres }, () => ({ items: [], sums: [] }))
    for (let item = 0; item < size; item++) {
      const popularity = (item + 20) ** -0.8
      for (const group of [this.#members[item % this.genres]!, this.#all]) {
        group.items.push(item)
        group.sums.push((group.sums.at(-1) ?? 0) + popularity)
      }
    }
  }

  name(item: number): string {
    return `${genres[item % this.genres]}-${Math.floor(item / this.genres) + 1}`
  }

  /** Draws an item by popularity: of all, or of a genre and then rather near `place`. */
  draw(random: () => number, near?: Pick<Session, 'genre' | 'place'>): number {
    if (!near) return pick(this.#all, random)
    for (let tries = 0; ; tries++) {
      const item = pick(this.#members[near.genre]!, random)
      const distance = (this.#places[item]! - near.place) / 0.12
      if (tries === 30 || random() < Math.exp(-distance * distance)) return item
    }
  }
}

function sessionsOf(users: number, interactions: number, catalogue: Catalogue, random: () => number): Session[] {
  const sessions: Session[] = []
  const activity = Float64Array.from({ length: users }, () => Math.exp(normal(random)))
  const total = activity.reduce((sum, part) => sum + part, 0)
  let [share, before] = [0, 0]
  for (let user = 0; user < users; user++) {
    share += activity[user]! / total
    const upTo = user === users - 1 ? interactions : user + 1 + Math.floor(share * (interactions - users))
    const tastes = Array.from({ length: 1 + Math.floor(random() * 3) }, () => ({
      genre: Math.floor(random() * catalogue.genres),
      place: random(),
    }))
    for (let left = upTo - before; left > 0; ) {
      const length = Math.min(left, 1 + Math.floor(-6 * Math.log(1 - random())))
      // The first taste is the strongest.
      const taste = tastes[Math.floor(random() ** 2 * tastes.length)]!
      sessions.push({ user, begin: firstDay + timeOfDay(random), length, ...taste })
      left -= length
    }
    before = upTo
  }
  return sessions
}

/** CSV, some rows at a time. */
function* lines(sessions: readonly Session[], catalogue: Catalogue, random: () => number): Generator<string> {
  let piece = 'user,item,time\n'
  for (const { user, begin, length, ...near } of sessions) {
    let time = begin
    for (let row = 0; row < length; row++) {
      const item = catalogue.draw(random, random() < 0.1 ? undefined : near)
      piece += `u${user + 1},${catalogue.name(item)},${new Date(time).toISOString()}\n`
      time += Math.floor(60_000 + random() * 240_000)
    }
    if (piece.length < pieceLength) continue
    yield piece
    piece = ''
  }
  yield piece
}

async function convertToParquet(csv: string, path: string): Promise<void> {
  const draft = `${path}.draft`
  const db = await Database.open({ spill: `${path}.spill`, memory: '512MiB', threads: availableParallelism() })
  try {
    const read = `read_csv(${literal(csv)}, header = true, columns = {user: 'VARCHAR', item: 'VARCHAR', time: 'TIMESTAMP'})`
    await db.run(`copy (from ${read}) to ${literal(draft)} (format parquet)`)
    await rename(draft, path)
  } finally {
    db.close()
    await rm(draft, { force: true })
    await rm(`${path}.spill`, { recursive: true, force: true })
  }
}

function pick({ items, sums }: { readonly items: number[]; readonly sums: number[] }, random: () => number): number {
  const wanted = random() * sums.at(-1)!
  let [low, high] = [0, sums.length - 1]
  while (low < high) {
    const middle = (low + high) >> 1
    if (sums[middle]! <= wanted) low = middle + 1
    else high = middle
  }
  return items[low]!
}

/** Milliseconds into the days of the sample; evenings are likelier than nights. */
function timeOfDay(random: () => number): number {
  const time = (random() + random() + random()) / 3
  return Math.floor(random() * days) * day + Math.floor(((time + 0.3) % 1) * day)
}

/** Standard normal (Box & Muller 1958). */
function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
}
