import type { ItemPatch } from '../item.ts'

/** What one call may take. */
export interface BatchBounds {
  readonly items: number
  /** Bytes of JSON, about. */
  readonly bytes: number
  /** Values, keys counted too. */
  readonly values: number
}

/** `items` in the same order, in as few batches as fit the bounds, each of one item at the least. */
export function* batchesOf(items: readonly ItemPatch[], bounds: BatchBounds): Generator<ItemPatch[]> {
  let batch: ItemPatch[] = []
  let [bytes, values] = [0, 0]
  for (const item of items) {
    const size = Buffer.byteLength(JSON.stringify(item)) + 1
    const count = valuesIn(item)
    const isFull = batch.length >= bounds.items || bytes + size > bounds.bytes || values + count > bounds.values
    if (isFull && batch.length > 0) {
      yield batch
      batch = []
      ;[bytes, values] = [0, 0]
    }
    batch.push(item)
    bytes += size
    values += count
  }
  if (batch.length > 0) yield batch
}

function valuesIn(item: ItemPatch): number {
  return Object.values(item).reduce<number>((sum, value) => sum + 2 + (Array.isArray(value) ? value.length : 0), 1)
}
