import { ServiceError } from '../../protocol/errors.ts'
import { limits } from '../../protocol/limits.ts'
import { MixSubscription } from '../music/mix-subscription.ts'
import type { Subscription } from '../service.ts'

/** The subscriptions of one socket, by the client's numbers. */
export class Subscriptions {
  readonly #open = new Map<number, Subscription>()

  get size(): number {
    return this.#open.size
  }

  /** The user of all that are of a user, if they have the same. */
  get onlyUser(): string | undefined {
    const users = new Set<string>()
    for (const { query } of this.#open.values()) if (query.kind === 'user') users.add(query.user)
    const [only] = users
    return users.size === 1 ? only : undefined
  }

  /**
   * Puts what `open` gives in the place of the subscription of this number, which is closed.
   *
   * @throws {ServiceError} `too_many_subscriptions`, and what `open` throws: then nothing has changed.
   */
  replace(number: number, open: () => Subscription): void {
    const former = this.#open.get(number)
    if (!former && this.#open.size >= limits.subscriptions) {
      throw new ServiceError('too_many_subscriptions', `expected at most ${limits.subscriptions} subscriptions`)
    }
    this.#open.set(number, open())
    former?.watch.close()
  }

  /** @throws {ServiceError} `not_subscribed` */
  close(number: number): void {
    const open = this.#open.get(number)
    if (!open) throw new ServiceError('not_subscribed', `this socket has no subscription ${number}`)
    open.watch.close()
    this.#open.delete(number)
  }

  /** The mix of this number. @throws {ServiceError} `not_subscribed` */
  mix(number: number): MixSubscription {
    const watch = this.#open.get(number)?.watch
    if (watch instanceof MixSubscription) return watch
    throw new ServiceError('not_subscribed', `this socket has no subscription ${number} to a mix`)
  }

  /** The mixes that gave a list of this name. */
  mixesWith(list: string): MixSubscription[] {
    const watches = [...this.#open.values()].map(({ watch }) => watch)
    return watches.filter(watch => watch instanceof MixSubscription).filter(mix => mix.gave(list))
  }

  closeAll(): void {
    for (const { watch } of this.#open.values()) watch.close()
    this.#open.clear()
  }

  /** Has the lists of these made once more. */
  renew(numbers: readonly number[]): void {
    for (const number of numbers) this.#open.get(number)?.watch.renew()
  }
}
