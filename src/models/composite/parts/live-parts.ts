/** Parts of a model that are models of their own, some of which learn from events as they come. */
import type { ItemList, LiveLearning, LiveMemory, Model, ResolvedRequest } from '../../algorithm.ts'
import type { Artifact } from '../../artifact/artifact.ts'
import { withoutNewItems } from '../../sequential/live/known-rows.ts'
import { artifactOf, type Part } from './parts.ts'

export interface OpenPart {
  readonly model: Model
  /** Rows of items that it knows. */
  readonly rows: number
}

/** The memory of each part that learns, one after the other. */
function* memories(artifact: Artifact, parts: readonly Part[], { words, rows }: LiveMemory) {
  let begin = 0
  for (const [place, part] of parts.entries()) {
    const learning = part.algorithm.live?.(artifactOf(artifact, part, place))
    const end = begin + (learning?.words(rows) ?? 0)
    yield learning && { learning, memory: { words: words.subarray(begin, end), rows } }
    begin = end
  }
}

/** How the parts learn, if any does: those that do, each by itself. */
export function liveParts(artifact: Artifact, parts: readonly Part[]): LiveLearning | undefined {
  const learning = parts.flatMap((part, place) => part.algorithm.live?.(artifactOf(artifact, part, place)) ?? [])
  if (learning.length === 0) return undefined
  return {
    words: rows => learning.reduce((sum, each) => sum + each.words(rows), 0),
    learner: live => {
      const learners = [...memories(artifact, parts, live)].flatMap(part => part?.learning.learner(part.memory) ?? [])
      return {
        learn: event => {
          for (const learner of learners) learner.learn(event)
        },
      }
    },
  }
}

export function openParts<P extends Part>(
  artifact: Artifact,
  parts: readonly P[],
  live: LiveMemory | undefined,
): (P & OpenPart)[] {
  const memory = live ? [...memories(artifact, parts, live)] : []
  return parts.map((part, place) => {
    const own = memory[place]?.memory
    return {
      ...part,
      model: part.algorithm.open(artifactOf(artifact, part, place), own),
      rows: own?.rows ?? artifact.manifest.dataset.items,
    }
  })
}

/** What the part makes of the requests: without the items that it does not know, where it does not learn; nothing where these are all. */
export function rankPart({ model, rows }: OpenPart, requests: readonly ResolvedRequest[]): readonly ItemList[] {
  const known = requests.map(request => withoutNewItems(request, rows))
  const isKnown = (request: ResolvedRequest) => isOfKnownUser(model, request)
  if (known.every(isKnown)) return model.rank(known)
  const lists = model.rank(known.filter(isKnown))
  let next = 0
  return known.map(request => (isKnown(request) ? lists[next++] : noItems))
}

/** Whether a model may have an opinion of who a request is for. */
export function isOfKnownUser(model: Pick<Model, 'knows'>, { user, history }: ResolvedRequest): boolean {
  return history.indices.length > 0 || (user >= 0 && (model.knows?.(user) ?? false))
}

const noItems: ItemList = { items: new Uint32Array(0), scores: new Float32Array(0) }
