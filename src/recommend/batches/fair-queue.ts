/** First in, first out, without moving what waits each time that something leaves. */
class Fifo<Entry> {
  #entries: Entry[] = []
  /** Those before it have left. */
  #first = 0

  get size(): number {
    return this.#entries.length - this.#first
  }

  get first(): Entry | undefined {
    return this.#entries[this.#first]
  }

  push(entry: Entry): void {
    this.#entries.push(entry)
  }

  shift(): Entry | undefined {
    if (this.size === 0) return undefined
    const entry = this.#entries[this.#first++]
    if (2 * this.#first >= this.#entries.length) {
      this.#entries = this.#entries.slice(this.#first)
      this.#first = 0
    }
    return entry
  }
}

/** What waits of several clients: they take turns, one entry each, however many entries of one client wait. */
export class FairQueue<Entry> {
  readonly #waiting = new Map<string, Fifo<Entry>>()
  /** The clients of {@link #waiting}, each once, the next one first. */
  readonly #turns = new Fifo<string>()
  #size = 0

  get size(): number {
    return this.#size
  }

  /** Clients of whom something waits. */
  get clients(): number {
    return this.#waiting.size
  }

  /** The entry whose turn is next. */
  get first(): Entry | undefined {
    const { first } = this.#turns
    return first === undefined ? undefined : this.#waiting.get(first)!.first
  }

  waitingOf(client: string): number {
    return this.#waiting.get(client)?.size ?? 0
  }

  push(client: string, entry: Entry): void {
    const waiting = this.#waiting.get(client) ?? new Fifo<Entry>()
    if (waiting.size === 0) {
      this.#waiting.set(client, waiting)
      this.#turns.push(client)
    }
    waiting.push(entry)
    this.#size++
  }

  /** Takes {@link first}, the oldest entry of its client; that client's next turn comes after all others'. */
  shift(): Entry | undefined {
    const client = this.#turns.shift()
    if (client === undefined) return undefined
    const waiting = this.#waiting.get(client)!
    const entry = waiting.shift()
    if (waiting.size > 0) this.#turns.push(client)
    else this.#waiting.delete(client)
    this.#size--
    return entry
  }
}
