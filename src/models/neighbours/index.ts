import type { Algorithm } from '../algorithm.ts'
import { openNeighbours, verifyNeighbours } from './model.ts'
import { type NeighboursOptions, neighboursOptions } from './options.ts'
import { trainNeighbours } from './train.ts'

/** Item-item neighbours by cosine (Sarwar, Karypis, Konstan & Riedl 2001). */
export const neighbours: Algorithm<NeighboursOptions> = {
  name: 'neighbours',
  summary: 'the items whose users are most alike, by the cosine of their columns',
  notes: `With w the weight of a pair, items i and j are similar by Σ w(u,i) w(u,j) over the users / (‖i‖ ‖j‖ + shrinkage);
the score of j for a user is the sum of w(u,i) times the similarity of i and j over the items i of the history that
have j among their neighbours. Lists of similar items end where the neighbours kept of the item do (--neighbours).`,
  options: neighboursOptions,
  resumable: false,
  train: trainNeighbours,
  open: openNeighbours,
  verify: verifyNeighbours,
}
