import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { vector, writeSafetensors } from '../../src/storage/safetensors.ts'
import { MappedSequences, type Sequences, sequenceOf, sequenceTensors } from '../../src/storage/sequences.ts'
import { freshFolder } from './folder.ts'

const good: Sequences = {
  rows: 3,
  columns: 2,
  indptr: BigUint64Array.of(0n, 3n, 3n, 4n),
  items: Uint32Array.of(1, 0, 1, 1),
  times: BigInt64Array.of(-5n, 7n, 7n, 6n),
  weights: Float32Array.of(1, 0, -2.5, 1),
  kinds: Uint8Array.of(0, 254, 0, 1),
}

interface Event {
  readonly item: number
  readonly time: bigint
  readonly weight: number
  readonly kind: number
}

/** The same events, one object each. */
function listed(sequences: Sequences): Event[][] {
  return Array.from({ length: sequences.rows }, (_, row) => {
    const { items, times, weights, kinds } = sequenceOf(sequences, row)
    return Array.from(items, (item, at) => ({ item, time: times[at]!, weight: weights![at]!, kind: kinds![at]! }))
  })
}

test('sequences come back from their file', async () => {
  const folder = freshFolder()
  const event = fc.record({
    item: fc.nat(9),
    time: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    weight: fc.float({ noNaN: true, noDefaultInfinity: true }),
    kind: fc.nat(254),
  })
  const inOrder = fc.array(event).map(events => events.sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0)))
  let files = 0
  await fc.assert(
    fc.asyncProperty(fc.array(inOrder, { maxLength: 6 }), async rows => {
      const all = rows.flat()
      const path = join(folder, `${files++}`)
      const bounds = [0, ...rows.map((_, row) => rows.slice(0, row + 1).flat().length)]
      const sequences: Sequences = {
        rows: rows.length,
        columns: 10,
        indptr: BigUint64Array.from(bounds, BigInt),
        items: Uint32Array.from(all, ({ item }) => item),
        times: BigInt64Array.from(all, ({ time }) => time),
        weights: Float32Array.from(all, ({ weight }) => weight),
        kinds: Uint8Array.from(all, ({ kind }) => kind),
      }
      await writeSafetensors(path, sequenceTensors(sequences))
      expect(MappedSequences.open(path, 10, { verify: true })).toMatchObject(sequences)
      expect(listed(MappedSequences.open(path, 10))).toEqual(rows)
    }),
    { numRuns: 30 },
  )
})

test('weights and kinds may be absent', async () => {
  const path = join(freshFolder(), 'sequences')
  const { weights: _weights, kinds: _kinds, ...plain } = good
  await writeSafetensors(path, sequenceTensors(plain))
  const opened = MappedSequences.open(path, 2, { verify: true })
  expect(opened).toMatchObject(plain)
  expect(sequenceOf(opened, 0)).toEqual({
    items: Uint32Array.of(1, 0, 1),
    times: BigInt64Array.of(-5n, 7n, 7n),
    weights: undefined,
    kinds: undefined,
  })
})

test('a row is a view of the whole', () => {
  const { items, times } = sequenceOf(good, 2)
  expect([items.buffer, times.buffer]).toEqual([good.items.buffer, good.times.buffer])
  expect(sequenceOf(good, 1).items).toHaveLength(0)
})

