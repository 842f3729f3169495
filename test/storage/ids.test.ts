import { readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { makeVector, Table, tableFromIPC, tableToIPC } from 'apache-arrow'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Id, IdMap, writeIds } from '../../src/storage/ids.ts'
import { freshFolder } from './folder.ts'
import { mappedFiles } from './mapped-files.ts'

const text = fc.string({ unit: 'binary' }).filter(id => id.isWellFormed())

test('ids come back as given and are found again, whatever the script', async () => {
  await sameBackAndForth(fc.uniqueArray(text, { minLength: 1 }), fc.string({ unit: 'binary' }))
})

test('integer ids come back as integers and are found again, whatever the size', async () => {
  const integer = fc.oneof(fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n), fc.bigInt(-100n, 100n))
  await sameBackAndForth(
    fc.uniqueArray(integer, { minLength: 1 }).map(ids => ids.map(asGiven)),
    fc.oneof(fc.bigInt().map(asGiven), fc.double(), fc.string()),
  )
})

async function sameBackAndForth(anyIds: fc.Arbitrary<Id[]>, stranger: fc.Arbitrary<Id>): Promise<void> {
  const folder = freshFolder()
  let files = 0
  await fc.assert(
    fc.asyncProperty(anyIds, stranger, async (ids, other) => {
      const path = join(folder, `${files++}`)
      await writeIds(path, ids)
      const map = IdMap.open(path)
      expect(map.size).toBe(ids.length)
      expect(ids.map((_, index) => map.at(index))).toEqual(ids)
      expect(ids.map(id => map.indexOf(id))).toEqual([...ids.keys()])
      expect(map.indexOf(other)).toBe(ids.findIndex(id => String(id) === String(other)))
    }),
    { numRuns: 60 },
  )
}

test('an integer is found by its digits, and only by them', async () => {
  const path = join(freshFolder(), 'ids')
  await writeIds(path, [42, -7, 0])
  const map = IdMap.open(path)
  expect(map.kind).toBe('integer')
  expect(['42', 42n, '-7', '0'].map(id => map.indexOf(id))).toEqual([0, 0, 1, 2])
  for (const id of ['042', '+42', ' 42', '42.0', '', '-0', 'x', 42.5, Number.NaN, 2 ** 70, '9'.repeat(30)]) {
    expect(map.indexOf(id)).toBe(-1)
  }
})

test('digits as strings stay strings', async () => {
  const path = join(freshFolder(), 'ids')
  await writeIds(path, ['42', '042'])
  const map = IdMap.open(path)
  expect([map.kind, map.at(0), map.indexOf(42), map.indexOf('042')]).toEqual(['string', '42', 0, 1])
})

test('the file is plain Arrow, and the ids on it are sorted by their bytes', async () => {
  const path = join(freshFolder(), 'ids')
  // U+FFFF is before U+10000 in UTF-8, though not in UTF-16.
  await writeIds(path, ['\u{10000}', '\uffff', 'b', 'a'])
  const table = tableFromIPC(readFileSync(path))
  expect(table.schema.fields.map(field => `${field.name} ${field.type}`)).toEqual(['id Utf8', 'order Uint32'])
  expect(table.getChild('order')?.toArray()).toEqual(Uint32Array.of(3, 2, 1, 0))
})

test('an index that does not exist is refused', async () => {
  const path = join(freshFolder(), 'ids')
  await writeIds(path, ['a'])
  const map = IdMap.open(path)
  for (const index of [-1, 1, Number.NaN]) expect(() => map.at(index)).toThrow('index must be from 0 to 0')
})

test('strings and integers do not mix', async () => {
  const path = join(freshFolder(), 'ids')
  await expect(writeIds(path, ['a', 1])).rejects.toThrow('ids must be all strings or all integers, got number 1 too')
})

