import type { Part } from '../parts/parts.ts'

/** Hours without an event that end a session: those of the first part that has a say in it. */
export function sessionGapOf(parts: readonly Pick<Part, 'options'>[]): number {
  const found = parts.find(({ options }) => typeof options.sessionGap === 'number')
  return (found?.options.sessionGap as number | undefined) ?? 0.5
}
