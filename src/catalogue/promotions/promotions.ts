import { isInForce, type Pin, type Promoted, type Promotion } from './promotion.ts'

/** The promotions of a catalogue, in memory: every list asks for them. */
export class Promotions {
  readonly #boosts = new Map<string, number>()
  readonly #pins = new Map<string, Pin>()
  /** Changes whenever a promotion does. */
  version = 0

  get boosts(): ReadonlyMap<string, number> {
    return this.#boosts
  }

  get pins(): ReadonlyMap<string, Pin> {
    return this.#pins
  }

  /** What is made of the place of an item at `now`. */
  of(id: string, now: number): Promotion {
    const pin = this.#pins.get(id)
    return { boost: this.#boosts.get(id), pin: pin && isInForce(pin, now) ? pin : undefined }
  }

  apply(promoted: Promoted): void {
    for (const [id, { boost, pin }] of promoted) {
      if (boost === undefined) this.#boosts.delete(id)
      else this.#boosts.set(id, boost)
      this.#pins.delete(id)
      if (pin) this.#pins.set(id, pin)
    }
    this.version++
  }

  /** Whether a pin ended between two times. */
  endsBetween(one: number, other: number): boolean {
    const [after, upTo] = [Math.min(one, other), Math.max(one, other)]
    return [...this.#pins.values()].some(({ until }) => until !== undefined && until > after && until <= upTo)
  }

  /** When the next pin ends, after `now`. */
  nextEnd(now: number): number | undefined {
    const ends = [...this.#pins.values()].flatMap(({ until }) => (until !== undefined && until > now ? until : []))
    return ends.length === 0 ? undefined : ends.reduce((one, other) => Math.min(one, other))
  }
}
