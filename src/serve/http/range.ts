/** A part of a file: the bytes from `begin` to before `end`. */
export interface ByteRange {
  readonly begin: number
  readonly end: number
}

/**
 * The part of `size` bytes that a header `Range` asks for (RFC 9110, 14.2); undefined: all, also where several parts are asked for, or other units;
 * `unsatisfiable`: it lies beyond the end.
 */
export function rangeOf(header: string, size: number): ByteRange | 'unsatisfiable' | undefined {
  const [, first, last] = /^bytes=(\d*)-(\d*)$/.exec(header.trim()) ?? []
  if (first === undefined || last === undefined || (first === '' && last === '')) return undefined
  if (first === '') {
    const length = Math.min(size, Number(last))
    return length > 0 ? { begin: size - length, end: size } : 'unsatisfiable'
  }
  const begin = Number(first)
  const end = last === '' ? size : Math.min(size, Number(last) + 1)
  if (last !== '' && Number(last) < begin) return undefined
  return begin < size ? { begin, end } : 'unsatisfiable'
}
