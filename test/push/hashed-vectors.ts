import type { TextVectors } from '../../src/push/text/vectors.ts'
import { hashOf } from '../../src/push/text/word-hashes.ts'
import { randomNumbers } from '../../src/storage/random.ts'
import { tokensOf } from '../../src/words/tokens.ts'

const factors = 8

/** A random vector for each word: what word vectors are without training. */
export const hashedVectors: TextVectors = {
  factors,
  textVector: text => {
    const sum = new Float32Array(factors)
    const words = tokensOf(text)
    for (const word of words) {
      const random = randomNumbers(hashOf(word))
      for (let at = 0; at < factors; at++) sum[at]! += (random() - 0.5) / words.length
    }
    return sum
  },
}
