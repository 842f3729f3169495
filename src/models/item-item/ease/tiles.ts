import { gigabytes } from '../../../storage/process-memory.ts'
import { alignedArray } from '../../../storage/shared-array.ts'
import type { Triangle } from './jobs.ts'

/**
 * How the triangle of a matrix of `items` rows is cut: rows of a tile, and how many rows of tiles there are. Larger tiles are
 * multiplied faster, smaller ones leave work for more workers. It must not depend on these: the bits of the result do on the tiles.
 */
export function tilesOf(items: number): { readonly size: number; readonly count: number } {
  const size = items <= 256 ? 32 : items <= 2048 ? 64 : items <= 8192 ? 128 : 256
  return { size, count: Math.ceil(items / size) }
}

/** A triangle of zeros that threads share. @throws RangeError when the system does not give so much memory. */
export function allocateTriangle(items: number): Triangle {
  const { size, count } = tilesOf(items)
  const length = ((count * (count + 1)) / 2) * size ** 2
  try {
    return { values: alignedArray(Float32Array, length), items, size }
  } catch (cause) {
    throw new RangeError(
      `the system refused ${gigabytes(4 * length)} of memory for the weights of ${items} items: take the sparse variant ` +
        '(variant: sparse, --variant sparse), or train where there is more memory',
      { cause },
    )
  }
}
