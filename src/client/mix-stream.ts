import type { MixList } from '../protocol/messages.ts'
import type { Id } from '../protocol/values.ts'
import type { Newest } from './newest.ts'

/** What a listener made of a song. */
export type MixOutcome = 'accepted' | 'skipped'

/** The songs that come next of a mix, now and after each that was accepted or skipped, for as long as it is iterated. */
export class MixStream implements AsyncIterableIterator<MixList, undefined> {
  readonly #lists: Newest<MixList>
  readonly #send: (song: Id, outcome: MixOutcome) => Promise<unknown>

  constructor(lists: Newest<MixList>, send: (song: Id, outcome: MixOutcome) => Promise<unknown>) {
    this.#lists = lists
    this.#send = send
  }

  /**
   * The song was taken, or is played: another list follows, nearer to it and without it.
   *
   * @throws {ServerError} if the server refuses it for good, as with `unknown_item` where it has no such song.
   */
  async accept(song: Id): Promise<void> {
    await this.#send(song, 'accepted')
  }

  /** The song was not liked: another list follows, further from it and without it. @throws as {@link accept}. */
  async skip(song: Id): Promise<void> {
    await this.#send(song, 'skipped')
  }

  next(): Promise<IteratorResult<MixList, undefined>> {
    return this.#lists.next()
  }

  return(): Promise<IteratorResult<MixList, undefined>> {
    return this.#lists.return()
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return()
  }
}
