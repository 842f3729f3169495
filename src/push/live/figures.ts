import type { Confirmed } from '../send/send.ts'

/** What a running engine has counted since it began. */
export interface PushFigures {
  /** By sender. */
  readonly sent: Readonly<Record<string, Confirmed>>
  /** First clicks that were seen. */
  readonly clicks: number
  /** When the loop stepped last, in ms since 1970; undefined before the first step. */
  readonly lastStep: number | undefined
  /** The lift that a push must be worth; undefined where the loop has none. */
  readonly price: number | undefined
}
