import type { WordsOptions } from './options.ts'

/** Which n-grams a word has, and where their vectors are. */
export type GramOptions = Pick<WordsOptions, 'subwords' | 'minGram' | 'maxGram' | 'buckets'>

/**
 * The buckets of the n-grams of a word, of characters or, for `jamo`, of what these are composed of (a syllable of Hangul has
 * two or three): each once, ascending. The begin and the end of the word are characters, too: `<` and `>`.
 */
export function bucketsOf(word: string, { subwords, minGram, maxGram, buckets }: GramOptions): Uint32Array {
  if (subwords === 'none') return new Uint32Array(0)
  const characters = ['<', ...(subwords === 'jamo' ? word.normalize('NFD') : word), '>']
  const found = new Set<number>()
  for (let begin = 0; begin < characters.length; begin++) {
    let hash = offsetBasis
    const most = Math.min(maxGram, characters.length - begin)
    for (let length = 1; length <= most; length++) {
      hash = hashed(hash, characters[begin + length - 1]!)
      // A boundary alone says nothing.
      const isBoundary = length === 1 && (begin === 0 || begin === characters.length - 1)
      if (length >= minGram && !isBoundary) found.add((hash >>> 0) % buckets)
    }
  }
  return Uint32Array.from(found).sort()
}

/** FNV-1a (Fowler, Noll & Vo) of the UTF-16 code units, as it is: files of word vectors have n-grams by it. */
const offsetBasis = 0x811c9dc5

function hashed(hash: number, character: string): number {
  let next = hash
  for (let at = 0; at < character.length; at++) next = Math.imul(next ^ character.charCodeAt(at), 0x01000193)
  return next
}
