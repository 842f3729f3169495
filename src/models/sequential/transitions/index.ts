import type { Algorithm } from '../../algorithm.ts'
import { assertHasTimes } from '../sessions/sessions.ts'
import { liveTransitions } from './live.ts'
import { openTransitions, optionsOf, verifyTransitions } from './model.ts'
import { type TransitionsOptions, transitionsOptions, transitionsSearch } from './options.ts'
import { trainTransitions } from './train.ts'

/** What users do next: a Markov chain over items (Shani, Heckerman & Brafman 2005), of one and of two steps, that passes over items. */
export const transitions: Algorithm<TransitionsOptions> = {
  name: 'transitions',
  source: 'context',
  summary: 'what follows the items that a user had last; the dataset needs times',
  options: transitionsOptions,
  search: transitionsSearch,
  resumable: false,
  assertFits: dataset => assertHasTimes(dataset, 'transitions'),
  train: trainTransitions,
  open: openTransitions,
  verify: verifyTransitions,
  live: artifact => liveTransitions(optionsOf(artifact)),
}