test('a file that is cut, or no id map, is refused by name', async () => {
  const path = join(freshFolder(), 'ids.arrow')
  await writeIds(path, ['a', 'b', 'c'])
  for (let length = readFileSync(path).length - 1; length >= 0; length -= 7) {
    truncateSync(path, length)
    expect(() => IdMap.open(path)).toThrow(`${path} holds no id map`)
  }
  writeFileSync(path, tableToIPC(new Table({ id: makeVector(Float64Array.of(1)) }), 'file'))
  expect(() => IdMap.open(path)).toThrow('id and order must be two columns')
  writeFileSync(
    path,
    tableToIPC(new Table({ id: makeVector(Float64Array.of(1)), order: makeVector(Uint32Array.of(0)) }), 'file'),
  )
  expect(() => IdMap.open(path)).toThrow('ids must be utf8 or int64')
})

function asGiven(id: bigint): Id {
  return Number.isSafeInteger(Number(id)) ? Number(id) : id
}

test('closing unmaps the file at once, and what is asked for later fails in words', async () => {
  const path = join(freshFolder(), 'ids')
  await writeIds(path, ['b', 'a'])
  const map = IdMap.open(path)
  if (process.platform === 'linux') expect(mappedFiles()).toContain(path)
  map.close()
  map.close()
  await new Promise(resolve => setImmediate(resolve))
  expect(mappedFiles()).not.toContain(path)
  for (const use of [() => map.at(0), () => map.indexOf('a'), () => map.sorted])
    expect(use).toThrow('the ids are closed')
})

test('an order that does not sort the ids, or names others than these, is found', async () => {
  const folder = freshFolder()
  let files = 0
  const fault = async (ids: Id[], order: number[]) => {
    const path = join(folder, `${files++}`)
    await writeIds(path, ids, Uint32Array.from(order))
    return IdMap.open(path).orderFault()
  }
  for (const ids of [
    ['c', 'a', 'b'],
    [30, -10, 20],
  ]) {
    expect(await fault(ids, [1, 2, 0])).toBeUndefined()
    expect(await fault(ids, [1, 0, 2])).toBe('the ids do not ascend by their order at place 2')
    expect(await fault(ids, [1, 1, 0])).toBe('the ids do not ascend by their order at place 1')
    expect(await fault(ids, [1, 2, 3])).toBe('place 2 of the order names index 3 of 3')
  }
  expect(await fault(['a', 'a'], [0, 1])).toBe('the ids do not ascend by their order at place 1')
})

test('an order is faulty if and only if sorting gives another one', async () => {
  const folder = freshFolder()
  let [files, faulty] = [0, 0]
  const integer = fc.oneof(fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n), fc.bigInt(-3n, 3n)).map(asGiven)
  const anyIds = (id: fc.Arbitrary<Id>) => fc.array(id, { minLength: 1, maxLength: 4 })
  const cases = fc
    .oneof(anyIds(integer), anyIds(text))
    .chain(ids =>
      fc.tuple(
        fc.constant(ids),
        fc.oneof(
          fc.shuffledSubarray([...ids.keys()], { minLength: ids.length }),
          fc.array(fc.nat(ids.length), { minLength: ids.length, maxLength: ids.length }),
        ),
      ),
    )
  await fc.assert(
    fc.asyncProperty(cases, async ([ids, order]) => {
      const path = join(folder, `${files++}`)
      await writeIds(path, ids, Uint32Array.from(order))
      const compare = (a: Id, b: Id) =>
        typeof a === 'string'
          ? Buffer.compare(Buffer.from(a), Buffer.from(b as string))
          : Number(a > (b as bigint)) - Number(a < (b as bigint))
      const sorts =
        order.every(index => index < ids.length) &&
        order.every((index, place) => place === 0 || compare(ids[order[place - 1]!]!, ids[index]!) < 0)
      expect(IdMap.open(path).orderFault() === undefined).toBe(sorts)
      faulty += sorts ? 0 : 1
    }),
    { numRuns: 200 },
  )
  expect(faulty).toBeGreaterThan(20)
  expect(files - faulty).toBeGreaterThan(20)
})
