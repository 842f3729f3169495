import { tokensOf } from '../../words/tokens.ts'

/** Words, and two in a row, are told apart by their hash of so many bits. */
export const hashBits = 18

/** A word of a text, or two in a row, and where its weight is. */
export interface HashedWord {
  readonly text: string
  /** Below 2^{@link hashBits}. */
  readonly hash: number
}

/** Each word of `text` once, and each two in a row; its begin and end are words, too. `prefix` tells fields apart. */
export function hashedWords(text: string, prefix = ''): HashedWord[] {
  const words = tokensOf(text)
  if (words.length === 0) return []
  const found = new Map<string, HashedWord>()
  const add = (each: string) => {
    if (!found.has(each)) found.set(each, { text: each, hash: hashOf(prefix + each) })
  }
  for (const word of words) add(word)
  const bounded = ['^', ...words, '$']
  for (let at = 1; at < bounded.length; at++) add(`${bounded[at - 1]} ${bounded[at]}`)
  return [...found.values()]
}

/** {@link fnv1a} folded to {@link hashBits}. */
export function hashOf(text: string): number {
  const hash = fnv1a(text)
  return (hash ^ (hash >>> hashBits)) & (2 ** hashBits - 1)
}

/** 32 bits of FNV-1a (Fowler, Noll & Vo) over the UTF-16 code units: files of models have weights by it. */
export function fnv1a(text: string): number {
  let hash = 0x811c9dc5
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193)
  return hash >>> 0
}
