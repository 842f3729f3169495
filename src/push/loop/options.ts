/** What the loop goes by. */
export interface PushLoopOptions {
  /** Minutes after it appeared at which an article is decided about. */
  readonly selectAfter: number
  /** Minutes after it appeared until which it is pushed. */
  readonly life: number
  /** Days without a visit after which a user is inactive. */
  readonly inactiveDays: number
  /** Days between two pushes to a user, at least. */
  readonly daysBetween: number
  /** The lift that sends must have, whatever else they are worth. */
  readonly target: number
  /** Sends of the first round, at most. */
  readonly firstRound: number
  /** A round is so many times all before it together, at most. */
  readonly growth: number
  /** Sends of an article at most. Default: as many as there are users for it. */
  readonly budget?: number | undefined
  /** Sends of all articles within any hour, at most. Default: no limit. */
  readonly perHour?: number | undefined
  /** Share of those who would get an article that get nothing for as long as a push would keep them from the next, to be compared with. */
  readonly holdOut: number
  /** The usual CTR where no push is known. */
  readonly usualCtr: number
  /**
   * Whether to go on with an article. `sequential`: by the value of the next round, unless its always-valid bound is below the price.
   * `normal`: `normalRule`, each round as large as all before it together.
   */
  readonly rule: 'sequential' | 'normal'
  readonly seed: number
  /** Parts of the loop that can be left out, to see what they bring. */
  readonly without?: LoopPart | undefined
}

/**
 * - `select`: all articles are thought alike before they are pushed
 * - `titles`: each article has its first title
 * - `preference`: users get it in random order
 * - `price`: sends need only reach the target
 * - `resending`: one round
 * - `learning`: nothing is learned from what came
 */
export const loopParts = ['select', 'titles', 'preference', 'price', 'resending', 'learning'] as const
export type LoopPart = (typeof loopParts)[number]

export const defaultLoopOptions: PushLoopOptions = {
  selectAfter: 30,
  life: 240,
  inactiveDays: 7,
  daysBetween: 7,
  target: 2.4,
  firstRound: 40,
  growth: 10,
  holdOut: 0.01,
  usualCtr: 0.01,
  rule: 'sequential',
  seed: 1,
}
