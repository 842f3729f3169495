/** What users are ranked by, in models that have a trained vector of each and can fold histories in. */
import type { Row } from '../../search/item-lists.ts'
import { type Tensor, valuesIn } from '../../storage/safetensors.ts'
import type { ResolvedRequest } from '../algorithm.ts'
import type { Artifact } from '../artifact/artifact.ts'
import { rowOf } from '../open/history.ts'

/** Whose vectors are asked for. */
export interface UserVectorSource {
  readonly artifact: Artifact
  /** (users × width) */
  readonly users: Tensor<Float32Array>
  readonly width: number
  /** Values of a vector that are learned: those after them are the same for all. */
  readonly factors: number
  /** What known users are ranked by. */
  readonly userVectors: 'folded' | 'trained'
  foldIn(histories: readonly Row[]): Float32Array
}

/**
 * (requests × width) Where they are not folded in all: the trained vector of a user who did nothing since the training; of one of whom the model has no
 * pairs, so that what was learned is in the vector alone, the sum of it and of the events since, folded in; of all others, and of those whose trained
 * vector is 0, the history folded in.
 */
export function userVectorsOf(requests: readonly ResolvedRequest[], source: UserVectorSource): Float32Array {
  const { artifact, width, userVectors, foldIn } = source
  if (userVectors === 'folded') return foldIn(requests.map(({ history }) => history))
  const vectors = new Float32Array(requests.length * width)
  const folded: number[] = []
  requests.forEach(({ user, recent }, row) => {
    const isNew = recent.items.length > 0
    const vector = user < 0 || (isNew && hasPairs(artifact, user)) ? undefined : trainedVector(source, user)
    if (vector) vectors.set(vector, row * width)
    if (isNew || !vector) folded.push(row)
  })
  if (folded.length === 0) return vectors
  const more = foldIn(folded.map(row => requests[row].history))
  folded.forEach((row, at) => {
    for (let k = 0; k < width; k++) vectors[row * width + k] += more[at * width + k]
  })
  return vectors
}

/** Whether a user without pairs has a vector to be ranked by. */
export function hasOwnVector(source: Omit<UserVectorSource, 'foldIn'>, user: number): boolean {
  const { artifact, userVectors } = source
  // Who had pairs and took them back is to be forgotten.
  return userVectors === 'trained' && !hasPairs(artifact, user) && trainedVector(source, user) !== undefined
}

function hasPairs({ history }: Artifact, user: number): boolean {
  return rowOf(history, user).indices.length > 0
}

/** Undefined where it is 0: as of who is to be forgotten, or is in the data of a model whose vectors another program trained on other data. */
function trainedVector(
  { users, width, factors }: Omit<UserVectorSource, 'foldIn'>,
  user: number,
): Float32Array | undefined {
  const vector = valuesIn(users, user * width, (user + 1) * width)
  return vector.subarray(0, factors).some(value => value !== 0) ? vector : undefined
}
