import type { Algorithm } from '../../algorithm.ts'
import type { Artifact } from '../../artifact/artifact.ts'
import { ItemModel, verifyItemModel } from './item-model.ts'
import { type NeighboursOptions, neighboursOptions, neighboursSearch } from './options.ts'
import { trainNeighbours } from './train.ts'
import { UserModel, verifyUserModel } from './user-model.ts'

/** Neighbours: of items (Sarwar, Karypis, Konstan & Riedl 2001) or of users (Herlocker, Konstan, Borchers & Riedl 1999). */
export const neighbours: Algorithm<NeighboursOptions> = {
  name: 'neighbours',
  source: 'similar',
  summary: 'the items whose users are most alike, or those of the most similar users',
  notes: `With w what a pair of user and item counts (--weighting), items i and j are similar by Σ w(u,i) w(u,j) over the users / (‖i‖ ‖j‖ + shrinkage);
the score of j for a user is the sum of the weights of the items i of the history that have j among their neighbours,
each times the similarity of i and j. Lists of similar items end where the neighbours kept of the item do (--neighbours).
  --similarity cosine      as above                                             (Sarwar, Karypis, Konstan & Riedl 2001)
  --similarity tfidf       users with few items count more                      (Salton & Buckley 1988)
  --similarity bm25        weights by Okapi BM25, without norms                 (Robertson & Zaragoza 2009)
  --similarity jaccard     users of both / (users of either + shrinkage)        (Jaccard 1912; with weights Tanimoto)
  --similarity asymmetric  ‖i‖^2a ‖j‖^(2-2a) for the norms, a = --asymmetry     (Aiolli 2013)
  --similarity rp3beta     walks of three steps / popularity^β                  (Paudel et al. 2017)
With --by users the same is said of users by their items, and the score of an item is the sum of the weights of its pairs with
the users most like the user, each times their similarity; histories are compared as they are when the list is made.`,
  options: neighboursOptions,
  search: neighboursSearch,
  resumable: false,
  userTensors: ['right'],
  train: trainNeighbours,
  open: artifact => (isByUsers(artifact) ? new UserModel(artifact) : new ItemModel(artifact)),
  verify: artifact => (isByUsers(artifact) ? verifyUserModel(artifact) : verifyItemModel(artifact)),
}

/** Models that were trained before there was a choice are of items. */
function isByUsers({ manifest: { options } }: Artifact): boolean {
  return neighboursOptions.parse(options).by === 'users'
}