test('what are no sequences is refused, the cheap signs always, the rest when verifying or writing', async () => {
  const folder = freshFolder()
  let files = 0
  const opened = async (change: Partial<Sequences>, verify: boolean) => {
    const path = join(folder, `${files++}`)
    const { indptr, items, times, weights, kinds } = { ...good, ...change }
    const tensors = Object.entries({ indptr, items, times, weights, kinds }).map(([name, data]) => [
      name,
      { data, shape: [data!.length] },
    ])
    await writeSafetensors(path, Object.fromEntries(tensors))
    return () => MappedSequences.open(path, 2, { verify })
  }
  const cheap: [Partial<Sequences>, string][] = [
    [{ indptr: BigUint64Array.of(0n, 3n, 3n, 5n) }, '4 row bounds from 0 to 5 do not fit 4 items'],
    [{ indptr: BigUint64Array.of(1n, 3n, 3n, 4n) }, 'row bounds from 1'],
    [{ indptr: new BigUint64Array(0) }, '0 row bounds from undefined'],
    [{ times: BigInt64Array.of(1n) }, '4 items need as many times, got 1'],
    [{ weights: Float32Array.of(1) }, '4 items need as many weights, got 1'],
    [{ kinds: Uint8Array.of(1) }, '4 items need as many kinds, got 1'],
  ]
  const full: [Partial<Sequences>, string][] = [
    [{ indptr: BigUint64Array.of(0n, 5n, 3n, 4n) }, 'row 0 ends at 5'],
    [{ indptr: BigUint64Array.of(0n, 3n, 2n, 4n) }, 'row 1 ends at 2'],
    [{ items: Uint32Array.of(1, 0, 2, 1) }, 'row 0 names column 2 of 2'],
    [{ times: BigInt64Array.of(-5n, 7n, 6n, 6n) }, 'the times of row 0 do not ascend'],
    [{ weights: Float32Array.of(1, 1, 1, Number.NaN) }, 'row 2 has the weight NaN'],
    [{ weights: Float32Array.of(1, Infinity, 1, 1) }, 'row 0 has the weight inf'],
  ]
  expect(await opened({}, true)).not.toThrow()
  for (const [change, message] of cheap) {
    expect(await opened(change, false)).toThrow(message)
    expect(() => sequenceTensors({ ...good, ...change })).toThrow(message)
  }
  for (const [change, message] of full) {
    expect(await opened(change, false)).not.toThrow()
    expect(await opened(change, true)).toThrow(message)
    expect(() => sequenceTensors({ ...good, ...change })).toThrow(message)
  }
})

test('a file is refused when verifying if and only if it holds no sequences', async () => {
  const folder = freshFolder()
  const five = <T>(value: fc.Arbitrary<T>) => fc.array(value, { minLength: 5, maxLength: 5 })
  const damaged = fc.record({
    ends: fc.array(fc.nat(5), { minLength: 1, maxLength: 4 }),
    items: five(fc.nat(5)),
    times: five(fc.nat(3)),
    weights: five(fc.constantFrom(1, 0, -2.5, Infinity, Number.NaN)),
  })
  const sound = fc.record({
    ends: fc.array(fc.nat(5), { minLength: 1, maxLength: 4 }).map(ends => ends.sort()),
    items: five(fc.nat(4)),
    times: five(fc.integer({ min: -9, max: 9 })).map(times => times.sort((a, b) => a - b)),
    weights: five(fc.constantFrom(1, 0, -2.5)),
  })
  let [files, refused] = [0, 0]
  await fc.assert(
    fc.asyncProperty(fc.oneof(damaged, sound), fc.boolean(), async ({ ends, items, times, weights }, hasWeights) => {
      const path = join(folder, `${files++}`)
      const bounds = [0, ...ends.slice(0, -1), 5]
      const areSequences = bounds.slice(1).every((end, row) => {
        const begin = bounds[row]!
        return (
          begin <= end &&
          items.slice(begin, end).every(column => column < 5) &&
          times.slice(begin, end).every((time, at, all) => at === 0 || time >= all[at - 1]!) &&
          (!hasWeights || weights.slice(begin, end).every(weight => Number.isFinite(weight)))
        )
      })
      await writeSafetensors(path, {
        indptr: vector(BigUint64Array.from(bounds, BigInt)),
        items: vector(Uint32Array.from(items)),
        times: vector(BigInt64Array.from(times, BigInt)),
        ...(hasWeights && { weights: vector(Float32Array.from(weights)) }),
      })
      const open = () => MappedSequences.open(path, 5, { verify: true })
      if (areSequences) expect(open).not.toThrow()
      else expect(open).toThrow(`${path} holds no sequences`)
      refused += areSequences ? 0 : 1
    }),
    { numRuns: 200 },
  )
  expect(refused).toBeGreaterThan(20)
  expect(files - refused).toBeGreaterThan(20)
})
