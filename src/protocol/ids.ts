import { z } from 'zod'
import { isStorable } from '../events/event.ts'
import { shown } from './expectation.ts'
import { limits } from './limits.ts'

/**
 * A user's or item's id: strings, or whole numbers up to 2^53 either way. `42` and `'42'` are the
 * same id; larger whole numbers are written as strings.
 */
export type Id = string | number

export const textExpected = 'expected text without NUL and half surrogates'

/** One check rather than a union of schemas: messages hold thousands of ids. */
export const IdSchema = z
  .custom<Id | bigint>(isId, {
    error: ({ input }) =>
      typeof input === 'string' && input.length >= 1 && input.length <= limits.idLength
        ? textExpected
        : `expected text of 1 to ${limits.idLength} characters or a whole number, got ${shown(input)}`,
  })
  .transform(String)

function isId(value: unknown): boolean {
  if (typeof value === 'string') return value.length >= 1 && value.length <= limits.idLength && isStorable(value)
  return typeof value === 'bigint' || Number.isSafeInteger(value)
}
