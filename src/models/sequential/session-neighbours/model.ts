import { native } from '../../../native.ts'
import { splitLists } from '../../../search/item-lists.ts'
import { elements } from '../../../storage/safetensors.ts'
import type { ItemList, LiveMemory, Model, ResolvedRequest, SimilarRequest } from '../../algorithm.ts'
import type { Artifact } from '../../artifact/artifact.ts'
import { ItemNeighbours } from '../../item-item/item-neighbours.ts'
import { repeatsIn, verifyRepeats } from '../sessions/repeats.ts'
import { sessionRequest } from '../sessions/session-request.ts'
import { liveSessions } from './live.ts'
import { type SessionNeighboursOptions, sessionNeighboursOptions } from './options.ts'

/**
 * What the artifact holds: the items of session s are `sessionItems[sessionIndptr[s]]` to `sessionItems[sessionIndptr[s + 1] - 1]`,
 * in their order, each once, and similarities to it are multiplied with `sessionFactors[s]`, above 0; sessions are in order of time. The
 * latest sessions of item i are `index[indptr[i]]` to `index[indptr[i + 1] - 1]`, latest first; it is in `counts[i]` in all; `repeats`
 * (2 × recentItems), float32, is what `repeatShares` gives.
 * `sessionIndptr` (sessions + 1) and `indptr` (items + 1) are uint64, `sessionFactors` float32, all else uint32.
 */
export function sessionNeighboursTensors(artifact: Artifact) {
  const { items } = artifact.manifest.dataset
  const factors = artifact.tensor('sessionFactors', Float32Array)
  return {
    sessionIndptr: artifact.tensor('sessionIndptr', BigUint64Array, [elements(factors.shape) + 1]),
    sessionItems: artifact.tensor('sessionItems', Uint32Array),
    sessionFactors: factors,
    counts: artifact.tensor('counts', Uint32Array, [items]),
    indptr: artifact.tensor('indptr', BigUint64Array, [items + 1]),
    index: artifact.tensor('index', Uint32Array),
  }
}

/** What the kernel takes of the tensors. */
function operandsOf({
  sessionIndptr,
  sessionItems,
  sessionFactors,
  counts,
  indptr,
  index,
}: ReturnType<typeof sessionNeighboursTensors>) {
  return {
    sessions: { indptr: sessionIndptr.operand, items: sessionItems.operand, factors: sessionFactors.operand },
    index: { indptr: indptr.operand, sessions: index.operand },
    counts: counts.operand,
  }
}

export function verifySessionNeighbours(artifact: Artifact): void {
  const { sessions, index, counts } = operandsOf(sessionNeighboursTensors(artifact))
  const fault = native.sessionsFault(sessions, index, counts)
  if (fault) throw artifact.damaged(fault.tensor, fault.message)
  verifyRepeats(artifact, optionsOf(artifact).recentItems)
}

export function openSessionNeighbours(artifact: Artifact, live?: LiveMemory): Model {
  return new SessionNeighboursModel(artifact, live)
}

/** Ranks by what else the sessions hold that are most like what the user did last. */
class SessionNeighboursModel implements Model {
  readonly similarBy = ['neighbours'] as const
  readonly #artifact: Artifact
  readonly #items: ItemNeighbours
  readonly #options: SessionNeighboursOptions
  readonly #operands: ReturnType<typeof operandsOf>
  readonly #repeats: Float32Array
  readonly #live: ReturnType<typeof liveSessions> | undefined

  constructor(artifact: Artifact, live: LiveMemory | undefined) {
    this.#artifact = artifact
    this.#items = new ItemNeighbours(artifact)
    this.#options = optionsOf(artifact)
    this.#repeats = repeatsIn(artifact, this.#options.recentItems)
    this.#live = live && liveSessions(live)
    this.#operands = operandsOf(sessionNeighboursTensors(artifact))
  }

  rank(requests: readonly ResolvedRequest[]): ItemList[] {
    const { events } = this.#artifact
    const { sessions, index, counts } = this.#operands
    const { sessions: nearest, sessionsOfItem: latest, gapDecay: decay, backward } = this.#options
    const { indptr, items, scores } = native.rankBySessions(
      sessions,
      index,
      counts,
      { nearest, latest, decay, backward },
      requests.map(request => sessionRequest(request, events, this.#options, this.#repeats)),
      this.#live,
    )
    return splitLists(indptr, { items, scores })
  }

  /** By the users that items share. */
  similar(requests: readonly SimilarRequest[]): ItemList[] {
    return this.#items.similar(requests)
  }
}

export function optionsOf({ manifest: { options } }: Artifact): SessionNeighboursOptions {
  return sessionNeighboursOptions.parse(options)
}
