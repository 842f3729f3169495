import type { Library } from '../../music/library/library.ts'
import type { LibraryCaller, ServedLibrary } from '../../music/library/served-library.ts'
import type { PlayedSong } from '../../music/mix/continue.ts'
import { MixError } from '../../music/mix/ingredients/ingredients.ts'
import type { Mix } from '../../music/mix/mix.ts'
import { evenCurve } from '../../music/mix/order/energy-curve.ts'
import { type HistorySong, type MixRequest, mixDefaults } from '../../music/mix/request.ts'
import { ServiceError } from '../../protocol/errors.ts'
import type { MixContent } from '../../protocol/messages.ts'
import type { Params } from '../../protocol/methods.ts'
import type { MixedList } from '../../protocol/music-methods.ts'
import type { UserItem } from '../../recommend/users/user-items.ts'
import { withoutUndefined } from '../without-undefined.ts'
import { MixSubscription } from './mix-subscription.ts'

export interface MixesOptions {
  /** The song space that is served, if one is. */
  readonly library: () => ServedLibrary | undefined
  /** What a user has. */
  readonly itemsOf: (user: string, signal: AbortSignal | undefined, client: string) => Promise<readonly UserItem[]>
  /** The name of the model that is served. */
  readonly generation: () => string
}

export interface MixListener {
  readonly onList: (list: MixContent) => void
  readonly onError: (error: Error) => void
}

/** What mixes are asked for by, as methods and subscriptions have it. */
export type MixParams = Params<'music_mix'> | Params<'music_continue'>

/** Mixes for callers, who may have a taste. */
export class Mixes {
  readonly #options: MixesOptions
  readonly #prefix = `mix-${Math.random().toString(36).slice(2, 8)}`
  readonly #subscribed = new Set<MixSubscription>()
  #named = 0

  constructor(options: MixesOptions) {
    this.#options = options
  }

  /** @throws {ServiceError} */
  async mix(params: Params<'music_mix'>, caller: LibraryCaller): Promise<MixedList> {
    const request = await this.#requestOf(params, caller)
    const { space, result } = await this.call(caller, 'mix', request)
    return this.#listOf(space, result)
  }

  /** @throws {ServiceError} */
  async continue({ playlist, total, ...params }: Params<'music_continue'>, caller: LibraryCaller): Promise<MixedList> {
    const request = await this.#requestOf(params, caller)
    const played = playlist as readonly PlayedSong[]
    const { space, result } = await this.call(caller, 'continue', request, played, { total })
    return this.#listOf(space, result)
  }

  /**
   * Calls `onList` with the songs that come next, now, after each that is accepted or skipped, and when it is renewed, until it is closed.
   *
   * @param client who asks: clients take turns.
   */
  subscribe(query: Params<'music_continue'>, client: string, { onList, onError }: MixListener): MixSubscription {
    const subscription: MixSubscription = new MixSubscription(
      {
        query,
        make: (asked, signal) => this.continue(asked, { client, signal }),
        onList: list => onList(Object.assign({}, list, { generation: this.#options.generation() })),
        onError: error => onError(error as Error),
        onClose: () => this.#subscribed.delete(subscription),
      },
      mixDefaults.length,
    )
    this.#subscribed.add(subscription)
    return subscription
  }

  /** Has the lists of all subscriptions made once more: another song space is served. */
  renew(): void {
    for (const subscription of this.#subscribed) subscription.renew()
  }

  /**
   * Asks the song space.
   *
   * @throws {ServiceError} `unsupported` where none is served, and what it refuses.
   */
  async call<Name extends keyof Library>(
    caller: LibraryCaller,
    name: Name,
    ...args: Parameters<Library[Name]>
  ): Promise<{ readonly space: string; readonly result: ReturnType<Library[Name]> }> {
    const library = this.#options.library()
    if (!library) {
      throw new ServiceError('unsupported', 'this server has no music: start it with --music DIR, a song space')
    }
    try {
      return await library.call(caller, name, ...args)
    } catch (error) {
      if (error instanceof MixError) throw new ServiceError(error.reason, error.message)
      throw error
    }
  }

  /** @throws {ServiceError} */
  async #requestOf(
    { taste, energy, ...params }: Omit<MixParams, 'playlist' | 'total'>,
    { client, signal }: LibraryCaller,
  ): Promise<MixRequest> {
    const curve = energy?.every(point => typeof point === 'number') ? evenCurve(energy as number[]) : energy
    const request = { ...params, energy: curve } as MixRequest
    if (!taste) return request
    const { user, weight } = taste
    if (user === undefined) {
      throw new ServiceError(
        'user_required',
        'taste.user: expected the id of a user, since the caller is not bound to one',
      )
    }
    const items = await this.#options.itemsOf(user, signal, client)
    const history = items.map(({ item, weight, time }): HistorySong => ({ song: item, weight, time }))
    return Object.assign({}, request, { taste: { user, weight, history } })
  }

  #listOf(space: string, mix: Mix): MixedList {
    const list = `${this.#prefix}-${(++this.#named).toString(36)}`
    return withoutUndefined({ list, space, ...mix }) as MixedList
  }
}

/** The same with the user that the caller is bound to in a taste that names none. */
export function withTaster<Given extends Pick<MixParams, 'taste'>>(params: Given, user: string | undefined): Given {
  const { taste } = params
  if (!taste || taste.user !== undefined || user === undefined) return params
  return { ...params, taste: { ...taste, user } }
}
