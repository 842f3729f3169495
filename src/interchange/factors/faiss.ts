/**
 * An exact index of faiss by inner product, as its `write_index` lays it out (faiss/impl/index_write.cpp): IndexFlatIP (`IxFI`), and where
 * items have integer ids, that within an IndexIDMap2 (`IxM2`). All is little-endian.
 */

interface FaissSizes {
  readonly rows: number
  readonly factors: number
  /** Whether {@link faissTail} follows the vectors. */
  readonly hasIds: boolean
}

/** The bytes before the vectors. */
export function faissHead({ rows, factors, hasIds }: FaissSizes): Uint8Array {
  const head = Buffer.concat([
    ...(hasIds ? [indexHead('IxM2', rows, factors)] : []),
    indexHead('IxFI', rows, factors),
    Buffer.alloc(8),
  ])
  // Of the vectors: how many floats they are.
  head.writeBigUInt64LE(BigInt(rows) * BigInt(factors), head.length - 8)
  return head
}

/** What follows the vectors: their ids. */
export function faissTail(ids: BigInt64Array): (BigUint64Array | BigInt64Array)[] {
  return [BigUint64Array.of(BigInt(ids.length)), ids]
}

function indexHead(name: string, rows: number, factors: number): Buffer {
  const head = Buffer.alloc(37)
  head.write(name, 0, 'latin1')
  head.writeInt32LE(factors, 4)
  head.writeBigInt64LE(BigInt(rows), 8)
  // Two numbers that nothing reads any more.
  head.writeBigInt64LE(1n << 20n, 16)
  head.writeBigInt64LE(1n << 20n, 24)
  // It is trained, and its metric is the inner product, number 0.
  head.writeUInt8(1, 32)
  head.writeInt32LE(0, 33)
  return head
}
