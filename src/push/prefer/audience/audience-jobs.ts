/** Jobs on worker threads: each call takes chunks of users from the shared counter until there is none. */
import { native } from '../../../native.ts'

export interface AudienceArgs {
  /** (users) */
  readonly scores: Float32Array
  readonly chunkRows: number
  readonly next: Int32Array
}

export interface ScoringComponent {
  /** (users × stride) Shared. */
  readonly rows: Float32Array
  /** (stride) What the component counts is part of it. */
  readonly vector: Float32Array
}

type Eligible = { readonly eligible: Uint32Array | undefined }

export function score(
  args: AudienceArgs & { readonly components: readonly ScoringComponent[]; readonly base: Float32Array | undefined },
): void {
  native.audienceScores(phase(args), [...args.components], args.base)
}

export function count(args: AudienceArgs & Eligible): Uint32Array {
  return native.audienceCounts(phase(args), args.eligible)
}

export function take(args: AudienceArgs & Eligible & { readonly bound: number }): {
  readonly users: Uint32Array
  readonly scores: Float32Array
} {
  return native.audienceTake(phase(args), args.eligible, args.bound)
}

function phase({ scores, chunkRows, next }: AudienceArgs) {
  return { scores, chunkRows, next }
}
