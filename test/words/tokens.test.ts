import fc from 'fast-check'
import { expect, test } from 'vitest'
import { bucketsOf } from '../../src/words/grams.ts'
import { tokensOf } from '../../src/words/tokens.ts'

test.each([
  ['아 더빙.. 진짜 짜증나네요 목소리', ['아', '더빙', '진짜', '짜증나네요', '목소리']],
  ['3D영화를 봤다ㅋㅋㅋㅋㅋ!!', ['3d', '영화를', '봤다ㅋㅋ']],
  ["Don't Stop: The O'Reilly’s “10 Things”", ["don't", 'stop', 'the', "o'reilly’s", '10', 'things']],
  ['café naïve Straße', ['café', 'naïve', 'straße']],
  ['', []],
  [' .,!? \n', []],
])('the words of %j', (text, expected) => {
  expect(tokensOf(text)).toEqual(expected)
})

test('decomposed Hangul gives the same words as composed', () => {
  expect(tokensOf('영화를 봤다'.normalize('NFD'))).toEqual(['영화를', '봤다'])
})

test('words of words are themselves', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), text => {
      const words = tokensOf(text)
      expect(tokensOf(words.join(' '))).toEqual(words)
    }),
  )
})

test('n-grams are those of the characters between the boundaries, or of their jamo', () => {
  const options = { subwords: 'characters', minGram: 2, maxGram: 3, buckets: 2 ** 30 } as const
  // <ab>: <a, ab, b>, <ab, ab>
  expect(bucketsOf('ab', options)).toHaveLength(5)
  expect(bucketsOf('ab', { ...options, minGram: 1 })).toHaveLength(7)
  expect(bucketsOf('ab', { ...options, subwords: 'none' })).toHaveLength(0)
  const shared = (a: string, b: string, subwords: 'characters' | 'jamo') => {
    const own = bucketsOf(b, { ...options, subwords })
    return bucketsOf(a, { ...options, subwords }).filter(bucket => own.includes(bucket)).length
  }
  // 좋아 and 좋은 share <좋; of jamo, also what 좋 is made of.
  expect(shared('좋아', '좋은', 'characters')).toBe(1)
  expect(shared('좋아', '좋은', 'jamo')).toBeGreaterThan(4)
  const few = bucketsOf('abcdefgh', { ...options, buckets: 5 })
  expect([...few]).toEqual([...few].sort())
  expect(few.every(bucket => bucket < 5)).toBe(true)
})
