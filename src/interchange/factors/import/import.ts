/** From factors that another program trained to a model that is served. */
import { join } from 'node:path'
import type { Algorithm } from '../../../models/algorithm.ts'
import { type ArtifactManifest, type ArtifactParts, saveArtifact } from '../../../models/artifact/artifact.ts'
import { algorithmNamed, algorithms, defaultAlgorithm } from '../../../models/registry.ts'
import { weightingIn } from '../../../models/weighting/options.ts'
import { withWeights } from '../../../models/weighting/weighted-dataset.ts'
import type { Pool } from '../../../parallel/pool.ts'
import type { Dataset } from '../../../storage/dataset.ts'
import { withDraft } from '../../../storage/directory.ts'
import { faultIn } from '../../../storage/expectation.ts'
import { alignedFactors, datasetWithoutPairs, type Unmatched } from './aligned.ts'
import type { ForeignFactors } from './foreign-factors.ts'
import { type FactorSources, readFactors } from './read.ts'

type Options = Readonly<Record<string, unknown>>

export interface ImportFactorsOptions extends FactorSources {
  readonly pool: Pool
  /**
   * The pairs that the factors were trained on, or about: then lists leave out what users have, histories are folded in whole, and items are similar by users, too.
   * Rows are found by ids. Default: none, and of a user only what comes later is known.
   */
  readonly dataset?: Dataset | undefined
  /** What folds in. Default: what the file says, else the default algorithm. */
  readonly algorithm?: Algorithm | undefined
  /** Options of that. Those left out are as the file says, else the defaults, but that known users are ranked by their trained vectors. */
  readonly options?: Options | ((algorithm: Algorithm) => Options) | undefined
  /** Take the place of a model that is there. */
  readonly replace?: boolean | undefined
}

export interface ImportedFactors {
  readonly manifest: ArtifactManifest
  /** With a dataset: what it and the factors do not share. */
  readonly unmatched?: { readonly users: Unmatched; readonly items: Unmatched } | undefined
}

/** Algorithms that a model can be made for of vectors alone. */
export const factorAlgorithms: readonly Algorithm[] = algorithms.filter(({ fromFactors }) => fromFactors)

/**
 * Makes a model of factors that another program trained, and saves it to `directory`, as `trainModel` does.
 *
 * @throws TypeError naming an option that the algorithm does not take; Error naming a file and what is wrong with it.
 */
export async function importFactors(
  directory: string,
  { pool, dataset, replace = false, ...given }: ImportFactorsOptions,
): Promise<ImportedFactors> {
  return withDraft(`${directory}.import`, async work => {
    const found = await readFactors(given, join(work, 'spill'))
    const { algorithm, options } = trainingOf(found, given)
    const save = (parts: Pick<ArtifactParts, 'dataset' | 'weighted' | 'trained'>) =>
      saveArtifact(directory, { algorithm: algorithm.name, options, ...parts }, { replace })
    const { users, items } = found
    const findings = [`the vectors of ${users.rows} users and ${items.rows} items were imported from ${found.origin}`]
    const make = async (factors: Parameters<NonNullable<Algorithm['fromFactors']>>[0]) => {
      return { ...(await algorithm.fromFactors!(factors, options, { pool })), findings }
    }
    if (!dataset) {
      const trained = await make({ users: users.vectors, items: items.vectors, width: found.width })
      const without = await datasetWithoutPairs(join(work, 'dataset'), found)
      // Of no pairs: what events count later does not depend on any.
      const weighted = weightingIn(options) && { dataset: without, terms: { meanSum: 1, scale: 1 } }
      return { manifest: await save({ dataset: without, weighted, trained }) }
    }
    const aligned = alignedFactors(found, dataset)
    const trained = await make(aligned.factors)
    const manifest = await withWeights(dataset, weightingIn(options), directory, weighted =>
      save({ dataset, weighted, trained }),
    )
    const count = ({ unknown, without }: Unmatched): Unmatched => ({ unknown, without })
    return { manifest, unmatched: { users: count(aligned.users), items: count(aligned.items) } }
  })
}

/** @throws TypeError where the algorithm cannot be made of factors, or does not take an option. */
function trainingOf(
  found: ForeignFactors,
  { algorithm, options: given = {} }: Pick<ImportFactorsOptions, 'algorithm' | 'options'>,
): { readonly algorithm: Algorithm; readonly options: Options } {
  const named = found.algorithm === undefined ? undefined : algorithmNamed(found.algorithm)
  const chosen = algorithm ?? named ?? defaultAlgorithm
  if (!chosen.fromFactors) {
    const names = factorAlgorithms.map(({ name }) => name).join(' or ')
    throw new TypeError(`factors make a model of ${names}, not of ${chosen.name}: name one of these, or none`)
  }
  const wanted = typeof given === 'function' ? given(chosen) : given
  const said = chosen === named ? found.options : undefined
  // Where there is a bias, it is one of the values of a vector.
  const biases = wanted.biases ?? said?.biases ?? 'none'
  const isBiased = 'biases' in chosen.options.shape && biases === 'item'
  const options = {
    factors: found.width - (isBiased ? 1 : 0),
    userVectors: 'trained',
    ...('biases' in chosen.options.shape && { biases }),
    ...said,
    ...wanted,
    epochs: 0,
  }
  const fault = faultIn(chosen.options, options)
  if (fault) throw new TypeError(`options of ${chosen.name}: ${fault}`)
  const parsed = chosen.options.parse(options)
  return { algorithm: chosen, options: chosen.resolve?.(parsed) ?? parsed }
}
