import { readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  mappedTensor,
  openSafetensors,
  SafetensorsWriter,
  type TensorArray,
  valuesAt,
  valuesIn,
  vector,
  writeSafetensors,
} from '../../src/storage/safetensors.ts'
import { freshFolder } from './folder.ts'

const anyArray: fc.Arbitrary<TensorArray> = fc.oneof(
  fc.float64Array(),
  fc.bigInt64Array(),
  fc.bigUint64Array(),
  fc.float32Array(),
  fc.int32Array(),
  fc.uint32Array(),
  fc.uint8Array(),
)

test('what was written comes back, each tensor aligned to its elements', async () => {
  const folder = freshFolder()
  let files = 0
  const names = fc.string({ minLength: 1 }).filter(name => !name.startsWith('__'))
  const tensors = fc.dictionary(names, anyArray, { maxKeys: 5 })
  await fc.assert(
    fc.asyncProperty(tensors, fc.dictionary(fc.string(), fc.string()), async (arrays, metadata) => {
      const path = join(folder, `${files++}`)
      const named = Object.entries(arrays).map(([name, data]) => [name, { data, shape: [1, data.length] }])
      await writeSafetensors(path, Object.fromEntries(named), metadata)
      const read = openSafetensors(path)
      expect(Object.keys(read.tensors).sort()).toEqual(Object.keys(arrays).sort())
      for (const [name, data] of Object.entries(arrays)) {
        const { data: found, shape, operand } = read.tensors[name]!
        expect([found, shape]).toEqual([data, [1, data.length]])
        // None had to be copied to be aligned.
        expect(ArrayBuffer.isView(operand)).toBe(false)
      }
      expect(read.metadata).toEqual(metadata)
    }),
    { numRuns: 50 },
  )
})

test('tensors in shared memory can be written, and larger ones than a piece', async () => {
  const path = join(freshFolder(), 'big')
  const data = new Float32Array(new SharedArrayBuffer(4 * 700_001)).map((_, index) => index)
  await writeSafetensors(path, { data: { data, shape: [data.length] }, one: { data: Uint8Array.of(7), shape: [] } })
  expect(
    Buffer.compare(Buffer.from(mappedTensor(openSafetensors(path), 'data', Float32Array).data), Buffer.from(data)),
  ).toBe(0)
  expect(openSafetensors(path).tensors.one).toMatchObject({ data: Uint8Array.of(7), shape: [] })
})

test('tensors grow side by side, and must be full in the end', async () => {
  const path = join(freshFolder(), 'pieces')
  const writer = await SafetensorsWriter.create(path, {
    small: { dtype: 'U8', shape: [4] },
    wide: { dtype: 'F64', shape: [2] },
  })
  await writer.append('small', Uint8Array.of(1, 2))
  await writer.append('wide', Float64Array.of(0.5))
  await writer.append('small', Uint8Array.of(3, 4))
  await expect(writer.finish()).rejects.toThrow(`${path}: tensor wide lacks its last 8 bytes`)
  await expect(writer.append('small', Uint8Array.of(5))).rejects.toThrow('more values than tensor small has room for')
  await expect(writer.append('wide', Uint8Array.of(5))).rejects.toThrow('Uint8Array does not belong to tensor wide')
  await writer.append('wide', Float64Array.of(0.25))
  await writer.finish()
  await writer.close()
  const { tensors } = openSafetensors(path)
  expect(tensors.small?.data).toEqual(Uint8Array.of(1, 2, 3, 4))
  expect(tensors.wide?.data).toEqual(Float64Array.of(0.5, 0.25))
})

test('a file cut anywhere is refused by name', async () => {
  const path = join(freshFolder(), 'cut.safetensors')
  await writeSafetensors(path, { row: { data: Float32Array.of(1, 2, 3), shape: [3] } })
  for (let length = readFileSync(path).length - 1; length >= 0; length--) {
    truncateSync(path, length)
    expect(() => openSafetensors(path)).toThrow(`${path} is not a whole safetensors file`)
  }
})

