import { cataloguedItems } from '../catalogue/catalogue-methods.ts'
import type { Session } from '../connection/session.ts'

export interface ItemText {
  readonly title: string | undefined
  readonly tags: readonly string[]
}

const unknown: ItemText = { title: undefined, tags: [] }

/** Titles and tags of items, where the server has a catalogue; asked for once each. */
export class Titles {
  readonly #session: Session
  readonly #known = new Map<string, ItemText>()

  constructor(session: Session) {
    this.#session = session
  }

  of(item: string): ItemText {
    return this.#known.get(item) ?? unknown
  }

  /** The title, or the id where there is none. */
  name(item: string): string {
    return this.of(item).title ?? item
  }

  /** Asks for those of `items` that are not known. Where the server does not tell, ids do. */
  async load(items: readonly string[]): Promise<void> {
    const missing = [...new Set(items)].filter(item => !this.#known.has(item))
    if (missing.length === 0) return
    const found = await cataloguedItems(this.#session, missing).catch(() => undefined)
    // Not asked again while the page shows the same server.
    for (const item of missing) {
      const { title, tags } = found?.get(item) ?? unknown
      this.#known.set(item, { title, tags })
    }
  }
}
