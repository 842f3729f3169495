/** A point of an energy curve. */
export interface CurvePoint {
  /** Where in the list, from 0, its begin, to 1, its end. */
  readonly at: number
  /** From 0, low, to 1, high. */
  readonly energy: number
}

/** A curve through values that are spread evenly over the list; one value alone holds for all of it. */
export function evenCurve(values: readonly number[]): CurvePoint[] {
  return values.map((energy, place) => ({ at: values.length > 1 ? place / (values.length - 1) : 0, energy }))
}

/** The energy at `at`: linear between two points; before the first and after the last it is theirs. */
export function energyAt(points: readonly CurvePoint[], at: number): number {
  const sorted = points.toSorted((a, b) => a.at - b.at)
  const next = sorted.findIndex(point => point.at >= at)
  if (next < 0) return sorted.at(-1)!.energy
  const [after, before] = [sorted[next]!, sorted[next - 1]]
  if (!before || after.at === before.at) return after.energy
  return before.energy + ((at - before.at) / (after.at - before.at)) * (after.energy - before.energy)
}

/** Of a list: the places `first` to before `first + count` of `total`. */
export interface ListPart {
  readonly first: number
  readonly count: number
  readonly total: number
}

/** The energy asked for at each place of a part of a list; undefined where there is no curve. */
export function energyTargets(
  points: readonly CurvePoint[] | undefined,
  { first, count, total }: ListPart,
): Float64Array | undefined {
  if (!points || points.length === 0) return undefined
  return Float64Array.from({ length: count }, (_, place) =>
    energyAt(points, total > 1 ? (first + place) / (total - 1) : 0),
  )
}
