/** Vectors of songs and tags side by side, as rows of `rank` numbers. */

/** Whether a row is not all zeros: whether anything is known of what it is the vector of. */
export function isSet(vectors: Float32Array, row: number, rank: number): boolean {
  for (let at = row * rank; at < (row + 1) * rank; at++) if (vectors[at] !== 0) return true
  return false
}

/** Makes rows of length 1, in place; those of zeros stay. Gives `vectors`. */
export function normalise(vectors: Float32Array, rank: number): Float32Array {
  for (let begin = 0; begin < vectors.length; begin += rank) {
    let squares = 0
    for (let at = begin; at < begin + rank; at++) squares += vectors[at]! ** 2
    if (squares === 0) continue
    const norm = Math.sqrt(squares)
    for (let at = begin; at < begin + rank; at++) vectors[at]! /= norm
  }
  return vectors
}

/** The inner product of a row with `vector`: of vectors of length 1, the cosine. */
export function productWith(vectors: Float32Array, row: number, vector: Float32Array): number {
  const rank = vector.length
  let sum = 0
  for (let k = 0, at = row * rank; k < rank; k++, at++) sum += vectors[at]! * vector[k]!
  return sum
}
