import type { SendEffectsSnapshot } from '../prefer/send-effects.ts'
import type { OnlineAppealSnapshot } from '../select/online-appeal.ts'
import type { ClickDelaySnapshot } from '../statistics/click-delay.ts'
import type { SlotPriceSnapshot } from '../volume/slot-price.ts'

/** What `PushLoop` has learned that the ledger does not know, as JSON. */
export interface LearnedSnapshot {
  /** In ms since 1970: what happened until then is in it. */
  readonly at: number
  /** The day since 1970 that was the latest. */
  readonly day: number
  /** (24) Reads by hour of the day. */
  readonly hours: readonly number[]
  readonly appeal: OnlineAppealSnapshot
  readonly effects: SendEffectsSnapshot
  readonly delay: ClickDelaySnapshot
  readonly price: SlotPriceSnapshot
}
