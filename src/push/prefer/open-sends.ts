import type { DelayCurve } from '../statistics/click-delay.ts'
import type { CtrOutcomes, CtrRows } from './ctr-model.ts'

interface OpenSend {
  /** (columns) */
  readonly values: readonly number[]
  /** In minutes since some epoch. */
  readonly sentAt: number
  /** The share of its click delay that it was last learned from with. */
  share: number
  isClicked: boolean
}

/** Rows to learn from, for `CtrModel.learn`. */
export interface DueOutcomes {
  readonly rows: CtrRows
  readonly outcomes: CtrOutcomes & { readonly before: Float32Array }
}

/**
 * Sends whose click may still come. What is known of each is learned in pieces: the part of a negative that it is by
 * its age, more of it as time passes, and the click in place of all that.
 */
export class OpenSends {
  readonly #columns: readonly string[]
  readonly #leastStep: number
  readonly #sends = new Map<string, OpenSend>()

  /**
   * @param columns of the model (`CtrModelOptions.columns`).
   * @param leastStep A send without a click is learned from again when its share of the click delay has grown by this.
   */
  constructor(columns: readonly string[], leastStep = 0.2) {
    if (!(leastStep > 0 && leastStep <= 1)) {
      throw new RangeError(`leastStep must be a number above 0 and at most 1, got ${leastStep}`)
    }
    this.#columns = columns
    this.#leastStep = leastStep
  }

  get size(): number {
    return this.#sends.size
  }

  /** @param values of all columns. @throws RangeError when one is missing. */
  add(id: string, sentAt: number, values: Readonly<Record<string, number>>): void {
    const row = this.#columns.map(column => {
      const value = values[column]
      if (value === undefined) {
        throw new RangeError(`a send must have the columns ${this.#columns.join(', ')}, got no ${column}`)
      }
      return value
    })
    this.#sends.set(id, { values: row, sentAt, share: 0, isClicked: false })
  }

  /** Whether there is such a send: not where it is too old, or was clicked and learned from. */
  click(id: string): boolean {
    const send = this.#sends.get(id)
    if (send) send.isClicked = true
    return send !== undefined
  }

  /**
   * What has become known by `now`, in the order of sends. It is given out once. Those that can change no more are
   * forgotten.
   */
  takeDue(now: number, curve: DelayCurve): DueOutcomes {
    const due: { send: OpenSend; before: number }[] = []
    for (const [id, send] of this.#sends) {
      const share = Math.fround(curve.share(now - send.sentAt))
      // A curve that is learned anew may say less than before.
      const isDue = send.isClicked || share >= Math.min(1, send.share + this.#leastStep)
      if (isDue) {
        due.push({ send, before: send.share })
        send.share = share
      }
      if (send.isClicked || share >= 1) this.#sends.delete(id)
    }
    const columns = this.#columns.map((column, at) => [column, Uint32Array.from(due, ({ send }) => send.values[at]!)])
    return {
      rows: { rows: due.length, columns: Object.fromEntries(columns) },
      outcomes: {
        clicked: Uint8Array.from(due, ({ send }) => Number(send.isClicked)),
        shares: Float32Array.from(due, ({ send }) => send.share),
        before: Float32Array.from(due, ({ before }) => before),
      },
    }
  }
}
