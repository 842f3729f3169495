/** That what a call returns is JavaScript's to collect: a worker that runs job after job never turns its event loop. */
import { expect, test } from 'vitest'
import { native } from '../../src/native.ts'

const mebibyte = 2 ** 20
/** Far above what garbage that is not collected yet takes up. */
const returnedMiB = 256

const values = mebibyte / 4
const items = Uint32Array.from({ length: values }, (_, item) => item)
const factors = new Float32Array(values).fill(0.5)
const matrix = {
  indptr: BigUint64Array.from({ length: values + 1 }, (_, item) => BigInt(item)),
  indices: items,
  weights: factors,
}
const none = new Uint32Array()

/** A call each that returns about a mebibyte, and its arrays. */
const calls: Record<string, () => ArrayBufferView[]> = {
  alsFoldIn: () => {
    const entries = {
      indptr: new BigUint64Array(values + 1),
      indices: none,
      weights: new Float32Array(),
    }
    const objective = {
      unobserved: 1,
      alpha: 1,
      weightOffset: 0,
      targetOffset: 0,
      regularization: 0.1,
      frequencyExponent: 0,
    }
    return [native.alsFoldIn({ entries, fixed: factors, fixedStride: 1, spectrum: Float64Array.of(1), objective })]
  },
  findIntegers: () => [native.findIntegers(BigInt64Array.of(1n), Uint32Array.of(0), new BigInt64Array(values))],
  rankByNeighbours: () =>
    Object.values(
      native.rankByNeighbours(matrix, values, [{ items, weights: factors, limit: values, exclude: none }]),
    ) as ArrayBufferView[],
  topKOrder: () => [native.topKOrder(factors, 1, 1)],
  topKHead: () => [native.topKHead(items, 1)],
  topKRows: () => [native.topKRows(factors, 1, items)],
}

test.each(Object.keys(calls))('what %s returns is given back though the event loop does not turn', name => {
  const returned = () => calls[name]().reduce((sum, { byteLength }) => sum + byteLength, 0)
  expect(returned()).toBeGreaterThan(mebibyte / 2)
  const before = process.memoryUsage().rss
  for (let bytes = 0; bytes < returnedMiB * mebibyte; ) bytes += returned()
  expect((process.memoryUsage().rss - before) / mebibyte).toBeLessThan(returnedMiB / 2)
})
