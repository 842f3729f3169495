/** `count` of the whole numbers below `size`, evenly spaced and ascending; all of them where there are fewer. */
export function spread(size: number, count: number): number[] {
  const length = Math.min(size, count)
  return Array.from({ length }, (_, at) => Math.floor((at * size) / length))
}

export function median(values: readonly number[]): number {
  if (values.length === 0) throw new RangeError('there is no median of nothing')
  return values.toSorted((a, b) => a - b)[values.length >> 1]!
}
