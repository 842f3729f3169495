import { setTimeout } from 'node:timers/promises'
import { ServiceError } from '../../protocol/errors.ts'
import { limits } from '../../protocol/limits.ts'
import type { Params } from '../../protocol/methods.ts'
import type { MixedList } from '../../protocol/music-methods.ts'
import { RecommendError } from '../../recommend/errors.ts'
import type { Watch } from '../../recommend/lists/watched-list.ts'

export interface MixSubscriptionOptions {
  readonly query: Params<'music_continue'>
  /** Makes the list that follows a playlist. */
  readonly make: (query: Params<'music_continue'>, signal: AbortSignal) => Promise<MixedList>
  readonly onList: (list: MixedList) => void
  readonly onError: (error: unknown) => void
  readonly onClose?: (() => void) | undefined
}

type Played = Params<'music_continue'>['playlist'][number]
export type Outcome = NonNullable<Played['outcome']>

/** Lists whose names are known, so that events can follow from them. */
const mostNames = 50

/** In ms, at least and at most: how soon a list is asked for again where too many wait; not all of these at once. */
const askedAgain = [500, 1500] as const

/** The songs that come next of a mix: other ones whenever a song was accepted or skipped, or another space is served. */
export class MixSubscription implements Watch {
  readonly #options: MixSubscriptionOptions
  readonly #total: number
  readonly #abort = new AbortController()
  /** By song, in order. */
  readonly #played: Map<string, Played>
  readonly #names: string[] = []
  /** Songs of the last list. */
  #listed: ReadonlySet<string> = new Set()
  #isMaking = false
  /** Whether something came since the list that is being made. */
  #isDue = false

  /** `onList` is never called before this returns. */
  constructor(options: MixSubscriptionOptions, usualLength: number) {
    this.#options = options
    const { playlist, length = usualLength, total = playlist.length + length } = options.query
    this.#total = total
    this.#played = new Map(playlist.map(played => [played.song, played]))
    this.renew()
  }

  /** Songs of each list, where it was said. */
  get length(): number | undefined {
    return this.#options.query.length
  }

  /** Whether one of its last lists has this name. */
  gave(list: string): boolean {
    return this.#names.includes(list)
  }

  /** Whether the song is of its last list, or was played: then there is such a song. */
  hasListed(song: string): boolean {
    return this.#listed.has(song) || this.#played.has(song)
  }

  /**
   * A song was accepted or skipped: another list follows, without it.
   *
   * @throws {ServiceError} `bad_message` once there are too many.
   */
  feedback(song: string, outcome: Outcome): void {
    if (!this.#played.has(song) && this.#played.size >= limits.mixPlayed) {
      throw new ServiceError('bad_message', `expected at most ${limits.mixPlayed} songs in a mix: subscribe to another`)
    }
    if (this.#played.get(song)?.outcome === outcome) return
    // The last of them are those that count most.
    this.#played.delete(song)
    this.#played.set(song, { song, outcome })
    this.renew()
  }

  renew(): void {
    this.#isDue = true
    if (!this.#isMaking) void this.#make()
  }

  close(): void {
    this.#abort.abort(new ServiceError('not_subscribed', 'the subscription is closed'))
    this.#options.onClose?.()
  }

  async #make(): Promise<void> {
    const { query, make, onList, onError } = this.#options
    const { signal } = this.#abort
    this.#isMaking = true
    while (this.#isDue && !signal.aborted) {
      this.#isDue = false
      try {
        const list = await make({ ...query, total: this.#total, playlist: [...this.#played.values()] }, signal)
        if (signal.aborted) return
        this.#names.push(list.list)
        if (this.#names.length > mostNames) this.#names.shift()
        this.#listed = new Set(list.items.map(({ item }) => String(item)))
        // A newer one follows at once.
        if (!this.#isDue) onList(list)
      } catch (error) {
        if (signal.aborted) return
        if (!isOverload(error)) {
          onError(error)
          continue
        }
        // Who watches does not ask again: the list comes later.
        const [least, most] = askedAgain
        await setTimeout(least + Math.random() * (most - least), undefined, { signal, ref: false }).catch(() => {})
        this.#isDue = true
      }
    }
    this.#isMaking = false
  }
}

function isOverload(error: unknown): boolean {
  return (
    (error instanceof RecommendError && error.reason === 'overloaded') ||
    (error instanceof ServiceError && error.code === 'overloaded')
  )
}
