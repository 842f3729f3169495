/** A typed array of zeros that threads share, as in `sharedArray(Float64Array, 9)`. */
export function sharedArray<A>(
  kind: { readonly BYTES_PER_ELEMENT: number; new (buffer: SharedArrayBuffer): A },
  length: number,
): A {
  return new kind(new SharedArrayBuffer(length * kind.BYTES_PER_ELEMENT))
}
