import type { SendKey } from './send-id.ts'

/** What became of the results of a batch. */
export interface Confirmed {
  readonly delivered: number
  readonly unknown: number
  readonly failed: number
  readonly expired: number
  readonly cancelled: number
  /** To be sent again. */
  readonly retried: number
  /** Of sends that have ended already, or that this ledger has not handed over. */
  readonly ignored: number
}

export interface SendRecord {
  readonly id: string
  readonly user: string
  /** Of the user in `PushUsers`. */
  readonly row: number
  readonly title: number
  readonly state: SendState
  readonly reserved: number
  /** When it was handed over last, if it was. */
  readonly handed: number | undefined
  readonly shown: number | undefined
  /** The earliest click, not before the push itself whatever a clock said. */
  readonly clicked: number | undefined
  /** Why it was chosen, as in `PlannedSend`, where that was said. */
  readonly round: number | undefined
  readonly rank: number | undefined
  readonly usualCtr: number | undefined
  readonly expectedCtr: number | undefined
}

export const sendStates = ['reserved', 'handed', 'delivered', 'unknown', 'failed', 'expired', 'cancelled'] as const
/** `reserved` and `handed` are open, all others final. */
export type SendState = (typeof sendStates)[number]

// Rows of the database: times in ms since 1970.

export interface DueRow extends SendKey {
  readonly title: number
  readonly attempts: number
  readonly uncertain: number
  readonly user: number
  readonly id: string
  readonly address: string | null
  readonly zone: string
  readonly quiet_from: number | null
  readonly quiet_until: number | null
}

export interface OpenSend {
  readonly number: number
  readonly campaign: number
  readonly user: number
  /** 1: a former attempt may have reached the user. */
  readonly uncertain: number
}

/** A send that was handed over. */
export interface HandedRow extends OpenSend {
  /** Which it was handed over to, and which its user has by now. */
  readonly sender: string
  readonly user_sender: string | null
  readonly handed: number
  /** When its user's slot was taken: after `handed` where a push that was sent by other means keeps the week meanwhile. */
  readonly taken: number | null
  /** Of its campaign. */
  readonly ends: number
  readonly opted_out: number | null
}

export interface SendRow extends SendKey {
  readonly user_number: number
  readonly user: string
  readonly title: number
  readonly state: SendState
  readonly reserved: number
  readonly handed: number | null
  readonly shown: number | null
  readonly clicked: number | null
  readonly round: number | null
  readonly rank: number | null
  readonly usual_ctr: number | null
  readonly expected_ctr: number | null
}
