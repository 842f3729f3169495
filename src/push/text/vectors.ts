/** Vectors of texts, as `WordVectors` has them. */
export interface TextVectors {
  readonly factors: number
  /** (factors) All 0 where nothing of the text is known. */
  textVector(text: string): Float32Array
}

/**
 * The vector at length 1: of headlines of the Upworthy tests the direction alone says more (within-test correlation with ln CTR in
 * cross-validation .333, against .317 at the vectors' own length). All 0 remain so.
 */
export function directionOf(vector: Float32Array): Float32Array {
  const length = Math.sqrt(vector.reduce((sum, value) => sum + value * value, 0))
  return length > 0 ? vector.map(value => value / length) : vector
}

export function dotProduct(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0
  for (let at = 0; at < a.length; at++) sum += a[at]! * b[at]!
  return sum
}
