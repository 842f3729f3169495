/**
 * The rows of a matrix, (rows × rank), at length 1: their inner products are the cosines of the rows. Rows of zeros
 * stay as they are, so their cosine with everything is 0.
 */
export function directions(factors: Float32Array, rank: number): Float32Array {
  const unit = new Float32Array(factors.length)
  for (let begin = 0; begin < factors.length; begin += rank) {
    let squares = 0
    for (let at = begin; at < begin + rank; at++) squares += factors[at]! ** 2
    const scale = squares > 0 ? 1 / Math.sqrt(squares) : 0
    for (let at = begin; at < begin + rank; at++) unit[at] = factors[at]! * scale
  }
  return unit
}
