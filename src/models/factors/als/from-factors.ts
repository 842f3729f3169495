import { allocateFactors, setUnpadded } from '../../../storage/factors.ts'
import type { GivenFactors, TrainContext, Trained } from '../../algorithm.ts'
import { assertWidth, wholeTraining } from '../given-factors.ts'
import { Eigenbasis } from './eigenbasis.ts'
import { alsTrainedTensors } from './model.ts'
import type { AlsOptions } from './options.ts'

/** The same vectors, rotated into the eigenbasis of the items' Gramian, where histories are folded in. */
export async function alsFromFactors(
  given: GivenFactors,
  { factors, instructions }: AlsOptions,
  { pool }: Pick<TrainContext, 'pool'>,
): Promise<Trained> {
  assertWidth(given, factors)
  const [users, items] = [given.users, given.items].map(from => {
    const to = allocateFactors(from.length / factors, factors)
    setUnpadded(to, from)
    return to
  }) as [ReturnType<typeof allocateFactors>, ReturnType<typeof allocateFactors>]
  const basis = new Eigenbasis(pool, { users, items, instructions })
  await basis.rotateTo(items)
  return wholeTraining(alsTrainedTensors(users, items, basis.spectrum))
}
