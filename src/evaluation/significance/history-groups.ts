/** Cold and warm users: groups by how many items are known of a user when the list is made. */
export const historyGroups = [
  { name: 'unknown', from: 0 },
  { name: '1-4', from: 1 },
  { name: '5-19', from: 5 },
  { name: '20+', from: 20 },
] as const

/** The index in {@link historyGroups} for a user of whom so many items are known. */
export function historyGroupOf(items: number): number {
  return historyGroups.findLastIndex(({ from }) => items >= from)
}
