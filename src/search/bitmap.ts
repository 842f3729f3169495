/**
 * Which items may come, one bit an item: item i is bit i % 32 of word i / 32, in shared memory that one thread changes while others
 * search by it.
 */

/** A bitmap of `size` items in shared memory, of which all bits are set, or none. */
export function sharedBitmap(size: number, isSet: boolean): Uint32Array {
  const words = new Uint32Array(new SharedArrayBuffer(4 * Math.max(1, Math.ceil(size / 32))))
  if (isSet) words.fill(0xffff_ffff)
  return words
}

/** Whether the bit of `item` is set. */
export function hasBit(bitmap: Uint32Array, item: number): boolean {
  return ((bitmap[item >>> 5] ?? 0) & (1 << (item & 31))) !== 0
}

/** Sets or clears the bit of `item`; gives whether that changed it. Only one thread may do so. */
export function writeBit(bitmap: Uint32Array, item: number, isSet: boolean): boolean {
  const bit = 1 << (item & 31)
  const before = isSet ? Atomics.or(bitmap, item >>> 5, bit) : Atomics.and(bitmap, item >>> 5, ~bit)
  return ((before & bit) !== 0) !== isSet
}
