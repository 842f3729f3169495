import { type Algorithm, userTensorsOf } from '../../algorithm.ts'
import { namedParts, prefixOf, resolvedParts } from '../parts/parts.ts'
import { trainParts } from '../parts/train.ts'
import { liveBlend, openBlend, verifyBlend } from './model.ts'
import { type BlendOptions, blendOptions, blendSearch, weightedParts } from './options.ts'

/** A weighted sum of models, each of one of `algorithms`: the registry, which lists it beside them, says which these are. */
export function blendOf(algorithms: readonly Algorithm[]): Algorithm<BlendOptions> {
  const blend: Algorithm<BlendOptions> = {
    name: 'blend',
    summary: 'a weighted sum of other models',
    notes: `blend trains the models of --parts one after the other, and scores by the sum of their scores times their weights. Scores of each
model are made comparable first, by those of its --depth best items for the user:
  --normalisation norm     divided by √(Σ s²)
  --normalisation z-score  less their mean, by their standard deviation
  --normalisation rank     1 / (60 + place)                                     (Cormack, Clarke & Büttcher 2009)
Options of parts have the names of the flags: --parts 'als(factors=128, unobserved-weight=0.03) + 2 * ease'.`,
    options: blendOptions(algorithms),
    search: blendSearch,
    parts: namedParts(algorithms),
    resumable: false,
    userTensors: given => {
      const parts = weightedParts(blend.options.parse(given), algorithms)
      return parts.flatMap(({ algorithm, options }, place) =>
        userTensorsOf(algorithm, options).map(name => prefixOf(place) + name),
      )
    },
    resolve: options => ({ ...options, parts: resolvedParts(options.parts, algorithms) }),
    train: (dataset, options, context) => trainParts(dataset, weightedParts(options, algorithms), context),
    open: (artifact, live) => openBlend(artifact, blend, algorithms, live),
    live: artifact => liveBlend(artifact, blend, algorithms),
    verify: artifact => verifyBlend(artifact, blend, algorithms),
  }
  return blend
}