test('a header that lies is refused', () => {
  const path = join(freshFolder(), 'lie')
  const write = (header: unknown, body = Buffer.alloc(16)) => {
    const json = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header))
    const length = Buffer.alloc(8)
    length.writeBigUInt64LE(BigInt(json.length))
    writeFileSync(path, Buffer.concat([length, json, body]))
    return () => openSafetensors(path)
  }
  expect(write('{')).toThrow('its header is not JSON')
  expect(write('[]')).toThrow('its header is no JSON object')
  expect(write({ a: null })).toThrow('tensor a has type undefined')
  expect(write({ a: { dtype: 'BF16', shape: [2], data_offsets: [0, 4] } })).toThrow(
    'tensor a has type BF16; known are F64',
  )
  expect(write({ a: { dtype: 'toString', shape: [2], data_offsets: [0, 4] } })).toThrow('tensor a has type toString')
  expect(write({ a: { dtype: 'F32', shape: [-1], data_offsets: [0, 4] } })).toThrow('tensor a has the shape -1')
  for (const data_offsets of [[0, 32], [8, 0], [-8, 0], [0, 4], [0], null, ['0', '8']]) {
    expect(write({ a: { dtype: 'F32', shape: [2], data_offsets } })).toThrow('tensor a of F32[2] does not lie in bytes')
  }
})

test('a tensor that another program misaligned is read all the same', () => {
  const path = join(freshFolder(), 'odd')
  const json = Buffer.from('{"a":{"dtype":"F32","shape":[1],"data_offsets":[1,5]}}'.padEnd(56))
  const body = Buffer.alloc(5)
  body.writeFloatLE(1.5, 1)
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(json.length))
  writeFileSync(path, Buffer.concat([length, json, body]))
  const odd = openSafetensors(path).tensors.a!
  expect([odd.data, odd.operand, odd.shape]).toEqual([Float32Array.of(1.5), Float32Array.of(1.5), [1]])
})

test('values are copied one by one or in a row, from memory or from a file', async () => {
  const path = join(freshFolder(), 'values.safetensors')
  const inMemory = { counts: vector(Uint32Array.of(9, 8, 7, 6)), wide: vector(BigUint64Array.of(1n, 2n ** 60n)) }
  await writeSafetensors(path, inMemory)
  const file = openSafetensors(path)
  const mapped = { counts: mappedTensor(file, 'counts', Uint32Array), wide: mappedTensor(file, 'wide', BigUint64Array) }
  for (const { counts, wide } of [inMemory, mapped]) {
    expect(valuesIn(counts, 1, 3)).toEqual(Uint32Array.of(8, 7))
    expect(valuesAt(counts, Uint32Array.of(3, 0, 3))).toEqual(Uint32Array.of(6, 9, 6))
    expect(valuesAt(counts, new Uint32Array())).toEqual(new Uint32Array())
    expect(valuesAt(wide, Uint32Array.of(1))).toEqual(BigUint64Array.of(2n ** 60n))
    expect(() => valuesAt(counts, Uint32Array.of(0, 4))).toThrow('expected an index below 4, got 4')
  }
  file.close()
  expect(() => valuesAt(mapped.counts, Uint32Array.of(0))).toThrow('counts')
})

test('asking for a tensor that is not there says what is', async () => {
  const path = join(freshFolder(), 'file')
  await writeSafetensors(path, { a: { data: Float32Array.of(1), shape: [1] } })
  const file = openSafetensors(path)
  expect(mappedTensor(file, 'a', Float32Array).data).toEqual(Float32Array.of(1))
  expect(() => mappedTensor(file, 'b', Float32Array)).toThrow(
    `${path} must hold a tensor b of Float32Array, but has only a`,
  )
  expect(() => mappedTensor(file, 'a', Uint32Array)).toThrow('but has one of Float32Array')
})
