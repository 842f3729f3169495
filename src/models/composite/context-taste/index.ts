import { type Algorithm, userTensorsOf } from '../../algorithm.ts'
import { checkedOptions } from '../../artifact/artifact.ts'
import { assertHasTimes } from '../../sequential/sessions/sessions.ts'
import { liveParts } from '../parts/live-parts.ts'
import { namedParts, prefixOf, resolvedParts } from '../parts/parts.ts'
import { openContextTaste, verifyContextTaste } from './model.ts'
import { type ContextTasteOptions, contextTasteOptions, partsIn } from './options.ts'
import { trainContextTaste } from './train.ts'

/**
 * Context models and taste models of `algorithms`, weighed by a gate that knows the session, the history and the
 * time; see README.md beside this file.
 */
export function contextTasteOf(algorithms: readonly Algorithm[]): Algorithm<ContextTasteOptions> {
  const partsOf = (options: ContextTasteOptions) => partsIn(options, algorithms)
  const contextTaste: Algorithm<ContextTasteOptions> = {
    name: 'context-taste',
    summary: 'what users do now and what they like at all, weighed by the moment; the dataset needs times',
    notes: `context-taste trains the models of --parts on all but the latest events, learns from these how far to lean on each part, by what is
known of the moment, and trains them on all events.`,
    options: contextTasteOptions(algorithms),
    parts: namedParts(algorithms),
    resumable: false,
    userTensors: given =>
      partsOf(contextTaste.options.parse(given)).flatMap(({ algorithm, options }, place) =>
        userTensorsOf(algorithm, options).map(name => prefixOf(place) + name),
      ),
    resolve: options => ({ ...options, parts: resolvedParts(options.parts, algorithms) }),
    assertFits: (dataset, options, threads) => {
      assertHasTimes(dataset, 'context-taste')
      for (const part of partsOf(options)) part.algorithm.assertFits?.(dataset, part.options, threads)
    },
    train: (dataset, options, context) => trainContextTaste(dataset, options, partsOf(options), context),
    open: (artifact, live) => {
      const options = checkedOptions(artifact, contextTaste)
      return openContextTaste(artifact, options, partsOf(options), live)
    },
    verify: artifact => verifyContextTaste(artifact, partsOf(checkedOptions(artifact, contextTaste))),
    live: artifact => liveParts(artifact, partsOf(checkedOptions(artifact, contextTaste))),
  }
  return contextTaste
}
