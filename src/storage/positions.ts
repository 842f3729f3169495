import { z } from 'zod'

/** How far a dataset or a model has the events of journals: by the name of the journal, the position of the last one. */
export type Positions = Readonly<Record<string, number>>

export const positionsSchema = z.record(z.string().min(1), z.int().nonnegative())
