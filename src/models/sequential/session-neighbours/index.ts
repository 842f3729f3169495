import type { Algorithm } from '../../algorithm.ts'
import { assertHasTimes } from '../sessions/sessions.ts'
import { liveSessionNeighbours } from './live.ts'
import { openSessionNeighbours, optionsOf, verifySessionNeighbours } from './model.ts'
import { type SessionNeighboursOptions, sessionNeighboursOptions, sessionNeighboursSearch } from './options.ts'
import { trainSessionNeighbours } from './train.ts'

/** Past sessions like the running one: VSTAN (Ludewig, Mauro, Latifi & Jannach 2021). */
export const sessionNeighbours: Algorithm<SessionNeighboursOptions> = {
  name: 'session-neighbours',
  source: 'context',
  summary: 'what past sessions hold that are like what the user did last; the dataset needs times',
  options: sessionNeighboursOptions,
  search: sessionNeighboursSearch,
  resumable: false,
  assertFits: dataset => assertHasTimes(dataset, 'session neighbours'),
  train: trainSessionNeighbours,
  open: openSessionNeighbours,
  verify: verifySessionNeighbours,
  live: artifact => liveSessionNeighbours(artifact, optionsOf(artifact)),
}
