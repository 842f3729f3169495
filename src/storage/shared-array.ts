import { native } from '../native.ts'

const line = 64

/** Bytes of the arrays that this thread made since they were last asked for. */
let made = 0

/** A typed array of zeros that threads share, as in `sharedArray(Float64Array, 9)`. */
export function sharedArray<A>(
  kind: { readonly BYTES_PER_ELEMENT: number; new (buffer: SharedArrayBuffer): A },
  length: number,
): A {
  return new kind(sharedBuffer(length * kind.BYTES_PER_ELEMENT))
}

/** As {@link sharedArray}, but beginning on a cache line, and on huge pages where the system grants them. */
export function alignedArray<A>(
  kind: { readonly BYTES_PER_ELEMENT: number; new (buffer: SharedArrayBuffer, begin: number, length: number): A },
  length: number,
): A {
  const buffer = sharedBuffer(length * kind.BYTES_PER_ELEMENT + line)
  const bytes = new Uint8Array(buffer)
  native.preferHugePages(bytes)
  // Buffers start where the allocator pleases.
  return new kind(buffer, (line - native.misalignment(bytes)) % line, length)
}

/** A shared array of that length which begins with `old`. */
export function grown<A extends { set(from: A): void }>(
  kind: Parameters<typeof sharedArray<A>>[0],
  old: A,
  length: number,
): A {
  const array = sharedArray(kind, length)
  array.set(old)
  return array
}

/** Bytes of all shared arrays that this thread made since the last call. */
export function takeBytesMade(): number {
  const bytes = made
  made = 0
  return bytes
}

function sharedBuffer(bytes: number): SharedArrayBuffer {
  made += bytes
  return new SharedArrayBuffer(bytes)
}
