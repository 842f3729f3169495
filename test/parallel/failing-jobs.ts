/** Jobs whose results or errors lose something on their way, if nothing is done about it. */
import { z } from 'zod'

export function refuse(): never {
  z.object({ factors: z.number() }).parse({ factors: 'many' })
  throw new Error('it was parsed')
}

export class CodedError extends RangeError {
  override readonly name = 'CodedError'
  readonly code = 'too_many'
}

export function failWithCode(): never {
  throw new CodedError('expected at most 3, got 4')
}

export function failAsSystem(): never {
  process.chdir('/')
  throw new Error('no chdir in a worker')
}

export function throwText(): never {
  throw 'no error at all'
}

export function throwType(): never {
  throw new TypeError('expected a number')
}

/** A result that no message can hold. */
export function unsendable(): unknown {
  return { list: [() => 1] }
}
