import { RecommendError } from '../errors.ts'

/** Lists that may be asked for once and not answered yet, by all clients; each may have its share of these. */
const mostAsked = 100_000
/** In ms: who would have to wait longer is refused. */
const longestWait = 10_000

/** How many lists each client waits for. */
export class AskedLists {
  readonly #ofClient = new Map<string, number>()
  #total = 0

  /**
   * Whether `client` may ask for `count` more, which would take `wait` ms to begin.
   *
   * @throws {RecommendError} `overloaded`
   */
  admit(client: string, count: number, wait: number): void {
    if (wait > longestWait) {
      throw new RecommendError(
        'overloaded',
        `expected a wait of at most ${longestWait} ms, got ${Math.round(wait)} ms`,
        {
          retryAfter: Math.ceil(wait - longestWait / 2),
        },
      )
    }
    const own = this.#ofClient.get(client) ?? 0
    // One who asks for nothing else is given any number.
    if (this.#total === 0 || this.#total + count <= mostAsked) return
    const clients = this.#ofClient.size + (own === 0 ? 1 : 0)
    if (own + count <= mostAsked / clients) return
    throw new RecommendError('overloaded', `${this.#total} lists are asked for already: ask again later`)
  }

  /** `count` more are asked for, or fewer where it is negative. */
  add(client: string, count: number): void {
    this.#total += count
    const own = (this.#ofClient.get(client) ?? 0) + count
    if (own === 0) this.#ofClient.delete(client)
    else this.#ofClient.set(client, own)
  }
}
