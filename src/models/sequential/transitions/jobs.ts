/** Jobs of the training of transitions on worker threads. */
import { native } from '../../../native.ts'

export interface CountArgs {
  readonly sessions: Parameters<typeof native.countTransitions>[0]
  readonly steps: Parameters<typeof native.countTransitions>[1]
  readonly limit: number
  readonly output: Parameters<typeof native.countTransitions>[3]
  readonly totals: Float64Array
  /** Chunk c is rows `bounds[c]` to `bounds[c + 1]`. */
  readonly bounds: Uint32Array
}

/** Takes chunks of rows from the shared counter until there is none. */
export function count(args: CountArgs & { readonly next: Int32Array }): void {
  const { sessions, steps, limit, output, totals, bounds, next } = args
  native.countTransitions(sessions, steps, limit, output, totals, bounds, next)
}

export interface FollowArgs {
  readonly transitions: Parameters<typeof native.followTransitions>[0]
  readonly output: Parameters<typeof native.followTransitions>[1]
  readonly bounds: Uint32Array
}

/** Takes chunks of rows from the shared counter until there is none. */
export function follow({ transitions, output, bounds, next }: FollowArgs & { readonly next: Int32Array }): void {
  native.followTransitions(transitions, output, bounds, next)
}
