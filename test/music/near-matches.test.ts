import { expect, test } from 'vitest'
import { edits, suggestion } from '../../src/music/mix/ingredients/near-matches.ts'
import { randomNumbers } from '../../src/storage/random.ts'
import { idsOf } from './small-space.ts'

/** Levenshtein (1966) as it is written down. */
function naiveEdits(one: string, other: string): number {
  if (one === '' || other === '') return one.length + other.length
  const change = naiveEdits(one.slice(1), other.slice(1)) + (one[0] === other[0] ? 0 : 1)
  return Math.min(change, naiveEdits(one.slice(1), other) + 1, naiveEdits(one, other.slice(1)) + 1)
}

test('edits are those of the naive twin, and infinite beyond the most', () => {
  const seed = Math.floor(Math.random() * 2 ** 32)
  const random = randomNumbers(seed)
  const text = () => Array.from({ length: Math.floor(random() * 7) }, () => 'abc'[Math.floor(random() * 3)]).join('')
  for (let round = 0; round < 300; round++) {
    const [one, other, most] = [text(), text(), Math.floor(random() * 5)]
    const distance = naiveEdits(one, other)
    const expected = distance <= most ? distance : Number.POSITIVE_INFINITY
    expect(edits(one, other, most), `seed ${seed}: ${one}, ${other}, ${most}`).toBe(expected)
  }
})

test('of long ids that are not known only near ones are suggested', async () => {
  const random = randomNumbers(3)
  const id = () => Array.from({ length: 250 }, () => String.fromCharCode(97 + Math.floor(random() * 26))).join('')
  const ids = Array.from({ length: 20_000 }, id)
  const map = await idsOf(ids)
  expect(suggestion(map, 'x'.repeat(250))).toBe('')
  expect(suggestion(map, `${ids[7]!.slice(0, 100)}!${ids[7]!.slice(101)}`)).toContain(`did you mean "${ids[7]}"`)
})
