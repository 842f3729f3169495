import {
  type Algorithm,
  type ItemList,
  type LiveLearning,
  type LiveMemory,
  type Model,
  type ResolvedRequest,
  sourceCode,
} from '../../algorithm.ts'
import { type Artifact, checkedOptions } from '../../artifact/artifact.ts'
import { liveParts, type OpenPart, openParts, rankPart } from '../parts/live-parts.ts'
import { ModelOfParts } from '../parts/model-of-parts.ts'
import { artifactOf, type Part } from '../parts/parts.ts'
import { fused } from './fusion.ts'
import { type BlendOptions, weightedParts } from './options.ts'

/**
 * What the artifact holds: the tensors of each part, its place and a dot before their names, from `0.` on. Pairs, ids, events and
 * popularity are those of the artifact, which all parts share.
 */
export function openBlend(
  artifact: Artifact,
  blend: Algorithm<BlendOptions>,
  algorithms: readonly Algorithm[],
  live?: LiveMemory,
): Model {
  const options = checkedOptions(artifact, blend)
  return new BlendModel(options, openParts(artifact, weightedParts(options, algorithms), live))
}

export function liveBlend(
  artifact: Artifact,
  blend: Algorithm<BlendOptions>,
  algorithms: readonly Algorithm[],
): LiveLearning | undefined {
  return liveParts(artifact, weightedParts(checkedOptions(artifact, blend), algorithms))
}

export function verifyBlend(
  artifact: Artifact,
  blend: Algorithm<BlendOptions>,
  algorithms: readonly Algorithm[],
): void {
  for (const [place, part] of weightedParts(checkedOptions(artifact, blend), algorithms).entries()) {
    part.algorithm.verify(artifactOf(artifact, part, place))
  }
}

type WeightedPart = OpenPart & Pick<Part, 'algorithm' | 'weight'>

/** Ranks by the weighted sum of what each part scores. Vectors it has none: no inner product gives these sums. */
class BlendModel extends ModelOfParts {
  readonly #options: BlendOptions
  readonly #parts: readonly WeightedPart[]

  constructor(options: BlendOptions, parts: readonly WeightedPart[]) {
    super(parts)
    this.#options = options
    this.#parts = parts
  }

  rank(requests: readonly ResolvedRequest[]): ItemList[] {
    const { depth } = this.#options
    const deeper = requests.map(request => ({ ...request, limit: Math.max(request.limit, depth) }))
    const lists = this.#parts.map(part => rankPart(part, deeper))
    return requests.map(({ limit }, at) => {
      const scored = this.#parts.map(({ weight, algorithm }, part) => {
        const list = lists[part]![at]!
        return {
          list,
          weight,
          source: sourceCode(algorithm.source ?? 'taste'),
          isWhole: list.items.length < deeper[at]!.limit,
        }
      })
      return fused(scored, limit, this.#options)
    })
  }
}
