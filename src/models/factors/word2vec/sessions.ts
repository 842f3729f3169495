import { type Arrangement, arrange, type Corpus, sequenceEnd } from '../../../skip-gram/corpus.ts'
import type { Sequences } from '../../../storage/sequences.ts'
import { sharedArray } from '../../../storage/shared-array.ts'
import { visitSessions } from '../../sequential/sessions/sessions.ts'
import type { Word2vecOptions } from './options.ts'

/** The events of a dataset as a corpus, and how its rows and the items are related. */
export interface ItemCorpus extends Arrangement {
  readonly corpus: Corpus
}

/**
 * The items of the sessions that {@link visitSessions} finds. Items with too few events are left out, so that those around them come nearer, as in the original.
 */
export function itemCorpus(
  events: Sequences,
  { minCount, sessionGap }: Pick<Word2vecOptions, 'minCount' | 'sessionGap'>,
): ItemCorpus {
  const counts = new Uint32Array(events.columns)
  let length = 0
  visitSessions(events, sessionGap, {
    event: item => {
      length++
      counts[item] += 1
    },
    end: () => length++,
  })
  const arrangement = arrange(counts, minCount)
  const tokens = sharedArray(Uint32Array, length)
  let positions = 0
  visitSessions(events, sessionGap, {
    event: item => {
      if (arrangement.rowOf[item] !== sequenceEnd) tokens[positions++] = arrangement.rowOf[item]
    },
    end: () => {
      const isSecondEnd = positions === 0 || tokens[positions - 1] === sequenceEnd
      if (!isSecondEnd) tokens[positions++] = sequenceEnd
    },
  })
  return {
    ...arrangement,
    corpus: { tokens: tokens.subarray(0, positions), positions, vocabulary: arrangement.vocabulary },
  }
}
