import type { DelayCurve } from '../statistics/click-delay.ts'
import { stratifiedRanks } from '../statistics/first-batch.ts'
import type { LiftOptions } from '../statistics/lift.ts'
import type { DepthBand, DepthRange } from '../statistics/lift-by-depth.ts'
import { SendOutcomes } from '../statistics/send-outcomes.ts'
import { sequentialRule, type VolumeDecision, type VolumeRule } from '../statistics/volume-rules.ts'

export interface SendRoundsOptions extends LiftOptions {
  /** (volume) The usual CTR of the users who may get the article, best score first. */
  readonly usualCtrs: Float64Array
  /** Sends of the first round, over all depths. */
  readonly firstRound: number
  /** The minute from which on nothing is sent any more. */
  readonly end: number
  /** Default: {@link sequentialRule}. */
  readonly rule?: VolumeRule
  /** Of the first round. */
  readonly seed: number
}

/** What is to be done now. */
export type RoundStep =
  | { readonly action: 'send'; readonly ranks: Uint32Array; readonly decision?: VolumeDecision }
  | { readonly action: 'wait'; readonly decision?: VolumeDecision }
  | { readonly action: 'stop'; readonly reason: string; readonly decision?: VolumeDecision }

/** Depths that are told apart: each is twice as deep as the one before. */
const depths = 8

/**
 * The sends of one article in rounds: few over all depths first, then the best scores first, for as long as the rule lets them grow. Ranks
 * are those of the users by score; who has dropped out since is left out by whoever sends.
 */
export class SendRounds {
  readonly #options: SendRoundsOptions
  readonly #bands: readonly DepthRange[]
  readonly #outcomes: readonly SendOutcomes[]
  /** (volume) 1 where it was given out. */
  readonly #given: Uint8Array
  /** No rank before it is left. */
  #next = 0
  #sent = 0
  #hasBegun = false
  #stopped: Extract<RoundStep, { action: 'stop' }> | undefined

  constructor(options: SendRoundsOptions) {
    const volume = options.usualCtrs.length
    this.#options = options
    this.#given = new Uint8Array(volume)
    this.#bands = bandsOf(volume)
    this.#outcomes = this.#bands.map(() => new SendOutcomes())
  }

  /** Sends so far. */
  get sent(): number {
    return this.#sent
  }

  /** Who is next, if anybody: ranks that it names are not named again, and are to be told of by {@link add} as they are sent. */
  step(now: number, target: number, curve: DelayCurve): RoundStep {
    if (this.#stopped) return this.#stopped
    if (now >= this.#options.end) return this.#stop('its time is over')
    if (!this.#hasBegun) return this.#firstRound()
    // A round is as large as all before it together at the most.
    const next = this.#upTo(Math.max(1, this.#sent))
    if (next.length === 0) return this.#stop('nobody is left')
    const { rule = sequentialRule } = this.#options
    const bands = this.bands(now, curve)
    const range = { from: next[0]!, to: next.at(-1)! + 1 }
    const decision = rule({ bands, next: range, target, shareSeen: this.#shareSeen(bands, now, curve) }, this.#options)
    switch (decision.action) {
      case 'grow':
        return this.#give(next, decision)
      case 'probe':
        return this.#give(next.subarray(0, Math.min(next.length, this.#options.firstRound)), decision)
      case 'wait':
        return { action: 'wait', decision }
      case 'stop':
        return this.#stop(decision.reason, decision)
    }
  }

  /** Ranks that were sent. */
  add(ranks: Uint32Array, sentAt: number): void {
    const { usualCtrs } = this.#options
    for (const rank of ranks) this.#outcomesAt(rank).addSends(sentAt, [usualCtrs[rank]!])
    this.#sent += ranks.length
  }

  /** The first click on a send. */
  addClick(rank: number, sentAt: number): void {
    this.#outcomesAt(rank).addClick(sentAt)
  }

  /** Of all sends. */
  bands(now: number, curve: DelayCurve): readonly DepthBand[] {
    return this.#bands.map((band, at) => ({ ...band, sums: this.#outcomes[at]!.sums(now, curve) }))
  }

  #firstRound(): RoundStep {
    const { usualCtrs, firstRound, seed } = this.#options
    this.#hasBegun = true
    if (usualCtrs.length === 0) return this.#stop('nobody is left')
    const ranks = stratifiedRanks(usualCtrs.length, Math.min(usualCtrs.length, firstRound), seed)
    return this.#give(ranks)
  }

  #give(ranks: Uint32Array, decision?: VolumeDecision): RoundStep {
    for (const rank of ranks) this.#given[rank] = 1
    while (this.#next < this.#given.length && this.#given[this.#next] === 1) this.#next++
    return { action: 'send', ranks, ...(decision && { decision }) }
  }

  #stop(reason: string, decision?: VolumeDecision): RoundStep {
    this.#stopped = { action: 'stop', reason, ...(decision && { decision }) }
    return this.#stopped
  }

  /** The best ranks that are left, so many at the most. */
  #upTo(count: number): Uint32Array {
    const ranks: number[] = []
    for (let rank = this.#next; rank < this.#given.length && ranks.length < count; rank++) {
      if (this.#given[rank] === 0) ranks.push(rank)
    }
    return Uint32Array.from(ranks)
  }

  /** Of the clicks that are to come of all sends. */
  #shareSeen(bands: readonly DepthBand[], now: number, curve: DelayCurve): number {
    let [seen, all] = [0, 0]
    bands.forEach(({ sums: { sends } }, at) => {
      seen += sends * this.#outcomes[at]!.shareSeen(now, curve)
      all += sends
    })
    return all > 0 ? seen / all : 0
  }

  #outcomesAt(rank: number): SendOutcomes {
    return this.#outcomes[this.#bands.findIndex(({ to }) => rank < to)]!
  }
}

/** The whole of a volume, each band twice as long as all before. */
function bandsOf(volume: number): DepthRange[] {
  const edges = Array.from({ length: depths }, (_, at) => Math.round(volume / 2 ** (depths - 1 - at)))
  return edges.flatMap((to, at) => {
    const from = at === 0 ? 0 : edges[at - 1]!
    return to > from ? [{ from, to }] : []
  })
}
