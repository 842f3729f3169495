import { type Arrangement, arrange, type Corpus, sequenceEnd } from '../../skip-gram/corpus.ts'
import type { Sequences } from '../../storage/sequences.ts'
import { sharedArray } from '../../storage/shared-array.ts'
import type { Word2vecOptions } from './options.ts'

const millisecondsInHour = 3_600_000

/** The events of a dataset as a corpus, and how its rows and the items are related. */
export interface ItemCorpus extends Arrangement {
  readonly corpus: Corpus
}

/**
 * The items of each user's events in order of time, cut into sessions where there is a gap. Events that do not weigh more than 0
 * are left out, and those that repeat the item of the one before: that an item follows itself says nothing of others. Items
 * with too few events are left out, too, so that those around them come nearer, as in the original.
 */
export function itemCorpus(
  events: Sequences,
  { minCount, sessionGap }: Pick<Word2vecOptions, 'minCount' | 'sessionGap'>,
): ItemCorpus {
  const gap = sessionGap > 0 ? sessionGap * millisecondsInHour : Number.POSITIVE_INFINITY
  const counts = new Uint32Array(events.columns)
  let length = 0
  visit(events, gap, item => {
    length++
    if (item !== sequenceEnd) counts[item]! += 1
  })
  const arrangement = arrange(counts, minCount)
  const tokens = sharedArray(Uint32Array, length)
  let positions = 0
  visit(events, gap, item => {
    const row = item === sequenceEnd ? sequenceEnd : arrangement.rowOf[item]!
    const isLeftOut = row === sequenceEnd && item !== sequenceEnd
    const isSecondEnd = row === sequenceEnd && (positions === 0 || tokens[positions - 1] === sequenceEnd)
    if (!isLeftOut && !isSecondEnd) tokens[positions++] = row
  })
  return {
    ...arrangement,
    corpus: { tokens: tokens.subarray(0, positions), positions, vocabulary: arrangement.vocabulary },
  }
}

/** Calls `each` with every item that counts, and with `sequenceEnd` after each session. */
function visit({ rows, indptr, items, times, weights }: Sequences, gap: number, each: (item: number) => void): void {
  for (let row = 0, event = Number(indptr[0]); row < rows; row++) {
    let [last, lastTime] = [sequenceEnd, 0]
    for (const end = Number(indptr[row + 1]); event < end; event++) {
      if (weights && !(weights[event]! > 0)) continue
      const time = Number(times[event])
      if (last !== sequenceEnd && time - lastTime >= gap) {
        each(sequenceEnd)
        last = sequenceEnd
      }
      lastTime = time
      if (items[event] === last) continue
      last = items[event]!
      each(last)
    }
    if (last !== sequenceEnd) each(sequenceEnd)
  }
}
