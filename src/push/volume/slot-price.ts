/**
 * The price of a slot: a user who gets an article gets no other for a week, so it must be worth more than what that week brings otherwise.
 *
 * A user has offers worth x at the rates r(x) a day. Taking each that is worth at least v, there is one push in a cycle of 7 days and a
 * wait; of all v the one that brings most in the long run solves (renewal reward: Ross 1970)
 *
 *     v = 7 ∫ r(x) (x − v)⁺ dx
 *
 * The rates are those of the latest articles, by what is thought of their levels once their time is over. What comes is not awaited: to
 * set v to 7 times what a day brought (Howard's policy iteration) needs weeks to rise, in which slots go for little.
 */
export interface SlotPriceOptions {
  /** Days that a push keeps its user from the next. */
  readonly days: number
  /** The least price. */
  readonly floor: number
  /** The price before anything is known, which weighs as much as half a day. Default: the floor. */
  readonly before?: number
  /** Days after which what has been offered weighs half. Default: 14. */
  readonly halfLife?: number
}

export interface SlotPriceSnapshot {
  readonly floor: number
  readonly offers: readonly number[]
  readonly today: readonly number[]
  readonly days: number
  readonly price: number
}

/** Values are told apart by 3 %, from a tenth of the floor to some thousand times of it. */
const growth = 1.03
const buckets = 400
const daysBefore = 0.5

export class SlotPrice {
  readonly #options: Required<SlotPriceOptions>
  /** (buckets) Offers a user by their value, those before counting less. */
  readonly #offers = new Float64Array(buckets)
  #today = new Float64Array(buckets)
  #days = 0
  #price: number

  /** @throws RangeError when an option is not above 0. */
  constructor({ days, floor, before = floor, halfLife = 14 }: SlotPriceOptions) {
    for (const [name, value] of Object.entries({ days, floor, before, halfLife })) {
      if (!(value > 0)) throw new RangeError(`${name} must be a number above 0, got ${value}`)
    }
    this.#options = { days, floor, before, halfLife }
    this.#price = Math.max(floor, before)
  }

  /** The lift that a send must be worth. */
  get price(): number {
    return this.#price
  }

  /** @param value of an article to the users of a share of all who have a slot. */
  addOffers(value: number, share: number): void {
    const bucket = Math.floor(Math.log(value / (this.#options.floor / 10)) / Math.log(growth))
    if (bucket >= 0) this.#today[Math.min(buckets - 1, bucket)]! += share
  }

  /** Sets the price anew. @param days how long the offers since the last call have been gathered. */
  update(days = 1): void {
    const { halfLife, floor, before } = this.#options
    // Before the first articles end nothing is known of offers.
    if (!(days > 0) || (this.#days === 0 && this.#today.every(share => share === 0))) return
    const kept = 0.5 ** (days / halfLife)
    for (let at = 0; at < buckets; at++) this.#offers[at] = this.#offers[at]! * kept + this.#today[at]!
    this.#days = this.#days * kept + days
    this.#today = new Float64Array(buckets)
    const solved = (this.#solved() * this.#days + before * daysBefore) / (this.#days + daysBefore)
    this.#price = Math.max(floor, solved)
  }

  /** What is learned, for the disk; {@link SlotPrice.restore} takes it. */
  snapshot(): SlotPriceSnapshot {
    const { floor } = this.#options
    return { floor, offers: [...this.#offers], today: [...this.#today], days: this.#days, price: this.#price }
  }

  /** Takes the place of what was learned, perhaps at another floor. @throws RangeError when it has other buckets. */
  restore({ floor, offers, today, days, price }: SlotPriceSnapshot): void {
    for (const { length } of [offers, today]) {
      if (length !== buckets) throw new RangeError(`offers must have ${buckets} buckets, got ${length}`)
    }
    const moved = Math.round(Math.log(floor / this.#options.floor) / Math.log(growth))
    for (let at = 0; at < buckets; at++) {
      this.#offers[at] = offers[at - moved] ?? 0
      this.#today[at] = today[at - moved] ?? 0
    }
    this.#days = days
    this.#price = Math.max(this.#options.floor, price)
  }

  /** From the highest values down: ∫ r (x − v)⁺ grows as v falls. */
  #solved(): number {
    const scale = this.#options.days / this.#days
    let [rate, worth] = [0, 0]
    for (let at = buckets - 1; at >= 0; at--) {
      const value = (this.#options.floor / 10) * growth ** (at + 0.5)
      // v = scale (worth − v rate) among the values above.
      const price = (scale * worth) / (1 + scale * rate)
      if (price >= value) return price
      rate += this.#offers[at]!
      worth += this.#offers[at]! * value
    }
    return (scale * worth) / (1 + scale * rate)
  }
}
