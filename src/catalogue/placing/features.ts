import { tokensOf } from '../../words/tokens.ts'
import type { Item } from '../item.ts'

/** Of an item at the most: its labels first, then the words of its title, then those of its text from the beginning. */
const mostFeatures = 256
/** Characters of a text that are read. */
const longestText = 4000

const hangul = /\p{Script=Hangul}/u

/**
 * What the catalogue says of an item in words: hashes of its tags, its categories, and the words of title and text, each once. A word of
 * Hangul also has its pairs of syllables, since particles and endings are part of words.
 */
export function featuresOf({ tags, categories, title = '', text = '' }: Item): Uint32Array {
  const found = new Set<number>()
  const add = (kind: string, name: string) => {
    if (found.size < mostFeatures) found.add(hashOf(kind + name))
  }
  for (const tag of tags) add('t', tag)
  for (const category of categories) add('c', category)
  for (const part of [title, text.slice(0, longestText)]) {
    for (const word of tokensOf(part)) {
      add('w', word)
      if (word.length < 3 || !hangul.test(word)) continue
      for (let at = 0; at + 2 <= word.length; at++) add('g', word.slice(at, at + 2))
    }
  }
  return Uint32Array.from(found)
}

/** FNV-1a (Fowler, Noll & Vo) of the UTF-16 code units. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193)
  return hash >>> 0
}
