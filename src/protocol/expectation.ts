import type { z } from 'zod'

type Issue = z.core.$ZodRawIssue

/** What a schema expected and what came, in our words: `expected a whole number, got "five"`. */
export function expectation(issue: Issue): string {
  const got = `got ${shown(issue.input)}`
  switch (issue.code) {
    case 'invalid_type':
      return `expected ${names[issue.expected] ?? issue.expected}, ${got}`
    case 'invalid_value':
      return `expected ${issue.values.map(shown).join(' or ')}, ${got}`
    case 'invalid_union':
      return `expected another value, ${got}`
    case 'too_small':
      return `expected at least ${amount(issue.minimum, issue.origin)}, ${measured(issue)}`
    case 'too_big':
      return `expected at most ${amount(issue.maximum, issue.origin)}, ${measured(issue)}`
    default:
      return `${issue.message ?? 'expected another value'}, ${got}`
  }
}

const names: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'an array',
  object: 'an object',
  record: 'an object',
}

function amount(count: number | bigint, origin: string): string {
  if (origin === 'string') return `${count} ${Number(count) === 1 ? 'character' : 'characters'}`
  return origin === 'array' ? `${count} of them` : `${count}`
}

function measured({ input, origin }: Issue & { origin: string }): string {
  const isCounted = origin === 'string' || origin === 'array'
  return `got ${isCounted ? (input as string | unknown[]).length : shown(input)}`
}

/** A value as it stands in a message to people; long ones are cut. */
export function shown(value: unknown): string {
  if (value === undefined) return 'nothing'
  const text = typeof value === 'bigint' ? `${value}` : (JSON.stringify(value) ?? String(value))
  return text.length > 60 ? `${text.slice(0, 60)}…` : text
}

/** Where in a message a value stands: `events[3].weight`. */
export function placeOf(path: readonly PropertyKey[]): string {
  return path.reduce<string>((place, key) => {
    if (typeof key === 'number') return `${place}[${key}]`
    return place === '' ? String(key) : `${place}.${String(key)}`
  }, '')
}
