/** What became of an item's place between two lists. */
export type Movement = { readonly kind: 'new' | 'same' } | { readonly kind: 'up' | 'down'; readonly by: number }

/** Of each item of `now`, by what it was in `before`; empty where there was no list before. */
export function movementsOf(before: readonly string[], now: readonly string[]): Map<string, Movement> {
  if (before.length === 0) return new Map()
  const places = new Map(before.map((item, at) => [item, at]))
  return new Map(now.map((item, at) => [item, movementOf(places.get(item), at)]))
}

function movementOf(before: number | undefined, now: number): Movement {
  if (before === undefined) return { kind: 'new' }
  if (before === now) return { kind: 'same' }
  return before > now ? { kind: 'up', by: before - now } : { kind: 'down', by: now - before }
}

export function movementText(movement: Exclude<Movement, { kind: 'same' }> | Movement): {
  readonly shown: string
  readonly spoken: string
} {
  if (movement.kind === 'up') return { shown: `▲ ${movement.by}`, spoken: `up ${movement.by}` }
  if (movement.kind === 'down') return { shown: `▼ ${movement.by}`, spoken: `down ${movement.by}` }
  return { shown: movement.kind, spoken: movement.kind }
}

/** `4 new, 3 up, 2 down` */
export function summary(movements: ReadonlyMap<string, Movement>): string {
  const counts = new Map<string, number>()
  for (const { kind } of movements.values()) counts.set(kind, (counts.get(kind) ?? 0) + 1)
  const parts = (['new', 'up', 'down'] as const)
    .filter(kind => counts.has(kind))
    .map(kind => `${counts.get(kind)} ${kind}`)
  return parts.length === 0 ? 'no item moved' : parts.join(', ')
}
