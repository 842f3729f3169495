import type { ServiceError } from '../../protocol/errors.ts'

/** What callers are let in by until it ends: a key, or that the server has none. */
export class Grant {
  /** Of the key, if it is one. */
  readonly keyId: string | undefined
  /** When it was used last, in ms since 1970; 0: never. */
  usedAt = 0
  readonly #listeners = new Set<(error: ServiceError) => void>()
  #end: ServiceError | undefined

  constructor(keyId?: string) {
    this.keyId = keyId
  }

  /** Why it lets nobody in any more, if so. */
  get ended(): ServiceError | undefined {
    return this.#end
  }

  /** Tells all who came in by it that they must go. */
  end(error: ServiceError): void {
    if (this.#end) return
    this.#end = error
    for (const listener of [...this.#listeners]) listener(error)
    this.#listeners.clear()
  }

  /** Calls `listener`, once, when it ends, or now if it has; gives what ends that. */
  onEnd(listener: (error: ServiceError) => void): () => void {
    if (this.#end) listener(this.#end)
    else this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }
}
