/**
 * The price of a slot: each user has one push a week, so a send must be worth more than what the slot is expected to
 * bring until the week ends, and no less than a floor. In the sum over users it is the Lagrange multiplier of the
 * constraint that sends ≤ slots.
 *
 * Offers to a slot come at the rates r(x) by their value x, per day. Taking the first that exceeds the price of the
 * moment is best with the price v that solves, backwards from the end of the week,
 *
 *     dv/dτ = κ ∫ r(x) (x − v)⁺ dx over x ≥ floor,  v(0) = 0,
 *
 * where τ is the time left: it is what a slot is worth, which is nothing once the week has ended (Karlin 1962;
 * Kleywegt & Papastavrou 1998, one unit of capacity). The rates are learned from the offers of each day, and κ from
 * the slots that were taken: offers are not independent of each other, since who likes much has taken soon, and quiet
 * hours and caps keep some from being sent. Prices 0.9 and 1.1 times as high brought 1 and 3 % less in the simulation
 * of its test; at 0.8 times, 96 % of slots were used instead of 87 %, and brought 7 % less.
 */
export interface SlotPriceOptions {
  /** The least value that a send must have, above 0: the price when the week ends. */
  readonly floor: number
  /** Days after which what was learned weighs half. Default: 14. */
  readonly halfLife?: number
}

/** What an article is worth to users who have a slot, also below the price. */
export interface SlotOffers {
  /** Of these users, or of a sample of them. */
  readonly values: ArrayLike<number>
  /** How many users a value stands for. Default: 1. */
  readonly each?: number
  /** How many slots are left at all: values are as many offers to each slot as they are a share of these. */
  readonly slots: number
  /** The price of the moment. */
  readonly price: number
}

export interface SlotPriceSnapshot {
  readonly rates: readonly number[]
  readonly weight: number
  readonly correction: number
}

/** Values are told apart by 3 %, from the floor to some thousand times of it. */
const growth = 1.03
const buckets = 300
/** Steps of the equation a day. */
const steps = 24
/** How far one day moves ln κ of what it says, and between which bounds κ stays. */
const correctionStep = 0.3
const [leastCorrection, mostCorrection] = [0.05, 5]

export class SlotPrice {
  readonly #floor: number
  readonly #decay: number
  /** (buckets) Sums over days, and of days, by their weight; offers per slot. */
  readonly #rates = new Float64Array(buckets)
  #weight = 0
  #correction = 1
  /** (buckets) Of today, and of all that was above its price. */
  readonly #today = new Float64Array(buckets)
  #aboveToday = 0

  /** @throws RangeError when an option is not above 0. */
  constructor({ floor, halfLife = 14 }: SlotPriceOptions) {
    for (const [name, value] of Object.entries({ floor, halfLife })) {
      if (!(value > 0)) throw new RangeError(`${name} must be a number above 0, got ${value}`)
    }
    this.#floor = floor
    this.#decay = 0.5 ** (1 / halfLife)
  }

  addOffers({ values, each = 1, slots, price }: SlotOffers): void {
    if (!(slots > 0)) return
    for (let at = 0; at < values.length; at++) {
      const value = values[at]!
      if (!(value >= this.#floor)) continue
      this.#today[this.#bucketOf(value)]! += each / slots
      if (value > price) this.#aboveToday += each / slots
    }
  }

  /**
   * Learns from the offers since the day before.
   *
   * @param slots at the beginning of the day.
   * @param taken the sends of the day.
   */
  endDay(slots: number, taken: number): void {
    for (let at = 0; at < buckets; at++) this.#rates[at] = this.#rates[at]! * this.#decay + this.#today[at]!
    this.#weight = this.#weight * this.#decay + 1
    if (slots > 0 && this.#aboveToday > 0) {
      // e^−(κ Σ r) of the slots have had no offer above the price. Half a slot keeps the logarithm finite.
      const share = Math.min(Math.max(taken, 0.5) / (slots + 1), 1 - 0.5 / (slots + 1))
      const observed = Math.log(-Math.log(1 - share) / this.#aboveToday)
      const moved = (1 - correctionStep) * Math.log(this.#correction) + correctionStep * observed
      this.#correction = Math.min(mostCorrection, Math.max(leastCorrection, Math.exp(moved)))
    }
    this.#today.fill(0)
    this.#aboveToday = 0
  }

  /** The price with so many days left, which need not be whole: the floor where nothing is known, or none is left. */
  price(daysLeft: number): number {
    if (this.#weight === 0) return this.#floor
    const count = Math.max(0, Math.ceil(daysLeft * steps))
    const scale = ((daysLeft / Math.max(count, 1)) * this.#correction) / this.#weight
    // Σ r and Σ r x of the values above the price, which rises with the time left.
    let [first, rate, worth] = [0, 0, 0]
    for (let at = 0; at < buckets; at++) {
      rate += this.#rates[at]!
      worth += this.#rates[at]! * this.#valueOf(at)
    }
    let price = 0
    for (let step = 0; step < count; step++) {
      for (; first < buckets && this.#valueOf(first) <= price; first++) {
        rate -= this.#rates[first]!
        worth -= this.#rates[first]! * this.#valueOf(first)
      }
      price += Math.max(0, scale * (worth - price * rate))
    }
    return Math.max(price, this.#floor)
  }

  snapshot(): SlotPriceSnapshot {
    return { rates: [...this.#rates], weight: this.#weight, correction: this.#correction }
  }

  /** Takes the place of what was learned. @throws RangeError when it is of another form. */
  restore({ rates, weight, correction }: SlotPriceSnapshot): void {
    if (rates.length !== buckets) {
      throw new RangeError(`a slot price must be restored from ${buckets} rates, got ${rates.length}`)
    }
    this.#rates.set(rates)
    this.#weight = weight
    this.#correction = correction
    this.#today.fill(0)
    this.#aboveToday = 0
  }

  #bucketOf(value: number): number {
    return Math.min(buckets - 1, Math.floor(Math.log(value / this.#floor) / Math.log(growth)))
  }

  /** The geometric middle of a bucket. */
  #valueOf(bucket: number): number {
    return this.#floor * growth ** (bucket + 0.5)
  }
}
