import fc from 'fast-check'
import { expect, test } from 'vitest'
import { npyHeader, readNpy } from '../../../src/storage/numpy/npy.ts'
import { type Descr, npyBytes } from './archive.ts'

/** `bytes` in pieces that end anywhere. */
async function* inPieces(bytes: Uint8Array, size = 7): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

async function numbersIn(bytes: Uint8Array, size?: number) {
  const array = await readNpy(inPieces(bytes, size), 'a.npy')
  const values: number[] = []
  for await (const piece of array.numbers()) values.push(...piece)
  return { shape: array.shape, isFortran: array.isFortran, values }
}

test('numbers of every type are read, in either byte order', async () => {
  const types: [Descr, number[]][] = [
    ['<f8', [0.1, -1e300, Number.POSITIVE_INFINITY]],
    ['<f4', [0.5, -3.25]],
    ['>f4', [0.5, -3.25]],
    ['<i8', [-(2 ** 53) + 1, 7]],
    ['>i8', [-1, 2 ** 40]],
    ['<i4', [-(2 ** 31), 5]],
    ['>i4', [-2, 5]],
    ['<i2', [-32768, 3]],
    ['|i1', [-128, 3]],
    ['|u1', [255, 3]],
    ['|b1', [1, 0]],
  ]
  for (const [descr, values] of types) {
    for (const version of [1, 2, 3] as const) {
      expect(await numbersIn(npyBytes(descr, values, { version }))).toMatchObject({ values })
    }
  }
  // 1, -2, 65504, the smallest above 0, infinity.
  const half = await numbersIn(npyBytes('<f2', [0x3c00, 0xc000, 0x7bff, 1, 0x7c00]))
  expect(half.values).toEqual([1, -2, 65504, 2 ** -24, Number.POSITIVE_INFINITY])
})

test('text comes as it is, whatever its letters', async () => {
  const array = await readNpy(inPieces(npyBytes('<U5', ['ada', '', '일이삼사오', '𝄞x'])), 'ids.npy')
  const texts: string[] = []
  for await (const piece of array.texts()) texts.push(...piece)
  expect(texts).toEqual(['ada', '', '일이삼사오', '𝄞x'])
})

test('what is written is read, of any shape and in pieces of any size', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.float({ noNaN: true }), { maxLength: 40 }),
      fc.integer({ min: 1, max: 300 }),
      async (values, size) => {
        const bytes = Buffer.concat([
          npyHeader('<f4', [values.length, 1]),
          new Uint8Array(Float32Array.from(values).buffer),
        ])
        expect(npyHeader('<f4', [values.length, 1]).length % 64).toBe(0)
        expect(await numbersIn(bytes, size)).toEqual({ shape: [values.length, 1], isFortran: false, values })
      },
    ),
  )
})

test('the header is that of NumPy', () => {
  // numpy.lib.format.write_array_header_1_0 of NumPy 2.4.6.
  const text = "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2), }".padEnd(117)
  expect(Buffer.from(npyHeader('<f4', [3, 2])).toString('latin1')).toBe(`\x93NUMPY\x01\x00v\x00${text}\n`)
  expect(Buffer.from(npyHeader('<i8', [3])).toString('latin1')).toContain("'shape': (3,), }")
})

test('what is no array, cut off, too long or of Python objects is refused by name', async () => {
  const whole = npyBytes('<f4', [1, 2, 3])
  const refused = (bytes: Uint8Array) => expect(numbersIn(bytes)).rejects
  await refused(Buffer.from('PK and more')).toThrow('a.npy is no whole NumPy array: it does not begin as one; save it')
  await refused(whole.subarray(0, 9)).toThrow('it ends in its header')
  await refused(whole.subarray(0, 60)).toThrow('it ends in its header')
  await refused(whole.subarray(0, -1)).toThrow('expected 3 elements, got 2')
  await refused(Buffer.concat([whole, Buffer.alloc(1)])).toThrow('there is more after its 3 elements')
  await refused(npyBytes('|O', [1])).toThrow(
    'a.npy must hold numbers, but its elements are Python objects (pickled), which only Python can read',
  )
  await refused(npyBytes('<U2', ['ab'])).toThrow('a.npy must hold numbers, but its elements are of the type <U2')
  await refused(Buffer.from(whole.toString('latin1').replace("'shape'", "'shade'"), 'latin1')).toThrow(
    'its header says',
  )
})
