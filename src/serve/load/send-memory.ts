/** Who waits for the network with what it is to write: a socket. */
export interface SendHolder {
  /** Forgets the lists that wait: the reader is slow, and can get newer ones once it reads. */
  dropLists(): void
  /** Ends the connection, and all that it holds. */
  close(): void
}

/** The bytes and lists that one holder holds: to be kept up to date by it. */
export interface HeldBytes {
  /** Sets the bytes that are encoded and not sent, or came and cannot be answered before. */
  set(bytes: number): void
  /** A list waits; the same list of several holders counts once. */
  keep(list: SizedList): void
  /** A list that was kept waits no more. */
  drop(list: SizedList): void
  /** Nothing is held any more. */
  leave(): void
}

export interface SizedList {
  readonly items: readonly unknown[]
}

interface Held {
  readonly holder: SendHolder
  bytes: number
  /** Bytes of its lists, as if they were its alone. */
  listBytes: number
}

/** In bytes: of a list as objects, and perhaps encoded; and of each item in it. */
const [listBytes, itemBytes] = [400, 160]
/** When the budget is exceeded so much of it is made free, so that it is not exceeded again at once. */
const freed = 0.25

/**
 * What all connections together hold that waits to be written, within a budget. When it is exceeded those who hold most, which
 * are those who do not read, lose their lists, and where that does not suffice are closed, the largest first.
 */
export class SendMemory {
  readonly #budget: number
  readonly #held = new Set<Held>()
  /** Lists, by how many wait for them. */
  readonly #lists = new Map<SizedList, number>()
  #total = 0
  #isReleasing = false

  /** `budget`: in bytes. */
  constructor(budget: number) {
    this.#budget = budget
  }

  /** In bytes. */
  get total(): number {
    return this.#total
  }

  join(holder: SendHolder): HeldBytes {
    const held: Held = { holder, bytes: 0, listBytes: 0 }
    this.#held.add(held)
    return {
      set: bytes => {
        // One that is closed may say so after it has left.
        if (!this.#held.has(held)) return
        this.#total += bytes - held.bytes
        held.bytes = bytes
        this.#release()
      },
      keep: list => {
        held.listBytes += sizeOf(list)
        const waiting = this.#lists.get(list) ?? 0
        this.#lists.set(list, waiting + 1)
        if (waiting > 0) return
        this.#total += sizeOf(list)
        this.#release()
      },
      drop: list => {
        held.listBytes -= sizeOf(list)
        const waiting = this.#lists.get(list)! - 1
        if (waiting > 0) {
          this.#lists.set(list, waiting)
        } else {
          this.#lists.delete(list)
          this.#total -= sizeOf(list)
        }
      },
      leave: () => {
        this.#total -= held.bytes
        held.bytes = 0
        this.#held.delete(held)
      },
    }
  }

  #release(): void {
    if (this.#total <= this.#budget || this.#isReleasing) return
    this.#isReleasing = true
    const enough = this.#budget * (1 - freed)
    const largest = [...this.#held]
      .filter(({ bytes, listBytes }) => bytes + listBytes > 0)
      .sort((a, b) => b.bytes + b.listBytes - (a.bytes + a.listBytes))
    for (const act of ['dropLists', 'close'] as const) {
      for (const { holder } of largest) {
        if (this.#total <= enough) break
        holder[act]()
      }
    }
    this.#isReleasing = false
  }
}

function sizeOf({ items }: SizedList): number {
  return listBytes + itemBytes * items.length
}
