import { Turns, turnTime } from '../load/turns.ts'

/** In ms: frames that are further apart are not read in one go. */
const gap = 0.5

/**
 * When frames are read. The socket library gives out all frames that have come, of one socket after the other, which may be
 * hundreds of thousands: those beyond the time of a turn wait, and then their sockets take turns.
 */
export class FrameTurns extends Turns {
  /** On the clock of `performance.now()`: until when frames are read in this turn, and when the last one was read. */
  #turnEnd = 0
  #lastRead = 0

  /** Whether a frame may be read at once; {@link end} must follow. */
  begin(): boolean {
    if (this.isBusy) return false
    const now = performance.now()
    // Not by an immediate of each turn of the event loop: with it an event costs 12 % more.
    if (now - this.#lastRead > gap) this.#turnEnd = now + turnTime
    return now < this.#turnEnd
  }

  /** The frame is read. */
  end(): void {
    this.#lastRead = performance.now()
  }
}
