import fc from 'fast-check'

const key = fc.oneof(
  fc.constantFrom('item', 'score', 'items', 'user', ''),
  fc.string({ unit: 'grapheme', maxLength: 40 }).filter(text => text !== '__proto__'),
)
const text = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 80 }),
  fc.constantFrom(31, 32, 255, 256, 65_535, 65_536).map(length => 'ä'.padEnd(length, 'x')),
)
const number = fc.oneof(
  fc.integer(),
  fc.integer({ min: -40, max: 300 }),
  fc.integer({ min: -70_000, max: 70_000 }),
  fc.maxSafeInteger(),
  fc.double({ noNaN: true }).map(value => value || 0),
)

/** Any value of plain types that both msgpackr and we can write, and often what is most of our answers. */
export const plainValues: fc.Arbitrary<unknown> = fc.letrec(tie => ({
  value: fc.oneof(
    { depthSize: 'medium', maxDepth: 8 },
    fc.constantFrom(null, true, false),
    number,
    text,
    fc.array(tie('value'), { maxLength: 20 }),
    fc.dictionary(key, tie('value'), { maxKeys: 20 }),
    fc.record({ item: fc.oneof(number, text), score: number }),
    fc.record({ item: tie('value'), score: tie('value') }, { requiredKeys: [] }),
    fc.record({ score: number, item: text }),
  ),
})).value
