/** How a source is read, as the caller may choose it: what import, evaluate and demo have in common. */
import { z } from 'zod'
import { mustBe, oneOf } from '../storage/expectation.ts'
import { timeUnits } from './columns.ts'
import { formats } from './files/content.ts'
import { duplicates } from './pairs.ts'

const count = z.int(mustBe('a whole number')).min(1, mustBe('a whole number from 1 on'))

export const badRows = ['refuse', 'skip'] as const

/** The name of a column. */
export const columnName = z.string().min(1, mustBe('the name of a column'))

/** `\t` may stand for a tab. */
const delimiter = z
  .string()
  .transform(text => text.replaceAll('\\t', '\t'))
  .refine(
    text => /^[^"\r\n]+$/.test(text) && Buffer.byteLength(text) <= 4,
    mustBe('1 to 4 bytes, as in ; or :: or \\t'),
  )

const memory = z.string().regex(/^\d+(\.\d+)? *[KMGT]i?B$/i, mustBe('a size such as 2GiB'))

/** Each is explained at ImportOptions. */
export const sourceOptions = {
  query: z.string().min(1, mustBe('SQL')).optional(),
  weight: columnName.optional(),
  time: columnName.optional(),
  kind: columnName.optional(),
  duplicates: oneOf(duplicates).default('sum'),
  minUser: count.default(1),
  minItem: count.default(1),
  format: oneOf(formats).optional(),
  delimiter: delimiter.optional(),
  header: z.boolean(mustBe('true or false')).optional(),
  timeUnit: oneOf(timeUnits).default('auto'),
  badRows: oneOf(badRows).default('refuse'),
  memory: memory.optional(),
}
