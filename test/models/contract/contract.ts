import type { Algorithm } from '../../../src/models/algorithm.ts'
import type { Pool } from '../../../src/parallel/pool.ts'
import type { Dataset } from '../../../src/storage/dataset.ts'
import type { TrainingOptions } from '../trained.ts'

/** An algorithm that is tested, and how. */
export interface Contract {
  readonly algorithm: Algorithm
  /** Whether lists differ from user to user: all but the baseline must find what a user's own history points to. */
  readonly isPersonal: boolean
  /** Whether items of the same users have the same scores: not where samples are drawn for each item. */
  readonly twinsAreEqual: boolean
  /** Pools of one, two and three workers. */
  readonly pools: () => readonly Pool[]
  /** Trains by two workers, with options that suit small data, in a fresh folder; gives the directory. */
  readonly train: (dataset: Dataset, options?: Partial<TrainingOptions>) => Promise<string>
}
