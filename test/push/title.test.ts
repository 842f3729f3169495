import fc from 'fast-check'
import { expect, test } from 'vitest'
import { titleCandidates } from '../../src/push/title/candidates.ts'
import { fillTemplate, lengthOf, parseTemplate } from '../../src/push/title/template.ts'

const filled = (template: string, values: Record<string, string | undefined>) =>
  fillTemplate(parseTemplate(template), values)
const rules = { least: 3, most: 40, repeats: 1, banned: ['Shocking', 'you won’t believe', '충격'] }
const candidates = (templates: string[], values: Record<string, string | undefined>) =>
  titleCandidates(templates.map(parseTemplate), values, rules)

test('slots are filled by what the article has, and what is missing is named once', () => {
  const article = { title: ' The  first\nvote ', author: 'Ada', place: '  ' }
  expect(filled('{author}: {title}', article)).toEqual({ title: 'Ada: The first vote' })
  expect(filled('{{{title}}} now', article)).toEqual({ title: '{The first vote} now' })
  expect(filled('{place}, {date}, {place}', article)).toEqual({ missing: ['place', 'date'] })
})

test('a slot with a limit is cut between words, and within one that is longer than it', () => {
  const cut = (limit: number, title: string) => filled(`{title|${limit}}`, { title })
  expect(cut(40, 'Storm over the city')).toEqual({ title: 'Storm over the city' })
  expect(cut(12, 'Storm over the city')).toEqual({ title: 'Storm over…' })
  expect(cut(11, 'Storm over the city')).toEqual({ title: 'Storm over…' })
  expect(cut(10, 'Storm over the city')).toEqual({ title: 'Storm…' })
  expect(cut(4, 'Storm over the city')).toEqual({ title: 'Sto…' })
  expect(cut(5, '남북정상회담 생중계')).toEqual({ title: '남북정상…' })
})

test('no cut is longer than its limit, whatever the text', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', minLength: 1 }), fc.integer({ min: 1, max: 30 }), (title, limit) => {
      const found = filled(`{title|${limit}}`, { title })
      if ('title' in found) expect(lengthOf(found.title)).toBeLessThanOrEqual(limit)
      else expect(title.trim()).toBe('')
    }),
  )
})

test('a template whose braces do not match, or hold no slot, is refused with its place', () => {
  for (const text of ['{title', 'title}', '{}', '{a b}', '{title|0}', '{title|x}', '{{title}']) {
    expect(() => parseTemplate(text)).toThrow(
      /must have slots such as \{title\} or \{title\|40\}, and \{\{ for a brace, got "/,
    )
  }
  expect(parseTemplate('no slot')).toEqual({ text: 'no slot', parts: ['no slot'] })
})

test('titles are checked for length, words that come twice, and banned ones, in English and Korean; each comes once', () => {
  const article = { title: 'Vote on the new bridge', author: 'Ada' }
  expect(
    candidates(
      ['{title}', 'New: {title}', '{title} – shocking', '{title}', '{place}: {title}', 'x', '{title|22}'],
      article,
    ),
  ).toEqual({
    titles: [{ template: '{title}', title: 'Vote on the new bridge' }],
    faults: [
      { template: 'New: {title}', fault: { kind: 'repeated', word: 'new' } },
      { template: '{title} – shocking', fault: { kind: 'banned', word: 'Shocking' } },
      { template: '{title}', fault: { kind: 'same', as: '{title}' } },
      { template: '{place}: {title}', fault: { kind: 'missing', slots: ['place'] } },
      { template: 'x', fault: { kind: 'short', length: 1 } },
      { template: '{title|22}', fault: { kind: 'same', as: '{title}' } },
    ],
  })
  expect(candidates(['{title} {title}'], article).faults[0]!.fault).toEqual({ kind: 'long', length: 45 })
  expect(candidates(['{title}'], { title: '충격 정상회담 생중계' }).faults[0]!.fault).toEqual({
    kind: 'banned',
    word: '충격',
  })
  const believe = (title: string) => candidates(['{title}'], { title }).faults[0]?.fault
  expect(believe('You won’t believe this vote')).toEqual({ kind: 'banned', word: 'you won’t believe' })
  expect(believe('Believe it: you won’t vote')).toBeUndefined()
})
