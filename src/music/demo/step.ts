import type { Pool } from '../../parallel/pool.ts'

export interface StepContext {
  readonly pool: Pool
  readonly signal: AbortSignal
  /** How far the step is, from 0 to 1, and what changes meanwhile. */
  readonly onProgress: (stage: string, done: number, note?: string) => void
}
